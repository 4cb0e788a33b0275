"""The folder on disk: database, runs/, exports/, cache/.

Settings lie in ``earmark.toml``: ``database_url`` names a PostgreSQL database that many people share, ``store_url`` a
place on S3 for what runs, embeddings and exports are made of (labeling/storage/shared/). The database's password may
lie in a file of its own, which ``EARMARK_DATABASE_PASSWORD_FILE`` names.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from labeling.errors import WorkspaceError, WorkspaceFull, WorkspaceReadOnly
from labeling.storage import database
from labeling.storage.files import write_atomically
from labeling.storage.shared.objects import check_store
from labeling.storage.shared.trees import Shared, everything

CACHE = "cache"  # what was drawn; it may be emptied at any time
DATABASE = "earmark.db"
SETTINGS = "earmark.toml"
URL_VARIABLE = "EARMARK_DATABASE_URL"
PASSWORD_VARIABLE = "EARMARK_DATABASE_PASSWORD_FILE"
STORE_VARIABLE = "EARMARK_STORE"
STORE_CACHE_GB = 50.0


def without_checkpoints(name: str) -> bool:
    """The files of a run that are looked at, and not trained on or predicted with."""
    return not name.startswith("checkpoints/")


@dataclass(frozen=True)
class Workspace:
    """One collection and all that was said and learned about it."""

    root: Path
    database_url: str
    busy_timeout_s: float = database.BUSY_TIMEOUT_S
    store_url: str = ""
    store_cache_gb: float = STORE_CACHE_GB

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

    @cached_property
    def shared(self) -> Shared | None:
        """The store that other machines share, None where the workspace has none."""
        return Shared(self.root, self.store_url, self.store_cache_gb * 1e9) if self.store_url else None

    def tree(self, name: str, wanted: Callable[[str], bool] = everything) -> Path:
        """A folder of the workspace, such as ``runs/003-quick``: as the store has it, where there is one.

        Raises WorkspaceUnreachable where it lies only there, and nobody answers.
        """
        return self.root / name if self.shared is None else self.shared.bring(name, wanted)

    def publish(self, tree: str) -> None:
        """Put a folder of the workspace on the store, where there is one; to be called when it is written."""
        if self.shared is not None:
            self.shared.publish(tree)

    def run_dir(self, run_id: str, *, whole: bool = False) -> Path:
        """The folder of one run, ``whole`` with its checkpoints where it comes from a store.

        Raises WorkspaceError for an id that is not a plain name.
        """
        if not run_id or run_id in {".", ".."} or any(sign in run_id for sign in "/\\:\0"):
            raise WorkspaceError(f"run id {run_id!r} is not a plain name; see `python -m models runs`")
        return self.tree(f"runs/{run_id}", everything if whole else without_checkpoints)

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
        store, store_cache_gb = _store(folder)
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
    workspace = Workspace(folder, url or sqlite_url(folder / DATABASE), busy_timeout_s, store, store_cache_gb)
    try:
        database.migrate(workspace.engine, create=create)
    except BaseException:
        workspace.close()
        raise
    return workspace


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite file; in a workspace's folder it is called `DATABASE`."""
    return sa.URL.create("sqlite", database=str(file)).render_as_string()


def is_workspace(root: str | os.PathLike[str]) -> bool:
    """Whether a workspace is there to be opened; raises WorkspaceError where that cannot be told."""
    if not os.fspath(root).strip():
        return False
    folder = Path(root).expanduser().resolve()
    try:
        url = _database_url(folder)
        if url is None:
            return (folder / DATABASE).exists()
    except PermissionError as problem:
        raise WorkspaceReadOnly(f"cannot look into {folder}: {problem.strerror}; check its permissions") from problem
    engine = database.connect(url)
    try:
        return database.is_made(engine)
    finally:
        engine.dispose()


def _database_url(folder: Path) -> str | None:
    if url := os.environ.get(URL_VARIABLE):
        return _with_password(url)
    value = _settings(folder).get("database_url")
    if value is not None and not isinstance(value, str):
        raise WorkspaceError(
            f"{folder / SETTINGS}: database_url is {value!r}, not a text; give a URL or delete the line"
        )
    return _with_password(value) if value else None


def _store(folder: Path) -> tuple[str, float]:
    """The store's URL, "" for none, and how many GB of copies are kept here."""
    settings = _settings(folder)
    url, kept_gb = os.environ.get(STORE_VARIABLE) or settings.get("store_url", ""), settings.get("store_cache_gb")
    kept_gb = STORE_CACHE_GB if kept_gb is None else kept_gb
    if not isinstance(url, str):
        raise WorkspaceError(f"{folder / SETTINGS}: store_url is {url!r}, not a text; give a URL or delete the line")
    if isinstance(kept_gb, bool) or not isinstance(kept_gb, int | float) or not 0 <= kept_gb < float("inf"):
        raise WorkspaceError(f"{folder / SETTINGS}: store_cache_gb is {kept_gb!r}; give a number of GB, 0 or more")
    return check_store(url) if url else "", float(kept_gb)


def write_setting(root: Path, name: str, value: str | None) -> None:
    """Write one of a workspace's settings, or take it out; the others stay."""
    path = root / SETTINGS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if line.partition("=")[0].strip() != name]
    if value is not None:
        kept.insert(0, f"{name} = {json.dumps(value)}")
    write_atomically(path, "".join(f"{line}\n" for line in kept).encode())


def _settings(folder: Path) -> dict[str, Any]:
    settings = folder / SETTINGS
    if not settings.exists():
        return {}
    try:
        return tomllib.loads(settings.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as problem:
        raise WorkspaceError(f"{settings} cannot be read: {problem}; mend or delete it") from problem


def _with_password(url: str) -> str:
    """The URL with the password that lies in the file of ``EARMARK_DATABASE_PASSWORD_FILE``, if any, so that it need
    stand neither in the settings nor in the environment."""
    file = os.environ.get(PASSWORD_VARIABLE, "")
    if not file:
        return url
    try:
        password = Path(file).read_text(encoding="utf-8").strip()
        parsed = sa.make_url(url)
    except (OSError, UnicodeDecodeError) as problem:
        raise WorkspaceError(f"{PASSWORD_VARIABLE}: {file} cannot be read: {problem}; give a file") from problem
    except sa.exc.ArgumentError:
        return url  # what is wrong with it is said where it is used
    if parsed.password or parsed.get_backend_name() != "postgresql":
        return url
    return parsed.set(password=password).render_as_string(hide_password=False)
