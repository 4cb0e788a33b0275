r"""Audacity's label track: ``start<TAB>end<TAB>label``, and after it, where a band is known, ``\<TAB>low<TAB>high``.

No header and no name of the recording. Lines with and without a band may be mixed; -1 is an open end of a band. Points
have their end at their start, localised systems write decimal commas, and BirdNET adds a column of confidence. Tabs and
line breaks cannot be quoted: such signs are written as ``\t``, ``\n``, ``\r``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from labeling.collection.annotation.base import Holds, LabelledClip, Problem, label
from labeling.collection.annotation.whole import OPEN_HZ
from labeling.collection.formats.events.base import (
    Edit,
    EventFiles,
    FileEvent,
    Parsed,
    TableEvent,
    events_of,
    fraction,
    number,
    one_line,
    without_label,
    writable,
)
from labeling.collection.formats.events.lines import Lines, whole_lines
from labeling.collection.formats.events.per_recording import format_of
from labeling.errors import FormatError

NEEDS = (
    "text files with lines start<TAB>end<TAB>label, as Audacity exports label tracks, each called after its recording"
)
COMBINED = "birdnet_audacitylabels"
_NUMBER = r"-?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?"
_EVENT = re.compile(rf"\s*({_NUMBER})\t\s*({_NUMBER})\s*(?:\t(.*))?")
_BAND = re.compile(rf"\\\t\s*({_NUMBER})\t\s*({_NUMBER})\s*")
SHOWN_LINES = 20
MOST_LOOKED_AT = 1 << 13


def audacity_bytes(events: Iterable[TableEvent]) -> bytes:
    """An Audacity label track of ``events``."""
    return "".join(f"{line}\n" for event in events for line in _lines_of(event)).encode()


def _lines_of(event: TableEvent, point: str = ".") -> list[str]:
    def cell(value: float) -> str:
        return f"{value:.6f}".replace(".", point)

    lines = [f"{cell(event.onset_s)}\t{cell(event.offset_s)}\t{one_line(event.label)}"]
    if event.low_hz is not None and event.high_hz is not None:
        lines.append(f"\\\t{cell(event.low_hz)}\t{cell(event.high_hz)}")
    return lines


def is_one(name: str, head: bytes) -> bool:
    """Whether each of the first lines is an event or a band, and there is an event."""
    try:
        lines = Lines(whole_lines(head[:MOST_LOOKED_AT]), name).texts.values()
    except FormatError:
        return False
    texts = [text for text in lines if text.strip()][:SHOWN_LINES]
    return any(_EVENT.fullmatch(text) for text in texts) and all(
        _EVENT.fullmatch(text) or _BAND.fullmatch(text) for text in texts
    )


def parse(data: bytes, name: str, options: Mapping[str, Any]) -> Parsed:
    """The events of a label track; ``place`` is the line."""
    if COMBINED in name.lower():
        raise FormatError(f"{name} has the events of many recordings and names none; export one file a recording")
    lines = Lines(data, name)
    problems = [Problem(0, name, lines.warning)] if lines.warning else []
    events: list[FileEvent] = []
    unlabelled: list[int] = []
    latest: FileEvent | None = None
    for line, text in lines.texts.items():
        if (band := _BAND.fullmatch(text)) and latest is not None:
            low, high = number(band[1]) or 0.0, number(band[2]) or 0.0
            whole = low <= 0 and high < 0
            bounds = (None, None) if whole else (max(low, 0.0), OPEN_HZ if high < 0 else high)
            latest = replace(latest, low_hz=bounds[0], high_hz=bounds[1])
            if latest.code:
                events[-1] = latest
        elif event := _EVENT.fullmatch(text):
            cells = (event[3] or "").split("\t")
            sure = fraction(cells[-1]) if len(cells) == 2 else None
            code = label(cells[0] if sure is not None else " ".join(cells))
            latest = FileEvent((line,), code, number(event[1]), number(event[2]), confidence=sure)
            if code:
                events.append(latest)
            else:
                unlabelled.append(line)
        elif text.strip():
            problems.append(Problem(line, name, "is neither start, end, label nor a band; skipped"))
            latest = None
    unnamed = frozenset([""] if unlabelled else ())
    return Parsed(tuple(events), (*problems, *without_label(name, unlabelled)), unnamed=unnamed)


def edited(data: bytes, name: str, edit: Edit, options: Mapping[str, Any]) -> bytes:
    """The label track with some lines renamed, taken out with their bands, or added."""
    lines = Lines(data, name)
    changes: dict[int, str] = {}
    removed: set[int] = set()
    for line, text in lines.texts.items():
        if (line,) in edit.removed or (_BAND.fullmatch(text) and line - 1 in removed):
            removed.add(line)
        elif code := edit.renamed.get((line,)):
            cells = text.split("\t")
            if writable(code) and lines.holds(code):
                changes[line] = "\t".join([*cells[:2], one_line(code)])
            else:
                removed.add(line)
    times = ["".join(text.split("\t")[:2]) for text in lines.texts.values() if _EVENT.fullmatch(text)]
    point = "," if any("," in text for text in times) else "."
    new = [event for event in edit.added if writable(event.label) and lines.holds(event.label)]
    added = [text for event in new for text in _lines_of(event, point)]
    return lines.changed(changes, removed, added)


def rendered(clip: LabelledClip) -> bytes:
    """A label track of a clip's labels."""
    return audacity_bytes(event for event in events_of(clip) if writable(event.label))


FILES = EventFiles(
    name="audacity",
    needs=NEEDS,
    about="Label tracks of Audacity: a text file a recording, events with or without a band.",
    rank=96,
    suffixes=(".txt",),
    is_one=is_one,
    parse=parse,
    beside=lambda recording: recording + ".txt",
    edited=edited,
    rendered=rendered,
    holds=frozenset({Holds.SEVERAL, Holds.TIMELESS, Holds.TIMES, Holds.BANDS, Holds.NOTHING, Holds.UNHEARD}),
    empty_is_one=True,
)
FORMAT = format_of(FILES)
