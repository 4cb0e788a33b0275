"""labeling/storage/database.py"""

from __future__ import annotations

import multiprocessing
import resource
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event
from sqlalchemy.engine.interfaces import CacheStats

from labeling import journal
from labeling.errors import (
    DataError,
    EarmarkError,
    WorkspaceCorrupt,
    WorkspaceError,
    WorkspaceFull,
    WorkspaceLocked,
    WorkspaceReadOnly,
    WorkspaceUnreachable,
)
from labeling.records import Decision
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace, open_workspace
from tests.support.workspaces.making import add_clips


def decision(number: int, note: str = "") -> Decision:
    return Decision(f"e{number}", "ann", 1 + number % 4, "amecro", "absent", note=note)


def stored(workspace: Workspace) -> set[str]:
    with workspace.read() as connection:
        return {one.event_id for one in journal.decisions_where(connection)}


def test_the_migrations_make_the_tables_of_this_version(any_workspace: Workspace) -> None:
    with any_workspace.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_a_statement_is_compiled_once_for_all_workspaces(workspace: Workspace, empty: Path) -> None:
    kept: list[CacheStats] = []
    for root in (workspace.root, empty / "workspace"):
        with closing(open_workspace(root)) as opened:
            event.listen(opened.engine, "after_cursor_execute", lambda *given: kept.append(given[4].cache_hit))
            with opened.read() as connection:
                connection.execute(sa.select(tables.clips.c.id, tables.clips.c.duration_s * 17))
    assert kept[-1] == CacheStats.CACHE_HIT


def test_sqlite_writes_through_to_the_disk(workspace: Workspace) -> None:
    with closing(open_workspace(workspace.root)) as opened, opened.read() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_an_error_inside_rolls_all_of_it_back(any_collection: Workspace) -> None:
    def interrupted() -> None:
        with any_collection.write() as connection:
            connection.execute(sa.insert(tables.classes).values(id=99, code="new", name="new"))
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        interrupted()
    with any_collection.read() as connection:
        assert connection.scalar(sa.select(tables.classes.c.id).where(tables.classes.c.id == 99)) is None


def test_who_only_reads_sees_one_state(any_collection: Workspace) -> None:
    with any_collection.read() as connection:
        assert journal.position(connection) == 0
        journal.append(any_collection, [decision(0)])
        assert journal.position(connection) == 0
        assert journal.decisions_where(connection) == []
    with any_collection.read() as connection:
        assert journal.position(connection) == 1


def test_a_broken_reference_is_refused(any_collection: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="the database refused"), any_collection.write() as connection:
        connection.execute(sa.insert(tables.cells).values(clip_id=77, class_id=1, verdict="absent", position=1))


def test_an_error_is_known_by_its_code_not_by_words_in_it(any_collection: Workspace) -> None:
    """A refusal may quote a file name: one called locked, full and read-only means nothing."""
    name = "database is locked, disk full, read-only, malformed.ogg"
    add_clips(any_collection, ((name, ("amecro",)),))
    copied = sa.select(*[sa.literal(99) if c.name == "id" else c for c in tables.clips.c]).where(
        tables.clips.c.filename == name
    )
    with pytest.raises(WorkspaceError) as caught, any_collection.write() as connection:
        connection.execute(sa.insert(tables.clips).from_select(list(tables.clips.c.keys()), copied))
    assert type(caught.value) is WorkspaceError


@pytest.mark.parametrize("value", ["a\0b", "half a pair: \ud800"])
@pytest.mark.parametrize("many", [False, True])
def test_text_that_one_database_refuses_both_refuse(any_collection: Workspace, value: str, many: bool) -> None:
    rows: list[dict[str, object]] = [{"id": 98, "code": "x", "name": "x"}, {"id": 99, "code": value, "name": "y"}]
    with pytest.raises(DataError, match=r"NUL|not valid Unicode"), any_collection.write() as connection:
        connection.execute(sa.insert(tables.classes), rows if many else rows[1:])
    with any_collection.read() as connection:
        assert connection.scalar(sa.select(tables.classes.c.id).where(tables.classes.c.id > 90)) is None


