"""Result tables of BirdNET-Analyzer: a folder with one file a recording, or one combined file.

Kinds, by their header (birdnet_analyzer/analyze/utils.py at github.com/birdnet-team/BirdNET-Analyzer): Raven selection
tables, CSV, Kaleidoscope, R, and Audacity labels, which have none. In a combined selection table Begin Time counts on
from file to file, so File Offset is read, where it is there.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from labeling.errors import FormatError
from labeling.external.base import ImportedPredictions, Reader, ReadRequest
from labeling.external.windows import Windows

ENDINGS = (
    ".birdnet.selection.table.txt", ".birdnet.results.kaleidoscope.csv", ".birdnet.results.r.csv",
    ".birdnet.results.csv", ".birdnet.results.txt",
)  # fmt: skip
SUFFIXES = (".txt", ".csv", ".tsv")
NOTHING = "nocall"  # what a selection table says of a recording in which nothing was found
ROWS = 200_000  # read at a time
LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class _Kind:
    """One kind of table. ``names`` are its columns with the class's names, the one to show first."""

    word: str
    delimiter: str
    needs: tuple[str, ...]
    file: str
    names: tuple[str, ...]
    onset: str
    offset: str
    value: str


TABLE = _Kind(
    "table", "\t", ("selection", "begin time (s)", "end time (s)", "common name", "confidence"), "begin path",
    ("common name", "scientific name", "species code"), "begin time (s)", "end time (s)", "confidence",
)  # fmt: skip
CSV = _Kind(
    "csv", ",", ("start (s)", "end (s)", "scientific name", "common name", "confidence"), "file",
    ("scientific name", "common name"), "start (s)", "end (s)", "confidence",
)  # fmt: skip
KALEIDOSCOPE = _Kind(
    "kaleidoscope", ",", ("folder", "in file", "offset", "duration"), "in file",
    ("scientific_name", "common_name", "top1match"), "offset", "duration", "confidence",
)  # fmt: skip
R = _Kind(
    "r", ",", ("filepath", "start", "end", "scientific_name", "common_name", "confidence"), "filepath",
    ("scientific_name", "common_name"), "start", "end", "confidence",
)  # fmt: skip
AUDACITY = _Kind(
    "audacity", "\t", ("onset", "offset", "name", "confidence"), "", ("name",), "onset", "offset", "confidence"
)
KINDS = (TABLE, CSV, KALEIDOSCOPE, R)


def kind_of(path: Path) -> _Kind | None:
    """Which kind of table a file is, by its first line; None for another file."""
    if not path.is_file() or path.suffix.lower() not in SUFFIXES:
        return None
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as handle:
            line = handle.readline(LONGEST_LINE).rstrip("\r\n")
    except OSError:
        return None
    for kind in KINDS:
        columns = [part.strip().strip('"').lower() for part in line.split(kind.delimiter)]
        if all(name in columns for name in kind.needs):
            return kind
    if not line:
        return AUDACITY if path.name.lower().endswith(".birdnet.results.txt") else None
    cells = line.split("\t")
    return AUDACITY if len(cells) == 4 and all(_is_number(cells[k]) for k in (0, 1, 3)) else None


def fits(path: Path) -> bool:
    """Such a table, or a folder that holds one."""
    return any(kind_of(file) for file in _files(path))


def read(request: ReadRequest) -> ImportedPredictions:
    """Read a file or a folder of them; raises FormatError."""
    path, matcher = request.path, request.matcher
    windows = Windows()
    windows.see(request.analysed)
    windows.know(request.analysed_classes)
    clip_of: dict[str, int] = {}
    column_of: dict[tuple[str, ...], int] = {}
    read_files, other = 0, 0

    def clip(name: str) -> int:
        if name not in clip_of:
            clip_of[name] = int(matcher.rows([name])[0])
        return clip_of[name]

    for file in _files(path):
        kind = kind_of(file)
        if kind is None:
            other += 1
            continue
        read_files += 1
        own = _recording(file, path)
        if own:
            windows.see([clip(own)])
        for rows in _chunks(_rows(file, kind), ROWS):
            clips, columns, numbers = [], [], []
            for name, names, onset, offset, p in rows:
                row = clip(name or own)
                clips.append(row)
                if NOTHING in names:
                    columns.append(-1)
                else:
                    if names not in column_of:
                        column_of[names] = int(matcher.columns([_spelled(names)])[0])
                    columns.append(column_of[names])
                numbers.append((p, onset, offset))
            p_of, starts, ends = np.array(numbers, np.float32).T
            windows.add(np.array(clips, np.int64), np.array(columns, np.int64), p_of, starts, ends)
    if not read_files:
        raise FormatError(f"{path} holds no result table of BirdNET-Analyzer; give its output folder, or one table")
    matcher.require(str(path), sum(row >= 0 for row in clip_of.values()), "clips")
    matcher.require(str(path), sum(column >= 0 for column in column_of.values()), "classes")
    predictions = windows.finish(matcher.clips, request.values, str(path))
    notes = list(predictions.notes)
    if path.is_file() and not request.analysed:
        notes.append(
            "A combined table names no clip without a detection; give the folder of tables to have those too, or name "
            "the recordings that were analysed."
        )
    if other:
        notes.append(f"{other:,} files of the folder are no result tables and were passed over.")
    return replace(predictions, notes=tuple(notes))


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file_path for file_path in sorted(path.rglob("*")) if file_path.suffix.lower() in SUFFIXES)
    elif path.exists():
        yield path


