"""A backup: a folder with the database as one SQLite file, the runs, embeddings and exports, and their digests.

It is made while people review and workers train. The database is copied first, in one state; files that a run still
writes may come in a later state, or not at all, which is told. Sound files are not part of it: they are the user's own.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from labeling.backup.moving import write_settings
from labeling.backup.rows import copy_rows, digests
from labeling.errors import WorkspaceCorrupt, WorkspaceError, WorkspaceFull
from labeling.storage import database
from labeling.storage.driver_errors import translate
from labeling.storage.files import write_atomically
from labeling.storage.tables import decisions
from labeling.workspace import CACHE, DATABASE, SETTINGS, Workspace, sqlite_url

MANIFEST = "backup.json"
LEFT_OUT = {CACHE, SETTINGS, MANIFEST, DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"}
"""What lies in a workspace and is not copied as it is; the settings hold a password where the database has one."""
BLOCK = 1 << 20


@dataclass(frozen=True)
class Backup:
    """What a backup holds."""

    folder: Path
    files: dict[str, str]
    """The SHA-256 of each file, the database among them, by its path below the folder."""
    decisions: int
    journal: str
    """The digest of the journal, see `rows.digests`."""
    gone: tuple[str, ...] = ()
    """Files that a run removed while they were copied."""


def back_up(workspace: Workspace, folder: str | os.PathLike[str]) -> Backup:
    """Copy a workspace, while it is in use.

    Parameters
    ----------
    workspace : Workspace
        On SQLite or PostgreSQL.
    folder : str or path-like
        A new folder; it is there when all of it is.

    Returns
    -------
    Backup

    Raises
    ------
    WorkspaceError
        The folder is there already, lies in the workspace or cannot be written.
    WorkspaceFull
        No space is left; nothing remains of what was begun.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from labeling.backup.folder import back_up, restore
    >>> from labeling.example import example_workspace
    >>> kept = back_up(example_workspace(), Path(tempfile.mkdtemp()) / "monday")
    >>> restored = restore(kept.folder, Path(tempfile.mkdtemp()) / "again")
    >>> restored.journal == kept.journal
    True
    """
    target = Path(folder).expanduser().resolve()
    if target.exists():
        raise WorkspaceError(f"{target} is there already; name a folder that is not")
    if target.is_relative_to(workspace.root):
        raise WorkspaceError(f"{target} lies in the workspace {workspace.root}; name a folder elsewhere")
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with _told(f"cannot make the backup {target}"):
            partial.mkdir(parents=True)
            n_decisions, journal = _copy_database(workspace, partial)
            files, gone = _copy_files(workspace.root, partial)
            files[DATABASE] = _digest(partial / DATABASE)
            manifest = {"files": files, "decisions": n_decisions, "journal": journal, "made_at": database.now()}
            write_atomically(partial / MANIFEST, json.dumps(manifest, indent=1).encode())
            partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return Backup(target, files, n_decisions, journal, tuple(gone))


def restore(folder: str | os.PathLike[str], root: str | os.PathLike[str], database_url: str = "") -> Backup:
    """Make a workspace of a backup, once every byte of it is known to be as it was.

    The backup itself is only read: one of an earlier Earmark stays one.

    Parameters
    ----------
    folder, root : str or path-like
        The backup, and the new workspace's folder: not there, or empty.
    database_url : str
        An empty PostgreSQL database to hold it; the workspace's settings will name it. Without it SQLite.

    Returns
    -------
    Backup
        What was restored.

    Raises
    ------
    WorkspaceError
        There is no backup, the folder is not empty, or the database is not.
    WorkspaceCorrupt
        The backup is damaged: a file is missing, or not as it was.
    """
    source, target = Path(folder).expanduser().resolve(), Path(root).expanduser().resolve()
    kept = read_backup(source)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise WorkspaceError(f"{target} is not empty; name a folder that is, or a new one")
    for name, digest in kept.files.items():
        place = source / name
        if not place.is_file() or _digest(place) != digest:
            raise WorkspaceCorrupt(f"the backup is damaged: {place} is missing or changed; take another backup")
    beside = target / f".{DATABASE}.partial"
    with _told(f"cannot make a workspace at {target}"):
        for name in kept.files:
            place = beside if name == DATABASE else target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, place)
    # last: there is a workspace once it is whole
    if database_url:
        _fill(beside, Workspace(target, database_url))
        write_settings(target, database_url)
        beside.unlink()
    else:
        beside.rename(target / DATABASE)
    return Backup(target, kept.files, kept.decisions, kept.journal)


def read_backup(folder: Path) -> Backup:
    """What a backup says that it holds. Raises WorkspaceError where there is none, WorkspaceCorrupt if it is torn."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise WorkspaceError(f"no backup at {folder}: it has no {MANIFEST}; name the folder that `backup` made")
    try:
        said: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
        return Backup(folder, dict(said["files"]), int(said["decisions"]), str(said["journal"]))
    except (ValueError, KeyError, TypeError) as problem:
        raise WorkspaceCorrupt(f"the backup is damaged: {manifest} cannot be read; take another backup") from problem


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Errors of disks and of SQLite as errors of Earmark."""
    try:
        yield
    except sqlite3.Error as problem:
        raise translate(sa.exc.DBAPIError("backup", None, problem)) from problem
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WorkspaceFull(f"{what}: no space left; free some, or name another disk") from problem
        where = f" ({problem.filename})" if problem.filename else ""
        raise WorkspaceError(f"{what}: {problem.strerror or problem}{where}; name another folder") from problem


def _copy_database(workspace: Workspace, folder: Path) -> tuple[int, str]:
    """One state of the workspace's database, as a SQLite file in the folder; its decisions, and their digest."""
    own = workspace.engine.url
    with closing(Workspace(folder, sqlite_url(folder / DATABASE))) as copy:
        if own.get_backend_name() == "sqlite":
            with (
                closing(sqlite3.connect(str(own.database))) as source,
                closing(sqlite3.connect(folder / DATABASE)) as target,
            ):
                source.backup(target)
        else:
            database.migrate(copy.engine)
            with workspace.read() as connection, copy.write() as filled:
                copy_rows(connection, filled)
        with copy.read() as connection:
            count = sa.select(sa.func.count()).select_from(decisions)
            return int(connection.scalar(count) or 0), digests(connection, [decisions])[decisions.name]


