"""A copy of a workspace to try things on: its own database, runs and spaces linked, the original only read.

It is SQLite whatever the original is, lies in a folder of its own, and never opens the database that the environment
names.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from labeling.embeddings.space import list_spaces, part_names, space_path
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import CACHE, DATABASE, Workspace

#: what nobody needs in a copy: who waits for jobs, how people like it, and rankings (`copy_ranking` brings one)
LEFT_OUT = {"workers", "preferences", "saved_views", "marks", "rankings"}
ROWS = 10_000
ENVIRONMENT = "EARMARK_DATABASE_URL"


def copy_workspace(workspace: Workspace, folder: Path) -> Workspace:
    """Copy collection, journal, label versions, runs and spaces into an empty folder; what was queued or running is
    stopped.

    Raises WorkspaceError where either cannot be read or written.
    """
    copy = _open(folder)
    for name in ("runs", "exports", CACHE):
        (folder / name).mkdir(parents=True, exist_ok=True)
    db.migrate(copy.engine)
    done: list[str] = []
    with workspace.read() as source, copy.write() as target:
        for table in tables.metadata.sorted_tables:
            if table.name in LEFT_OUT:
                continue
            rows = source.execution_options(yield_per=ROWS).execute(sa.select(table))
            for part in rows.mappings().partitions():
                target.execute(sa.insert(table), [_as_copied(table.name, row) for row in part])
        done += list(source.scalars(sa.select(tables.runs.c.id).where(tables.runs.c.status == "done")))
    for run_id in done if workspace.shared else ():
        workspace.run_dir(run_id)
    for run in sorted(workspace.runs.iterdir()) if workspace.runs.is_dir() else []:
        (folder / "runs" / run.name).symlink_to(run, target_is_directory=True)
    for facts in list_spaces(workspace):
        link_space(workspace, copy, facts.name)
    return copy


def link_space(workspace: Workspace, copy: Workspace, name: str) -> None:
    """A space in a copy, so that no sound is heard again: its parts are linked, and what is added lies in the copy."""
    here, there = space_path(workspace, name), space_path(copy, name)
    there.mkdir(parents=True)
    shutil.copyfile(here / "zarr.json", there / "zarr.json")
    for part in part_names(workspace, name):
        (there / part).symlink_to(here / part, target_is_directory=True)


def _as_copied(table: str, row: Mapping[str, Any] | sa.RowMapping) -> dict[str, Any]:
    values = {str(name): value for name, value in row.items()}
    if table == "runs" and values["status"] in ("queued", "running"):
        values |= {"status": "stopped", "worker": ""}
    return values


def copy_ranking(workspace: Workspace, copy: Workspace, run_id: str, scorer: str) -> bool:
    """Bring one stored ranking into a copy; False where the run was not scored so."""
    table = tables.rankings
    with workspace.read() as source:
        row = source.execute(sa.select(table).where(table.c.run_id == run_id, table.c.scorer == scorer)).first()
    if row is None:
        return False
    with copy.write() as target:
        target.execute(sa.insert(table).values(**row._mapping))
    return True


def duplicate(copy: Workspace, folder: Path) -> Workspace:
    """A copy of a copy, as it stands; ``folder`` must not be there yet."""
    copy.close()  # so that the database lies in its one file
    shutil.copytree(copy.root, folder, symlinks=True)
    return _open(folder)


def _open(folder: Path) -> Workspace:
    folder.mkdir(parents=True, exist_ok=True)
    url = sa.URL.create("sqlite", database=str(folder / DATABASE)).render_as_string()
    copy = Workspace(folder, url)
    sa.event.listen(copy.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))  # nothing to lose
    return copy


def environment_for(given: Mapping[str, str]) -> dict[str, str]:
    """``given`` for a program that is to work on a copy: without the database that it would open instead."""
    return {name: value for name, value in given.items() if name != ENVIRONMENT}
