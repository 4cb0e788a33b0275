"""routes.py: what the browser gets of the map is what the space, the labels and the queue say."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling import journal
from labeling.embeddings.space import open_space
from labeling.landscape.projection import keep_projection, read_projection, space_digest
from labeling.quality.scored_run import read_scored_run
from labeling.records import Decision
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace
from pages.ui import signing
from pages.ui.map import routes, shapes
from pages.ui.routes.api import api_routes
from pages.ui.rows.cells_json import decide_cells
from tests.support.app.client import client_of
from tests.support.scripts.typescript import check
from tests.support.workspaces.planted import Planted, plant
from tests.support.workspaces.ranked import finished_run, store_ranking

SECRET = b"s" * 32
WHOLE = [[0, 0], [65_535, 0], [65_535, 65_535], [0, 65_535]]


@pytest.fixture
def planted(workspace: Workspace) -> Planted:
    """A space with a map whose left half is the first ten clips, and a run that doubts ``rare`` in five of them."""
    made = plant(workspace, clips=20, recordings=1)
    space = open_space(workspace, "toy")
    left = space.clip_ids <= 10
    positions = np.stack([np.where(left, 0.0, 10.0), np.arange(len(space)) / 100], axis=1)
    keep_projection(workspace, "toy", space_digest(workspace, "toy"), positions, np.where(left, 0, 1), {"seed": 0})
    store_ranking(workspace, finished_run(workspace), rows=tuple(
        (rank, clip, "rare", "missing", 0.9 - rank / 50, 0.9, 0.9, 0) for rank, clip in enumerate([1, 3, 5, 7, 15], 1)
    ))  # fmt: skip
    return made


@pytest.fixture
def client(workspace: Workspace, planted: Planted) -> TestClient:
    made = api_routes(lambda: workspace, lambda: SECRET, routes.GETS, {**routes.POSTS, "/api/cells": decide_cells})
    return client_of(Starlette(routes=made), headers={"x-earmark": signing.api_token(SECRET, "rita")})


def query(workspace: Workspace, **more: str) -> dict[str, str]:
    _, projection = read_projection(workspace, "toy")
    return {"space": "toy", "map": projection.name, "run": "001-demo", "scorer": "earmark", **more}


def rows_by_point(workspace: Workspace) -> np.ndarray:
    return routes.points_of(read_projection(workspace, "toy")[1]).rows


def colours(client: TestClient, asked: dict[str, str]) -> tuple[dict[str, Any], np.ndarray]:
    data = client.get("/api/map/colours", params=asked).content
    length = int.from_bytes(data[:4], "little")
    return json.loads(data[4 : 4 + length]), np.frombuffer(data[4 + length :], "<u2")


def test_points_are_four_bytes_each(workspace: Workspace, client: TestClient) -> None:
    space, projection = read_projection(workspace, "toy")
    answer = client.get("/api/map/points", params=query(workspace))
    assert len(answer.content) == 4 * len(space)
    sent = np.frombuffer(answer.content, "<u2").reshape(-1, 2)
    np.testing.assert_array_equal(sent, projection.places[rows_by_point(workspace)])


def test_colours_say_what_is_known_of_each_stretch(workspace: Workspace, client: TestClient) -> None:
    space = open_space(workspace, "toy")
    clip_of = space.clip_ids[rows_by_point(workspace)]
    legend, codes = colours(client, query(workspace, by="class"))
    check(legend, shapes.Legend, "the legend")
    assert legend["names"] == ["Common"]
    assert legend["unknown"] == (clip_of > 20).sum()  # the recording has no label
    np.testing.assert_array_equal(codes == 0, clip_of <= 20)

    doubted = np.isin(clip_of, [1, 3, 5, 7, 15])
    legend, codes = colours(client, query(workspace, by="kind"))
    assert legend["names"] == ["missing"]
    np.testing.assert_array_equal(codes == 0, doubted)
    legend, codes = colours(client, query(workspace, by="p_wrong"))
    assert legend["is_share"]
    with workspace.read() as connection:
        run = read_scored_run(connection, "001-demo", "earmark")
    likely = dict(zip(run.ranking.clip_id.tolist(), run.probability.tolist(), strict=True))
    assert set(codes[clip_of == 1].tolist()) == {round(50 * likely[1])}
    assert (codes[~doubted] == 65_535).all()

    journal.append(workspace, [Decision("e1", "ann", 1, "rare", "present")])
    legend, codes = colours(client, query(workspace, by="decided"))
    named = np.array([*legend["names"], ""])[np.minimum(codes, len(legend["names"]))]
    assert set(named[clip_of == 1].tolist()) == {"all decided"}
    assert set(named[clip_of == 3].tolist()) == {"to do"}
    assert set(named[clip_of == 2].tolist()) == {""}
    legend, _ = colours(client, query(workspace, by="recordist"))
    assert len(legend["names"]) == 20
    legend, codes = colours(client, query(workspace, by="cluster"))
    assert sorted(legend["names"]) == ["cluster 1", "cluster 2"]


def test_the_queues_filter_leaves_stretches_of_its_clips(workspace: Workspace, client: TestClient) -> None:
    clip_of = open_space(workspace, "toy").clip_ids[rows_by_point(workspace)]
    data = client.get("/api/map/passing", params=query(workspace, p="0")).content
    passing = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: len(clip_of)].astype(bool)
    np.testing.assert_array_equal(passing, np.isin(clip_of, [1, 3, 5, 7, 15]))
    assert len(data) == -(-len(clip_of) // 8)


def test_a_point_is_heard_and_its_true_neighbours_are_told(
    workspace: Workspace, client: TestClient, planted: Planted
) -> None:
    space = open_space(workspace, "toy")
    example = planted.example()
    row = space.rows_of(example.clip_id).start + int(example.onset_s)
    point = int(np.flatnonzero(rows_by_point(workspace) == row)[0])
    answer = client.get("/api/map/stretch", params=query(workspace, point=str(point))).json()
    check(answer, shapes.MapStretches, "the answer")
    (one,) = answer["stretches"]
    assert (one["point"], one["labels"]) == (point, "Common")
    assert (one["snippet"]["clip_id"], one["snippet"]["onset_s"]) == (example.clip_id, example.onset_s)
    assert "token=" in one["snippet"]["tile_url"]

    near = client.get("/api/map/near", params=query(workspace, point=str(point))).json()["stretches"]
    check({"stretches": near}, shapes.MapStretches, "the neighbours")
    alike = [one["alike"] for one in near]
    assert alike == sorted(alike, reverse=True)
    clips = [one["snippet"]["clip_id"] for one in near]
    assert example.clip_id not in clips
    assert len(set(clips)) == len(clips)  # of a clip its most alike
    others = (set(planted.clips) | set(planted.recorded)) - {example.clip_id}
    assert set(clips[: min(len(others), len(clips))]) <= others  # what is truly alike, on whichever half it lies


def test_an_outline_is_counted_before_anything_is_kept(workspace: Workspace, client: TestClient) -> None:
    left = [[0, 0], [30_000, 0], [30_000, 65_535], [0, 65_535]]
    space = open_space(workspace, "toy")
    asked = {"query": query(workspace, p="0"), "outline": left}
    told = client.post("/api/map/area", json=asked).json()
    check(told, shapes.MapArea, "the answer")
    assert told == {"stretches": int((space.clip_ids <= 10).sum()), "clips": 10, "cells": 4,
                    "words": "4 cells in 4 clips"}  # fmt: skip
    filtered = client.post("/api/map/area", json=asked | {"filtered": True}).json()
    assert (filtered["stretches"], filtered["clips"], filtered["cells"]) == (4 * 9, 4, 4)
    assert client.post("/api/map/area", json={**asked, "outline": None, "cluster": 0}).json() == told

    kept = client.post("/api/map/area", json=asked | {"keep": True}).json()
    check(kept, shapes.MapArea, "the answer")
    assert sorted(kept["these"]) == [[clip, "rare"] for clip in (1, 3, 5, 7)]
    with workspace.read() as connection:
        run = read_scored_run(connection, "001-demo", "earmark")
        wanted = QueueFilter(chosen=kept["chosen"])
        assert sorted(row.suspect.clip_id for row in queue.rows(connection, run, wanted)) == [1, 3, 5, 7]

    # and decided all at once, as the dialog does
    body = {"cells": kept["these"], "version": kept["version"], "batch": "b" * 32, "choice": "present",
            "query": {"run": "001-demo", "scorer": "earmark"}}  # fmt: skip
    planned = client.post("/api/cells", json=body | {"plan": True}).json()
    assert (planned["cells"], planned["words"]) == (4, "4 cells in 4 clips")
    assert client.post("/api/cells", json=body).status_code == 200
    assert client.post("/api/map/area", json=asked).json()["cells"] == 0


def test_clusters_are_told_by_question(workspace: Workspace, client: TestClient) -> None:
    answer = client.get("/api/map/clusters", params=query(workspace)).json()
    check(answer, shapes.MapClusters, "the answer")
    assert {name: [one["number"] for one in found] for name, found in answer["answers"].items()} == {
        "mixed": [], "unlabelled": [], "types": [0, 1],
    }  # fmt: skip
    assert answer["answers"]["types"][0]["says"] == "Common in 10"
    typical = client.get("/api/map/cluster", params=query(workspace, cluster="0")).json()
    check(typical, shapes.MapTypical, "the answer")
    assert len(typical["central"]) == len(typical["odd"]) == 4


@pytest.mark.parametrize(
    ("path", "more", "said"),
    [
        ("points", {"map": "other"}, "made anew meanwhile"),
        ("points", {"space": "gone"}, "unknown space 'gone'"),
        ("colours", {"by": "weight"}, "unknown colour 'weight'"),
        ("colours", {"by": "metadata:nosuch"}, "unknown colour"),
        ("stretch", {"point": "999999"}, "is not on this map"),
        ("stretch", {"point": "-1"}, "is not on this map"),
        ("near", {}, "is not on this map"),
        ("cluster", {"cluster": "7"}, "there is no cluster 8"),
        ("cluster", {"cluster": "x"}, "is no number"),
        ("passing", {"run": ""}, "nothing is scored yet"),
    ],
)
def test_what_cannot_be_answered_is_said(
    workspace: Workspace, client: TestClient, path: str, more: dict[str, str], said: str
) -> None:
    answer = client.get(f"/api/map/{path}", params=query(workspace) | more)
    assert (answer.status_code, said in answer.json()["error"]) == (422, True), answer.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "has no outline"),
        ({"outline": "text"}, "has no outline"),
        ({"outline": [[0, 0], [1, 1]]}, "give 3 to 200 corners"),
        ({"outline": [[0, 0], [1, 1], [0.5, 2]]}, "no pair of whole numbers"),
        ({"outline": [[0, 0], [1, 1], [70_000, 2]]}, "no pair of whole numbers"),
        ({"cluster": 9}, "there is no cluster 10"),
        ({"outline": [[0, 0], [9, 0], [0, 9]], "keep": True}, "0 stretches are chosen"),
    ],
)
def test_an_area_that_is_none_is_refused(
    workspace: Workspace, client: TestClient, body: dict[str, Any], said: str
) -> None:
    answer = client.post("/api/map/area", json={"query": query(workspace), **body})
    assert (answer.status_code, said in answer.json()["error"]) == (422, True), answer.text
    assert client.post("/api/map/area", json={"query": 3, **body}).status_code == 422
