"""DCASE's soft labels (MAESTRO Real, Martín-Morató 2023): how many of the annotators heard a class, second by second.

A file a recording, ``soft_labels_<recording>.txt``, with lines ``onset<TAB>offset<TAB>class<TAB>value``; or a table of
filename, onset, offset, event_label and a column of the value. The challenge takes a class as there where its
value is above 0.5 and as not there below, and so it is read: the value is the confidence, and stretches below the
threshold (``--option threshold=0.3`` sets another) are no events, though their lines stay. One at it counts as there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import Holds, ImportedTable, LabelledClip, Labelling, Problem, Written, label
from labeling.collection.annotation.bundle import unpack
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
    writable,
)
from labeling.collection.formats.events.lines import Lines, whole_lines
from labeling.collection.formats.events.per_recording import format_of
from labeling.collection.formats.events.reading import LINKS
from labeling.errors import FormatError

NEEDS = (
    "text files soft_labels_<recording>.txt with lines onset<TAB>offset<TAB>class<TAB>value, or a .tsv with filename, "
    "onset, offset, event_label and soft_label or confidence"
)
THRESHOLD = 0.5
VALUES = ("soft_label", "soft_labels", "soft", "soft_value", "confidence")
PREFIX = "soft_labels_"
SHOWN_LINES = 20
_NAME = re.compile(r"(?:^|/)soft[_ -]?labels", re.IGNORECASE)


@dataclass(frozen=True)
class _Columns:
    """Where a line says what; ``filename`` is None where the file goes with one recording."""

    onset: int = 0
    offset: int = 1
    code: int = 2
    value: int = 3
    filename: int | None = None
    count: int = 4


def _columns(first: str) -> _Columns | None:
    """The columns that a first line names; None for a line that is no header of soft labels."""
    names = [name.strip().lower() for name in first.split("\t")]
    value = next((name for name in VALUES if name in names), None)
    if value is None or not {"onset", "offset", "event_label"} <= set(names):
        return None
    at = names.index
    filename = at("filename") if "filename" in names else None
    return _Columns(at("onset"), at("offset"), at("event_label"), at(value), filename, len(names))


def is_one(name: str, head: bytes) -> bool:
    """Whether it has the columns; or, without a header, the name, or lines of one second (BirdNET: three)."""
    try:
        lines = Lines(whole_lines(head), name).texts.values()
    except FormatError:
        return False
    texts = [text for text in lines if text.strip()][:SHOWN_LINES]
    if not texts:
        return False
    if _columns(texts[0]) is not None:
        return True
    rows = [_row(text.split("\t"), _Columns()) for text in texts]
    named = _NAME.search(name) is not None
    return all(row is not None and (named or abs(row[1] - row[0] - 1.0) < 1e-6) for row in rows)


def _row(cells: list[str], at: _Columns) -> tuple[float, float, float] | None:
    """Onset, offset and value of a line, None where it has none."""
    if len(cells) < at.count or (at.filename is None and len(cells) > at.count):
        return None
    onset, offset, value = number(cells[at.onset]), number(cells[at.offset]), fraction(cells[at.value])
    return None if onset is None or offset is None or value is None else (onset, offset, value)


def _threshold(options: Mapping[str, Any]) -> float:
    text = str(options.get("threshold", THRESHOLD))
    value = fraction(text)
    if not value:
        raise FormatError(f"threshold {text!r} is no number above 0 and up to 1; leave it out for {THRESHOLD:g}")
    return value


def parse(data: bytes, name: str, options: Mapping[str, Any]) -> Parsed:
    """The stretches whose value is at the threshold or above; ``place`` is the line."""
    lines = Lines(data, name)
    threshold = _threshold(options)
    problems = [Problem(0, name, lines.warning)] if lines.warning else []
    columns: _Columns | None = None
    events: list[FileEvent] = []
    recordings: dict[str, None] = {}
    for line, text in lines.texts.items():
        if not text.strip():
            continue
        if columns is None:
            columns = _columns(text)
            if columns is not None:
                continue
            columns = _Columns()
        cells = text.split("\t")
        recording = cells[columns.filename].strip() if columns.filename is not None else ""
        if recording:
            recordings[recording] = None
        row = _row(cells, columns)
        code = label(cells[columns.code]) if len(cells) > columns.code else ""
        if row is not None and code:
            if row[2] >= threshold:
                events.append(FileEvent((line,), code, row[0], row[1], recording=recording, confidence=row[2]))
        elif not recording or code:  # a recording alone: nobody heard anything in it
            problems.append(Problem(line, name, "is no onset, offset, class and value in 0..1; skipped"))
    return Parsed(tuple(events), tuple(problems), tuple(recordings))


def below(data: bytes, name: str, options: Mapping[str, Any]) -> int:
    """How many stretches of a file are below the threshold."""
    everything = parse(data, name, {**options, "threshold": 1e-9}).events
    return len(everything) - len(parse(data, name, options).events)


def edited(data: bytes, name: str, edit: Edit, options: Mapping[str, Any]) -> bytes:
    """The file with the value 0 where a class was found not to be there, classes renamed, and new lines at its end.

    A new line says 1, and holds over those before it: whoever fills a matrix from the lines keeps the last.
    """
    lines = Lines(data, name)
    header = next((columns for text in lines.texts.values() if text.strip() and (columns := _columns(text))), None)
    at = header or _Columns()
    changes: dict[int, str] = {}
    for line, text in lines.texts.items():
        cells = text.split("\t")
        code = edit.renamed.get((line,))
        if (line,) in edit.removed or (code is not None and not (writable(code) and lines.holds(code))):
            cells[at.value] = "0.0"
        elif code is not None:
            cells[at.code] = one_line(code)
        else:
            continue
        changes[line] = "\t".join(cells)
    new = [event for event in edit.added if writable(event.label) and lines.holds(event.label)]
    added = [_line(event, at, edit.recording or edit.filename) for event in new]
    return lines.changed(changes, (), added)


def _line(event: TableEvent, at: _Columns, recording: str) -> str:
    cells = [""] * at.count
    cells[at.onset], cells[at.offset] = f"{event.onset_s:.6f}", f"{event.offset_s:.6f}"
    cells[at.code] = one_line(event.label)
    cells[at.value] = f"{1.0 if event.score is None else max(event.score, THRESHOLD):.10g}"
    if at.filename is not None:
        cells[at.filename] = recording
    return "\t".join(cells)


def rendered(clip: LabelledClip) -> bytes:
    """The soft labels of a clip: 1 where nobody said how sure they were."""
    events = (event for event in events_of(clip) if writable(event.label))
    return "".join(_line(event, _Columns(), "") + "\n" for event in events).encode()


def _beside(recording: str) -> str:
    folder, slash, base = recording.rpartition("/")
    return f"{folder}{slash}{PREFIX}{base}.txt"


FILES = EventFiles(
    name="dcase_soft",
    needs=NEEDS,
    about="Soft labels of the DCASE challenges (MAESTRO Real): a value a class and second, from 0.5 on it is there.",
    rank=24,
    suffixes=(".txt", ".tsv"),
    is_one=is_one,
    parse=parse,
    beside=_beside,
    edited=edited,
    rendered=rendered,
    holds=frozenset({Holds.SEVERAL, Holds.TIMELESS, Holds.TIMES, Holds.NOTHING, Holds.UNHEARD, Holds.CONFIDENCE}),
    empty_is_one=True,
)
_PLAIN = format_of(FILES)
_PLACES = ("*.tsv", "*.txt", "soft_labels*/*.txt", "*/soft_labels*.txt", "*/soft_labels*/*.txt")
MOST_TRIED = 50


def find(path: Path) -> Path | None:
    """The file, or the folder that holds some, in it or in a folder ``soft_labels…`` below; or None."""
    if path.is_file():
        return _PLAIN.find(path)
    tried = (file for pattern in _PLACES for file in islice(path.glob(pattern), MOST_TRIED))
    return path if any(_PLAIN.find(file) is not None for file in tried if file.is_file()) else None


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read soft labels, and tell how many stretches are below the threshold."""
    table = _PLAIN.read(path, audio, options)
    files = {name: data for name, data in unpack(table.table_bytes).items() if name != LINKS}
    count = sum(below(data, name, options) for name, data in files.items())
    if not count:
        return table
    told = (
        f"{count:,} stretches have a value below {_threshold(options):g} and are read as not there, as the challenge "
        "has it; their lines stay (--option threshold=0.3 takes more)"
    )
    return replace(table, problems=(*table.problems, Problem(0, table.table_name, told)))


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """Files of soft labels; a label of which somebody was less sure than 0.5 is written at 0.5, as it is there."""
    assert _PLAIN.export is not None
    written = _PLAIN.export(labelling, out_dir, options)
    unsure = sum(
        event.score is not None and event.score < THRESHOLD
        for clip in labelling.clips
        if clip.heard
        for event in events_of(clip)
    )
    if not unsure:
        return written
    told = f"{unsure:,} labels of which people were less sure are written with {THRESHOLD:g}: less means absent there."
    return Written(written.files, written.not_held, (*written.notes, told))


FORMAT = replace(_PLAIN, find=find, read=read, export=export)
