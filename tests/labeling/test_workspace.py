"""labeling/workspace.py"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from labeling import journal
from labeling.collection import store
from labeling.errors import (
    EarmarkError,
    WorkspaceCorrupt,
    WorkspaceError,
    WorkspaceReadOnly,
    WorkspaceTooNew,
    WorkspaceUnreachable,
)
from labeling.records import Decision
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace, open_workspace
from tests.support.workspaces.making import add_clips

NOBODY = 65534


def decision(event_id: str = "e") -> Decision:
    return Decision(event_id, "ann", 1, "amecro", "absent")


def test_a_workspace_is_one_folder(tmp_path: Path) -> None:
    made = open_workspace(tmp_path / "deep" / "w", create=True)
    assert {path.name for path in made.root.iterdir() if path.is_dir()} == {"runs", "exports", "cache"}
    assert (made.root / "earmark.db").exists()
    add_clips(made)
    made.close()
    again = open_workspace(made.root)
    with again.read() as connection:
        assert len(store.usable_clips(connection)) == 4
    assert again.free_bytes() > 0
    again.close()


def test_there_is_none_unless_made(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"no workspace at .*; make one with `python -m labeling import"):
        open_workspace(tmp_path / "w")
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("name", ["a?b=1&c #x%41", "ünï 🦉", "q'uo\"te;--", "%20", "-w", "sqlite:"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    open_workspace(tmp_path / name, create=True).close()
    assert (tmp_path / name / "earmark.db").exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    open_workspace(tmp_path / name).close()


@pytest.mark.parametrize("run_id", ["", ".", "..", "../x", "a/b", "a\\b", "C:x", "a\0b", "/etc"])
def test_a_run_id_cannot_leave_the_folder(workspace: Workspace, run_id: str) -> None:
    with pytest.raises(WorkspaceError, match="is not a plain name"):
        workspace.run_dir(run_id)


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for root in (tmp_path / "file", tmp_path / "file" / "w"):
        with pytest.raises(WorkspaceError, match="cannot make a workspace at"):
            open_workspace(root, create=True)


# ---- several that open it at once


def _create(root: str, url: str, ready: Any, results: Any) -> None:
    if url:
        os.environ["EARMARK_DATABASE_URL"] = url
    ready.wait()
    try:
        workspace = open_workspace(root, create=True)
        with workspace.read() as connection:
            results.put(str(journal.position(connection)))
        workspace.close()
    except BaseException as problem:
        results.put(repr(problem))
        raise


def create_at_once(root: Path, url: str, count: int) -> list[str]:
    context = multiprocessing.get_context("fork")
    ready, results = context.Barrier(count), context.Queue()
    processes = [context.Process(target=_create, args=(str(root), url, ready, results)) for _ in range(count)]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(10)
    return found


@pytest.mark.parametrize("attempt", range(3))
def test_processes_that_make_the_same_workspace_at_once(tmp_path: Path, attempt: int) -> None:
    assert create_at_once(tmp_path / "w", "", 4) == ["0"] * 4
    workspace = open_workspace(tmp_path / "w")
    add_clips(workspace)
    journal.append(workspace, [decision()])
    workspace.close()


@pytest.mark.postgres
def test_processes_that_make_the_same_tables_at_once(tmp_path: Path, postgres_server: Callable[..., str]) -> None:
    assert create_at_once(tmp_path / "w", postgres_server("bare"), 4) == ["0"] * 4


def test_threads_that_open_it_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        for made in pool.map(lambda _: open_workspace(tmp_path / "w", create=True), range(6)):
            with made.read() as connection:
                assert journal.position(connection) == 0
            made.close()


def test_a_new_workspace_waits_for_another_that_is_making_it(tmp_path: Path) -> None:
    """SQLite's own timeout does not hold for the change to write-ahead logging."""
    other = sqlite3.connect(tmp_path / "earmark.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, other.execute, ["ROLLBACK"])
    timer.start()
    open_workspace(tmp_path, create=True).close()
    timer.join()
    other.close()


def test_two_that_hold_it_open_see_each_others_decisions(collection: Workspace) -> None:
    other = open_workspace(collection.root)
    journal.append(collection, [decision("a")])
    journal.append(other, [decision("b")])
    for one in (collection, other):
        with one.read() as connection:
            assert journal.position(connection) == 2
    other.close()


# ---- settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (b"database_url = ", r"earmark\.toml cannot be read: .*; mend or delete it"),
        (b"\xff\xfe", r"earmark\.toml cannot be read"),
        (b"database_url = 5", r"database_url is 5, not a text"),
        (b'database_url = "mysql://ann:secret@host/db"', r"'host/db' is neither sqlite nor postgresql"),
        (b'database_url = "no url"', r"database URL 'no url' cannot be used"),
        (b'database_url = "postgresql+nosuch://ann:secret@host/db"', r"'host/db' cannot be used"),
        (b'database_url = "postgresql://ann:secret@127.0.0.1:1/db?connect_timeout=2"', "cannot be reached"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, settings: bytes, message: str) -> None:
    (tmp_path / "earmark.toml").write_bytes(settings)
    with pytest.raises(WorkspaceError, match=message) as caught:
        open_workspace(tmp_path, create=True)
    assert "secret" not in str(caught.value)


def test_settings_without_a_url_mean_sqlite(tmp_path: Path) -> None:
    (tmp_path / "earmark.toml").write_text('database_url = ""\nother = 1\n')
    with pytest.raises(WorkspaceError, match="no workspace"):
        open_workspace(tmp_path)
    open_workspace(tmp_path, create=True).close()
    assert (tmp_path / "earmark.db").exists()


@pytest.mark.postgres
def test_a_plain_postgresql_url_and_the_environment(
    tmp_path: Path, postgres_server: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARMARK_DATABASE_URL", postgres_server().replace("postgresql+psycopg://", "postgresql://"))
    made = open_workspace(tmp_path, create=True)
    add_clips(made)
    assert made.engine.dialect.driver == "psycopg"
    assert not (tmp_path / "earmark.db").exists()
    made.close()


# ---- databases that cannot be used


@pytest.mark.parametrize(
    "content", [b"this is no database\n" * 500, os.urandom(8192), b"SQLite format 3\0" + b"\xff" * 4080]
)
def test_garbage_is_called_damaged_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "earmark.db").write_bytes(content)
    for create in (False, True):
        with pytest.raises(WorkspaceCorrupt, match=r"damaged .*restore"):
            open_workspace(tmp_path, create=create)
    assert (tmp_path / "earmark.db").read_bytes() == content


def filled(root: Path) -> bytes:
    """The database file of a workspace with clips, whole."""
    workspace = open_workspace(root, create=True)
    add_clips(workspace, tuple((f"{number}.ogg", ("amecro", "balori")) for number in range(500)))
    workspace.close()
    with sqlite3.connect(root / "earmark.db") as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    return (root / "earmark.db").read_bytes()


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.01])
def test_a_database_cut_short_is_called_damaged(tmp_path: Path, kept: float) -> None:
    whole = filled(tmp_path)
    (tmp_path / "earmark.db").write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(WorkspaceCorrupt, match="damaged"):
        open_workspace(tmp_path)


