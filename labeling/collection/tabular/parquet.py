"""A Parquet table of which a few cells change, while its columns, types and metadata stay.

A list cell is shown as a Python list, one of bytes by its length: sound that lies in the table is no text. A class of
Hugging Face's ClassLabel is shown by its name, and kept by its number.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Collection, Sequence
from typing import Any

from labeling.collection.tabular.base import Changes, NewRow
from labeling.collection.tabular.lists import parse_list
from labeling.errors import FormatError

# what a Parquet file of any size may hold beside a share of its bytes: a kilobyte can stand for a value a billion times
MOST_CELLS, MOST_ROWS, MOST_BYTES = 5_000_000, 250_000, 64 << 20


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
            self.classes = class_names(self._schema)
            texts = [
                _texts(column, self.classes.get(name))
                for name, column in zip(self.columns, self._coded.columns, strict=True)
            ]
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
            value = self._value(text, kind)
            if not pa.types.is_dictionary(kind.type):
                pa.array([value], kind.type)
            if value is None and not kind.nullable:
                return f"the column {kind.name!r} must not be empty"
            same = _same_text(_text(_named(value, self.classes.get(kind.name))), text, kind.type)
            if number and text and not same:  # a float32 rounds
                same = math.isclose(float(_text(value)), float(text), rel_tol=1e-3, abs_tol=1e-3)
        except (ValueError, TypeError, ArithmeticError, NotImplementedError):  # pyarrow's own are among them
            same = False
        return "" if same else f"the column {kind.name!r} is of type {kind.type} and cannot hold {text!r}"

    def _value(self, text: str, field: Any) -> Any:
        """A cell's text as a value of its column; raises ValueError where it is none."""
        names = self.classes.get(field.name)
        if names is None:
            return _typed(text, field.type)
        if _is_list(field.type):
            return [names.index(item) for item in parse_list(text) or []]
        return names.index(text) if text else None

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
                    field.name: self._value(text, field) if text or not field.nullable else None
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
                    values[number - 2] = self._value(cells[column], kind)
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


def class_names(schema: Any) -> dict[str, list[str]]:
    """The names behind the numbers of each column of classes, as Hugging Face keeps them beside the columns."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        found = {}
        for column, feature in features.items():
            inner = feature[0] if isinstance(feature, list) else feature.get("feature", feature)
            if isinstance(inner, dict) and inner.get("_type") == "ClassLabel":
                found[str(column)] = [str(name) for name in inner["names"]]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return {}  # other metadata of that name
    return found


def _named(value: Any, names: Sequence[str] | None) -> Any:
    """The names of classes by their numbers; a number that is none, -1 among them, is no class."""
    if names is None:
        return value
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None


def _texts(column: Any, names: Sequence[str] | None = None) -> list[str]:
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
        texts += [known.setdefault(text, text) for text in (_text(_named(v, names)) for v in chunk.to_pylist())]
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
        return _text_of_bytes(value)
    if isinstance(value, dict):
        return repr({key: _text(item) for key, item in value.items()})
    return str(value)


def _text_of_bytes(value: bytes) -> str:
    """Words as they are; sound, and whatever else is none, by its length."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f"<{len(value):,} bytes>"
    return text if text.isprintable() else f"<{len(value):,} bytes>"


def _typed(text: str, kind: Any) -> Any:
    """A cell's text as a value of its column's type; raises ValueError where it is none."""
    import pyarrow as pa

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
    return parse_list(stored) == parse_list(text) if _is_list(kind) else stored == text
