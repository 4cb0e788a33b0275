"""What a format is, and what passes in and out of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labeling.file_names import tidy
from labeling.records import Region

# Words that stand for "no value" in the tables of this field; pandas reads the same ones as missing.
MISSING_WORDS = frozenset({"", "nan", "NaN", "None", "null", "NULL", "NA", "N/A", "n/a", "<NA>"})


def label(cell: str) -> str:
    """A class code as a cell gives it, "" where the cell stands for none. Codes are data, but for `tidy`."""
    text = tidy(cell)
    return "" if text in MISSING_WORDS else text


@dataclass(frozen=True)
class Problem:
    """A row, or a part of one, that could not be used. ``row`` counts as a spreadsheet does (the header is 1)."""

    row: int
    filename: str
    reason: str


@dataclass(frozen=True)
class ImportedClip:
    """One file of a table: one row, or several that were joined (joining.py).

    ``filename`` is unique in its table, ``path`` a local path or URL. ``labels`` are class codes, the primary first
    where there is one (``primary`` "" = none). ``metadata`` holds every column that is not the name or a label.
    ``row`` is its first row, ``rows`` are all of them. ``regions`` say where labels are heard, where the table does.
    """

    filename: str
    path: str
    labels: tuple[str, ...]
    primary: str
    row: int
    group: str = ""
    fold: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[int, ...] = ()
    regions: tuple[tuple[str, Region], ...] = ()


@dataclass(frozen=True)
class TableLabels:
    """What a table says of one file: the primary ("" = none) and all labels, as `ImportedClip` has them."""

    primary: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class ImportedTable:
    """A table as a format read it. ``options`` are JSON-able and are what ``Format.write`` needs later.

    ``by_part`` counts the files that were found by a part of their name.
    """

    format: str
    table_name: str
    table_bytes: bytes
    audio_root: str
    clips: tuple[ImportedClip, ...]
    class_names: Mapping[str, str]
    options: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()
    by_part: int = 0


@dataclass(frozen=True)
class Correction:
    """The labels that one changed clip has now: all of them, the primary first ("" = no primary).

    ``regions`` say where those that were added are heard, where that is known. ``swapped`` are pairs of a removed label
    and the added one that a person heard in its place: the same event under another name.
    """

    filename: str
    primary: str
    labels: tuple[str, ...]
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    regions: tuple[tuple[str, Region], ...] = ()
    swapped: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class NotHeld:
    """One cell of a corrected clip of which its row in the table says something else, and why it cannot say it.

    ``now`` is what the label is: ``primary``, ``secondary`` or ``absent``.
    """

    filename: str
    class_code: str
    now: str
    why: str


@dataclass(frozen=True)
class Written:
    """What became of a table: its files, what its columns cannot hold, and sentences for the report."""

    files: tuple[Path, ...]
    not_held: tuple[NotHeld, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """One kind of collection.

    Attributes:
        name: what ``--format`` takes.
        needs: one line for people: the file and the columns that it is known by.
        find: a folder or a file -> the table that this format would read there, or None.
        read: (table, audio folder or URL or None, options) -> ImportedTable; raises FormatError.
        write: (table_bytes, options, corrections by filename, out_dir) -> Written; None where it only reads. A label
            that the columns cannot hold is no error: it is in ``Written.not_held``.
        labels: (table_bytes, options) -> what the table says of each filename, as ``write`` will look for them.
        rank: the lower is asked first.
    """

    name: str
    needs: str
    find: Callable[[Path], Path | None]
    read: Callable[[Path, str | None, Mapping[str, Any]], ImportedTable]
    labels: Callable[[bytes, Mapping[str, Any]], dict[str, TableLabels]]
    write: Callable[[bytes, Mapping[str, Any], Mapping[str, Correction], Path], Written] | None = None
    rank: int = 50
