"""CSV files of our own making: a cell that a spreadsheet would run as a formula is marked as text.

A leading ``'`` is put before ``= + - @``, tab and carriage return, and taken off again on reading, so that labels
stay data both ways. The user's own tables are never written by this module: they keep every byte.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labeling.errors import FormatError
from labeling.registry import some_of
from labeling.storage.delimited import decoded, guess_delimiter, named_delimiter

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
    """Rows of a small UTF-8 CSV as dicts; raises FormatError where it cannot be read or lacks a needed column."""
    sheet = read_sheet(path, needed)
    if sheet.guessed:
        data = path.read_bytes()
        at = next(iter(_undecodable(data)), 0)
        raise FormatError(f"{path} is not UTF-8 at byte {at}; save it as UTF-8")
    return sheet.rows


def _undecodable(data: bytes) -> list[int]:
    try:
        data.decode()
    except UnicodeDecodeError as problem:
        return [problem.start]
    return []


@dataclass(frozen=True)
class Sheet:
    """A small table as a spreadsheet saved it: ``rows`` by column, the row number of each as the spreadsheet counts.

    ``too_long`` are the rows that have text beyond the last column: an unquoted delimiter, or a decimal comma.
    ``guessed`` is a sentence where the encoding is not certain.
    """

    rows: list[dict[str, str]]
    numbers: list[int]
    delimiter: str
    too_long: frozenset[int]
    guessed: str

    def number(self, text: str) -> float:
        """A number with a point, or with a comma where commas do not part the cells; raises ValueError for another."""
        text = text.strip()
        if self.delimiter != "," and text.count(",") == 1 and "." not in text:
            text = text.replace(",", ".")
        return float(text)


def read_sheet(path: Path, needed: Sequence[str]) -> Sheet:
    """A CSV as any spreadsheet saves it: cells parted by ``,``, ``;``, tab or ``|``, UTF-8, UTF-16 or Windows' own.

    Blank lines are left out. A column of another case than the needed one is taken for it. Raises FormatError where the
    file cannot be read or lacks a needed column.
    """
    try:
        read = decoded(path.read_bytes(), str(path))
    except OSError as problem:
        raise FormatError(f"cannot read {path}: {problem.strerror}") from problem
    if not read.text.strip():
        raise FormatError(f"{path} is empty; it needs a line with the columns {', '.join(needed)}, and rows below it")
    named, text = named_delimiter(read.text)
    delimiter = named or guess_delimiter(text, needed)
    rows, numbers, too_long = [], [], set()
    try:
        lines = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
        header = next(lines, [])
        columns = _columns([name.strip() for name in header], needed)
        missing = [name for name in needed if name not in columns]
        if missing and any("\0" in name for name in columns):
            raise FormatError(f"{path} holds NUL bytes, so it is no text table; save it as CSV and give that")
        if missing:
            raise FormatError(
                f"{path} has no column {', '.join(missing)}; it has {some_of(columns) or 'none'}; "
                f"needed are {', '.join(needed)}"
            )
        for number, cells in enumerate(lines, start=3 if named else 2):
            if not cells:
                continue
            if any(cells[len(columns) :]):
                too_long.add(number)
            padded = [*cells, *[""] * (len(columns) - len(cells))]
            rows.append({name: unguard(cell) for name, cell in zip(columns, padded, strict=False)})
            numbers.append(number)
    except csv.Error as problem:
        raise FormatError(f"{path} is not a CSV: {problem}") from problem
    return Sheet(rows, numbers, delimiter, frozenset(too_long), read.guessed)


def _columns(names: list[str], needed: Sequence[str]) -> list[str]:
    wanted = {name.lower(): name for name in needed if name not in names}
    return [wanted.get(name.lower(), name) for name in names]
