"""similar_json.py: a search survives its URL, and its answer says what the verdicts so far make of it."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling.errors import DataError
from labeling.search.query import Example, Query
from labeling.workspace import Workspace
from pages.ui import signing
from pages.ui.routes.api import api_routes
from pages.ui.routes.similar_json import PATH, params_of, query_of
from pages.ui.shared import shapes
from tests.support.app.client import client_of
from tests.support.scripts.typescript import check
from tests.support.workspaces.planted import plant

SECRET = b"s" * 32


@pytest.fixture
def client(workspace: Workspace) -> TestClient:
    app = Starlette(routes=api_routes(lambda: workspace, lambda: SECRET))
    return client_of(app, headers={"x-earmark": signing.api_token(SECRET, "rita")})


def test_a_search_survives_the_url() -> None:
    given = Query("a", "b&c", (Example(1, 0, 1.5, like=False),), ("0" * 16,), True, "all", "recordings", "varied")
    assert query_of(params_of(given)) == given
    with pytest.raises(DataError, match="order 'x'"):
        query_of({"space": "a", "order": "x"})


def test_verdicts_of_stretches_and_clips_go_and_are_told(workspace: Workspace, client: TestClient) -> None:
    planted = plant(workspace)
    params = params_of(Query("toy", "rare", (planted.example(),)))
    answer = client.get(PATH, params=params).json()
    check(answer, shapes.Snippets, "the answer")
    assert answer["said"] == "0 present, 0 absent so far · how many of the next 20 are it is not known yet"
    of_stretches = [one for one in answer["snippets"] if one["of_stretch"]][:2]
    of_clips = [one for one in answer["snippets"] if not one["of_stretch"]][:12]
    assert len({one["id"] for one in answer["snippets"]}) == len(answer["snippets"])
    assert all(one["from_s"] <= one["onset_s"] and one["offset_s"] <= one["to_s"] for one in of_stretches + of_clips)
    events = [
        {"event_id": f"e{place}", "clip_id": one["clip_id"], "class": "rare", "verdict": "present",
         "seen_position": answer["position"],
         **({"region": {"onset_s": one["onset_s"], "offset_s": one["offset_s"]}} if one["of_stretch"] else {})}
        for place, one in enumerate(of_stretches + of_clips)
    ]  # fmt: skip
    stored = client.post("/api/decisions", json={"events": events, "batch": "b", "view": {"run": "", "scorer": ""}})
    assert stored.status_code == 200, stored.text
    again = client.get(PATH, params=params).json()
    assert not {one["id"] for one in of_stretches + of_clips} & {one["id"] for one in again["snippets"]}
    assert again["said"].startswith("14 present, 0 absent so far · of the next 20 about ")
    assert 0 < again["snippets"][0]["likely"] < 1

    assert client.post("/api/undo", json={"event_id": "u"}).json()["notice"] == "undone: 14 decisions"
    first = client.get(PATH, params=params).json()
    assert [one["id"] for one in first["snippets"]] == [one["id"] for one in answer["snippets"]]


def test_what_cannot_be_answered_is_said(workspace: Workspace, client: TestClient) -> None:
    plant(workspace)
    for params, words in (
        ({"space": "toy"}, "give at least one example"),
        ({"space": "../x", "like": "1@0-1"}, "is not a plain name"),
        ({"space": "toy", "like": "nonsense"}, "is none; write CLIP@FROM-TO"),
    ):
        answer = client.get(PATH, params=params)
        assert (answer.status_code, words in answer.json()["error"]) == (422, True), answer.text
    # a class that is not there yet: nothing is decided of it
    assert client.get(PATH, params={"space": "toy", "like": "1@0-1", "class": "nosuch"}).status_code == 200
