"""labeling/storage/database.py: a workspace of an earlier version is brought to this one's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from labeling import journal, runs
from labeling.collection import store
from labeling.errors import WorkspaceError
from labeling.journal import versions
from labeling.journal.new_classes import new_classes
from labeling.records import Decision
from labeling.reviewer import marks
from labeling.reviewer.marks import Mark
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace, open_workspace
from tests.support.workspaces.making import add_clips, undo_at

FIRST = {
    "alembic_version": "version_num",
    "imports": "id format source audio_root options table_name table_bytes report created_at",
    "classes": "id code name",
    "clips": "id import_id row filename path group_name fold_name duration_s sample_rate channels size_bytes "
    "content_hash status reason rating metadata",
    "imported_labels": "clip_id class_id role place",
    "decisions": "position event_id batch_id reviewer created_at clip_id class_id verdict role onset_s offset_s low_hz "
    "high_hz note run_id shown seen_position undoes",
    "cells": "clip_id class_id verdict position",
    "label_versions": "number position import_id content_hash note created_by created_at",
    "runs": "id recipe label_version status settings folds device created_at started_at ended_at heartbeat_at worker "
    "stop_requested error progress metrics",
    "workers": "name device heartbeat_at",
    "rankings": "run_id scorer scored_at suspects columns",
}
"""Tables and columns of the first version."""
INDEXES = {"decisions_cell", "decisions_reviewer"}


def take_back(connection: sa.Connection) -> None:
    """Leave of a workspace of today what the first version had."""
    there = sa.inspect(connection)
    for table in reversed(tables.metadata.sorted_tables):
        if table.name not in FIRST:
            connection.exec_driver_sql(f"DROP TABLE {table.name}")
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {table.name}_insert_only() CASCADE")
    for name, columns in FIRST.items():
        later = {column["name"] for column in there.get_columns(name)} - set(columns.split())
        for index in there.get_indexes(name):
            if index["name"] not in INDEXES and not index.get("duplicates_constraint"):
                connection.exec_driver_sql(f"DROP INDEX {index['name']}")
        for column in later:
            connection.exec_driver_sql(f"ALTER TABLE {name} DROP COLUMN {column}")
    if connection.dialect.name == "sqlite":
        version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
        connection.exec_driver_sql("PRAGMA writable_schema=ON")
        connection.exec_driver_sql(
            "UPDATE sqlite_schema SET sql = replace(sql, 'label_version INTEGER', 'label_version INTEGER NOT NULL') "
            "WHERE name = 'runs'"
        )
        connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
        connection.exec_driver_sql("PRAGMA writable_schema=OFF")
    else:
        connection.exec_driver_sql("ALTER TABLE runs ALTER COLUMN label_version SET NOT NULL")
    connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def first(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    """A workspace as the first version made it, with the four clips and three decisions."""
    url = f"sqlite:///{tmp_path}/earmark.db"
    if request.param == "postgresql":
        server: Callable[[str], str] = request.getfixturevalue("postgres_server")
        url = server(f"first_{request.node.name.split('[')[0]}"[:60])
        (tmp_path / "earmark.toml").write_text(f'database_url = "{url}"\n', encoding="utf-8")
    workspace = Workspace(tmp_path, url)
    db.migrate(workspace.engine)
    add_clips(workspace)
    journal.append(workspace, [Decision(f"e{n}", "ann", n, "amecro", "absent") for n in (1, 2, 3)])
    undo_at(workspace, 2, "ann", "back")
    with workspace.write() as connection:
        take_back(connection)
    with workspace.write() as connection:  # in its own words: the tables in hand know later columns
        connection.exec_driver_sql("INSERT INTO label_versions VALUES (1, 4, 1, 'x', '', 'ann', '2026')")
        connection.exec_driver_sql(
            "INSERT INTO runs VALUES ('001-demo', 'demo', 1, 'queued', '[\"a=1\"]', NULL, 'auto', '2026', '', '', '', "
            "'', false, '', '{}', '{}')"
        )
    return workspace


def history(workspace: Workspace) -> list[tuple[object, ...]]:
    columns = [tables.decisions.c[name] for name in FIRST["decisions"].split()]
    with workspace.read() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(tables.decisions.c.position))]


def test_the_first_version_had_these_tables_and_no_others(first: Workspace) -> None:
    with first.read() as connection:
        there = sa.inspect(connection)
        assert set(there.get_table_names()) == set(FIRST)
        for name, columns in FIRST.items():
            assert {column["name"] for column in there.get_columns(name)} == set(columns.split())
        assert not {one["name"]: one["nullable"] for one in there.get_columns("runs")}["label_version"]
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
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    assert runs.enqueue_job(opened, runs.EMBEDDING, "embed-x", {}).label_version == 0
    marks.add(opened, Mark("m", "ann", 1, "flag"))
    journal.append(opened, [Decision("e5", "ann", 4, "cangoo", "absent")])
    for table in ("decisions", "marks"):
        with pytest.raises(WorkspaceError, match=f"{table} is insert-only"), opened.write() as connection:
            connection.exec_driver_sql(f"DELETE FROM {table}")
    opened.close()
    again = open_workspace(first.root)
    assert len(history(again)) == 5
    again.close()


def test_clips_of_before_get_a_collection_and_can_be_found_again(first: Workspace) -> None:
    first.close()
    opened = open_workspace(first.root)
    with opened.read() as connection:
        (record,) = store.all_imports(connection)
        known = store.known_clips(connection)
        assert (record.name, record.collection) == ("audio", "audio")  # train.csv says nothing: its folder's name
        assert {clip.collection for clip in known} == {"audio"}
        assert [clip.relative for clip in known] == [clip.filename for clip in known]
        assert store.clips_of_import(connection, record.id) == {clip.filename: clip.id for clip in known}
    opened.close()


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


def before_threads() -> str:
    """The revision before the one that brought them."""
    (step,) = (Path(db.__file__).parent / "migrations" / "versions").glob("*_agreement.py")
    return step.read_text(encoding="utf-8").split('down_revision = "')[1][:4]


def test_notes_and_versions_of_before_threads_and_rules_stay_as_they_were(first: Workspace) -> None:
    first.close()
    opened = open_workspace(first.root)  # as they were before: answers and rules are taken back to where they came
    marks.add(opened, Mark("old", "ann", 1, "note", "wind"))
    with opened.write() as connection:
        for column in ("rule", "weights"):
            connection.exec_driver_sql(f"ALTER TABLE label_versions DROP COLUMN {column}")
        connection.exec_driver_sql("ALTER TABLE marks DROP COLUMN reply_to")
        connection.exec_driver_sql("DROP TABLE chosen_stretches")  # of a later step
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{before_threads()}'")
    opened.close()
    again = open_workspace(first.root)
    with again.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
        (version,) = versions.all_versions(connection)
        assert (version.number, version.position, version.rule, version.weights) == (1, 4, "latest", {})
        (old,) = marks.of_clip(connection, 1, "bob")
        assert (old.text, old.reply_to) == ("wind", None)
    answer = marks.add(again, Mark("new", "bob", 1, "note", "and rain", reply_to=old.id))
    with again.read() as connection:
        assert marks.of_clip(connection, 1, "ann") == [old, answer], "an old note begins the thread"
    again.close()
