"""What a format is, and what passes in and out of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Words that stand for "no value" in the tables of this field; pandas reads the same ones as missing.
MISSING_WORDS = frozenset({"", "nan", "NaN", "None", "null", "NULL", "NA", "N/A", "n/a", "<NA>"})


def label(cell: str) -> str:
    """A class code as a cell gives it, "" where the cell stands for none. Codes are data: no more is done to them."""
    text = cell.strip()
    return "" if text in MISSING_WORDS else text


@dataclass(frozen=True)
class Problem:
    """A row, or a part of one, that could not be used. ``row`` counts as a spreadsheet does (the header is 1)."""

    row: int
    filename: str
    reason: str


@dataclass(frozen=True)
class ImportedClip:
    """One row of a table.

    ``filename`` is unique in its table, ``path`` a local path or URL. ``labels`` are class codes, the primary first
    where there is one (``primary`` "" = none). ``metadata`` holds every column that is not the name or a label.
    """

    filename: str
    path: str
    labels: tuple[str, ...]
    primary: str
    row: int
    group: str = ""
    fold: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ImportedTable:
    """A table as a format read it. ``options`` are JSON-able and are what ``Format.write`` needs later."""

    format: str
    table_name: str
    table_bytes: bytes
    audio_root: str
    clips: tuple[ImportedClip, ...]
    class_names: Mapping[str, str]
    options: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Correction:
    """The labels that one changed clip has now: all of them, the primary first ("" = no primary)."""

    filename: str
    primary: str
    labels: tuple[str, ...]
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


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
        names: (table_bytes, options) -> the row of each filename, as ``write`` will look for them.
        rank: the lower is asked first.
    """

    name: str
    needs: str
    find: Callable[[Path], Path | None]
    read: Callable[[Path, str | None, Mapping[str, Any]], ImportedTable]
    names: Callable[[bytes, Mapping[str, Any]], dict[str, int]]
    write: Callable[[bytes, Mapping[str, Any], Mapping[str, Correction], Path], Written] | None = None
    rank: int = 50