def test_a_workspace_that_was_moved_leaves_no_empty_database_behind(collection: Workspace) -> None:
    """A program that has it open goes on once it is back, and says so until then."""
    journal.append(collection, [Decision("e1", "ann", 1, "amecro", "absent")])
    collection.engine.dispose()  # as where all its connections are busy
    away = collection.root.rename(collection.root.with_name("moved"))
    collection.root.mkdir()
    with pytest.raises(WorkspaceUnreachable, match=r"no database at .*earmark\.db; move it back, or open it where it"):
        journal.append(collection, [Decision("e2", "ann", 2, "amecro", "absent")])
    with pytest.raises(WorkspaceUnreachable), collection.read() as connection:
        journal.position(connection)
    assert list(collection.root.iterdir()) == []
    collection.root.rmdir()
    away.rename(collection.root)
    journal.append(collection, [Decision("e2", "ann", 2, "amecro", "absent")])
    with collection.read() as connection:
        assert journal.position(connection) == 2


def test_an_empty_file_does_not_pass_for_an_empty_workspace(tmp_path: Path) -> None:
    (tmp_path / "earmark.db").write_bytes(b"")
    with pytest.raises(WorkspaceCorrupt, match="holds no workspace; restore it from a copy"):
        open_workspace(tmp_path)


