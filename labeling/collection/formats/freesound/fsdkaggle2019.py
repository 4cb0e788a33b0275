"""FSDKaggle2019: two tables in one folder, train_curated.csv and train_noisy.csv, read as one collection.

The column ``subset`` says which of them a clip is in: ``curated`` or ``noisy``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import (
    Correction,
    Format,
    ImportedClip,
    ImportedTable,
    Labelling,
    Problem,
    TableLabels,
    Written,
)
from labeling.collection.annotation.bundle import pack, unpack
from labeling.collection.tabular.anew import write_new
from labeling.collection.tabular.preset import Preset
from labeling.errors import FormatError
from labeling.storage.remote import is_url

SUBSETS = ("curated", "noisy")
PRESET = Preset(
    name="fsdkaggle2019",
    about="FSDKaggle2019 (Fonseca 2019): several of 80 classes a clip, a curated table and a noisy one.",
    needs="a folder with train_curated.csv and train_noisy.csv (fname, labels); sound under folders of the same names",
    columns=("fname", "labels"),
    options={"path_column": "fname", "label_column": "", "labels_column": "labels", "separator": ","},
    tables=(),
    sounds=("{stem}", *(f"{up}{prefix}audio_{{stem}}" for up in ("", "../") for prefix in ("", "FSDKaggle2019."))),
    words=True,
    rank=22,
)


def find(path: Path) -> Path | None:
    """The folder with both tables, at a folder or in its FSDKaggle2019.meta/, or None."""
    for folder in (path, path / "FSDKaggle2019.meta") if path.is_dir() else ():
        if len(_tables(folder)) == len(SUBSETS):
            return folder
    return None


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read both tables."""
    files = _tables(path) if path.is_dir() else {}
    if len(files) < len(SUBSETS):
        raise FormatError(f"{path} lacks train_curated.csv or train_noisy.csv; give the folder that holds both")
    tables = {subset: PRESET.read(file, audio, options) for subset, file in files.items()}
    clips: dict[str, ImportedClip] = {}
    problems: list[Problem] = []
    for subset, table in tables.items():
        problems += [replace(problem, filename=problem.filename or table.table_name) for problem in table.problems]
        for clip in table.clips:
            if clip.filename in clips:
                problems.append(Problem(clip.row, clip.filename, "is in both tables; what the curated one says counts"))
            else:
                clips[clip.filename] = replace(clip, metadata={**clip.metadata, "subset": subset})
    roots = {table.audio_root for table in tables.values()}
    return ImportedTable(
        format=PRESET.name,
        table_name=path.name,
        table_bytes=pack({table.table_name: table.table_bytes for table in tables.values()}),
        audio_root=roots.pop() if len(roots) == 1 or any(map(is_url, roots)) else os.path.commonpath(roots),
        clips=tuple(clips.values()),
        class_names={code: name for table in tables.values() for code, name in table.class_names.items()},
        options={
            **options,
            "table": path.name,
            "source": str(path.resolve()),
            "tables": {table.table_name: dict(table.options) for table in tables.values()},
        },
        problems=tuple(problems),
        by_part=sum(table.by_part for table in tables.values()),
    )


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the tables say of each filename."""
    said: dict[str, TableLabels] = {}
    for name, content in unpack(data).items():
        said = PRESET.labels(content, _options(options, name)) | said
    return said


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> Written:
    """Both tables with corrected labels."""
    all_written = [
        PRESET.write(content, _options(options, name), corrections, out_dir) for name, content in unpack(data).items()
    ]
    return _together(all_written)


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """Both tables of any labels; clips that no noisy table had are in the curated one."""
    noisy = {clip.filename for clip in labelling.clips if clip.metadata.get("subset") == "noisy"}
    parts = {
        subset: tuple(clip for clip in labelling.clips if (clip.filename in noisy) == (subset == "noisy"))
        for subset in SUBSETS
    }
    return _together(
        [
            write_new(replace(labelling, clips=clips), PRESET.new, f"train_{subset}.csv", out_dir)
            for subset, clips in parts.items()
        ]
    )


def _together(written: list[Written]) -> Written:
    return Written(
        tuple(file for own in written for file in own.files),
        tuple(dict.fromkeys(held for own in written for held in own.not_held)),
        tuple(note for own in written for note in own.notes),
    )


def _options(options: Mapping[str, Any], name: str) -> dict[str, Any]:
    return dict(options.get("tables", {}).get(name, {"table": name}))


def _tables(folder: Path) -> dict[str, Path]:
    """The table of each subset in a folder."""
    files = {subset: sorted(folder.glob(f"train_{subset}*.csv")) for subset in SUBSETS}
    return {subset: own[0] for subset, own in files.items() if len(own) == 1 and PRESET.find(own[0])}


FORMAT: Format = replace(PRESET.format(), find=find, read=read, labels=labels, write=write, export=export)
