"""Events as formats that have nothing else write them, within their clip: one over all of it is a label without a time.

A band that is all there is, is none. What is all is known once the file's header was read.
"""

from __future__ import annotations

from dataclasses import replace

from labeling.collection.annotation.base import ImportedClip
from labeling.records import Region

OPEN_HZ = 1e9
"""The upper bound of a band that is open there."""
TOLERANCE_S = 0.002  # tables write milliseconds, and some cut what is below
CUT_SILENTLY_S = 0.05  # a drawn event may end a frame past the sound
BAND_TOLERANCE_HZ = 0.1


def within_sound(clip: ImportedClip, duration_s: float, sample_rate: int) -> tuple[ImportedClip, list[str]]:
    """A clip whose events over all of it are labels without a time, and whose bands and events end where it does.

    ``duration_s`` and ``sample_rate`` are 0 where they are not known: then bands without an upper end are none. Second
    come words for each event that went on well after the end.
    """
    regions: dict[tuple[str, Region], None] = {}
    said = {key: own for key, own in clip.said_by.items() if key[1] is None}
    cut: list[str] = []
    for code, given in clip.regions:
        region = _in_band(given, sample_rate / 2)
        if duration_s and region.onset_s < duration_s < region.offset_s:
            if region.offset_s > duration_s + CUT_SILENTLY_S:
                times = f"{region.onset_s:g} to {region.offset_s:g} s"
                cut.append(
                    f"{code} at {times} goes on after the end of the clip ({duration_s:.2f} s); it was cut there"
                )
            region = replace(region, offset_s=duration_s)
        whole = duration_s and region.onset_s <= TOLERANCE_S and region.offset_s >= duration_s - TOLERANCE_S
        timeless = bool(whole and region.low_hz is None)
        if not timeless:
            regions[(code, region)] = None
        if (own := clip.said_by.get((code, given))) is not None:
            said.setdefault((code, None if timeless else region), own)
    return replace(clip, regions=tuple(regions), said_by=said), cut


def _in_band(region: Region, highest_hz: float) -> Region:
    """A region whose band is none where it is all there is, and ends at the highest frequency."""
    low, high = region.low_hz, region.high_hz
    if low is None or high is None:
        return region
    open_above = high >= highest_hz - BAND_TOLERANCE_HZ if highest_hz else high >= OPEN_HZ
    if open_above and (low <= 0 or not highest_hz or low >= highest_hz):
        return replace(region, low_hz=None, high_hz=None)
    return replace(region, high_hz=min(high, highest_hz)) if highest_hz else region