def _fill(file: Path, target: Workspace) -> None:
    """Copy a SQLite file's rows into an empty database, and see that they are the same there."""
    with closing(Workspace(file.parent, sqlite_url(file))) as copy, closing(target):
        for workspace in (copy, target):
            database.migrate(workspace.engine)
        with copy.read() as connection:
            with target.write() as filled:
                copy_rows(connection, filled)
            with target.read() as filled:
                same = digests(connection) == digests(filled)
    if not same:
        raise WorkspaceCorrupt(f"{target.engine.url!r} did not store what the backup holds; use another database")


def _copy_files(root: Path, folder: Path) -> tuple[dict[str, str], list[str]]:
    """The digests of what was copied, and what went meanwhile."""
    files: dict[str, str] = {}
    gone: list[str] = []
    for place in sorted(root.rglob("*")):
        name = place.relative_to(root)
        half = any(part.startswith(".") and part.endswith((".part", ".partial")) for part in name.parts)
        if name.parts[0] in LEFT_OUT or half or place.is_dir():
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            files[name.as_posix()] = _copy(place, target)
        except FileNotFoundError:
            target.unlink(missing_ok=True)
            gone.append(name.as_posix())
    return files, gone


def _copy(source: Path, target: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as written:
        while block := read.read(BLOCK):
            written.write(block)
            digest.update(block)
        written.flush()
        os.fsync(written.fileno())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
