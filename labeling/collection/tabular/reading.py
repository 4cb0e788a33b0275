"""Open a table file as the kind of table that it is: delimited text, Parquet, or a JSON object a line."""

from __future__ import annotations

import contextlib
from pathlib import Path

from labeling.collection.tabular.base import Table
from labeling.collection.tabular.delimited import CsvTable
from labeling.collection.tabular.jsonl import SUFFIXES as JSON_LINES
from labeling.collection.tabular.jsonl import JsonlTable
from labeling.collection.tabular.parquet import ParquetTable
from labeling.errors import FormatError

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq", *JSON_LINES)


def read_table(data: bytes, name: str) -> Table:
    """Parse a table by its bytes; Parquet by its magic, JSON lines by their name, else text. Raises FormatError."""
    if data[:4] == b"PAR1":
        return ParquetTable(data, name)
    if name.lower().endswith(JSON_LINES):
        return JsonlTable(data, name)
    return CsvTable(data, name)


def load(path: Path) -> bytes:
    """The bytes of a table file; raises FormatError where it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FormatError(f"no table at {path}") from None
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error.strerror}; check the path and its permissions") from error


HEAD_BYTES = 1 << 16


def head(path: Path) -> bytes:
    """The first 64 KiB of a text table, to the last whole line of a longer one."""
    with path.open("rb") as handle:
        first = handle.read(HEAD_BYTES)
    return first if len(first) < HEAD_BYTES else first[: first.rfind(b"\n") + 1]


def header(path: Path) -> list[str]:
    """The column names of a table file, [] where it is none. Reads no more than the first 64 KiB of a text table."""
    try:
        if path.suffix.lower() in {".parquet", ".pq"}:
            import pyarrow.parquet as parquet

            return [str(name) for name in parquet.read_schema(path).names]
        with path.open("rb") as handle:
            first = handle.read(HEAD_BYTES)
        if path.name.lower().endswith(JSON_LINES):
            return JsonlTable(first, path.name, header_only=True).columns
        # What is cut off may end within a character, so a long file is taken to its last whole line.
        ends = (len(first),) if len(first) < HEAD_BYTES else (first.rfind(b"\n") + 1, len(first))
        for end in ends:
            with contextlib.suppress(FormatError):
                return CsvTable(first[:end], path.name, header_only=True).columns
    except Exception:  # a file that cannot be parsed is just not a table; reading it says why
        return []
    return []
