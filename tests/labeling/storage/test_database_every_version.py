"""labeling/storage/database.py: a workspace of every earlier version opens, with every value as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from labeling import journal, runs
from labeling.collection import store
from labeling.errors import WorkspaceError
from labeling.records import Decision
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace, open_workspace

VERSIONS = sorted(one.revision for one in ScriptDirectory(str(db.MIGRATIONS)).walk_revisions())
#: what a column must hold that not every text of its type will do for; of two rows
FITTING: dict[str, tuple[Any, Any]] = {
    "decisions.verdict": ("present", "undo"),
    "decisions.undoes": (None, 1),
    "decisions.offset_s": (2.5, 2.5),
    "decisions.high_hz": (2.5, 2.5),
    "contested_cells.reason": ("file", "sound"),
    "marks.kind": ("note", "flag"),
    "marks.removes": (None, None),
    "users.role": ("owner", "reviewer"),
    "needed_looks.kind": ("missing", "false"),
    "assignments.kind": ("class", "share"),
    "imported_labels.role": ("primary", "secondary"),
    "clips.status": ("ok", "ok"),
    "runs.status": ("done", "queued"),
    "runs.settings": ([], ["train.epochs=4"]),
    "runs.request": ({}, {"a": 1}),
    "cells.verdict": ("present", "absent"),
}
#: columns whose values a later version changes on purpose, with the reason
CHANGED: dict[str, str] = {}


def upgrade(engine: sa.Engine, version: str) -> None:
    """Bring an empty database to an earlier version, as that version's own start did."""
    if engine.dialect.name == "sqlite":
        Path(engine.url.database or "").touch()
    with db.transaction(engine, writes=True) as connection:
        config = Config()
        config.set_main_option("script_location", str(db.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def as_of(connection: sa.Connection) -> sa.MetaData:
    """The tables that a database has, but Alembic's."""
    found = sa.MetaData()
    found.reflect(connection)
    found.remove(found.tables["alembic_version"])
    return found


def fill(connection: sa.Connection) -> None:
    """Two rows in every table; a key to another table leads to the same row of it."""
    made: dict[str, list[dict[str, Any]]] = {}
    for table in as_of(connection).sorted_tables:
        made[table.name] = [
            {column.name: value(table, column, number, made) for column in table.columns} for number in (0, 1)
        ]
        connection.execute(sa.insert(table), made[table.name])


def value(table: sa.Table, column: sa.Column[Any], number: int, made: dict[str, list[dict[str, Any]]]) -> Any:
    name = f"{table.name}.{column.name}"
    if name in FITTING:
        return FITTING[name][number]
    for key in column.foreign_keys:
        if key.column.table.name in made:
            return made[key.column.table.name][number][key.column.name]
    kind = column.type
    if isinstance(kind, sa.Boolean):
        return bool(number)
    if isinstance(kind, sa.JSON):
        return {"of": name}
    if isinstance(kind, sa.LargeBinary):
        return b"\x00\xff" + bytes([number])
    if isinstance(kind, sa.Float):
        return 0.5 + number
    if isinstance(kind, sa.Integer):
        return 1 + number
    return f"2026-01-0{1 + number}T00:00:00.000000+00:00" if column.name.endswith("_at") else f"{name} {number} “ä”"


def values(connection: sa.Connection, of: sa.MetaData) -> dict[str, list[Any]]:
    """What the columns of an earlier version hold, row by row."""
    found = {}
    for table in of.sorted_tables:
        columns = [column for column in table.columns if f"{table.name}.{column.name}" not in CHANGED]
        found[table.name] = [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*table.primary_key))]
    return found


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace whose database is still empty."""
    url = f"sqlite:///{tmp_path}/earmark.db"
    if request.param == "postgresql":
        server: Callable[[str], str] = request.getfixturevalue("postgres_server")
        url = server(f"of_{request.getfixturevalue('version')}")
        (tmp_path / "earmark.toml").write_text(f'database_url = "{url}"\n', encoding="utf-8")
    with closing(Workspace(tmp_path, url)) as workspace:
        yield workspace


@pytest.mark.parametrize("version", VERSIONS)
def test_a_workspace_of_this_version_opens_with_all_it_has(place: Workspace, version: str) -> None:
    upgrade(place.engine, version)
    with place.write() as connection:
        fill(connection)
    with place.read() as connection:
        earlier = as_of(connection)
        before = values(connection, earlier)
    assert all(len(rows) == 2 for rows in before.values())
    place.close()
    with closing(open_workspace(place.root)) as opened:
        with opened.read() as connection:
            assert values(connection, earlier) == before
            assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
            assert db.is_current(opened.engine)
            clips = store.usable_clips(connection)
            assert [clip.id for clip in clips] == [1, 2]
            assert [run.status for run in runs.all_jobs(connection)] == ["done", "queued"]
            code = store.all_classes(connection)[0].code
            assert journal.position(connection) == 2
        if opened.engine.dialect.name == "sqlite":  # rows with keys of their own do not move PostgreSQL's sequences
            journal.append(opened, [Decision("later", "ann", 1, code, "absent")])
        with pytest.raises(WorkspaceError, match="decisions is insert-only"), opened.write() as connection:
            connection.exec_driver_sql("DELETE FROM decisions")


def test_every_exception_names_a_column_of_some_version() -> None:
    known = {
        f"{column.table.name}.{column.name}" for table in tables.metadata.sorted_tables for column in table.columns
    }
    assert FITTING.keys() <= known
