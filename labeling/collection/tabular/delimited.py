"""A delimited text table of which a few cells change, while every other byte stays.

It is cut into raw cells by one regular expression and joined again from the same pieces, so encoding, delimiter,
quoting, line endings, blank lines and quoted newlines survive; only a cell that is set anew is written anew, quoted if
it was quoted before or if its new text asks for it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from labeling.collection.tabular.base import Changes, NewRow
from labeling.errors import FormatError
from labeling.storage.delimited import DELIMITERS, decoded, named_delimiter

_QUOTED = '"[^"]*+(?:""[^"]*+)*+"'
_WHOLE_CELL = re.compile('"([^"]*+(?:""[^"]*+)*+)"(.*)', re.DOTALL)


class CsvTable:
    """A delimited text table, kept as its raw cells."""

    def __init__(self, data: bytes, name: str, header_only: bool = False) -> None:
        self.name = name
        self.data = data
        read = decoded(data, name)
        self.bom, self.encoding, text = read.bom, read.encoding, read.text
        if not self.bom and "\0" in text:
            raise FormatError(f"{name}: holds NUL bytes, so it is no text table; give a CSV, TSV or Parquet file")
        self.warnings: list[str] = [read.guessed] if read.guessed else []
        named, rest = named_delimiter(text)
        self.first_line, text = text[: len(text) - len(rest)], rest  # "sep=;", where Excel wrote it; "" elsewhere
        self.delimiter = named or _guess_delimiter(text, name)
        self._records: list[_Record] = _split(text, self.delimiter, name, limit=1 if header_only else None)
        at = next((i for i, record in enumerate(self._records) if not record.blank), None)
        if at is None:
            raise FormatError(f"{name}: the table is empty; it needs a line of column names and one row a clip")
        self._header = at
        self.columns = [_unquote(cell).strip() for cell in self._records[at].cells]
        self.rows: dict[int, list[str]] = {}
        for number, record in enumerate(self._records[at + 1 :], start=2):
            if not record.blank:
                cells = [_unquote(cell) for cell in record.cells]
                self.rows[number] = cells + [""] * (len(self.columns) - len(cells))

    def refusal(self, column: int, text: str, *, number: bool = False) -> str:
        """Why a text cannot stand in this file; "" where it can."""
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError as error:
            return f"the file is {self.encoding} text, which cannot hold {error.object[error.start : error.end]!r}"
        return "a text table cannot hold a NUL" if "\0" in text else ""

    def changed(self, changes: Changes, removed: Collection[int] = (), added: Sequence[NewRow] = ()) -> bytes:
        """As `Table` has it. Raises FormatError for text that its encoding cannot hold."""
        if not (changes or removed or added):
            return self.data
        numbered = dict(enumerate(self._records, start=1 - self._header))
        new_after: dict[int, list[NewRow]] = {}
        for new in added:
            new_after.setdefault(new.after, []).append(new)
        lines: list[tuple[str, str]] = []  # (text, ending)
        for number, record in numbered.items():
            if number not in removed:
                lines.append((self._line(record, changes.get(number, {})), record.ending))
            for new in new_after.get(number, ()):
                lines.append((self._line(numbered[new.like], new.cells), record.ending))
        # the last line may have no ending: then it is the last line's that has none, whichever that is now
        last = self._records[-1].ending
        usual = self._records[self._header].ending or "\n"
        pieces = [text + (ending or usual) for text, ending in lines[:-1]] + [text + last for text, _ in lines[-1:]]
        try:
            return self.bom + (self.first_line + "".join(pieces)).encode(self.encoding)
        except UnicodeEncodeError as error:
            wrong = error.object[error.start : error.end]
            raise FormatError(
                f"{self.name} is {self.encoding} text, which cannot hold {wrong!r}; save it as UTF-8 and import again"
            ) from None

    def _line(self, record: _Record, changed: Mapping[int, str]) -> str:
        cells = list(record.cells)
        for column, value in changed.items():
            cells += [""] * (column + 1 - len(cells))
            cells[column] = _quote(value, cells[column], self.delimiter)
        return self.delimiter.join(cells)


@dataclass(frozen=True)
class _Record:
    cells: list[str]
    ending: str
    blank: bool = field(default=False)


def _split(text: str, delimiter: str, name: str, limit: int | None = None) -> list[_Record]:
    """Cut a text into records of raw cells. Joined again they are the text, to the character."""
    plain = f"[^{re.escape(delimiter)}\r\n]*"
    # Possessive: a doubled quote is never read as a closing one, as in Python's csv and in pandas.
    cell = re.compile(f'({_QUOTED}{plain}|(?!"){plain})({re.escape(delimiter)}|\r\n|\n|\r|\\Z)')
    records: list[_Record] = []
    cells: list[str] = []
    position, end = 0, len(text)
    while position < end or cells:
        match = cell.match(text, position)
        if match is None:
            line = text.count("\n", 0, position) + 1
            raise FormatError(f'{name}, line {line}: a quote (") is opened and never closed; close it or remove it')
        cells.append(match[1])
        position = match.end()
        if match[2] != delimiter:
            records.append(_Record(cells, match[2], blank=cells == [""]))
            cells = []
            if limit is not None and sum(not record.blank for record in records) >= limit:
                break
    return records


def _unquote(raw: str) -> str:
    if not raw.startswith('"'):
        return raw
    match = _WHOLE_CELL.fullmatch(raw)
    return match[1].replace('""', '"') + match[2] if match else raw


def _quote(value: str, before: str, delimiter: str) -> str:
    must = any(sign in value for sign in (delimiter, '"', "\r", "\n"))
    return '"' + value.replace('"', '""') + '"' if must or before.startswith('"') else value


def _guess_delimiter(text: str, name: str) -> str:
    """The delimiter that cuts the first line into most cells; by the file's suffix where none does."""
    default = "\t" if name.lower().endswith((".tsv", ".tab")) else ","
    best, most = default, 1
    for delimiter in (default, *DELIMITERS):
        with contextlib.suppress(FormatError):
            records = _split(text[: 1 << 16], delimiter, name, limit=1)
            count = len(records[-1].cells) if records else 0
            if count > most:
                best, most = delimiter, count
    return best
