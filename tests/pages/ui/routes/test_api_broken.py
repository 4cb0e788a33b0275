"""pages/ui/routes/api.py: what a reviewer is told while the database or the clock fails, and what is stored."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling import journal
from labeling.errors import DataError, WorkspaceLocked, WorkspaceUnreachable
from labeling.reviewer import marks
from labeling.storage.database import connect
from labeling.workspace import Workspace
from pages.ui import signing
from pages.ui.routes import clips
from pages.ui.routes.api import api_routes
from tests.support.app.client import client_of
from tests.support.workspaces.making import add_clips

SECRET = b"s" * 32
CODES = ("amecro", "balori", "cangoo", "daejun")


def client(workspace: Workspace, reviewer: str = "rita") -> TestClient:
    app = Starlette(routes=api_routes(lambda: workspace, lambda: SECRET))
    return client_of(app, headers={"x-earmark": signing.api_token(SECRET, reviewer)})


def event(
    event_id: str, clip_id: int = 1, code: str = "amecro", verdict: str = "absent", **more: Any
) -> dict[str, Any]:
    return {"event_id": event_id, "clip_id": clip_id, "class": code, "verdict": verdict} | more


def stored(workspace: Workspace) -> list[str]:
    with workspace.read() as connection:
        return [entry.event_id for entry in journal.decisions_where(connection)]


@contextmanager
def broken_connections(workspace: Workspace, every_s: float) -> Iterator[list[int]]:
    """End one connection to the database after another; gives how many were ended, each time."""
    url, ended, over = workspace.database_url, [], threading.Event()
    own = connect(url)

    def end() -> None:
        others = """
            SELECT count(pg_terminate_backend(pid)) FROM (
              SELECT pid FROM pg_stat_activity
              WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1
            ) AS victims
        """
        with own.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not over.wait(every_s):
                ended.append(connection.scalar(sa.text(others)) or 0)

    thread = threading.Thread(target=end)
    thread.start()
    yield ended
    over.set()
    thread.join()
    own.dispose()


@pytest.mark.postgres
def test_what_is_acknowledged_is_stored_once_while_connections_are_ended(postgres_workspace: Workspace) -> None:
    add_clips(postgres_workspace)
    answers: Counter[int] = Counter()

    def review(reviewer: int) -> list[str]:
        asker, acknowledged = client(postgres_workspace, f"r{reviewer}"), []
        for number in range(3):
            pressed = event(f"{reviewer}-{number}", 1 + (reviewer + number) % 4, CODES[number % 4])
            for _ in range(200):  # as the player does: the same event again
                answer = asker.post("/api/decisions", json={"events": [pressed], "answer": "clip"})
                answers[answer.status_code] += 1
                assert answer.status_code in (200, 503), answer.text
                if answer.status_code == 200:
                    acknowledged.append(pressed["event_id"])
                    break
                time.sleep(0.02)
        return acknowledged

    with broken_connections(postgres_workspace, 0.04) as ended, ThreadPoolExecutor(20) as pool:
        acknowledged = [event_id for its in pool.map(review, range(20)) for event_id in its]
    assert sum(ended) > 10
    assert answers[503] > 0, "nothing broke: the test shows nothing"
    assert sorted(stored(postgres_workspace)) == sorted(acknowledged)
    assert len(acknowledged) == 20 * 3


@pytest.mark.parametrize("problem", [DataError("no such curve"), WorkspaceUnreachable("gone"), ValueError("a bug")])
def test_what_is_stored_is_acknowledged_though_the_clip_cannot_be_read(
    collection: Workspace, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def fail(*_: object) -> None:
        raise problem

    asker = client(collection)
    drawn = event("box", region={"onset_s": 0.1, "offset_s": 0.3}, verdict="present")
    (box,) = asker.post("/api/decisions", json={"events": [drawn]}).json()["positions"]
    monkeypatch.setattr(clips, "read_clip", fail)
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/api/decisions", {"events": [event("a", 2)], "answer": "clip"}),
        ("/api/decisions", {"events": [event("b", verdict="", replaces=box)]}),
        ("/api/undo", {"event_id": "u"}),
        ("/api/channel", {"clip_id": 1, "channel": 0}),
    ]
    for path, body in bodies:
        answer = asker.post(path, json=body)
        assert answer.status_code == 200, answer.text
        assert "clip" not in answer.json()
    assert len(stored(collection)) == 4


@pytest.mark.parametrize("problem", [WorkspaceUnreachable("gone"), WorkspaceLocked("busy")])
def test_marks_that_cannot_be_read_again_are_stored_all_the_same(
    collection: Workspace, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr(marks, "of_clip", fail)
    answer = client(collection).post("/api/marks", json={"event_id": "m", "clip_id": 1, "kind": "flag"})
    assert (answer.status_code, answer.json()) == (200, {"notice": "saved: flag"})


def test_an_event_id_that_comes_for_something_else_is_refused(any_collection: Workspace) -> None:
    asker = client(any_collection)
    first = event("e1")
    assert asker.post("/api/decisions", json={"events": [first]}).status_code == 200
    others = [
        event("e1", 2), event("e1", code="balori"), event("e1", verdict="present"), event("e1", note="a rattle"),
        event("e1", region={"onset_s": 0.1, "offset_s": 0.3}), event("e1", verdict="", replaces=1),
    ]  # fmt: skip
    for other in others:
        answer = asker.post("/api/decisions", json={"events": [other]})
        assert answer.status_code == 422, other
        assert "stored already as" in answer.json()["error"]
    assert client(any_collection, "sam").post("/api/decisions", json={"events": [first]}).status_code == 422
    # twice in one request, and once more for another cell
    assert asker.post("/api/decisions", json={"events": [event("e2", 3), event("e2", 4)]}).status_code == 422
    twice = asker.post("/api/decisions", json={"events": [event("e3", 3), event("e3", 3)]})
    assert twice.json()["notice"] == "saved: amecro absent"
    assert stored(any_collection) == ["e1", "e3"]


def test_a_mark_or_a_box_whose_event_id_comes_for_another_is_refused(any_collection: Workspace) -> None:
    asker = client(any_collection)

    def status(path: str, **body: Any) -> int:
        return asker.post(path, json=body).status_code

    assert status("/api/marks", event_id="m", clip_id=1, kind="flag") == 200
    assert status("/api/marks", event_id="m", clip_id=1, kind="flag") == 200
    assert status("/api/marks", event_id="m", clip_id=2, kind="flag") == 422
    assert status("/api/marks", event_id="m", clip_id=1, kind="note", text="hm") == 422
    region = {"onset_s": 0.1, "offset_s": 0.3}
    boxes = [event(f"box{place}", verdict="present", region=region) for place in range(2)]
    answer = asker.post("/api/decisions", json={"events": boxes})
    first, second = answer.json()["positions"]
    moved = event("move", verdict="present", region={"onset_s": 0.2, "offset_s": 0.4}, replaces=first)
    assert [status("/api/decisions", events=[moved]) for _ in range(2)] == [200, 200]
    assert status("/api/decisions", events=[moved | {"region": region}]) == 422
    assert status("/api/decisions", events=[moved | {"replaces": second}]) == 422
    assert status("/api/decisions", events=[event("move", verdict="", replaces=first)]) == 422
    assert len(stored(any_collection)) == 4


@pytest.mark.parametrize("order", ["mark first", "decision first"])
def test_undo_goes_by_the_journal_though_the_clock_was_set_back(
    any_collection: Workspace, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    asker = client(any_collection)
    bodies = [
        ("/api/marks", {"event_id": "n", "clip_id": 1, "kind": "skip"}),
        ("/api/decisions", {"events": [event("e", 2)]}),
    ]
    said = ["undone: skip", "undone: amecro absent"]
    if order == "decision first":
        bodies, said = bodies[::-1], said[::-1]
    assert asker.post(bodies[0][0], json=bodies[0][1]).status_code == 200
    monkeypatch.setattr("labeling.storage.database.now", lambda: "2001-01-01T00:00:00.000000+00:00")
    assert asker.post(bodies[1][0], json=bodies[1][1]).status_code == 200
    undone = [asker.post("/api/undo", json={"event_id": f"u{number}"}).json()["notice"] for number in range(2)]
    assert undone == said[::-1]
