"""The sound files below a folder, and which formats of folders they look like."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from labeling.collection.annotation.paths import AUDIO_FOLDERS, MOST_LISTED, plain_name
from labeling.collection.tabular.beside import is_beside
from labeling.errors import FormatError
from labeling.file_names import AUDIO_SUFFIXES

MOST_TRIED = 500  # names of a folder that are looked at to find out what it is
TABLES = (".csv", ".tsv", ".parquet", ".pq", ".xlsx", ".xls", ".ods", ".jsonl", ".json")
SPLITS = frozenset(
    {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "development", "eval", "evaluation"}
)
_NO_CLASS = frozenset({*AUDIO_FOLDERS, "recordings", "data", "sound", "sounds", "wavs"})
_RECORDED = re.compile(r"(?:19|20)\d{2}[-_.]?[01]\d[-_.]?[0-3]\d")  # a date in a name: a recorder gave it


def is_sound(name: str) -> bool:
    """Whether a file is sound by its name; hidden ones are none."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES


def sounds_below(root: Path) -> list[str]:
    """The paths of all sound files below a folder, relative to it, in the order of their names."""
    found: list[str] = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = os.path.relpath(folder, root).replace(os.sep, "/")
        found += [name if below == "." else f"{below}/{name}" for name in sorted(names) if is_sound(name)]
        if len(found) > MOST_LISTED:
            raise FormatError(f"{root} holds more than {MOST_LISTED:,} sound files; import one of its folders")
    return found


def with_sound(root: Path) -> dict[str, list[str]]:
    """The folders in a folder that hold sound, in themselves or below, each with some names of sound files there.

    Looks at a few hundred names of each and no deeper than three folders, so that it is quick in any tree.
    """
    return {entry.name: names for entry in _folders(root) if (names := _some_sounds(Path(entry.path), 3))}


def has_table(root: Path) -> bool:
    """Whether a folder holds a table, which would say more than the names of folders, but for what an export adds."""
    return any(name.lower().endswith(TABLES) and not is_beside(root / name) for name in _names(root))


def looks_recorded(names: list[str]) -> bool:
    """Whether most of some files are named after the day on which a recorder wrote them."""
    return 2 * sum(bool(_RECORDED.search(name)) for name in names) > len(names)


def may_be_class(name: str) -> bool:
    """Whether a folder may be called after a class: not after what it holds, nor a day."""
    return plain_name(name).lower() not in _NO_CLASS and not _RECORDED.search(name)


def some_sounds(root: Path) -> list[str]:
    """The names of some sound files that lie in a folder itself."""
    return [name for name in _names(root) if is_sound(name)]


def listing(names: list[str]) -> bytes:
    """The names of a collection's files, kept as its table."""
    return json.dumps(names, ensure_ascii=False, indent=0).encode()


def listed(data: bytes) -> list[str]:
    """What `listing` was given. Raises FormatError for other bytes."""
    try:
        names = json.loads(data)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FormatError("the list of files that was kept cannot be read; import the folder again")
    return names


def _names(root: Path) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return sorted(entry.name for entry in itertools.islice(entries, MOST_TRIED))
    except OSError:
        return []


def _folders(root: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(root) as entries:
            here = [entry for entry in itertools.islice(entries, MOST_TRIED) if not entry.name.startswith(".")]
    except OSError:
        return
    for entry in sorted(here, key=lambda entry: entry.name):
        if entry.is_dir():
            yield entry


def _some_sounds(folder: Path, deeper: int) -> list[str]:
    names = some_sounds(folder)
    for entry in _folders(folder) if not names and deeper else ():
        if names := _some_sounds(Path(entry.path), deeper - 1):
            break
    return names
