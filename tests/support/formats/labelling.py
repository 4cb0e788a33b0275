"""Labels of made-up collections for hypothesis, and whether a format that was read again says the same of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from hypothesis import strategies as st

from labeling.collection.annotation.base import (
    Attribution,
    Format,
    Holds,
    ImportedClip,
    ImportedTable,
    LabelledClip,
    LabelledEvent,
    Labelling,
)
from labeling.collection.annotation.whole import TOLERANCE_S
from labeling.collection.formats import find_table, formats
from labeling.file_names import without_suffix
from labeling.journal.exporting import write_anew
from labeling.records import Region

CODES = (
    *("dog", "Cat", "Bass guitar", "a;b", "c,d", "e+f", "g/h", "Käuzchen", "it's", "0123", "x|y", "=1+1", 'say "k"'),
    *("Dog, barking", "Kiwi (North)", "猫"),
)
NAMES = ("c0.wav", "c1.wav", "c2.wav", "c3.wav")
DURATION_S, SAMPLE_RATE = 4.0, 8000


@st.composite
def labellings(draw: st.DrawFn, most: int = 4, names: Sequence[str] = NAMES, codes: Sequence[str] = CODES) -> Labelling:
    """A few clips of all kinds: weak labels, events, absent, unsure, nothing heard, not listened to, a doubt.

    Times are whole milliseconds, bands whole Hz, all within the clip; confidences whole percents.
    """
    known = draw(st.lists(st.sampled_from(codes), min_size=1, max_size=5, unique=True))
    clips = tuple(_clip(draw, names[number], known) for number in range(draw(st.integers(1, most))))
    return Labelling("birds", 1, "2026-01-01T00:00:00", clips, {code: code.title() for code in known})


def _clip(draw: st.DrawFn, filename: str, known: Sequence[str]) -> LabelledClip:
    labels = tuple(draw(st.lists(st.sampled_from(known), max_size=3, unique=True)))
    rest = [code for code in known if code not in labels]
    absent = tuple(draw(st.lists(st.sampled_from(rest), max_size=2, unique=True))) if rest else ()
    places = {code: draw(st.lists(REGIONS, max_size=2, unique=True)) for code in labels}
    events = tuple(
        LabelledEvent(code, region, draw(st.sampled_from([(), ("ann",)])), draw(CONFIDENCES))
        for code, regions in places.items()
        for region in regions
    )
    return LabelledClip(
        filename=filename,
        path=filename,
        duration_s=DURATION_S,
        sample_rate=SAMPLE_RATE,
        channels=1,
        group=draw(st.sampled_from(["", "site 1", "2"])),
        fold=draw(st.sampled_from(["", "1", "2"])),
        metadata=draw(st.sampled_from([{}, {"licence": "CC0"}])),
        primary=labels[0] if labels and draw(st.booleans()) else "",
        labels=labels,
        unsure=labels[-1:] if draw(st.booleans()) else (),
        absent=absent,
        events=events,
        imported={code: Attribution("", draw(CONFIDENCES)) for code in labels if not places[code]},
        partial=draw(st.booleans()),
    )


def _region(onset_ms: int, offset_ms: int, band: tuple[int, int] | None) -> Region:
    low, high = (None, None) if band is None else (float(band[0]), float(band[1]))
    return Region(onset_ms / 1000, offset_ms / 1000, low, high)


def _is_label(region: Region) -> bool:
    """Whether an event is as long as the clip, to the milliseconds that tables write: then it is a label without a
    time."""
    return _is_long(region) and region.low_hz is None


def _is_long(region: Region) -> bool:
    return region.onset_s < 2 * TOLERANCE_S and region.offset_s > DURATION_S - 2 * TOLERANCE_S


def _ordered(most: int) -> st.SearchStrategy[tuple[int, int]]:
    """Two whole numbers, ten or more apart."""
    return st.integers(0, most - 10).flatmap(lambda low: st.tuples(st.just(low), st.integers(low + 10, most)))


CONFIDENCES = st.sampled_from([None, 0.0, 0.25, 0.99, 1.0])
REGIONS = st.builds(
    lambda times, band: _region(*times, band),
    _ordered(int(DURATION_S * 1000)),
    st.none()
    | _ordered(SAMPLE_RATE // 2).filter(lambda band: band != (0, SAMPLE_RATE // 2)),  # all there is is no band
).filter(lambda region: not _is_label(region))


def with_sounds(labelling: Labelling, folder: Path) -> Labelling:
    """The same with a short sound file for each clip in ``folder``, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for clip in labelling.clips:
        if not (folder / clip.filename).exists():
            soundfile.write(folder / clip.filename, np.full(80, 0.1), 8000)
    return replace(labelling, clips=tuple(replace(clip, path=str(folder / clip.filename)) for clip in labelling.clips))


def assert_comes_back(
    labelling: Labelling, name: str, out: Path, audio: Path | None = None, options: Mapping[str, Any] | None = None
) -> ImportedTable:
    """Write labels anew in a format, read them again, and compare all that the format holds. Returns what was read."""
    written = write_anew(labelling, name, out, options or {})
    for file in written.files:
        assert out in file.parents
    place = written.files[0] if len(written.files) == 1 else out
    table = formats.get(name).read(find_table(place, name), None if audio is None else str(audio), options or {})
    beside = {(cell.filename, cell.class_code) for cell in written.not_held}
    assert_same(labelling, table.clips, formats.get(name), beside)
    return table


