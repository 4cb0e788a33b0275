"""Write a file whole or not at all."""

from __future__ import annotations

import errno
import glob
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from labeling.errors import WorkspaceFull, WorkspaceReadOnly


def write_atomically(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all: beside its place, flushed to the disk, then renamed.

    Parameters
    ----------
    path : Path
        Where to. Missing folders are made; a file that is there is replaced.
    content : bytes
        All of it.

    Returns
    -------
    Path
        The path that was given.

    Raises
    ------
    WorkspaceFull
        No space is left; what was there is untouched.
    WorkspaceReadOnly
        There is no right to write, or the path is a folder.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from labeling.storage.files import write_atomically
    >>> write_atomically(Path(tempfile.mkdtemp()) / "notes.txt", b"heard twice").read_text()
    'heard twice'
    """
    beside = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path), suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(beside, 0o666 & ~mask)  # mkstemp's own mode lets nobody else read
        os.replace(beside, path)
        beside = ""
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WorkspaceFull(
                f"no space left to write {path} ({len(content)} bytes); free some and try again"
            ) from problem
        if problem.errno == errno.EISDIR:
            raise WorkspaceReadOnly(f"cannot write {path}: it is a folder; name a file in it") from problem
        raise WorkspaceReadOnly(f"cannot write {path}: {problem.strerror}; choose another folder") from problem
    finally:
        if beside:
            Path(beside).unlink(missing_ok=True)
    return path


def unfinished(path: Path) -> list[Path]:
    """What `write_atomically` leaves beside a path of which a process was killed while it wrote; whoever knows that
    nobody writes it now may remove it."""
    return list(path.parent.glob(f"{glob.escape(_prefix(path))}*.part"))


def _prefix(path: Path) -> str:
    return f".{path.name[:60]}."


def write_all(folder: Path, contents: Iterable[tuple[str, bytes]]) -> tuple[Path, ...]:
    """Write many files by their paths below a folder, each whole or not at all, and all on the disk when it returns.

    Raises WorkspaceFull and WorkspaceReadOnly as `write_atomically` does; files that were written by then stay.
    """
    written: list[Path] = []
    made: set[Path] = set()
    path = folder
    try:
        for name, content in contents:
            path = folder / name
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            beside = path.with_name(f".{path.name[:60]}.part")
            beside.write_bytes(content)
            beside.replace(path)
            written.append(path)
        os.sync()  # once for thousands of files, not once each
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WorkspaceFull(f"no space left to write {path}; free some and try again") from problem
        raise WorkspaceReadOnly(f"cannot write {path}: {problem.strerror}; choose another folder") from problem
    return tuple(written)
