"""pages/ui/rows/rows_json.py: the rows that a list is scrolled to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling import journal
from labeling.quality.scored_run import ScoredRun, read_scored_run
from labeling.records import Decision
from labeling.reviewer import marks
from labeling.reviewer.marks import Mark
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace, open_workspace
from pages.ui import signing
from pages.ui.routes.api import api_routes
from pages.ui.rows.rows_json import MOST_ROWS, query_of, queue_json
from pages.ui.shared import shapes
from tests.support.scripts.typescript import check

SECRET = b"s" * 32
WANTED = QueueFilter(reviewer="rita")


@pytest.fixture
def workspace(own_copy: Path) -> Iterator[Workspace]:
    opened = open_workspace(own_copy)
    yield opened
    opened.close()


def client_of(workspace: Workspace, reviewer: str) -> TestClient:
    routes = api_routes(lambda: workspace, lambda: SECRET, {"/api/queue": queue_json})
    return TestClient(Starlette(routes=routes), headers={"x-earmark": signing.api_token(SECRET, reviewer)})


@pytest.fixture
def client(workspace: Workspace) -> TestClient:
    return client_of(workspace, "rita")


@pytest.fixture
def run(workspace: Workspace) -> ScoredRun:
    with workspace.read() as connection:
        found = queue.current(connection)
        assert found
        return read_scored_run(connection, *found)


def rows(client: TestClient, run: ScoredRun, wanted: QueueFilter = WANTED, **more: Any) -> Any:
    answer = client.get("/api/queue", params={**query_of(run, wanted, 2.5), **more})
    assert answer.status_code == 200, answer.text
    check(answer.json(), shapes.QueueRows, "the rows")
    return answer.json()


def test_parts_of_a_list_are_the_queue(workspace: Workspace, client: TestClient, run: ScoredRun) -> None:
    marks.add(workspace, Mark("m", "rita", 3, "later"))
    with workspace.read() as connection:
        whole = queue.rows(connection, run, WANTED, limit=None)
    first, second = rows(client, run, count=10), rows(client, run, first=10, count=MOST_ROWS)
    assert first["total"] == second["total"] == len(whole)
    assert (len(first["rows"]), second["first"]) == (10, 10)
    told = [*first["rows"], *second["rows"]]
    assert [(row["clip_id"], row["class"], row["rank"]) for row in told] == [
        (row.suspect.clip_id, row.suspect.class_code, row.suspect.rank) for row in whole
    ]
    assert {row["clip_id"] for row in told if row["marks"]} == {3}
    assert rows(client, run, first=10**9)["rows"] == []


def test_a_list_stays_as_it_was_until_it_is_asked_for_anew(
    workspace: Workspace, client: TestClient, run: ScoredRun
) -> None:
    before = rows(client, run)
    one = before["rows"][0]
    decision = Decision(journal.new_event_id(), "bob", one["clip_id"], one["class"], "absent")
    journal.append(workspace, [decision])
    still, now = rows(client, run, version=before["version"]), rows(client, run)
    assert (still["version"], still["total"]) == (before["version"], before["total"])
    assert still["rows"][0] == one | {"verdict": "absent"}
    assert (now["total"], now["version"]) == (before["total"] - 1, "1.0")
    assert rows(client, run, version="7.7")["version"] == "1.0"  # one that is not kept: the newest


def test_an_audit_is_told_nothing_that_the_model_thinks(client: TestClient, run: ScoredRun) -> None:
    shown = rows(client, run, QueueFilter(order="audit", reviewer="rita"))["rows"]
    assert shown
    assert not {"rank", "kind", "wrong", "why", "clipwise", "frame"} & set(shown[0])


def test_whoever_gave_no_name_may_look_and_change_nothing(workspace: Workspace, run: ScoredRun) -> None:
    nobody = client_of(workspace, "")
    assert rows(nobody, run)["rows"]
    assert nobody.post("/api/undo", json={"event_id": "e"}).status_code == 403
    assert nobody.get("/api/queue", headers={"x-earmark": "x"}).status_code == 403


def test_nonsense_is_refused_in_words(client: TestClient, run: ScoredRun) -> None:
    for name, value in [("first", "-1"), ("first", "²"), ("count", "501"), ("count", "9" * 30), ("look_s", "nan"),
                        ("look_s", "-1"), ("look_s", "x"), ("position", "x")]:  # fmt: skip
        answer = client.get("/api/queue", params={**query_of(run, WANTED, 2.5), name: value})
        assert answer.status_code == 422
        assert ("rows are asked for" if value == "501" else name) in answer.json()["error"]
