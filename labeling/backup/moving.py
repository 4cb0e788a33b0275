"""Move a workspace from SQLite to PostgreSQL, or back: all rows, proven the same, and no way back into the old one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from labeling.backup.rows import copy_rows, digests
from labeling.errors import WorkspaceError
from labeling.storage import database
from labeling.storage.tables import metadata, runs
from labeling.workspace import DATABASE, SETTINGS, URL_VARIABLE, Workspace, sqlite_url, write_setting


@dataclass(frozen=True)
class Moved:
    """What was moved, and where it is now."""

    place: str
    """The database without its password."""
    rows: dict[str, int]
    journal: str
    """The digest of the journal, the same in both databases."""


def move_database(workspace: Workspace, url: str) -> Moved:
    """Move a workspace's database into another, and make its settings name that.

    No run may be under way. The old database is kept as it is, and refuses every change from then on: a program that
    still has it open cannot store a decision where nobody would look for it.

    Parameters
    ----------
    workspace : Workspace
    url : str
        Of an empty PostgreSQL database, or ``"sqlite"`` for the file in the workspace's folder.

    Returns
    -------
    Moved

    Raises
    ------
    WorkspaceError
        The other database is not empty or cannot be used, a run is under way, or a table did not come out the same;
        the workspace is as before.
    """
    into_file = url == "sqlite"
    file = workspace.root / DATABASE
    if into_file and file.exists():
        raise WorkspaceError(
            f"{file} is there already, from before the workspace was moved away; rename or delete it, and move again"
        )
    if os.environ.get(URL_VARIABLE):
        raise WorkspaceError(
            f"{URL_VARIABLE} names the database, and would go on naming the old one; unset it, write database_url into "
            f"{workspace.root / SETTINGS}, and move then"
        )
    target = Workspace(workspace.root, sqlite_url(file) if into_file else url)
    place = target.engine.url.render_as_string()
    try:
        with closing(target):
            database.migrate(target.engine)
            with workspace.write() as connection:
                for table in metadata.sorted_tables:
                    database.lock_table(connection, table)
                _refuse_while_running(connection)
                with target.write() as filled:
                    rows = copy_rows(connection, filled)
                with target.read() as filled:
                    before, after = digests(connection), digests(filled)
                if odd := sorted(name for name in before if before[name] != after[name]):
                    raise WorkspaceError(f"table {odd[0]} is not the same in {place}; the workspace stays where it was")
                database.refuse_everything(
                    connection, list(metadata.tables), f"this workspace was moved to {place}; start Earmark again"
                )
    except BaseException:
        if into_file:
            for end in ("", "-wal", "-shm"):
                file.with_name(file.name + end).unlink(missing_ok=True)
        raise
    # after the old one refuses decisions: nobody may store one there that is not moved
    write_settings(workspace.root, None if into_file else url)
    return Moved(place, rows, after["decisions"])


def write_settings(root: Path, url: str | None) -> None:
    """Name the database in the workspace's settings, or name none; other settings stay."""
    write_setting(root, "database_url", url)


def _refuse_while_running(connection: sa.Connection) -> None:
    busy: Sequence[str] = connection.scalars(sa.select(runs.c.id).where(runs.c.status == "running")).all()
    if busy:
        raise WorkspaceError(f"run {busy[0]} is under way; stop it or wait for its end, and move then")
