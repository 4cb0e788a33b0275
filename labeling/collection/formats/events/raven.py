r"""Raven's selection table: tab-separated, a header, one selection a row.

The columns are ``Selection``, ``View``, ``Channel``, ``Begin Time (s)``, ``End Time (s)``, ``Low Freq (Hz)``,
``High Freq (Hz)``, and then any others: which one has the labels is found by its name, or told by ``--label-column``.
Where several files were open ``Begin Time (s)`` runs on from one to the next, and ``File Offset (s)`` is the time in
the file of ``Begin Path`` or ``Begin File``. Raven writes a selection once a view; it is one event. A header alone says
that nothing was heard. Tabs and line breaks cannot be quoted: such signs are written as ``\t``, ``\n``, ``\r``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from labeling.collection.annotation.base import Holds, LabelledClip, Problem, label
from labeling.collection.formats.events.base import (
    Edit,
    EventFiles,
    FileEvent,
    Parsed,
    Place,
    TableEvent,
    events_of,
    fraction,
    number,
    one_line,
    without_label,
    writable,
)
from labeling.collection.formats.events.lines import Lines
from labeling.collection.formats.events.per_recording import format_of
from labeling.errors import FormatError
from labeling.registry import some_of

NEEDS = (
    "tab-separated selection tables (*.selections.txt) with the columns Selection, Begin Time (s) and End Time (s); "
    "name the column of labels with --label-column where it is not Annotation, Species, Label, Common Name or the like"
)
RAVEN_COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
)
NEEDED = ("selection", "begin time (s)", "end time (s)")
LABEL_COLUMNS = (
    *("annotation", "annotations", "species", "label", "labels", "class", "common name", "scientific name"),
    *(
        "species code",
        "code",
        "species name",
        "call type",
        "call_type",
        "sound type",
        "category",
        "tag",
        "tags",
        "name",
    ),
)
OWN_COLUMNS = (
    *("selection", "view", "channel", "confidence", "score", "annotator", "reviewer", "observer", "analyst"),
    *("begin file", "end file", "begin path", "end path", "begin date", "end date", "begin clock time", "occupancy"),
    *("end clock time", "begin date time", "notes", "comments", "comment"),
)
CONFIDENCE_COLUMNS = ("confidence", "score")
WHO_COLUMNS = ("annotator", "reviewer", "observer", "analyst")
NOTHING = "nocall"  # what older versions of BirdNET say of a recording in which they found nothing
FALLBACK_HZ = 24_000.0
MOST_HEADER_BYTES = 1 << 13


def raven_bytes(events: Iterable[TableEvent], filename: str, band_hz: tuple[float, float]) -> bytes:
    """A Raven selection table of ``events``; one without a band of its own gets ``band_hz``."""
    lines = ["\t".join((*RAVEN_COLUMNS, "Annotation", "Score", "Begin File"))]
    for row, event in enumerate(events, 1):
        low, high = band_hz if event.low_hz is None or event.high_hz is None else (event.low_hz, event.high_hz)
        cells = [str(row), "Spectrogram 1", "1", f"{event.onset_s:.6f}", f"{event.offset_s:.6f}"]
        cells += [f"{low:.1f}", f"{high:.1f}", one_line(event.label)]
        cells += ["" if event.score is None else f"{event.score:.4f}", one_line(filename)]
        lines.append("\t".join(cells))
    return ("\n".join(lines) + "\n").encode()


def is_one(name: str, head: bytes) -> bool:
    """Whether the first line has the columns of a selection table."""
    try:
        texts = Lines(head[:MOST_HEADER_BYTES], name).texts.values()
    except FormatError:
        return False
    first = next((text for text in texts if text.strip("\t ")), "")
    return set(NEEDED) <= {_unquoted(cell).lower() for cell in first.split("\t")}


@dataclass(frozen=True)
class _Row:
    line: int
    cells: Sequence[str]


class _Table:
    """A selection table: lower-cased ``columns``, and rows of as many cells."""

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self.lines = Lines(data, name)
        filled = [(line, text) for line, text in self.lines.texts.items() if text.strip("\t ")]
        if not filled:
            raise FormatError(f"{name} is empty: not even a header is there")
        self.header = [_unquoted(cell) for cell in filled[0][1].split("\t")]
        self.columns = [cell.lower() for cell in self.header]
        width = len(self.columns)
        self.rows = [_Row(line, ([*map(_unquoted, text.split("\t"))] + [""] * width)[:width])
                     for line, text in filled[1:]]  # fmt: skip

    @cached_property
    def at(self) -> Mapping[str, int]:
        """Column to its place; of equal ones the first."""
        return {column: at for at, column in reversed(list(enumerate(self.columns)))}

    def cell(self, row: _Row, *columns: str) -> str:
        """What a row has in the first of some columns in which it has something."""
        return next((text for column in columns if column in self.at and (text := row.cells[self.at[column]])), "")

    def label_at(self, options: Mapping[str, Any]) -> int:
        """The column of the labels. Raises FormatError where it is not there, or cannot be told."""
        if wanted := str(options.get("label_column") or ""):
            if wanted.lower() not in self.at:
                raise FormatError(
                    f"{self.name} has no column {wanted!r} (--label-column); it has {some_of(self.header)}"
                )
            return self.at[wanted.lower()]
        for column in LABEL_COLUMNS:
            if column in self.at:
                return self.at[column]
        own = [at for at, column in enumerate(self.columns)
               if column and column not in OWN_COLUMNS and not re.search(r"\(.*\)$", column)]  # fmt: skip
        words = [at for at in own if any(row.cells[at] and number(row.cells[at]) is None for row in self.rows)]
        if len(words) == 1 or len(own) == 1:
            return (words or own)[0]
        if not words and not self.rows:
            return -1
        told = "several may have" if words else "none has"
        raise FormatError(
            f"{self.name}: {told} the labels of its columns {some_of(self.header)}; name the one with --label-column"
        )


def _unquoted(cell: str) -> str:
    text = cell.strip()
    return text[1:-1].replace('""', '"').strip() if len(text) > 1 and text[0] == text[-1] == '"' else text


def parse(data: bytes, name: str, options: Mapping[str, Any]) -> Parsed:
    """The selections of a table; ``place`` is the line, that of the spectrogram where a selection has several."""
    table = _Table(data, name)
    problems = [Problem(0, name, table.lines.warning)] if table.lines.warning else []
    if lacking := [column for column in NEEDED if column not in table.at]:
        raise FormatError(f"{name} has no column {', '.join(lacking)}; a selection table needs it")
    label_at = table.label_at(options)
    files = list(dict.fromkeys(filter(None, (table.cell(row, "begin path", "begin file") for row in table.rows))))
    events: list[FileEvent] = []
    unlabelled: list[int] = []
    unnamed: set[str] = set()
    for row in (rows[0] for rows in _selections(table, label_at)):
        code = label(row.cells[label_at])
        if code.lower() == NOTHING and "common name" in table.at:
            continue
        recording = table.cell(row, "begin path", "begin file")
        if not code:
            unlabelled.append(row.line)
            unnamed.add(recording)
            continue
        begin, end = number(table.cell(row, "begin time (s)")), number(table.cell(row, "end time (s)"))
        offset, doubt = number(table.cell(row, "file offset (s)")), ""
        if begin is None or end is None:
            doubt = "its times are no numbers"
        elif offset is not None:
            begin, end = offset, offset + (end - begin)
        elif len(files) > 1 and recording != files[0]:
            doubt = "Begin Time runs on from file to file and the table has no File Offset (s)"
        low, high = (number(table.cell(row, f"{side} freq (hz)")) for side in ("low", "high"))
        sure = next((sure for one in CONFIDENCE_COLUMNS if (sure := fraction(table.cell(row, one))) is not None), None)
        who = table.cell(row, *WHO_COLUMNS)
        events.append(FileEvent((row.line,), code, begin, end, low, high, recording, who, sure, doubt))
    told = (*problems, *without_label(name, unlabelled))
    return Parsed(tuple(events), told, tuple(files), frozenset(unnamed))


def _selections(table: _Table, label_at: int) -> list[list[_Row]]:
    """The rows of each selection, that of the spectrogram first: one number, file and label in several views."""
    found: dict[tuple[str, ...], list[_Row]] = {}
    for row in table.rows:
        cell = row.cells[label_at] if label_at >= 0 else ""
        key: tuple[str, ...] = (table.cell(row, "selection"), table.cell(row, "begin path", "begin file"), cell)
        view = table.cell(row, "view")
        same = found.get(key, [])
        if not key[0] or not view or view in {table.cell(other, "view") for other in same}:
            key = (*key, str(row.line)) if same or not key[0] else key
            found[key] = [row]
        else:
            found.setdefault(key, []).append(row)
    return [
        sorted(rows, key=lambda row: "spectrogram" not in table.cell(row, "view").lower()) for rows in found.values()
    ]


def edited(data: bytes, name: str, edit: Edit, options: Mapping[str, Any]) -> bytes:
    """The table with selections renamed or taken out, in all views, and new ones after the last."""
    table = _Table(data, name)
    at = table.label_at(options)
    changes: dict[int, str] = {}
    removed: set[int] = set()
    for rows in _selections(table, at):
        place: Place = (rows[0].line,)
        code = edit.renamed.get(place)
        if place in edit.removed or (code and not (writable(code) and table.lines.holds(code))):
            removed |= {row.line for row in rows}
        elif code:
            changes |= {row.line: _with(table.lines.texts[row.line], {at: one_line(code)}) for row in rows}
    added = [event for event in edit.added if at >= 0 and writable(event.label) and table.lines.holds(event.label)]
    top = max((int(text) for row in table.rows if (text := table.cell(row, "selection")).isdecimal()), default=0)
    like = next((row for row in table.rows if table.cell(row, "begin path", "begin file") == edit.recording), None)
    new = [_new_row(table, event, top + k, at, edit, like) for k, event in enumerate(added, start=1)]
    return table.lines.changed(changes, removed, new)


def _new_row(table: _Table, event: TableEvent, selection: int, at: int, edit: Edit, like: _Row | None) -> str:
    """A row of an event, with the file, and the time at which that begins in a table of several, of a row like it."""
    low, high = edit.band_hz if event.low_hz is None or event.high_hz is None else (event.low_hz, event.high_hz)
    shift = 0.0
    if like is not None and (offset := number(table.cell(like, "file offset (s)"))) is not None:
        shift = (number(table.cell(like, "begin time (s)")) or 0.0) - offset
    texts = {
        "selection": str(selection),
        "view": "Spectrogram 1",
        "channel": "1",
        "begin time (s)": f"{event.onset_s + shift:.6f}",
        "end time (s)": f"{event.offset_s + shift:.6f}",
        "file offset (s)": f"{event.onset_s:.6f}",
        "low freq (hz)": f"{low:.1f}",
        "high freq (hz)": f"{high:.1f}",
        "begin file": table.cell(like, "begin file") if like else one_line(edit.filename.rsplit("/", 1)[-1]),
        "begin path": table.cell(like, "begin path") if like else one_line(edit.filename),
    }
    cells = [texts.get(column, "") for column in table.columns]
    cells[at] = one_line(event.label)
    return "\t".join(cells)


def _with(line: str, texts: Mapping[int, str]) -> str:
    """A line with some cells set anew, quoted where they were."""
    cells = line.split("\t")
    for at, text in texts.items():
        cells += [""] * (at + 1 - len(cells))
        cells[at] = f'"{text}"' if cells[at].strip().startswith('"') else text
    return "\t".join(cells)


def rendered(clip: LabelledClip) -> bytes:
    """A selection table of a clip's labels; what has no band gets all of it."""
    band = (0.0, clip.sample_rate / 2 or FALLBACK_HZ)
    events = [event for event in events_of(clip) if writable(event.label)]
    return raven_bytes(events, clip.filename.rsplit("/", 1)[-1], band)


FILES = EventFiles(
    name="raven",
    needs=NEEDS,
    asks={"label_column": "Column with the labels"},
    about="Selection tables of Raven: a tab-separated table a recording, or one of several.",
    rank=91,
    suffixes=(".txt", ".tsv"),
    is_one=is_one,
    parse=parse,
    beside=lambda recording: recording + ".selections.txt",
    edited=edited,
    rendered=rendered,
    holds=frozenset(
        {Holds.SEVERAL, Holds.TIMELESS, Holds.TIMES, Holds.BANDS, Holds.NOTHING, Holds.UNHEARD, Holds.CONFIDENCE}
    ),
)
FORMAT = format_of(FILES)