@pytest.mark.parametrize("number", [2**31, 2**63, 2**70, -(2**40)])
def test_numbers_that_no_column_holds_end_in_no_traceback(any_collection: Workspace, number: int) -> None:
    calls = [
        replace(decision(0), clip_id=number),
        replace(decision(1), seen_position=number),
        replace(decision(2), verdict="undo", undoes=number),
    ]
    for call in calls:
        with pytest.raises(DataError):
            journal.append(any_collection, [call])
    with any_collection.read() as connection:
        assert journal.decisions_where(connection) == []


@pytest.mark.postgres
def test_a_server_that_is_not_there_or_breaks_off_is_called_unreachable(postgres_workspace: Workspace) -> None:
    away = db.connect("postgresql+psycopg://earmark@127.0.0.1:9/none")
    with pytest.raises(WorkspaceUnreachable, match="cannot be reached"), db.transaction(away, writes=False):
        pass
    with pytest.raises(WorkspaceUnreachable, match="cannot be reached"), postgres_workspace.write() as connection:
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
    assert stored(postgres_workspace) == set()  # by a new connection


@pytest.mark.parametrize("old", [b"sqlite_master", b"CREATE TABLE", b"created_at", b"decisions", b'"kind"'])
def test_a_damaged_file_is_called_damaged(collection: Workspace, old: bytes) -> None:
    journal.append(collection, [decision(0)])
    with collection.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    collection.close()
    file = collection.root / "earmark.db"
    file.write_bytes(file.read_bytes().replace(old, b"\xff\xfe" + old[2:]))
    try:
        opened = open_workspace(collection.root)
        stored(opened)
        opened.close()
    except EarmarkError as problem:
        assert "restore" in str(problem) or "refused" in str(problem)  # noqa: PT017


def test_a_value_that_is_no_json_is_called_damage(collection: Workspace) -> None:
    journal.append(collection, [decision(0)])
    raw = sqlite3.connect(collection.root / "earmark.db")
    raw.executescript("DROP TRIGGER decisions_no_update; UPDATE decisions SET shown = '{\"kin'")
    raw.close()
    with pytest.raises(WorkspaceCorrupt, match=r"no JSON: .* restore"):
        stored(collection)


@pytest.mark.postgres
def test_postgresql_lets_a_reader_only_read(postgres_workspace: Workspace) -> None:
    with pytest.raises(WorkspaceReadOnly), postgres_workspace.read() as connection:
        connection.execute(sa.insert(tables.classes).values(id=1, code="a", name="a"))


@pytest.mark.postgres
def test_postgresql_appends_wait_for_each_other(postgres_workspace: Workspace) -> None:
    """A second append starts only once the first is committed; readers do not wait."""
    add_clips(postgres_workspace)
    done = threading.Event()

    def second() -> None:
        journal.append(postgres_workspace, [decision(1)])
        done.set()

    with postgres_workspace.write() as connection:
        db.lock_journal(connection)
        thread = threading.Thread(target=second)
        thread.start()
        assert not done.wait(0.3)
        assert stored(postgres_workspace) == set()
    assert done.wait(10)
    thread.join()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": float("nan"), 2: [float("inf"), 1.5, (True, None)]}, '{"a": null, "2": [null, 1.5, [true, null]]}'),
        (
            {"x": np.float32(0.5), "n": np.int64(3), "v": np.array([1.0, np.nan])},
            '{"x": 0.5, "n": 3, "v": [1.0, null]}',
        ),
        ({"é": "🦉"}, '{"é": "🦉"}'),
    ],
)
def test_json_that_every_database_takes(value: object, text: str) -> None:
    assert db._json(value) == text


# ---- locked


@pytest.fixture
def hasty(collection: Workspace) -> Iterator[Workspace]:
    """The collection, opened by a program that does not wait for locks."""
    opened = open_workspace(collection.root, busy_timeout_s=0.1)
    yield opened
    opened.close()