LEAST = {"avianz": 0.0, "dcase_soft": 0.5}
"""Formats that need a number of how sure somebody was, 1 where nobody said, and the least that a label may have."""


def assert_same(
    labelling: Labelling,
    read: Iterable[ImportedClip],
    format: Format,
    beside: Iterable[tuple[str, str]] = (),
) -> None:
    """Whether clips say what a labelling does, but for what the format does not hold and the cells that are ``beside``.

    ``beside`` are (filename, class) as in `Written.not_held`.
    """
    least = LEAST.get(format.name)
    of_stem = {_stem(clip.filename): clip for clip in read}
    told = set(beside)
    for clip in labelling.clips:
        there = of_stem.get(_stem(clip.filename))
        wanted = expected(clip, format.holds)
        wanted_codes = {code for code in wanted if (clip.filename, code) not in told}
        if there is None:
            assert not wanted_codes, clip
            assert (clip.filename, "") in told or not clip.heard or wanted, clip
            continue
        assert {code for code in there.labels if (clip.filename, code) not in told} == wanted_codes, (clip, there)
        if Holds.PRIMARY in format.holds and clip.primary and (clip.filename, clip.primary) not in told:
            assert there.primary == clip.primary, (clip, there)
        if {Holds.PARTIAL, Holds.ABSENT} <= format.holds:
            codes = {code for code in labelling.classes if (clip.filename, code) not in told} - wanted_codes
            assert _known_absent(there, codes) == _known_absent(clip, codes), (clip, there)
        if Holds.UNSURE in format.holds:
            unsure = {verdict.code for verdict in there.verdicts if verdict.verdict == "unsure"}
            assert unsure == set(clip.unsure), (clip, there)
        if Holds.TIMES in format.holds:
            bands = Holds.BANDS in format.holds
            events = {_rounded(e.code, e.region, bands) for e in clip.events if (clip.filename, e.code) not in told}
            regions = {_rounded(c, region, bands) for c, region in there.regions if (clip.filename, c) not in told}
            # without its band an event as long as the clip may come back as a label without a time
            long = {_rounded(e.code, e.region, bands) for e in clip.events if not bands and _is_long(e.region)}
            assert events - long <= regions <= events, (clip, there)
            if Holds.CONFIDENCE in format.holds:
                assert _confidences(there, least) == _confidences(clip, least), (clip, there)
        if Holds.UNHEARD in format.holds and not any(filename == clip.filename for filename, _ in told):
            assert (there.partial and not there.labels and not there.absent) == (not clip.heard), (clip, there)
        if Holds.GROUP in format.holds:
            assert there.group == clip.group, (clip, there)
        if Holds.FOLD in format.holds:
            assert there.fold == clip.fold, (clip, there)
        if Holds.METADATA in format.holds:
            assert clip.metadata.items() <= there.metadata.items(), (clip, there)


def _stem(filename: str) -> str:
    return without_suffix(filename.rsplit("/", 1)[-1])


def _known_absent(clip: ImportedClip | LabelledClip, codes: set[str]) -> set[str]:
    """The classes that are not in a clip, as far as it says."""
    return codes & set(clip.absent) if clip.partial else codes


def _confidences(
    clip: ImportedClip | LabelledClip, least: float | None
) -> dict[tuple[str, float | None, float | None], float]:
    """How sure who said it was, by class, onset and offset.

    With ``least`` as a format writes it that needs a number: a whole clip's 1 may be of nobody.
    """
    if isinstance(clip, ImportedClip):
        said = {(code, region): attribution.confidence for (code, region), attribution in clip.said_by.items()}
    else:
        said = {(event.code, event.region): event.confidence for event in clip.events}
        said |= {(code, None): attribution.confidence for code, attribution in clip.imported.items()}
    found = {}
    for (code, region), sure in said.items():
        times = (None, None) if region is None else (round(region.onset_s, 3), round(region.offset_s, 3))
        stated = 1.0 if sure is None and least is not None else sure
        if stated is not None and not (least is not None and region is None and stated == 1):
            found[(code, *times)] = max(stated, least or 0.0)
    return found


def expected(clip: LabelledClip, holds: frozenset[Holds]) -> tuple[str, ...]:
    """The labels of a clip that a format can tell."""
    codes = clip.labels
    if Holds.SEVERAL not in holds:
        codes = tuple(code for code in (clip.primary or next(iter(clip.labels), ""),) if code)
    return codes if Holds.TIMELESS in holds else tuple(code for code in codes if code not in clip.timeless)


def _rounded(code: str, region: Region, bands: bool) -> tuple[str, float, float, float | None, float | None]:
    low = None if region.low_hz is None or not bands else round(region.low_hz, 1)
    high = None if region.high_hz is None or not bands else round(region.high_hz, 1)
    return code, round(region.onset_s, 4), round(region.offset_s, 4), low, high