def test_damage_that_shows_later_is_an_error_then(tmp_path: Path) -> None:
    whole = bytearray(filled(tmp_path))
    first = len(whole) * 3 // 4
    whole[first:] = b"\x55" * (len(whole) - first)
    (tmp_path / "earmark.db").write_bytes(whole)
    workspace = open_workspace(tmp_path)
    with pytest.raises(WorkspaceCorrupt):
        read_all(workspace)
    workspace.close()


def read_all(workspace: Workspace) -> None:
    with workspace.read() as connection:
        for table in tables.metadata.sorted_tables:
            connection.execute(db.sa.select(table)).all()


def test_a_later_version_is_left_alone(any_workspace: Workspace) -> None:
    with any_workspace.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(WorkspaceTooNew, match=r"at version '9999', later than '.*'; update Earmark to open it"):
        open_workspace(any_workspace.root, create=True)


# ---- no right to write


def as_nobody(root: Path, work: Callable[[Path], object]) -> str:
    """Run ``work`` in a process without rights to ``root``; returns the name and text of its error."""
    context = multiprocessing.get_context("fork")
    results = context.Queue()

    def body() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        try:
            work(root)
            results.put("no error")
        except EarmarkError as problem:
            results.put(f"{type(problem).__name__}: {problem}")
        except BaseException as problem:
            results.put(f"untranslated {problem!r}")

    process = context.Process(target=body)
    process.start()
    found: str = results.get(timeout=30)
    process.join(10)
    return found


def _append_there(root: Path) -> None:
    journal.append(open_workspace(root), [decision()])


def _append_with_lost_rights(root: Path) -> None:
    workspace = open_workspace(root)
    with workspace.read() as connection:
        assert journal.position(connection) == 0
    _append_there(root)


@pytest.mark.parametrize("locked", ["file", "folder", "unseen"])
def test_without_the_right_to_write(locked: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "w"
        Path(folder).chmod(0o755)
        workspace = open_workspace(root, create=True)
        add_clips(workspace)
        workspace.close()
        before = (root / "earmark.db").read_bytes()
        for path in root.iterdir():
            path.chmod(0o555 if path.is_dir() else 0o444)
        root.chmod({"file": 0o777, "folder": 0o555, "unseen": 0o000}[locked])
        error = as_nobody(root, _append_there)
        root.chmod(0o755)
        assert error.startswith("WorkspaceReadOnly: "), error
        assert "permissions" in error
        assert (root / "earmark.db").read_bytes() == before


def test_a_new_workspace_where_nothing_may_be_written() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        error = as_nobody(Path(folder) / "w", lambda root: open_workspace(root, create=True))
        assert error.startswith(f"WorkspaceReadOnly: cannot write to {folder}"), error
        assert issubclass(WorkspaceReadOnly, WorkspaceError)


def test_the_databases_password_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from labeling.workspace import _database_url

    (tmp_path / "password").write_text("p@ss/word\n")
    monkeypatch.setenv("EARMARK_DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
    for url, expected in (
        (
            "postgresql+psycopg://u@h:5432/d?sslmode=require",
            "postgresql+psycopg://u:p%40ss%2Fword@h:5432/d?sslmode=require",
        ),
        ("postgresql+psycopg://u:own@h/d", "postgresql+psycopg://u:own@h/d"),
        (f"sqlite:///{tmp_path}/x.db", f"sqlite:///{tmp_path}/x.db"),
        ("no url", "no url"),
    ):
        monkeypatch.setenv("EARMARK_DATABASE_URL", url)
        assert _database_url(tmp_path) == expected
    monkeypatch.delenv("EARMARK_DATABASE_URL")
    assert _database_url(tmp_path) is None, "a password alone names no database"
    (tmp_path / "earmark.toml").write_text('database_url = "postgresql://u@h/d"\n')
    assert _database_url(tmp_path) == "postgresql://u:p%40ss%2Fword@h/d"
    monkeypatch.setenv("EARMARK_DATABASE_PASSWORD_FILE", str(tmp_path / "none"))
    with pytest.raises(WorkspaceError, match=r"EARMARK_DATABASE_PASSWORD_FILE: .*none cannot be read"):
        _database_url(tmp_path)
