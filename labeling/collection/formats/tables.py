"""Read a table, change a few cells, and give every other byte back as it came.

A CSV is cut into raw cells by one regular expression and joined again from the same pieces, so encoding, delimiter,
quoting, line endings, blank lines and quoted newlines survive; only a cell that is set anew is written anew, quoted if
it was quoted before or if its new text asks for it. Cells are always text.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from labeling.errors import FormatError
from labeling.storage.delimited import DELIMITERS, decoded, named_delimiter

# what a Parquet file of any size may hold beside a share of its bytes: a kilobyte can stand for a value a billion times
MOST_CELLS, MOST_ROWS, MOST_BYTES = 5_000_000, 250_000, 64 << 20
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")

_QUOTED = '"[^"]*+(?:""[^"]*+)*+"'
_WHOLE_CELL = re.compile('"([^"]*+(?:""[^"]*+)*+)"(.*)', re.DOTALL)

# row -> column -> new text
Changes = Mapping[int, Mapping[int, str]]


@dataclass(frozen=True)
class NewRow:
    """A row to add after row ``after``: a copy of row ``like`` with some cells (column to text) set anew."""

    after: int
    like: int
    cells: Mapping[int, str]


class Table(Protocol):
    """Columns and rows of text. A row's number is what a spreadsheet shows: the header is 1, the first row 2."""

    columns: list[str]
    rows: dict[int, list[str]]
    warnings: list[str]

    def refusal(self, column: int, text: str, *, number: bool = False) -> str:
        """Why a column cannot hold a text; "" where it can, and gives the same text when it is read again.

        ``number``: the text is one, and may be given back in another spelling.
        """
        ...

    def changed(self, changes: Changes, removed: Collection[int] = (), added: Sequence[NewRow] = ()) -> bytes:
        """The table's bytes with some cells set anew, rows taken out and added; without any the bytes that were read.

        A new row follows its ``after`` even where that one is taken out. Raises FormatError for a text that its column
        refuses.
        """
        ...


def read_table(data: bytes, name: str) -> Table:
    """Parse a table by its bytes; Parquet by its magic, else text. Raises FormatError."""
    if data[:4] == b"PAR1":
        return ParquetTable(data, name)
    return CsvTable(data, name)


