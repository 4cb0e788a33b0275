"""The folder on disk: database, runs/, exports/, cache/.

Settings lie in ``earmark.toml``: ``database_url`` names a PostgreSQL database that many people share.
"""

from __future__ import annotations

import errno
import os
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from labeling.errors import WorkspaceError, WorkspaceFull, WorkspaceReadOnly
from labeling.storage import database

CACHE = "cache"  # what was drawn; it may be emptied at any time
DATABASE = "earmark.db"
SETTINGS = "earmark.toml"


@dataclass(frozen=True)
class Workspace:
    """One collection and all that was said and learned about it."""

    root: Path
    database_url: str
    busy_timeout_s: float = database.BUSY_TIMEOUT_S

    @cached_property
    def engine(self) -> Engine:
        """The pool of connections; opened on first use."""
        return database.connect(self.database_url, self.busy_timeout_s)

    @property
    def runs(self) -> Path:
        """Folder that holds one folder a run."""
        return self.root / "runs"

    @property
    def exports(self) -> Path:
        """Default place for exports."""
        return self.root / "exports"

    def run_dir(self, run_id: str) -> Path:
        """The folder of one run; raises WorkspaceError for an id that is not a plain name."""
        if not run_id or run_id in {".", ".."} or any(sign in run_id for sign in "/\\:\0"):
            raise WorkspaceError(f"run id {run_id!r} is not a plain name; see `python -m models runs`")
        return self.runs / run_id

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection in a transaction that only reads: one consistent view."""
        with database.transaction(self.engine, writes=False) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a transaction that writes; commits at the end, rolls back on an error."""
        with database.transaction(self.engine, writes=True) as connection:
            yield connection

    def free_bytes(self) -> int:
        """Space left on the workspace's disk."""
        return shutil.disk_usage(self.root).free

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_workspace(
    root: str | os.PathLike[str], *, create: bool = False, busy_timeout_s: float = database.BUSY_TIMEOUT_S
) -> Workspace:
    """Open a workspace, and bring its database to this version of Earmark.

    Parameters
    ----------
    root : str or path-like
        The workspace's folder.
    create : bool
        Make one where there is none.
    busy_timeout_s : float
        How long to wait for another program that writes to the database.

    Returns
    -------
    Workspace
        ``workspace.read()`` and ``workspace.write()`` give connections in a transaction; ``close`` it when done.

    Raises
    ------
    WorkspaceError
        There is no workspace and ``create`` is false, or none can be made. Its children `WorkspaceLocked`,
        `WorkspaceReadOnly`, `WorkspaceFull`, `WorkspaceTooNew` and `WorkspaceCorrupt` say what keeps the database shut.

    Examples
    --------
    >>> import tempfile
    >>> from labeling.workspace import open_workspace
    >>> workspace = open_workspace(tempfile.mkdtemp(), create=True)
    >>> sorted(path.name for path in workspace.root.iterdir() if path.is_dir())
    ['cache', 'exports', 'runs']
    """
    if not os.fspath(root).strip():  # an unset shell variable would else mean the folder that one stands in
        raise WorkspaceError("no workspace named: the path is empty; give its folder")
    folder = Path(root).expanduser().resolve()
    try:
        url = _database_url(folder)
        exists = url is not None or (folder / DATABASE).exists()
    except PermissionError as problem:
        raise WorkspaceReadOnly(f"cannot look into {folder}: {problem.strerror}; check its permissions") from problem
    if not exists and not create:
        raise WorkspaceError(
            f"no workspace at {folder}; make one with `python -m labeling import PATH --workspace {root}`"
        )
    try:
        for sub in (folder, folder / "runs", folder / "exports", folder / CACHE):
            sub.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        if isinstance(problem, PermissionError) or problem.errno == errno.EROFS:
            raise WorkspaceReadOnly(f"cannot write to {folder}: {problem.strerror}; check its permissions") from problem
        if problem.errno == errno.ENOSPC:
            raise WorkspaceFull(f"no space left for a workspace at {folder}; free some and try again") from problem
        raise WorkspaceError(f"cannot make a workspace at {folder}: {problem.strerror}; choose another") from problem
    own = sa.URL.create("sqlite", database=str(folder / DATABASE)).render_as_string()
    workspace = Workspace(folder, url or own, busy_timeout_s)
    try:
        database.migrate(workspace.engine, create=create)
    except BaseException:
        workspace.close()
        raise
    return workspace


def _database_url(folder: Path) -> str | None:
    if url := os.environ.get("EARMARK_DATABASE_URL"):
        return url
    settings = folder / SETTINGS
    if not settings.exists():
        return None
    try:
        value = tomllib.loads(settings.read_text(encoding="utf-8")).get("database_url")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as problem:
        raise WorkspaceError(f"{settings} cannot be read: {problem}; mend or delete it") from problem
    if value is not None and not isinstance(value, str):
        raise WorkspaceError(f"{settings}: database_url is {value!r}, not a text; give a URL or delete the line")
    return value or None
