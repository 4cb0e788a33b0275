"""What the machine that leads, the process that speaks with Ray, and the nodes tell each other.

Loads neither Ray nor torch.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import labeling
import models
from labeling import errors
from labeling.errors import ArtefactError, EarmarkError

LIBRARIES = ("torch", "numpy")
"""Beside Python and Earmark itself, what has to be of one version everywhere, so that results are."""


@dataclass(frozen=True)
class Work:
    """What nodes do, the same for all pieces: ``function`` (``package.module:name``) is called as
    ``function(common, piece, desk)``, where ``common`` is what was pickled here.

    On ``device`` (auto, cpu or cuda: a GPU a piece). On CPUs it computes with ``threads`` threads, and takes as many
    cores of its node. ``retries``: so often a piece is begun again after its node or process died.
    """

    function: str
    common: bytes
    device: str = "auto"
    threads: int = 1
    retries: int = 5


@dataclass(frozen=True)
class Piece:
    """A piece of the work, under a name of its own."""

    name: str
    what: Any


@dataclass(frozen=True)
class Desk:
    """Where a piece is worked on: the node's name, the device, how many threads to compute with, how to tell the one
    who leads something, and whether to stop."""

    node: str
    device: str
    threads: int
    tell: Callable[[dict[str, Any]], None]
    should_stop: Callable[[], bool]


@dataclass(frozen=True)
class Told:
    """Something that a node said of a piece before its end."""

    name: str
    message: dict[str, Any]


@dataclass(frozen=True)
class Done:
    """A piece that came to its end, and what the function returned."""

    name: str
    value: Any


@dataclass(frozen=True)
class Died:
    """A piece whose process died each time that it was begun, and how."""

    name: str
    why: str


@dataclass(frozen=True)
class Failed:
    """What ends all the work: an error of a piece or of a node. ``kind`` is the error's class in labeling.errors,
    ``trace`` the traceback of what nobody foresaw."""

    kind: str
    text: str
    trace: str = ""

    def error(self) -> EarmarkError:
        """The same as an exception."""
        kind = getattr(errors, self.kind, ArtefactError)
        try:
            error: EarmarkError = kind(self.text)
            return error
        except TypeError:  # one that wants more than a text
            return ArtefactError(self.text)


@dataclass(frozen=True)
class Connected:
    """The process speaks with the cluster."""


@dataclass(frozen=True)
class Lost:
    """The cluster broke off, or could not be reached."""

    why: str


@cache
def code_digest() -> str:
    """A hash of Earmark's own code."""
    digest = hashlib.sha256()
    for package in (labeling, models):
        root = Path(package.__file__ or "").parent
        for path in sorted(root.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def versions() -> dict[str, str]:
    """What must be the same on all machines."""
    found = {"Earmark": code_digest(), "Python": ".".join(platform.python_version_tuple()[:2])}
    return found | {name: importlib.metadata.version(name) for name in LIBRARIES}


def called(function: str) -> Callable[[Any, Any, Desk], Any]:
    """The function that ``package.module:name`` names."""
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]