def load(path: Path) -> bytes:
    """The bytes of a table file; raises FormatError where it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FormatError(f"no table at {path}") from None
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error.strerror}; check the path and its permissions") from error


def header(path: Path) -> list[str]:
    """The column names of a table file, [] where it is none. Reads no more than the first 64 KiB of a text table."""
    try:
        if path.suffix.lower() in {".parquet", ".pq"}:
            import pyarrow.parquet as parquet

            return [str(name) for name in parquet.read_schema(path).names]
        with path.open("rb") as handle:
            head = handle.read(1 << 16)
        # What is cut off may end within a character, so a long file is taken to its last whole line.
        ends = (len(head),) if len(head) < 1 << 16 else (head.rfind(b"\n") + 1, len(head))
        for end in ends:
            with contextlib.suppress(FormatError):
                return CsvTable(head[:end], path.name, header_only=True).columns
    except Exception:  # a file that cannot be parsed is just not a table; reading it says why
        return []
    return []


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


class ParquetTable:
    """A Parquet table, its cells as text; a list cell as a Python-list text."""

    def __init__(self, data: bytes, name: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as parquet

        self.name = name
        self.data = data
        self.warnings: list[str] = []
        try:
            file = parquet.ParquetFile(io.BytesIO(data))
            _check_size(file.metadata, len(data), name)
            self._schema = file.schema_arrow
            words = [field.name for field in self._schema if _is_text(field.type)]
            self._coded = parquet.ParquetFile(io.BytesIO(data), read_dictionary=words).read()
            self.columns = [str(column) for column in self._schema.names]
            texts = [_texts(column) for column in self._coded.columns]
        except UnicodeDecodeError as error:
            raise FormatError(f"{name}: a text in it is not UTF-8 ({error.object[:40]!r}); write it anew") from error
        except (pa.ArrowException, OSError, ValueError, ArithmeticError, KeyError) as error:
            raise FormatError(f"{name}: not a whole Parquet file ({str(error).strip().splitlines()[:1]})") from error
        self.rows: dict[int, list[str]] = {i: list(cells) for i, cells in enumerate(zip(*texts, strict=True), start=2)}

    def refusal(self, column: int, text: str, *, number: bool = False) -> str:
        """Why a column of this type cannot hold a text; "" where it can."""
        import pyarrow as pa

        kind = self._schema.field(column)
        try:
            value = _typed(text, kind.type)
            if not pa.types.is_dictionary(kind.type):
                pa.array([value], kind.type)
            if value is None and not kind.nullable:
                return f"the column {kind.name!r} must not be empty"
            same = _same_text(_text(value), text, kind.type)
            if number and text and not same:  # a float32 rounds
                same = math.isclose(float(_text(value)), float(text), rel_tol=1e-3, abs_tol=1e-3)
        except (ValueError, TypeError, ArithmeticError, NotImplementedError):  # pyarrow's own are among them
            same = False
        return "" if same else f"the column {kind.name!r} is of type {kind.type} and cannot hold {text!r}"

    def changed(self, changes: Changes, removed: Collection[int] = (), added: Sequence[NewRow] = ()) -> bytes:
        """As `Table` has it: the same columns, types, order and schema metadata."""
        import pyarrow as pa
        import pyarrow.parquet as parquet

        if not (changes or removed or added):
            return self.data
        table = self._in_place(changes)
        if removed or added:
            rows = table.to_pylist()
            new_after: dict[int, list[dict[str, Any]]] = {}
            for new in added:
                fields = {table.schema.field(at): text for at, text in new.cells.items()}
                cells = {
                    field.name: _typed(text, field.type) if text or not field.nullable else None
                    for field, text in fields.items()
                }
                new_after.setdefault(new.after, []).append(rows[new.like - 2] | cells)
            kept: list[dict[str, Any]] = []
            for number, row in enumerate(rows, start=2):
                kept += ([] if number in removed else [row]) + new_after.get(number, [])
            table = pa.Table.from_pylist(kept, schema=table.schema)
        buffer = io.BytesIO()
        parquet.write_table(table, buffer)
        return buffer.getvalue()

    def _in_place(self, changes: Changes) -> Any:
        import pyarrow as pa

        table = self._coded.cast(self._schema)
        for column in sorted({column for cells in changes.values() for column in cells}):
            kind = table.schema.field(column)
            values = table.column(column).to_pylist()
            for number, cells in changes.items():
                if column in cells:
                    if why := self.refusal(column, cells[column]):
                        raise FormatError(f"{self.name}, row {number}: {why}")
                    values[number - 2] = _typed(cells[column], kind.type)
            array = _categories(table.column(column), values) if pa.types.is_dictionary(kind.type) else None
            array = pa.array(values, kind.type) if array is None else array
            table = table.set_column(column, kind.with_type(array.type), array)
        return table


def _check_size(facts: Any, size: int, name: str) -> None:
    """Refuse, by what a Parquet file says of itself, one that unpacks to far more than its ``size`` in bytes."""
    parts = [
        facts.row_group(group).column(column)
        for group in range(facts.num_row_groups)
        for column in range(facts.num_columns)
    ]
    for count, most, what in (
        (facts.num_rows, MOST_ROWS + size, "rows"),
        (
            max(facts.num_rows * facts.num_columns, sum(part.num_values for part in parts)),
            MOST_CELLS + 4 * size,
            "cells",
        ),
        (sum(part.total_uncompressed_size for part in parts), MOST_BYTES + 4 * size, "bytes unpacked"),
    ):
        if count > most:
            raise FormatError(
                f"{name}: {count:,} {what} in a file of {size:,} bytes, at most {most:,}: no table of clips; check it"
            )


def _texts(column: Any) -> list[str]:
    """A column's cells as text; cells of one text share it."""
    import pyarrow as pa

    texts: list[str] = []
    if pa.types.is_dictionary(column.type):
        for chunk in column.chunks:
            words = [*map(_text, chunk.dictionary.to_pylist()), ""]  # the last is for none
            texts += [words[at] for at in chunk.indices.fill_null(len(words) - 1).to_pylist()]
        return texts
    known: dict[str, str] = {}
    for chunk in column.chunks:
        texts += [known.setdefault(text, text) for text in map(_text, chunk.to_pylist())]
    return texts


def _categories(column: Any, values: list[Any]) -> Any:
    """Values as a dictionary array: the categories that were there keep their order, new ones come last."""
    import pyarrow as pa

    kind = column.type
    known = column.unify_dictionaries().chunk(0).dictionary.to_pylist() if column.num_chunks else []
    place = {value: at for at, value in enumerate(dict.fromkeys([*known, *(v for v in values if v is not None)]))}
    index = [None if value is None else place[value] for value in values]
    try:
        places = pa.array(index, kind.index_type)
    except (pa.ArrowInvalid, OverflowError):  # more categories than an int8 counts
        places = pa.array(index, pa.int32())
    return pa.DictionaryArray.from_arrays(places, pa.array(list(place), kind.value_type), ordered=kind.ordered)


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, list | tuple):
        return repr([_text(item) for item in value])
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def _typed(text: str, kind: Any) -> Any:
    """A cell's text as a value of its column's type; raises ValueError where it is none."""
    import pyarrow as pa

    from labeling.collection.formats.lists import parse_list

    if pa.types.is_dictionary(kind):
        return _typed(text, kind.value_type)
    if _is_list(kind):
        return [_typed(item, kind.value_type) for item in parse_list(text) or []]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return text
    if not text:
        return None
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return text.encode()
    return pa.array([text]).cast(kind)[0].as_py()


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _same_text(stored: str, text: str, kind: Any) -> bool:
    from labeling.collection.formats.lists import parse_list

    return parse_list(stored) == parse_list(text) if _is_list(kind) else stored == text


def column(table: Table, names: Sequence[str]) -> int | None:
    """The index of the first of ``names`` that the table has, case ignored; None where it has none."""
    lowered = [heading.lower() for heading in table.columns]
    for name in names:
        if name in table.columns:
            return table.columns.index(name)
        if name.lower() in lowered:
            return lowered.index(name.lower())
    return None
