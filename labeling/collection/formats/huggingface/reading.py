"""Data sets of Hugging Face found and read; what they share with any other table is that format's."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import UNPACKED_TO, Format, ImportedTable, Problem
from labeling.collection.formats.huggingface import embedded
from labeling.collection.formats.huggingface.kept import with_kept
from labeling.collection.tabular.jsonl import SUFFIXES
from labeling.collection.tabular.parquet import class_names
from labeling.collection.tabular.reading import header
from labeling.errors import FormatError

NEEDS = "a folder with a metadata.jsonl that has a column file_name, or Parquet with a column of sound (bytes, path)"
TABLE = "metadata.jsonl"


def find(path: Path) -> Path | None:
    """metadata.jsonl, or the Parquet file with sound; of several the folder."""
    if path.is_file() and path.name.lower().endswith(SUFFIXES):
        return path if "file_name" in header(path) else None
    if path.is_dir():
        for folder in (path, path / "train"):
            if (folder / TABLE).is_file() and "file_name" in header(folder / TABLE):
                return folder / TABLE
    files = embedded.shards(path)
    return (files[0] if len(files) == 1 else path) if files else None


def read(tables: Format, path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read a data set. Sound that lies in Parquet is put into files: below the audio folder that is given, else
    into the folder ``earmark_sound`` beside it.
    """
    files = embedded.shards(path)
    if files:
        folder = _sound_folder(files, audio)
        table, made = _embedded(tables, path, files, folder, options)
        told = [Problem(0, "", f"the sound of {len(table.clips):,} rows lies in {folder}")] if made else []
        return replace(table, problems=(*told, *table.problems))
    if path.is_dir():
        raise FormatError(f"{path} holds no data set of Hugging Face; it needs {NEEDS}")
    columns = set(header(path))
    wanted = {"path_column": "file_name", "label_column": "label", "labels_column": "labels"}
    wanted |= {"group_column": "group", "fold_column": "fold"}
    own = {option: column for option, column in wanted.items() if column in columns} | dict(options)
    problems: list[Problem] = []
    read = tables.read(path, audio, own)
    clips = tuple(with_kept(clip, problems) for clip in read.clips)
    return replace(read, format="huggingface", clips=clips, problems=(*read.problems, *problems))


def look(
    tables: Format, path: Path, audio: str | None, options: Mapping[str, Any], scratch: Path, most: int
) -> ImportedTable:
    """What `read` would return, with the sound of a few rows below ``scratch`` and nothing written elsewhere."""
    files = embedded.shards(path)
    if not files:
        return read(tables, path, audio, options)
    table, _ = _embedded(tables, path, files, scratch, options, most)
    return replace(table, options={**table.options, UNPACKED_TO: str(_sound_folder(files, audio).resolve())})


def _sound_folder(files: Sequence[Path], audio: str | None) -> Path:
    return Path(audio).expanduser() if audio else files[0].parent / embedded.FOLDER


def _embedded(
    tables: Format, path: Path, files: list[Path], folder: Path, options: Mapping[str, Any], most: int | None = None
) -> tuple[ImportedTable, int]:
    """The table, and how many files of its sound were made."""
    extracted = embedded.extract(files, folder.resolve(), most)
    folder.mkdir(parents=True, exist_ok=True)
    own = {**_columns(extracted.table, extracted.column), **options}
    with tempfile.TemporaryDirectory() as scratch:
        stripped = Path(scratch) / f"{files[0].stem}.parquet"
        stripped.write_bytes(extracted.table)
        read = tables.read(stripped, str(folder), own)
    events = embedded.events(extracted.table)
    problems: list[Problem] = []
    clips = []
    for clip in read.clips:
        metadata = {key: text for key, text in clip.metadata.items() if key != embedded.ROW}
        if events is None:
            clips.append(replace(clip, metadata=metadata))
        else:
            its = events[int(clip.metadata[embedded.ROW])]
            clips.append(with_kept(replace(clip, metadata={**metadata, "events": json.dumps(its)}), problems))
    more = {"source": str(path.resolve()), "shards": [str(file.resolve()) for file in files]}
    options = {**read.options, **more, "sound_column": extracted.column}
    told = (*read.problems, *problems)
    return replace(read, format="huggingface", clips=tuple(clips), options=options, problems=told), extracted.made


def _columns(data: bytes, sound: str) -> dict[str, str]:
    """The columns of the sound's names and of classes: one class a row, or a list of them."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    schema = parquet.read_schema(pa.BufferReader(data))
    own = {"path_column": sound}
    for name in class_names(schema):
        if name in schema.names:
            option = "labels_column" if pa.types.is_nested(schema.field(name).type) else "label_column"
            own.setdefault(option, name)
    if set(schema.names) >= embedded.EVENTS:  # as Earmark writes it
        own |= {"group_column": "group", "fold_column": "fold"}
        own |= {"label_column": "label", "labels_column": "labels"}
    return own