def _recording(file: Path, root: Path) -> str:
    """The recording that a result file is of, by its own name, without suffix; "" for a combined one."""
    lowered = file.name.lower()
    for ending in ENDINGS:
        if lowered.endswith(ending):
            name = file.name[: -len(ending)]
            return str((file.parent / name).relative_to(root)) if root.is_dir() else name
    return ""


def _spelled(names: tuple[str, ...]) -> tuple[str, ...]:
    """All names of a class: of ``Turdus merula, Eurasian Blackbird`` and ``..._...`` also the parts."""
    if len(names) > 1:
        return names
    for sign in ("_", ", "):
        first, separator, last = names[0].partition(sign)
        if separator:
            return (names[0], first, last)
    return names


_Row = tuple[str, tuple[str, ...], float, float, float]


def _rows(file: Path, kind: _Kind) -> Iterator[_Row]:
    """File, names of the class, onset_s, offset_s, confidence of each row."""
    quoting: Literal[0, 3] = csv.QUOTE_NONE if kind.delimiter == "\t" else csv.QUOTE_MINIMAL
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, delimiter=kind.delimiter, quoting=quoting)
            columns = list(kind.needs) if kind is AUDACITY else [heading.strip().lower() for heading in next(reader)]
            place = {name: columns.index(name) for name in columns}
            if kind.value not in place:
                raise FormatError(f"{file} has no column confidence; write the table with BirdNET-Analyzer again")
            names = [place[name] for name in kind.names if name in place]
            for cells in reader:
                if not any(cells):
                    continue
                if len(cells) != len(columns):
                    raise FormatError(
                        f"{file}, line {reader.line_num}: {len(cells)} cells where the header has {len(columns)}; a "
                        "name with a comma, perhaps: write the selection table instead"
                    )
                try:
                    yield _row(cells, kind, place, names)
                except ValueError as problem:
                    raise FormatError(
                        f"{file}, line {reader.line_num}: {problem}; mend or leave out the line"
                    ) from None
            if kind is TABLE and "file offset (s)" not in place and not _recording(file, file):
                raise FormatError(f"{file} lacks File Offset (s), and its times may run on from file to file; add it")
    except UnicodeDecodeError as problem:
        raise FormatError(f"{file} is not UTF-8 at byte {problem.start}; save it as UTF-8") from problem
    except csv.Error as problem:
        raise FormatError(f"{file} is no table ({problem}); write it again") from problem
    except OSError as problem:
        raise FormatError(f"{file} cannot be read: {problem.strerror}; check its permissions") from problem


def _row(cells: Sequence[str], kind: _Kind, place: dict[str, int], names: Sequence[int]) -> _Row:
    onset, offset = float(cells[place[kind.onset]]), float(cells[place[kind.offset]])
    if kind is TABLE and "file offset (s)" in place:
        start = float(cells[place["file offset (s)"]])
        onset, offset = start, start + offset - onset
    elif kind is KALEIDOSCOPE:
        offset += onset  # a duration
    name = cells[place[kind.file]] if kind.file in place else ""
    if kind is KALEIDOSCOPE and name and cells[place["folder"]]:
        name = f"{cells[place['folder']]}/{name}"
    return name, tuple(cells[k].strip() for k in names), onset, offset, float(cells[place[kind.value]])


def _chunks(rows: Iterator[_Row], size: int) -> Iterator[list[_Row]]:
    chunk: list[_Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


READER = Reader(
    "birdnet", "BirdNET-Analyzer's result tables (table, csv, kaleidoscope, r, audacity)", 0, fits, read, sparse=True
)
