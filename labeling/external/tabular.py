"""Large tables, CSV or Parquet, in batches of typed columns: texts as they are, and numbers or a complaint."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labeling.collection.tabular.delimited import CsvTable
from labeling.collection.tabular.reading import SUFFIXES, header
from labeling.errors import FormatError

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET = (".parquet", ".pq")
BLOCK_BYTES = 16 << 20  # of a CSV, at a time; the longest row must fit
BATCH_ROWS = 1 << 15
_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?((?:\r?\n)*)")
_NO_NUMBER = re.compile(r"CSV conversion error to \w+: invalid value '(.*)'")


@dataclass(frozen=True)
class Texts:
    """A column of texts: each of its ``words`` once, and which of them stands in each row, (rows,)."""

    words: list[str]
    place: NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Some rows: columns of texts, and numbers (rows, columns) float32, NaN where a cell is empty."""

    text: dict[str, Texts]
    numbers: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.numbers)


def is_table(path: Path) -> bool:
    """Whether a path is a file that may be a table, by its name."""
    return path.is_file() and path.suffix.lower() in SUFFIXES


def columns_of(path: Path) -> list[str]:
    """The column names of a table; raises FormatError where one appears twice, or where it has none."""
    names = header(path)
    if not names:
        raise FormatError(f"{path} is no CSV, TSV or Parquet table with a line of column names; check the file")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise FormatError(f"{path}: column {twice[0]!r} appears twice; rename or delete one of them")
    return names


def batches(path: Path, text: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
    """The rows of a table, some at a time; raises FormatError with the column of a value that is no number."""
    import pyarrow as pa

    try:
        for batch in _parquet(path, [*text, *numbers]) if path.suffix.lower() in PARQUET else _csv(path, text, numbers):
            yield Batch(
                {name: _texts(batch.column(name)) for name in text},
                _numbers(batch, numbers),
            )
    except (pa.ArrowException, UnicodeDecodeError, ValueError) as problem:
        raise FormatError(f"{path}: {_said(problem)}") from problem
    except OSError as problem:  # pyarrow's own word for a Parquet file cut short, too
        raise FormatError(f"{path} cannot be read: {_said(problem)}; check the file") from problem


def _csv(path: Path, text: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv

    with path.open("rb") as handle:
        head = handle.read(1 << 16)
    whole = head.rfind(b"\n") + 1 if len(head) == 1 << 16 else len(head)
    blank = _BLANK.match(head)
    first = CsvTable(head[: whole or len(head)], path.name, header_only=True)
    before = (blank[1].count(b"\n") if blank else 0) + bool(first.first_line)
    kinds: dict[str, Any] = {name: pa.string() for name in text} | {name: pa.float32() for name in numbers}
    with csv.open_csv(
        path,
        read_options=csv.ReadOptions(
            encoding=first.encoding, block_size=BLOCK_BYTES, column_names=first.columns, skip_rows=before + 1
        ),
        parse_options=csv.ParseOptions(delimiter=first.delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=kinds, include_columns=[*text, *numbers], strings_can_be_null=False
        ),
    ) as reader:
        yield from reader


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as parquet

    with parquet.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns))


def _texts(column: pa.Array) -> Texts:
    import pyarrow as pa

    coded = column.cast(pa.string()).fill_null("").dictionary_encode()
    return Texts(coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.int64))


def _numbers(batch: pa.RecordBatch, names: Sequence[str]) -> NDArray[np.float32]:
    import pyarrow as pa

    out = np.empty((batch.num_rows, len(names)), np.float32)
    for k, name in enumerate(names):
        try:
            column = batch.column(name).cast(pa.float32(), safe=False)
        except pa.ArrowException as problem:
            raise FormatError(f"column {name!r}: {_said(problem)}") from problem
        out[:, k] = column.to_numpy(zero_copy_only=False)
    return out


def _said(problem: Exception) -> str:
    """What pyarrow said, in one line, with the remedy."""
    line = str(problem).strip().split("\n")[0]
    match = _NO_NUMBER.search(line)
    if match:
        return f"{match[1][:60]!r} is no number; give numbers with a point, or leave the column or row out"
    return line[:300]
