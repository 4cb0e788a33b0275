"""CSV files of our own making: a cell that a spreadsheet would run as a formula is marked as text.

A leading ``'`` is put before ``= + - @``, tab and carriage return, and taken off again on reading, so that labels
stay data both ways. The user's own tables are never written by this module: they keep every byte.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from labeling.errors import FormatError

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def guard(text: str) -> str:
    """Mark a text that a spreadsheet would run as a formula; `unguard` takes the mark off again.

    Parameters
    ----------
    text : str
        A label, a file name, a note.

    Returns
    -------
    str
        The text, with a leading ``'`` where it begins with ``= + - @``, a tab or a carriage return.

    Examples
    --------
    >>> from labeling.storage.csvsafe import guard, unguard
    >>> guard("=1+1"), guard("amecro")
    ("'=1+1", 'amecro')
    >>> unguard(guard("=1+1"))
    '=1+1'
    """
    return "'" + text if text.lstrip("'").startswith(FORMULA) else text


def unguard(text: str) -> str:
    """The text that ``guard`` was given."""
    return text[1:] if text.startswith("'") and text[1:].lstrip("'").startswith(FORMULA) else text


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A UTF-8 CSV; texts guarded, None as an empty cell, numbers as they are."""
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\r\n")  # only the characters of its line end are quoted in a cell
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if cell is None else guard(cell) if isinstance(cell, str) else cell for cell in row])
    return "".join(lines).encode()


class _Lines(list[str]):
    """What a csv writer writes to; lines end in a line feed."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def read_csv(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a small CSV as dicts; raises FormatError where it cannot be read or lacks a needed column."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise FormatError(f"cannot read {path}: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise FormatError(f"{path} is not UTF-8 at byte {problem.start}; save it as UTF-8") from problem
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = [name.strip() for name in reader.fieldnames or []]
        missing = [name for name in needed if name not in columns]
        if missing:
            raise FormatError(
                f"{path} has no column {', '.join(missing)}; it has {', '.join(columns) or 'none'}; "
                f"needed are {', '.join(needed)}"
            )
        reader.fieldnames = columns
        return [{key: unguard(value or "") for key, value in row.items() if key is not None} for row in reader]
    except csv.Error as problem:
        raise FormatError(f"{path} is not a CSV: {problem}") from problem
