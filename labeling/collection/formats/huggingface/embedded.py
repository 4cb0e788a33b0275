"""Parquet with the sound of its rows in it: the sound put into files, and the rest as a table without sound."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labeling.collection.annotation.naming import relative_name
from labeling.collection.annotation.paths import inside
from labeling.errors import FormatError
from labeling.file_names import AUDIO_SUFFIXES, folded

ROW = "earmark_row"
"""The column by which a row of the table without sound is known: its place among the rows of all files."""
FOLDER = "earmark_sound"
_MAGIC = ((b"RIFF", ".wav"), (b"OggS", ".ogg"), (b"fLaC", ".flac"), (b"ID3", ".mp3"), (b"FORM", ".aiff"))
BATCH_ROWS = 64
EVENTS = frozenset({"events", "partial"})
"""Columns that only a data set has that Earmark wrote."""


def sound_column(path: Path) -> str:
    """The column of a Parquet file that holds sound as `datasets` keeps it, "" for none."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        schema = parquet.read_schema(path)
    except (pa.ArrowException, OSError, ValueError):
        return ""
    for field in schema:
        if pa.types.is_struct(field.type):
            inner = {own.name: own.type for own in field.type}
            if inner.keys() == {"bytes", "path"} and (
                pa.types.is_binary(inner["bytes"]) or pa.types.is_large_binary(inner["bytes"])
            ):
                return str(field.name)
    return ""


def shards(path: Path) -> list[Path]:
    """The Parquet files with sound of a data set: the one given, or those of a folder and of its folder data."""
    if path.is_file():
        return [path] if path.suffix.lower() in (".parquet", ".pq") and sound_column(path) else []
    for folder in (path, path / "data"):
        files = sorted(folder.glob("*.parquet")) if folder.is_dir() else []
        if files and sound_column(files[0]):
            return [file for file in files if sound_column(file)]
    return []


@dataclass(frozen=True)
class Extracted:
    """A table without sound, whose sound column holds names of files below a folder; ``made`` counts new files."""

    table: bytes
    column: str
    folder: Path
    made: int


def extract(files: Sequence[Path], folder: Path, most: int | None = None) -> Extracted:
    """Put the sound of Parquet files into files below a folder, those that are there already aside.

    Of no more than ``most`` rows, spread over all of them, where that is given. Raises FormatError where a file cannot
    be read, or nothing can be written there.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    column = sound_column(files[0])
    wanted = None if most is None else _spread(files, most)
    tables, made, row = [], 0, 0
    taken: set[str] = set()
    for file in files:
        try:
            reader = parquet.ParquetFile(file)
            others = [name for name in reader.schema_arrow.names if name != column]
            rest = reader.read(columns=others)
            names: list[str | None] = []
            for cell in _cells(reader, column, row, wanted):
                number = row + len(names)
                name = _name(cell, file.stem if len(files) > 1 else "", number, taken)
                names.append(name)
                if cell.get("bytes") and (wanted is None or number in wanted):
                    made += _put(folder, name, cell["bytes"])
        except (pa.ArrowException, OSError, ValueError) as problem:
            raise FormatError(f"{file} cannot be read, or its sound not be put into {folder} ({problem}); "
                              "name another folder for it with --audio") from problem  # fmt: skip
        at = reader.schema_arrow.names.index(column)
        rest = rest.add_column(at, pa.field(column, pa.string()), pa.array(names, pa.string()))
        tables.append(rest.append_column(ROW, pa.array(range(row, row + len(names)), pa.int64())))
        row += len(names)
    whole = pa.concat_tables(tables, promote_options="default")
    whole = whole.replace_schema_metadata(tables[0].schema.metadata)
    buffer = io.BytesIO()
    parquet.write_table(whole, buffer)
    return Extracted(buffer.getvalue(), column, folder, made)


def _spread(files: Sequence[Path], most: int) -> frozenset[int]:
    """Numbers of some rows among those of all files, from the first to the last."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        count = sum(parquet.read_metadata(file).num_rows for file in files)
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise FormatError(f"{files[0]} or a file beside it cannot be read ({problem})") from problem
    return frozenset(np.linspace(0, count - 1, min(most, count)).astype(int).tolist())


def _cells(reader: Any, column: str, first: int, wanted: frozenset[int] | None) -> Iterator[dict[str, Any]]:
    """The sound of each row of a file, whose rows count from ``first``; of parts without a wanted row only its path."""
    for group in range(reader.num_row_groups):
        rows = range(first, first + reader.metadata.row_group(group).num_rows)
        first = rows.stop
        whole = wanted is None or any(row in rows for row in wanted)
        columns = [column if whole else f"{column}.path"]
        for batch in reader.iter_batches(BATCH_ROWS, row_groups=[group], columns=columns):
            yield from (cell or {} for cell in batch.column(0).to_pylist())


def _name(cell: dict[str, Any], shard: str, row: int, taken: set[str]) -> str:
    """What a row's file is called: as its path says, else by its number; never outside, never twice."""
    sound = cell.get("bytes") or b""
    suffix = next((suffix for start, suffix in _MAGIC if sound.startswith(start)), ".mp3" if sound else ".wav")
    name = relative_name(cell["path"]) if cell.get("path") else f"{row:06d}{suffix}"
    if os.path.splitext(name)[1].lower() not in AUDIO_SUFFIXES:
        name += suffix
    tries = [name, *([f"{shard}/{name}"] if shard else []), f"{row:06d}_{name.rsplit('/', 1)[-1]}"]
    free = next((one for one in tries if folded(one) not in taken), f"{row:06d}{suffix}")
    taken.add(folded(free))
    return free


def _put(folder: Path, name: str, sound: bytes) -> bool:
    """Write a file unless one of its length is there; whether it was written."""
    if inside(str(folder), name) is None:
        raise FormatError(f"{name!r} leads outside {folder}")
    path = folder / name
    if path.is_file() and path.stat().st_size == len(sound):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name[:60]}.part")
    beside.write_bytes(sound)
    beside.replace(path)
    return True


def events(data: bytes) -> list[Any] | None:
    """The events of each row of a table that Earmark wrote, None of any other."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    schema = parquet.read_schema(pa.BufferReader(data))
    if not set(schema.names) >= EVENTS or not pa.types.is_list(schema.field("events").type):
        return None
    column: list[Any] = parquet.read_table(pa.BufferReader(data), columns=["events"]).column(0).to_pylist()
    return column


def rows_of(table: Any, rows: range) -> Any:
    """Those rows of a table without sound that came from some rows; they are counted from the first of them."""
    import pyarrow as pa
    import pyarrow.compute as compute

    numbers = table.column(ROW)
    own = table.filter(compute.and_(compute.greater_equal(numbers, rows.start), compute.less(numbers, rows.stop)))
    places = compute.subtract(own.column(ROW), pa.scalar(rows.start, pa.int64()))
    return own.set_column(own.schema.names.index(ROW), ROW, places)


def joined(file: Path, column: str, rows: Any) -> bytes:
    """A Parquet file with the values of `rows_of` it, and its own sound."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    table = parquet.read_table(file)
    arrays = [
        table.column(column).take(rows.column(ROW)) if name == column else rows.column(name).cast(kind)
        for name, kind in zip(table.schema.names, table.schema.types, strict=True)
    ]
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_arrays(arrays, schema=table.schema), buffer)
    return buffer.getvalue()
