"""Recordings in time and place, and whose clock the times are read from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from labeling.activity.starts import recorder_of, site_of, start_of
from labeling.activity.windows import Recording
from labeling.errors import DataError

AS_WRITTEN = ""


@dataclass(frozen=True)
class Clock:
    """Which time of day is shown.

    ``shown`` is a time zone by its IANA name (``Europe/Berlin``), or AS_WRITTEN: what the recorders' clocks said.
    ``recorders`` is the zone that those ran on where a name gives no offset; it counts only where another is shown.
    Raises DataError for an unknown zone.
    """

    shown: str = AS_WRITTEN
    recorders: str = "UTC"

    def __post_init__(self) -> None:
        for name in (self.shown, self.recorders):
            if name != AS_WRITTEN:
                zone(name)

    def words(self) -> str:
        """Which time it is, in words."""
        return f"{self.shown} time" if self.shown else "the recorders' own clocks"


def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises DataError where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise DataError(
            f"there is no time zone {name[:60]!r}; give one by its IANA name, such as Europe/Berlin or UTC"
        ) from None


@dataclass(frozen=True)
class Columns:
    """Columns of the collection's metadata that say where and when, "" for none: then folders and names do."""

    site: str = ""
    start: str = ""


@dataclass(frozen=True)
class Placed:
    """Recordings (R,) in time and place.

    ``site`` and ``recorder`` are texts. ``clock_s`` is what the recorder's clock said at the start, in seconds since
    1970 as if it ran on UTC, NaN where nothing says; ``utc_offset_s`` how far it is from UTC, NaN where not known.
    ``unplaced`` are recordings without a start, with the reason.
    """

    site: tuple[str, ...]
    recorder: tuple[str, ...]
    clock_s: NDArray[np.float64]
    utc_offset_s: NDArray[np.float64]
    unplaced: tuple[tuple[str, str], ...]

    @property
    def sites(self) -> list[str]:
        """All sites of recordings with a start, in order."""
        known = np.isfinite(self.clock_s)
        return sorted({name for name, there in zip(self.site, known.tolist(), strict=True) if there})

    @property
    def offsets_min(self) -> list[int]:
        """The offsets from UTC that the names give."""
        given = self.utc_offset_s[np.isfinite(self.utc_offset_s)]
        return [round(value / 60) for value in np.unique(given).tolist()]


def placed(recordings: Sequence[Recording], columns: Columns | None = None) -> Placed:
    """Recordings in time and place, by their names or by columns of their metadata.

    Parameters
    ----------
    recordings : sequence of Recording
    columns : Columns, optional
        Where a column is named, what it says goes before the name; a cell that is empty leaves it to the name.

    Returns
    -------
    Placed

    Examples
    --------
    >>> from labeling.activity.placing import placed
    >>> from labeling.activity.windows import Recording
    >>> found = placed([Recording("pond/20240612_053000.WAV", "", 60.0), Recording("XC1.ogg", "", 9.0)])
    >>> found.site, found.unplaced
    (('pond', ''), (('XC1.ogg', 'no date and time of day in its name'),))
    """
    columns = columns or Columns()
    clock_s, offset_s = np.full(len(recordings), np.nan), np.full(len(recordings), np.nan)
    sites, recorders, unplaced = [], [], []
    for place, one in enumerate(recordings):
        given = one.metadata.get(columns.start, "").strip() if columns.start else ""
        start = start_of(given or one.name)
        if isinstance(start, str):
            reason = f"its {columns.start} {given[:40]!r} is no date with a time of day" if given else start
            unplaced.append((one.name, reason))
        else:
            clock_s[place] = start.clock.replace(tzinfo=UTC).timestamp()
            if start.utc_offset_min is not None:
                offset_s[place] = 60 * start.utc_offset_min
        site = one.metadata.get(columns.site, "").strip() if columns.site else ""
        sites.append(site or site_of(one.name, one.group))
        recorders.append(recorder_of(one.name))
    return Placed(tuple(sites), tuple(recorders), clock_s, offset_s, tuple(unplaced))


def shown_s(
    found: Placed, clock: Clock, recording: NDArray[np.integer], onset_s: NDArray[np.floating]
) -> NDArray[np.float64]:
    """What the shown clock says ``onset_s`` (n,) seconds into recordings (n,), in seconds since 1970 as if on UTC; NaN
    where the start is not known."""
    if clock.shown == AS_WRITTEN:
        return np.asarray(found.clock_s[recording] + onset_s, np.float64)
    utc_s = _utc_s(found, clock.recorders)[recording] + onset_s
    known = np.isfinite(utc_s)
    out = np.full(len(utc_s), np.nan)
    out[known] = _in_zone(utc_s[known], clock.shown)
    return out


def _utc_s(found: Placed, recorders: str) -> NDArray[np.float64]:
    """When the recordings began. An hour that a clock's zone has twice in autumn is taken as the first, and one that
    it leaves out in spring as the next that there is."""
    import pandas as pd

    utc_s = found.clock_s - found.utc_offset_s
    guessed = np.isfinite(found.clock_s) & ~np.isfinite(found.utc_offset_s)
    if guessed.any():
        naive = pd.DatetimeIndex(np.round(found.clock_s[guessed] * 1e6).astype("datetime64[us]"))
        there = naive.tz_localize(recorders, ambiguous=np.ones(len(naive), bool), nonexistent="shift_forward")
        utc_s[guessed] = there.as_unit("us").asi8 / 1e6
    return utc_s


def _in_zone(utc_s: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    import pandas as pd

    moments = pd.DatetimeIndex(np.round(utc_s * 1e6).astype("datetime64[us]")).tz_localize("UTC")
    return np.asarray(moments.tz_convert(name).tz_localize(None).as_unit("us").asi8 / 1e6, np.float64)
