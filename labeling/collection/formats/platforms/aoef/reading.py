"""AOEF found and read: one clip a recording, with what all its clips and sound events say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import ImportedClip, ImportedTable, TableLabels
from labeling.collection.annotation.paths import Finder, choose_root, found_table, join
from labeling.collection.formats.platforms.aoef.document import KINDS, Document, Recording, said_by
from labeling.collection.tabular.json_text import head_of
from labeling.collection.tabular.reading import load
from labeling.errors import FormatError

NEEDS = (
    "a JSON file of Whombat or soundevent (annotation_project, annotation_set, evaluation_set, dataset); "
    "--label-column names the key of the tags that are labels (species, event, ...)"
)
_KIND = re.compile(r'"collection_type"\s*:\s*"(\w+)"')
MOST_LOOKED_AT = 200
OWN_KEYS = ("group", "fold")


def find(path: Path) -> Path | None:
    """The file itself, or the one of a folder that says most; None. Raises FormatError where several say as much."""
    if path.is_file():
        return path if _kind(path) else None
    files = sorted(path.glob("*.json"))[:MOST_LOOKED_AT]
    kinds = {file: kind for file in files if (kind := _kind(file))}
    best = next((kind for kind in KINDS if kind in kinds.values()), "")
    fitting = [file for file, kind in kinds.items() if kind == best]
    if len(fitting) > 1:
        shown = ", ".join(file.name for file in fitting[:8])
        raise FormatError(f"{path} holds {len(fitting)} AOEF files of the kind {best} ({shown}); give its full path")
    return fitting[0] if fitting else None


def _kind(path: Path) -> str:
    match = _KIND.search(head_of(path)) if path.suffix.lower() == ".json" else None
    return match[1] if match and match[1] in KINDS else ""


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read a file of AOEF. Raises FormatError for what is none, and for predictions."""
    if path.is_dir():
        raise FormatError(f"{path} holds no AOEF; give the path of the JSON file")
    data = load(path)
    document = Document(data, path.name, options)
    root = choose_root(path, audio, list(document.recordings))
    finder = Finder(root, document.recordings)
    clips = [_clip(document, recording, finder) for recording in document.recordings.values()]
    return found_table("aoef", path, data, finder, clips, document.problems, options, {})


def _clip(document: Document, recording: Recording, finder: Finder) -> ImportedClip:
    codes = tuple(dict.fromkeys(said.code for said in recording.said))
    regions = dict.fromkeys((said.code, said.region) for said in recording.said if said.region is not None)
    metadata = document.metadata(recording)
    return ImportedClip(
        filename=recording.name,
        path=finder.path(recording.name) or join(finder.root, recording.name),
        labels=codes,
        primary="",
        row=recording.row,
        group=metadata.get("group", ""),
        fold=metadata.get("fold", ""),
        metadata={key: text for key, text in metadata.items() if key not in OWN_KEYS},
        rows=(recording.row,),
        regions=tuple(regions),
        said_by=said_by(recording),
        partial=not recording.said if document.of_recordings else recording.unheard,
    )


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the file says of each recording."""
    document = Document(data, str(options.get("table", "annotations.json")), options)
    return {
        name: TableLabels("", tuple(dict.fromkeys(said.code for said in recording.said)))
        for name, recording in document.recordings.items()
    }
