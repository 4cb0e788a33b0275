"""pages/ui/routes/marks_json.py"""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling.reviewer.marks import Mark
from labeling.workspace import Workspace
from pages.ui import signing
from pages.ui.routes.api import api_routes
from pages.ui.routes.marks_json import mark_json
from pages.ui.shared import shapes
from tests.support.app.client import client_of
from tests.support.scripts.typescript import check
from tests.support.workspaces.deciding import says

SECRET = b"s" * 32


@pytest.fixture
def client(collection: Workspace) -> TestClient:
    app = Starlette(routes=api_routes(lambda: collection, lambda: SECRET))
    return client_of(app, headers={"x-earmark": signing.api_token(SECRET, "rita")})


def leave(client: TestClient, event_id: str, text: str, expect: int = 200, **more: Any) -> dict[str, Any]:
    body = {"event_id": event_id, "clip_id": 1, "kind": "note", "text": text} | more
    answer = client.post("/api/marks", json=body)
    assert answer.status_code == expect, answer.text
    if expect == 200:
        check(answer.json(), shapes.Marked, "the marks")
    return answer.json()  # type: ignore[no-any-return]


def test_a_note_and_its_answer(client: TestClient) -> None:
    (first,) = leave(client, "a", "a jay?")["marks"]
    both = leave(client, "b", "yes @rita", reply_to=first["id"])["marks"]
    assert [(one["reply_to"], one["calls"]) for one in both] == [(None, []), (first["id"], [[4, 9]])]
    again = leave(client, "b", "yes @rita", reply_to=first["id"])["marks"]
    assert again == both, "a request that is sent again leaves one note"
    assert "is no note on clip 1" in leave(client, "c", "no", 422, reply_to=99)["error"]
    assert "whole number" in leave(client, "d", "no", 422, reply_to="1")["error"]
    assert "at most 2000" in leave(client, "e", "x" * 2001, 422)["error"]


def test_who_can_be_called(client: TestClient, collection: Workspace) -> None:
    says(collection, "ann", "present", 1, "amecro")
    answer = client.get("/api/people")
    check(answer.json(), shapes.People, "the people")
    assert answer.json() == {"names": ["ann"]}


def test_places_of_calls_count_signs() -> None:
    told = mark_json(Mark("m", "ann", 1, "note", "\N{BIRD} @bob"), ["bob"])
    assert told["calls"] == [(2, 6)]
