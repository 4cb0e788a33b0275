"""Sounds that were brought to search with: the vectors that a space's own model made of them, kept by the sound's hash.

The sound itself is not kept, so that a link to the search says no more than what it was like.
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeling.embeddings.space import FOLDER, SpaceFacts, space_path
from labeling.errors import ArtefactError, DataError
from labeling.search.products import unit
from labeling.storage.files import write_atomically
from labeling.workspace import Workspace

LOUDEST = 3
"""Of a sound so many stretches are looked for, the loudest that do not overlap: silence is like all silence."""
MOST_S = 60.0
_NAME = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Brought:
    """A sound's ``title`` (its file's name), and the vectors (n, D) of its stretches from ``onset_s`` (n,) on."""

    title: str
    vectors: NDArray[np.float32]
    onset_s: NDArray[np.float32]


def sound_name(data: bytes) -> str:
    """What a sound is called: the beginning of its hash."""
    return hashlib.sha256(data).hexdigest()[:16]


def is_kept(workspace: Workspace, space: str, name: str) -> bool:
    """Whether the vectors of a sound in a space are there."""
    return _path(workspace, space, name).is_file()


def keep(workspace: Workspace, space: str, name: str, sound: Brought) -> None:
    """Keep a sound's vectors; raises WorkspaceFull, WorkspaceReadOnly."""
    out = io.BytesIO()
    title = np.array(sound.title[:200])
    np.savez(out, title=title, vectors=sound.vectors.astype(np.float32), onset_s=sound.onset_s.astype(np.float32))
    path = _path(workspace, space, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, out.getvalue())


def read(workspace: Workspace, facts: SpaceFacts, name: str) -> Brought:
    """A kept sound. Raises DataError where it was never brought to this space, ArtefactError where it is damaged."""
    path = _path(workspace, facts.name, name)
    if not path.is_file():
        raise DataError(f"the sound {name} is not kept for space {facts.name!r}; bring its file again")
    try:
        with np.load(path, allow_pickle=False) as kept:
            found = Brought(str(kept["title"]), np.asarray(kept["vectors"], np.float32), kept["onset_s"])
    except (OSError, ValueError, KeyError, EOFError) as problem:
        raise ArtefactError(f"{path} cannot be read ({problem}); remove it and bring the file again") from problem
    if found.vectors.ndim != 2 or found.vectors.shape[1] != facts.size or not np.isfinite(found.vectors).all():
        raise ArtefactError(f"{path} does not fit space {facts.name!r}; remove it and bring the file again")
    return found


def vectors(workspace: Workspace, facts: SpaceFacts, name: str) -> NDArray[np.float32]:
    """Unit vectors (n, D) to look for; raises as `read`."""
    return unit(read(workspace, facts, name).vectors)


def _path(workspace: Workspace, space: str, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise DataError(f"sound {name[:40]!r} is no name of a sound; bring its file again")
    space_path(workspace, space)  # a plain name
    return workspace.root / FOLDER / "sounds" / f"{name}.{space}.npz"