@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_database_that_another_holds_is_called_locked(hasty: Workspace, begin: str) -> None:
    other = sqlite3.connect(hasty.root / "earmark.db", isolation_level=None)
    other.execute(begin)
    started = time.monotonic()
    with pytest.raises(WorkspaceLocked, match=r"locked by another program .*close it and try again"):
        journal.append(hasty, [decision(0)])
    assert time.monotonic() - started < 15  # who waits, waits for 30
    assert stored(hasty) == set()  # reading goes on
    other.execute("ROLLBACK")
    journal.append(hasty, [decision(0)])
    assert stored(hasty) == {"e0"}
    other.close()


def test_opening_a_database_that_another_holds_for_itself(collection: Workspace) -> None:
    collection.close()
    other = sqlite3.connect(collection.root / "earmark.db", isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(WorkspaceLocked):
        open_workspace(collection.root, busy_timeout_s=0.1)
    other.close()


def test_a_lock_that_is_let_go_in_time_is_waited_for(collection: Workspace) -> None:
    other = sqlite3.connect(collection.root / "earmark.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, other.execute, ["ROLLBACK"])
    timer.start()
    journal.append(collection, [decision(0)])
    assert stored(collection) == {"e0"}
    timer.join()
    other.close()


def test_waiting_for_ones_own_connections_is_called_locked(collection: Workspace) -> None:
    pool: Any = collection.engine.pool
    pool._timeout = 0.1
    held = [collection.engine.connect() for _ in range(pool.size() + pool._max_overflow)]
    with pytest.raises(WorkspaceLocked, match="busy"):
        journal.append(collection, [decision(0)])
    for connection in held:
        connection.close()
    journal.append(collection, [decision(0)])


# ---- full


def limit_pages(workspace: Workspace, pages: int) -> None:
    """Let SQLite believe that the disk ends after so many pages."""

    def limit(raw: sqlite3.Connection, _record: object) -> None:
        raw.execute(f"PRAGMA max_page_count={pages}")

    sa.event.listen(workspace.engine, "connect", limit)
    workspace.engine.dispose()


def fill(workspace: Workspace) -> set[str]:
    """Append until the disk is full; returns what was acknowledged."""
    acknowledged: set[str] = set()

    def go_on() -> None:
        for number in range(2000):
            journal.append(workspace, [decision(number, note="x" * 3000)])
            acknowledged.add(f"e{number}")

    with pytest.raises(WorkspaceFull, match=r"disk is full .*free some space and try again"):
        go_on()
    return acknowledged


def test_a_full_disk_loses_nothing_that_was_acknowledged(collection: Workspace) -> None:
    with collection.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    limit_pages(collection, pages + 12)
    acknowledged = fill(collection)
    assert acknowledged
    assert stored(collection) == acknowledged
    limit_pages(collection, 1_000_000)  # space is back
    journal.append(collection, [decision(9999)])
    assert stored(collection) == acknowledged | {"e9999"}
    with collection.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def _fill_up_to_a_file_size(root: str, results: Any) -> None:
    workspace = open_workspace(root)
    size = (workspace.root / "earmark.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, resource.RLIM_INFINITY))
    results.put(fill(workspace))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    journal.append(workspace, [decision(9999)])
    results.put("went on")


def test_a_write_that_fails_in_the_middle_loses_nothing(collection: Workspace) -> None:
    """The kernel refuses to let the file grow, as a full disk would, wherever in a write that falls."""
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    writer = context.Process(target=_fill_up_to_a_file_size, args=(str(collection.root), results))
    writer.start()
    acknowledged = results.get(timeout=60)
    assert results.get(timeout=60) == "went on"
    writer.join(10)
    assert acknowledged
    assert stored(collection) == acknowledged | {"e9999"}


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "earmark", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        workspace = open_workspace(disk / "w", create=True)
        add_clips(workspace)
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 1_000_000)
        acknowledged = fill(workspace)
        assert stored(workspace) == acknowledged
        ballast.unlink()
        journal.append(workspace, [decision(9999)])
        assert stored(workspace) == acknowledged | {"e9999"}
        workspace.close()
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(b"x" * 4_000_000)
        with pytest.raises(WorkspaceFull):
            open_workspace(disk / "second", create=True)
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
