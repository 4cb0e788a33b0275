"""Which recordings are to be predicted, and how: what a command or a page asks for, before anything is read.

Importing this loads no torch.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from labeling.collection import store
from labeling.collection.allowed import is_below, real
from labeling.errors import ConfigError, DataError, UnknownName
from labeling.file_names import AUDIO_SUFFIXES
from labeling.registry import unknown_name
from labeling.storage.remote import is_url
from labeling.workspace import Workspace


@dataclass(frozen=True)
class Source:
    """One recording: where it lies, and the name under which its files are written (without an ending)."""

    path: str
    name: str

    @property
    def filename(self) -> str:
        """The file's own name, without folders."""
        return PurePosixPath(self.path).name

    def file(self, out: Path, part: str) -> Path:
        """Its output file."""
        return out / f"{self.name}{part}"


@dataclass(frozen=True)
class BatchSettings:
    """How recordings are to be predicted, as the user asked.

    ``threshold`` names a rule (models/prediction/thresholds.py); ``classes`` are codes to keep, None for all; ``post``
    names post-processors, ``strength`` scales their shifts, and ``about`` is a CSV (filename, latitude, longitude,
    date) for them. Raises ConfigError for seconds that are none.
    """

    segment_s: float = 5.0
    threshold: str = "per_class"
    classes: tuple[str, ...] | None = None
    merge_gap_s: float = 0.5
    shortest_s: float = 0.1
    post: tuple[str, ...] = ()
    strength: float = 1.0
    about: Path | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, low in (("segment", 0.01), ("merge-gap", 0), ("shortest", 0)):
            value = getattr(self, f"{name.replace('-', '_')}_s")
            if not low <= value < float("inf"):
                raise ConfigError(f"--{name} {value:g} must be at least {low:g} seconds")
        if not 0 <= self.strength <= 10:
            raise ConfigError(f"--strength {self.strength:g} must be from 0 to 10; 1 takes the prior at its word")


def sources_of(audio: Sequence[str]) -> list[Source]:
    """The recordings that files, folders (searched whole), patterns and URLs name, each once.

    Files below a folder keep their place in it. Raises DataError for what names nothing, or two of one name.
    """
    name_of: dict[str, str] = {}
    for text in audio:
        if not text.strip():
            raise DataError(f"--audio {text!r} names nothing; give '.' for the folder that you are in")
        path = Path(text).expanduser()
        if is_url(text):
            pairs = [(text, PurePosixPath(text.split("?")[0]).name)]
        elif path.is_dir():
            inside = sorted(
                file for file in path.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES and file.is_file()
            )
            pairs = [(str(file.resolve()), file.relative_to(path).as_posix()) for file in inside]
        elif path.exists():
            pairs = [(str(path.resolve()), path.name)]
        else:
            matches = sorted(glob.glob(os.path.expanduser(text), recursive=True))
            pairs = [(str(Path(match).resolve()), Path(match).name) for match in matches if Path(match).is_file()]
        if not pairs:
            what = f"a folder without {', '.join(AUDIO_SUFFIXES)}" if path.is_dir() else "no file, folder or pattern"
            raise DataError(f"--audio {text!r} is {what} to predict")
        for place, name in pairs:
            name_of.setdefault(place, name)
    stems: dict[str, list[str]] = {}
    for place, name in name_of.items():
        stems.setdefault(_stem(name), []).append(place)
    sources: dict[str, Source] = {}
    for place, name in name_of.items():
        # Two formats of one name keep their endings.
        chosen = _stem(name) if len(stems[_stem(name)]) == 1 else name
        if chosen in sources:
            raise DataError(
                f"{sources[chosen].path} and {place} would be written to one file; give the folder that holds both"
            )
        sources[chosen] = Source(place, chosen)
    return list(sources.values())


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix("")) if PurePosixPath(name).stem else name


def columns_of(codes: Sequence[str] | None, classes: Sequence[str]) -> tuple[int, ...]:
    """The columns of the classes to keep, all for None. Raises UnknownName, DataError where none is named."""
    if codes is None:
        return tuple(range(len(classes)))
    for code in codes:
        if code not in classes:
            raise UnknownName(unknown_name("class", code, list(classes)))
    if not codes:
        raise DataError(f"--classes names no class; choose from {', '.join(classes[:30])}")
    return tuple(classes.index(code) for code in dict.fromkeys(codes))


def within(sources: Sequence[Source], folders: Sequence[str]) -> tuple[list[Source], list[Source]]:
    """Those of some recordings that lie in folders (anywhere, where none is named), and the others: links lead out."""
    inside = [source for source in sources if not folders or is_below(real(source.path), folders)]
    kept = {source.path for source in inside}
    return inside, [source for source in sources if source.path not in kept]


def count_in_collection(workspace: Workspace, sources: Sequence[Source]) -> int:
    """How many of these recordings are clips of the collection, which the run was trained on."""
    with workspace.read() as connection:
        paths = {clip.path for clip in store.usable_clips(connection)}
    return sum(source.path in paths for source in sources)
