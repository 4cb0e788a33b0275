"""labeling/operation/readiness.py: each thing that keeps an app from serving is told, and no more than that."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from labeling import runs
from labeling.__main__ import main
from labeling.errors import WorkspaceUnreachable
from labeling.operation import readiness
from labeling.storage import tables
from labeling.workspace import Workspace


def found(workspace: Workspace) -> dict[str, readiness.Check]:
    return {check.name: check for check in readiness.look(lambda: workspace)}


def test_a_workspace_on_either_database_is_ready(any_workspace: Workspace) -> None:
    checks = found(any_workspace)
    assert [name for name, check in checks.items() if check.is_good] == ["database", "migrations", "disk"]
    assert readiness.is_ready(list(checks.values())), "no worker is needed to look and decide"
    assert 0 < (checks["database"].value or 0) < 5


def test_a_database_of_another_version_is_not(workspace: Workspace) -> None:
    with workspace.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert not found(workspace)["migrations"].is_good
    assert not readiness.is_ready(list(found(workspace).values()))


def test_a_database_that_is_gone_is_not(workspace: Workspace) -> None:
    workspace.close()
    (workspace.root / "earmark.db").rename(workspace.root / "away.db")
    assert [name for name, check in found(workspace).items() if not check.is_good] == [
        "database",
        "migrations",
        "worker",
    ]

    def unreachable() -> Workspace:
        raise WorkspaceUnreachable("postgresql://u:p@secret.example does not answer")

    said = str(readiness.look(unreachable))
    assert "secret.example" not in said
    assert not readiness.is_ready(readiness.look(unreachable))


def test_a_disk_that_is_full_or_takes_nothing_is_not(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr(Workspace, "free_bytes", lambda _: readiness.LEAST_FREE_BYTES - 1)
        assert not found(workspace)["disk"].is_good

    def refused(**_: Any) -> Any:
        raise PermissionError

    monkeypatch.setattr(readiness, "tempfile", SimpleNamespace(TemporaryFile=refused))
    assert not found(workspace)["disk"].is_good


def test_a_worker_is_heard_while_it_waits_and_while_it_works(collection: Workspace) -> None:
    here = f"{socket.gethostname()}:7"
    runs.worker_seen(collection, here, "cpu")
    runs.worker_seen(collection, "elsewhere:8", "cpu")
    assert found(collection)["worker"].is_good
    runs.enqueue_job(collection, runs.EMBEDDING, "embed-x", {}, worker=here)
    long_ago = (datetime.now(UTC) - timedelta(seconds=300)).isoformat(timespec="microseconds")
    with collection.write() as connection:
        connection.execute(sa.update(tables.workers).values(heartbeat_at=long_ago))
        assert (readiness.worker_here(connection) or 0) < 60, "it works, and says so with its job"
        connection.execute(sa.update(tables.runs).values(heartbeat_at=long_ago))
        assert (readiness.worker_here(connection) or 0) >= 300
    check = found(collection)["worker"]
    assert (check.is_good, check.needed, check.said) == (False, False, "silent")


def test_the_command_ends_as_a_health_check_wants_it(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["ready", "--workspace", str(workspace.root)]
    assert main(where) == 0
    assert "ok  database: it answers" in capsys.readouterr().out
    assert main([*where, "--worker"]) == 1
    assert "error: the worker is silent: no worker of this machine was heard of" in capsys.readouterr().err
    runs.worker_seen(workspace, f"{socket.gethostname()}:7", "cpu")
    assert main([*where, "--worker"]) == 0
