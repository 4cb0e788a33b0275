"""labeling/backup/moving.py"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from contextlib import closing

import pytest
import sqlalchemy as sa

from labeling import journal
from labeling.backup.moving import move_database
from labeling.backup.rows import digests
from labeling.errors import WorkspaceError
from labeling.storage.tables import runs
from labeling.workspace import Workspace, open_workspace
from tests.support.workspaces.making import decisions_of_clips


@pytest.mark.postgres
def test_to_postgresql_and_back_the_journal_is_the_same_and_each_old_database_refuses_decisions(
    collection: Workspace, postgres_server: Callable[[str], str]
) -> None:
    (collection.root / "earmark.toml").write_text('# ours\nother = "kept"\n')
    journal.append(collection, decisions_of_clips(collection, "before"))
    with collection.read() as connection:
        before = digests(connection)
    moved = move_database(collection, postgres_server("moved"))
    assert moved.journal == before["decisions"]
    with pytest.raises(WorkspaceError, match="this workspace was moved to postgresql"):
        journal.append(collection, decisions_of_clips(collection, "late"))  # a program that has the old one open
    with closing(open_workspace(collection.root)) as there:
        assert there.engine.dialect.name == "postgresql"
        with there.read() as connection:
            assert digests(connection) == before
        journal.append(there, decisions_of_clips(there, "after"))
        with pytest.raises(WorkspaceError, match=r"earmark\.db is there already"):
            move_database(there, "sqlite")
        (collection.root / "earmark.db").rename(collection.root / "earmark-old.db")
        back = move_database(there, "sqlite")
        assert back.rows["decisions"] == 8
        with pytest.raises(WorkspaceError, match="this workspace was moved to sqlite"):
            journal.append(there, decisions_of_clips(there, "late"))
    with closing(open_workspace(collection.root)) as again:
        assert again.engine.dialect.name == "sqlite"
        journal.append(again, decisions_of_clips(again, "again"))
    settings = (collection.root / "earmark.toml").read_text()
    assert tomllib.loads(settings) == {"other": "kept"}
    assert settings.startswith("# ours")


def test_not_while_a_run_is_under_way_nor_into_what_cannot_be_used_and_all_stays_as_it_was(
    collection: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WorkspaceError, match="neither sqlite nor postgresql"):
        move_database(collection, "oracle://somewhere")
    monkeypatch.setenv("EARMARK_DATABASE_URL", "sqlite:////nowhere")
    with pytest.raises(WorkspaceError, match="would go on naming the old one"):
        move_database(collection, "postgresql://h/d")
    monkeypatch.delenv("EARMARK_DATABASE_URL")
    with pytest.raises(WorkspaceError, match=r"earmark\.db is there already"):
        move_database(collection, "sqlite")
    journal.append(collection, decisions_of_clips(collection, "stays"))


@pytest.mark.postgres
def test_a_run_under_way_holds_it_back(postgres_workspace: Workspace) -> None:
    row = {column.name: "" for column in runs.c if not column.nullable and column.name != "kind"}
    row |= {
        "id": "007",
        "status": "running",
        "settings": {},
        "progress": {},
        "metrics": {},
        "request": {},
        "stop_requested": False,
    }
    with postgres_workspace.write() as connection:
        connection.execute(sa.insert(runs).values(**row))
    with pytest.raises(WorkspaceError, match="run 007 is under way"):
        move_database(postgres_workspace, "sqlite")
    assert not (postgres_workspace.root / "earmark.db").exists()
