"""Corrected labels written into a data set of Hugging Face: its metadata.jsonl, or Parquet files with their sound."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import Correction, Format, NotHeld, Written
from labeling.collection.formats.huggingface import embedded, kept
from labeling.collection.tabular.jsonl import SUFFIXES, JsonlTable
from labeling.collection.tabular.parquet import class_names
from labeling.storage.files import write_all, write_atomically


def write(
    tables: Format,
    data: bytes,
    options: Mapping[str, Any],
    corrections: Mapping[str, Correction],
    out_dir: Path,
) -> Written:
    """The table with corrected labels. Parquet files get their own sound again, where they are still at their place;
    those of which nothing changed are the same bytes.
    """
    name = str(options.get("table", "metadata.jsonl"))
    assert tables.write is not None
    if "shards" not in options:
        written = tables.write(data, options, corrections, out_dir)
        lines = name.lower().endswith(SUFFIXES)
        column = str(options.get("path_column", "file_name"))
        lost = _lines(written.files[0], name, column, corrections) if lines else _all_lost(corrections)
        return Written(written.files, (*written.not_held, *lost), written.notes)
    with tempfile.TemporaryDirectory() as scratch:
        written = tables.write(data, {**options, "source": ""}, corrections, Path(scratch))
        changed, lost = _rows(written.files[0].read_bytes(), str(options["sound_column"]), corrections)
    written = Written(written.files, (*written.not_held, *lost), written.notes)
    return _with_sound(data, changed, options, written, out_dir)


def _all_lost(corrections: Mapping[str, Correction]) -> list[NotHeld]:
    return [held for correction in corrections.values() for held in kept.not_held(correction, [])]


def _lines(path: Path, name: str, column: str, corrections: Mapping[str, Correction]) -> list[NotHeld]:
    """Change what lines say beyond labels in step with them, where Earmark had written it; what is not held."""
    table = JsonlTable(path.read_bytes(), name)
    said: dict[str, list[dict[str, Any]]] = {}
    values: dict[int, dict[str, Any]] = {}
    for row, value in table.values.items():
        correction = corrections.get(str(value.get(column, "")).strip())
        if correction is not None:
            after = {**value, **kept.corrected(value, correction)}
            said.setdefault(correction.filename, []).append(after)
            if after != value:
                values[row] = after
    if values:
        write_atomically(path, table.rewritten(values))
    return [held for name, own in corrections.items() for held in kept.not_held(own, said.get(name, []))]


def _rows(data: bytes, sound: str, corrections: Mapping[str, Correction]) -> tuple[bytes, list[NotHeld]]:
    """The same of a table without sound; a class that is none of the file's cannot be listed."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    table = parquet.read_table(pa.BufferReader(data))
    if not set(table.schema.names) >= embedded.EVENTS:
        return data, _all_lost(corrections)
    names = class_names(table.schema)
    columns = {name: table.column(name).to_pylist() for name in kept.COLUMNS if name in table.schema.names}
    said: dict[str, list[dict[str, Any]]] = {}
    for row, filename in enumerate(table.column(sound).to_pylist()):
        correction = corrections.get(filename or "")
        if correction is None:
            continue
        before = {name: _named(values[row], names.get(name)) for name, values in columns.items()}
        after = {**before, **kept.corrected(before, correction)}
        for name, value in after.items():
            if value != before[name]:
                known = names.get(name)
                columns[name][row] = value if known is None else [known.index(code) for code in value if code in known]
                after[name] = _named(columns[name][row], known)
        said.setdefault(correction.filename, []).append(after)
    for name, values in columns.items():
        field = table.schema.field(name)
        table = table.set_column(table.schema.names.index(name), field, pa.array(values, field.type))
    out = pa.BufferOutputStream()
    parquet.write_table(table, out)
    lost = [held for name, own in corrections.items() for held in kept.not_held(own, said.get(name, []))]
    return out.getvalue().to_pybytes(), lost


def _named(value: Any, names: Sequence[str] | None) -> Any:
    return value if names is None or value is None else [names[at] for at in value if 0 <= at < len(names)]


def _with_sound(data: bytes, changed: bytes, options: Mapping[str, Any], written: Written, out_dir: Path) -> Written:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    before, after = (parquet.read_table(pa.BufferReader(content)) for content in (data, changed))
    shards = [Path(shard) for shard in options["shards"]]
    gone = [shard.name for shard in shards if not shard.is_file()]
    if gone:
        told = f"{', '.join(gone[:3])} with its sound is not there any more; the table is written without sound."
        alone = write_atomically(out_dir / str(options["table"]), changed)
        return Written((alone,), written.not_held, (*written.notes, told))

    def contents() -> Iterator[tuple[str, bytes]]:
        first = 0
        for shard in shards:
            rows = range(first, first + parquet.read_metadata(shard).num_rows)
            own = [embedded.rows_of(table, rows) for table in (before, after)]
            same = own[0].equals(own[1])
            yield shard.name, shard.read_bytes() if same else embedded.joined(shard, options["sound_column"], own[1])
            first = rows.stop

    return Written(write_all(out_dir, contents()), written.not_held, written.notes)
