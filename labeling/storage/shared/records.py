"""What is known of a tree of files: what a store holds of it, and what of that lies on this machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labeling.errors import WorkspaceCorrupt
from labeling.storage.files import write_atomically

FORMAT = 1
OWN = {"runs": ("ranks",), "predictions": ("recordings",)}
"""Folders in a tree, by its kind, that are only this machine's: how the processes of a training know of each other, and
the recordings that somebody sent to be predicted here."""
Files = Mapping[str, tuple[str, int]]
"""SHA-256 and size of each file, by its path in the tree."""


@dataclass(frozen=True)
class Manifest:
    """What a store holds of a tree. ``tag`` is that of the object that says so, "" for none."""

    files: Files
    tag: str = ""

    def as_bytes(self) -> bytes:
        """The object's content: the same files give the same bytes."""
        return json.dumps({"format": FORMAT, "files": {k: list(v) for k, v in sorted(self.files.items())}}).encode()

    @classmethod
    def of(cls, data: bytes, tag: str, place: str) -> Manifest:
        """Read one; raises WorkspaceCorrupt where it is none, or names a file outside of its tree."""
        try:
            said = json.loads(data)
            files = {str(name): (str(digest), int(size)) for name, (digest, size) in said["files"].items()}
            form = int(said["format"])
        except (ValueError, KeyError, TypeError) as problem:
            raise WorkspaceCorrupt(f"{place} cannot be read ({problem!r}); publish it again: store push") from problem
        if form > FORMAT:
            raise WorkspaceCorrupt(f"{place} is of a later Earmark (format {form}); upgrade Earmark")
        for name, (digest, _) in files.items():
            parts = name.split("/")
            plain = all(part not in ("", ".", "..") and "\0" not in part and "\\" not in part for part in parts)
            if not plain or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
                raise WorkspaceCorrupt(f"{place} names {name[:100]!r}, which is no file of a tree; publish it again")
        return cls(files, tag)


@dataclass
class Record:
    """What this machine knows of a tree: what the store held when it last looked, and ``here``: size, time of change
    and SHA-256 of each file on this machine that is as the store has it."""

    manifest: Manifest
    here: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Keep it for the next process."""
        content = {
            "tag": self.manifest.tag,
            "files": {name: list(value) for name, value in self.manifest.files.items()},
            "here": {name: list(value) for name, value in self.here.items()},
        }
        write_atomically(path, json.dumps(content).encode())

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """The one that was kept, None where there is none or it is damaged: it is then made anew, from the files."""
        try:
            said = json.loads(path.read_bytes())
            files = {name: (str(digest), int(size)) for name, (digest, size) in said["files"].items()}
            here = {name: (int(size), int(time), str(digest)) for name, (size, time, digest) in said["here"].items()}
            return cls(Manifest(files, str(said["tag"])), here)
        except (OSError, ValueError, KeyError, TypeError):
            return None


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change (ns) of all files of a tree, by their paths in it; what is being written is left out."""
    own = OWN.get(folder.parent.name, ())
    return dict(_walk(folder, "", own)) if folder.is_dir() else {}


def is_half(name: str) -> bool:
    """Whether a file or folder is being written, or was when its program was killed."""
    return name.startswith(".") and name.endswith((".part", ".partial", ".old"))


def _walk(folder: Path, before: str, own: Collection[str] = ()) -> Iterator[tuple[str, tuple[int, int]]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:  # renamed or removed meanwhile
        return
    for entry in entries:
        if is_half(entry.name) or entry.name in own:
            continue
        try:
            if entry.is_dir():
                yield from _walk(Path(entry.path), f"{before}{entry.name}/")
            else:
                state = entry.stat()
                yield f"{before}{entry.name}", (state.st_size, state.st_mtime_ns)
        except FileNotFoundError:
            continue


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
