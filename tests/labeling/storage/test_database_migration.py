"""labeling/storage/database.py: a workspace of an earlier version is brought to this one's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from labeling import journal, runs
from labeling.collection import store
from labeling.errors import WorkspaceError
from labeling.journal.new_classes import new_classes
from labeling.records import Decision
from labeling.reviewer import marks
from labeling.reviewer.marks import Mark
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace, open_workspace
from tests.support.workspaces import add_clips, undo_at

FIRST = {"alembic_version", "imports", "classes", "clips", "imported_labels", "decisions", "cells", "label_versions",
         "runs", "workers", "rankings"}  # fmt: skip


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def first(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    """A workspace as the first version made it, with the four clips and three decisions."""
    url = f"sqlite:///{tmp_path}/earmark.db"
    if request.param == "postgresql":
        server: Callable[[str], str] = request.getfixturevalue("postgres_server")
        url = server(f"first_{request.node.name.split('[')[0]}"[:60])
        (tmp_path / "earmark.toml").write_text(f'database_url = "{url}"\n', encoding="utf-8")
    workspace = Workspace(tmp_path, url)
    config = Config()
    config.set_main_option("script_location", str(Path(db.__file__).parent / "migrations"))
    with workspace.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    later = "clips", "channel"  # the tables in hand know it; it is lent to them
    with workspace.write() as connection:
        connection.exec_driver_sql("ALTER TABLE {} ADD COLUMN {} INTEGER NOT NULL DEFAULT 0".format(*later))
    add_clips(workspace)
    with workspace.write() as connection:
        connection.exec_driver_sql("ALTER TABLE {} DROP COLUMN {}".format(*later))
    journal.append(workspace, [Decision(f"e{n}", "ann", n, "amecro", "absent") for n in (1, 2, 3)])
    undo_at(workspace, 2, "ann", "back")
    with workspace.write() as connection:  # in its own words: the tables in hand know later columns
        connection.exec_driver_sql("INSERT INTO label_versions VALUES (1, 4, 1, 'x', '', 'ann', '2026')")
        connection.exec_driver_sql(
            "INSERT INTO runs VALUES ('001-demo', 'demo', 1, 'queued', '[\"a=1\"]', NULL, 'auto', '2026', '', '', '', "
            "'', false, '', '{}', '{}')"
        )
    return workspace


def history(workspace: Workspace) -> list[Decision]:
    with workspace.read() as connection:
        return journal.decisions_where(connection)


def test_the_first_version_had_these_tables_and_no_others(first: Workspace) -> None:
    with first.read() as connection:
        assert set(sa.inspect(connection).get_table_names()) == FIRST
    first.close()


def test_a_workspace_of_the_first_version_opens_and_keeps_all_it_has(first: Workspace) -> None:
    before = history(first)
    first.close()
    opened = open_workspace(first.root)
    assert history(opened) == before
    assert len(before) == 4
    with opened.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
        (run,) = runs.all_runs(connection)
        assert (run.id, run.settings, run.kind, run.request) == ("001-demo", ("a=1",), "training", {})
        assert not new_classes(connection), "all came with the import"
        assert {clip.channel for clip in store.usable_clips(connection)} == {0}
    marks.add(opened, Mark("m", "ann", 1, "flag"))
    journal.append(opened, [Decision("e5", "ann", 4, "cangoo", "absent")])
    for table in ("decisions", "marks"):
        with pytest.raises(WorkspaceError, match=f"{table} is insert-only"), opened.write() as connection:
            connection.exec_driver_sql(f"DELETE FROM {table}")
    opened.close()
    again = open_workspace(first.root)
    assert len(history(again)) == 5
    again.close()


def test_two_that_open_it_at_once_migrate_it_once(first: Workspace) -> None:
    first.close()
    opened: list[Workspace] = []
    problems: list[BaseException] = []
    start = threading.Barrier(3)

    def one() -> None:
        start.wait()
        try:
            opened.append(open_workspace(first.root))
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    assert [len(history(one)) for one in opened] == [4, 4, 4]
    for workspace in opened:
        workspace.close()
