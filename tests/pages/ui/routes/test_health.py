"""pages/ui/routes/health.py: what a monitor is told, and by whom the figures may be had."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling.operation import metrics
from labeling.people import tokens, users
from labeling.workspace import Workspace
from pages.ui import served
from pages.ui.routes import health
from tests.support.app.client import client_of


@pytest.fixture
def client(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv(served.WORKSPACE, str(workspace.root))
    monkeypatch.setattr(health, "KEPT_S", 0.0)
    registry = metrics.registry_of(served.workspace)
    yield client_of(Starlette(routes=health.health_routes(served.workspace, registry)))
    served.workspace().close()


def test_it_is_alive_without_a_workspace_and_ready_with_one(client: TestClient, workspace: Workspace) -> None:
    assert client.get("/healthz").json() == {"status": "alive", "scheme": "http", "forwarded": False}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    served.workspace().close()
    database = workspace.root / "earmark.db"
    database.rename(workspace.root / "away.db")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    assert str(workspace.root) not in answer.text, "strangers may ask"
    assert client.get("/healthz").status_code == 200, "to start it anew would help nobody"
    (workspace.root / "away.db").rename(database)
    assert client.get("/readyz").status_code == 200


def test_strangers_that_ask_often_cost_one_look(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "KEPT_S", 60.0)
    looks: list[int] = []
    look = health.readiness.look
    monkeypatch.setattr(health.readiness, "look", lambda opened: looks.append(1) or look(opened))
    for _ in range(10):
        assert client.get("/readyz").status_code == 200
    assert looks == [1]


def test_figures_are_for_viewers_where_people_sign_in(client: TestClient, workspace: Workspace) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "earmark_decisions_total 0.0" in answer.text
    with workspace.write() as connection:
        users.add_user(connection, "ann", "owner", "$argon2id$of-nothing")
        users.add_user(connection, "prometheus", "viewer")
        token = tokens.make(connection, "prometheus")
    from pages.ui import signin

    signin._accounts.clear()
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"authorization": "Bearer em_guessed"}).status_code == 403
    assert client.get("/metrics", headers={"authorization": f"Bearer {token}"}).status_code == 200
    assert client.get("/readyz").status_code == 200
