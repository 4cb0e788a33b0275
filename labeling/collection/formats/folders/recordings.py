"""A folder of recordings without any label: what a recorder's card holds. Nobody has listened to any of them yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import Format, ImportedClip, ImportedTable, TableLabels
from labeling.collection.formats.folders import walking
from labeling.collection.formats.folders.classes import folder_given, folder_table
from labeling.errors import FormatError

NEEDS = "a folder of sound files, perhaps in folders, and no table: recordings without labels"


def find(path: Path) -> Path | None:
    """The folder itself where sound lies in it or below, or None."""
    if not path.is_dir() or walking.has_table(path):
        return None
    return path if walking.some_sounds(path) or walking.with_sound(path) else None


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read the names of all sound files; the outermost folder of each is its group: a site, or a card."""
    root = folder_given(path, audio)
    names = walking.sounds_below(root)
    if not names:
        raise FormatError(f"{root} holds no sound file; give the folder that holds the recordings")
    clips = [
        ImportedClip(
            filename=name,
            path=str(root / name),
            labels=(),
            primary="",
            row=row,
            group=name.split("/")[0] if "/" in name else "",
            rows=(row,),
            partial=True,
        )
        for row, name in enumerate(names, start=2)
    ]
    return folder_table("recordings", path, root, names, clips, options)


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """Nothing is said of any file."""
    return {name: TableLabels("", ()) for name in walking.listed(data)}


FORMAT = Format(
    "recordings",
    NEEDS,
    find,
    read,
    labels,
    rank=98,
    about="A folder of recordings without labels, to be predicted, swept and labelled.",
    any_folder=True,
)
