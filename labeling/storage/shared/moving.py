"""A workspace's folders on their way to a store and back, each file proven by its hash."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from labeling.errors import WorkspaceCorrupt, WorkspaceError, WorkspaceUnreachable
from labeling.storage.shared.objects import Objects
from labeling.storage.shared.records import Files, digest_of, files_of
from labeling.storage.shared.trees import Shared


@dataclass(frozen=True)
class Moved:
    """A tree that is the same in both places: its files, one digest of them all, and the bytes that were sent."""

    files: int
    digest: str
    moved_bytes: int = 0


def try_store(url: str) -> None:
    """Write, read and remove an object at a store. Raises WorkspaceUnreachable where one of these is refused."""
    objects, name, data = Objects(url), f"tried/{uuid.uuid4().hex}", uuid.uuid4().bytes
    if not objects.put(name, data, instead_of=""):
        raise WorkspaceUnreachable(f"{objects.url} refuses to write {name}; check the bucket's rules")
    try:
        if (objects.get(name) or (b"", ""))[0] != data:
            raise WorkspaceUnreachable(f"{objects.url} gave something else than was written to {name}; use another")
    finally:
        objects.remove([name])


def push(shared: Shared, tree: str, progress: Callable[[int, int], None] = lambda done, of: None) -> Moved:
    """Send a tree, and read back what the store has of it. Raises as `Shared.publish` and `check`."""
    if not (shared.root / tree).is_dir():
        raise WorkspaceError(f"there is no folder {tree} in {shared.root}; `store show` lists those that there are")
    sent = shared.publish(tree, progress)
    there = check(shared, tree)
    here = {name: digest_of(shared.root / tree / name) for name in files_of(shared.root / tree)}
    if odd := [name for name, digest in here.items() if shared.held(tree).get(name, ("",))[0] != digest]:
        raise WorkspaceError(f"{tree}/{odd[0]} was changed while it was sent; end what writes to it and push again")
    return Moved(there.files, there.digest, sent)


def pull(shared: Shared, tree: str) -> Moved:
    """Bring all of a tree, and hash what is here. Raises as `Shared.bring`, and WorkspaceError where this machine has
    changes of its own that were never sent."""
    files = shared.held(tree)
    folder = shared.bring(tree)
    for name, (digest, _) in files.items():
        if not (folder / name).is_file() or digest_of(folder / name) != digest:
            raise WorkspaceError(
                f"{folder / name} is not what the store has, and {tree} has changes of this machine; send them with "
                "store push, or move the folder away and pull again"
            )
    return Moved(len(files), _digest(files))


def lacking(shared: Shared) -> list[str]:
    """The trees of which the store has files that are not here."""
    return [
        tree for tree in shared.trees() if any(not (shared.root / tree / name).is_file() for name in shared.held(tree))
    ]


def check(shared: Shared, tree: str) -> Moved:
    """Read all files of a tree from the store. Raises WorkspaceCorrupt for one that is not what its hash says."""
    files = shared.held(tree)
    with TemporaryDirectory(prefix="earmark-") as folder:
        for digest, size in sorted({*files.values()}):
            place = Path(folder) / "file"
            shared.objects.download(f"{tree}/files/{digest}", size, place)
            if digest_of(place) != digest:
                raise WorkspaceCorrupt(f"{shared.url}/{tree}/files/{digest} is damaged; remove it there and push again")
    return Moved(len(files), _digest(files))


def _digest(files: Files) -> str:
    lines = [f"{digest} {name}\n" for name, (digest, _) in sorted(files.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
