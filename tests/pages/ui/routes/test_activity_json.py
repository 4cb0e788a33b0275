"""What the wall is told of windows: their order, their verdicts, and no score where chance chose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling import journal
from labeling.records import Decision, Region
from labeling.workspace import Workspace
from pages.ui import signing
from pages.ui.routes.activity_json import PATH, ActivityQuery, query_of
from pages.ui.routes.api import api_routes
from tests.support.workspaces.predicted import add_prediction

SECRET = b"s" * 32
HOUR = ActivityQuery("001", "amecro", "pond", "2024-06-12", "7")
DRAW = ActivityQuery("001", "amecro")


@pytest.fixture
def predicted(collection: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    add_prediction(collection.root)
    return collection


@pytest.fixture
def client(predicted: Workspace) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=api_routes(lambda: predicted, lambda: SECRET))) as made:
        made.headers["x-earmark"] = signing.api_token(SECRET, "ann")
        yield made


def ask(client: TestClient, query: ActivityQuery, **more: str) -> Any:
    return client.get(PATH, params=query.to_json() | more)


def test_the_strongest_of_an_hour_come_first_and_the_decided_last(predicted: Workspace, client: TestClient) -> None:
    answer = ask(client, HOUR).json()
    scores = [one["clipwise"] for one in answer["snippets"]]
    assert len(scores) == 20
    assert scores == sorted(scores, reverse=True)
    first = answer["snippets"][0]
    assert (first["onset_s"], first["offset_s"], first["from_s"], first["to_s"]) == (57, 60, 57, 60)
    assert first["of_stretch"]
    said = Decision("e", "ann", first["clip_id"], "amecro", "absent", region=Region(57.0, 60.0))
    journal.append(predicted, [said])
    again = ask(client, HOUR).json()["snippets"]
    assert [one["verdict"] for one in again] == [""] * 19 + ["absent"]
    assert again[-1]["id"] == first["id"]


def test_a_draw_tells_no_score_by_number_or_by_place(client: TestClient) -> None:
    answer = ask(client, DRAW).json()
    assert {one["clipwise"] for one in answer["snippets"]} == {0.0}
    assert answer["said"].startswith("0 of ")
    ids = [one["id"] for one in answer["snippets"]]
    assert len(set(ids)) == len(ids)
    assert ids == [one["id"] for one in ask(client, DRAW).json()["snippets"]]
    assert ids != [one["id"] for one in ask(client, ActivityQuery("001", "amecro", seed="1")).json()["snippets"]]


def test_a_query_comes_back() -> None:
    for query in (HOUR, DRAW, ActivityQuery("001-demo", "=x", "", zone="Europe/Berlin", each="5")):
        assert query_of(query.to_json()) == query


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": "9"}, {"source": "../.."}, {"class_code": "frog"}, {"zone": "Mars"}, {"hour": "noon"}, {"each": "0"},
        {"bands": "1"}, {"seed": "x"}, {"site": "x" * 501},
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(client: TestClient, wrong: dict[str, str]) -> None:
    query = DRAW if {"each", "bands", "seed"} & set(wrong) else HOUR
    answer = ask(client, query, **wrong)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]
