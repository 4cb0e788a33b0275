"""pages/ui/wall/component.py: what the wall is told, and what its scripts may ask."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling import journal
from labeling.errors import DataError
from labeling.records import Decision
from labeling.suspects import queue
from labeling.workspace import Workspace, open_workspace
from pages.ui import signing
from pages.ui.routes import snippets_json
from pages.ui.routes.api import api_routes
from pages.ui.routes.snippets_json import WallQuery, query_of
from pages.ui.shared import shapes
from pages.ui.wall.component import WALL
from tests.support.app.client import client_of
from tests.support.scripts.typescript import check
from tests.support.workspaces.making import copy_workspace

SECRET = b"s" * 32


@pytest.fixture(scope="module")
def workspace(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return open_workspace(copy_workspace(trained, tmp_path_factory.mktemp("wall") / "birds"))


@pytest.fixture
def query(workspace: Workspace) -> WallQuery:
    with workspace.read() as connection:
        run, scorer, _ = queue.scored(connection)[0]
    return WallQuery(run, scorer, "ambfin1")


@pytest.fixture
def client(workspace: Workspace) -> TestClient:
    app = Starlette(routes=api_routes(lambda: workspace, lambda: SECRET))
    return client_of(app, headers={"x-earmark": signing.api_token(SECRET, "rita")})


def test_a_query_survives_the_url() -> None:
    given = WallQuery("001-demo", "earmark", "a&b=c?", "missing", "open", "clipwise", 0.3)
    assert query_of(given.to_json()) == given
    assert query_of({"run": "r", "scorer": "s", "class": "c"}) == WallQuery("r", "s", "c")
    with pytest.raises(DataError, match="min_p_wrong 'much'"):
        query_of({"min_p_wrong": "much"})


def test_each_snippet_comes_with_its_links_and_what_is_decided(
    workspace: Workspace, client: TestClient, query: WallQuery
) -> None:
    first = client.get("/api/snippets", params=query.to_json()).json()
    check(first, shapes.Snippets, "the snippets")
    check(client.get("/api/snippets/verdicts", params={"class": "ambfin1"}).json(), shapes.Verdicts, "the verdicts")
    assert len(first["snippets"]) == 48
    assert first["more"] is False
    one = first["snippets"][0]
    assert one["from_s"] <= (one["onset_s"] + one["offset_s"]) / 2 <= one["to_s"]
    for name, path in (("tile_url", "tile"), ("audio_url", "audio")):
        assert one[name].startswith(f"clips/{one['clip_id']}/{path}?")
        values = dict(pair.split("=") for pair in one[name].split("?")[1].split("&"))
        assert signing.token_holds(SECRET, f"/clips/{one['clip_id']}/{path}", values["expires"], values["token"])
    position = journal.append(workspace, [Decision("e1", "rita", one["clip_id"], "ambfin1", "absent")])[0].position
    again = client.get("/api/snippets", params=query.to_json()).json()
    assert again["position"] == position == first["position"] + 1
    assert again["snippets"][-1] == one | {"verdict": "absent"}
    answer = client.get("/api/snippets/verdicts", params={"class": "ambfin1"}).json()
    assert answer == {"position": position, "verdicts": {str(one["clip_id"]): "absent"}}


def test_beyond_a_thousand_it_is_said_that_there_are_more(
    client: TestClient, query: WallQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snippets_json, "MOST_SNIPPETS", 47)
    answer = client.get("/api/snippets", params=query.to_json()).json()
    assert (len(answer["snippets"]), answer["more"]) == (47, True)


def test_strangers_and_nonsense_are_refused(client: TestClient, query: WallQuery) -> None:
    assert client.get("/api/snippets", params=query.to_json(), headers={"x-earmark": "x"}).status_code == 403
    assert client.get("/api/snippets/verdicts", params={"class": "x"}, headers={"x-earmark": ""}).status_code == 403
    for change in ({"class": "nobody"}, {"order": "x"}, {"which": "x"}, {"status": "x"}, {"min_p_wrong": "x"}):
        refused = client.get("/api/snippets", params=query.to_json() | change)
        assert refused.status_code == 422
        assert next(iter(change.values())) in refused.json()["error"]
    assert client.get("/api/snippets/verdicts", params={"class": "nobody"}).status_code == 422


def test_labels_never_become_markup() -> None:
    script = WALL.read_script()
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert danger not in script
    assert script.count("export default") == 1


def _page() -> None:
    from pages.ui.routes.snippets_json import PATH, WallQuery
    from pages.ui.wall.component import wall

    wall(
        PATH,
        WallQuery("r", "s", "amecro").to_json(),
        title='<b>"Crow',
        token="t",
        empty="none",
        may_decide=True,
        on_open=lambda clip_id: None,
        on_like=lambda like: None,
    )


def test_the_wall_is_told_what_to_fetch() -> None:
    from streamlit.testing.v1 import AppTest

    at = AppTest.from_function(_page, default_timeout=30).run()
    assert not at.exception
    (mounted,) = at.get("bidi_component")
    data = json.loads(mounted.proto.json)
    assert data["query"]["class"] == "amecro"
    assert data["path"] == "/api/snippets"
    assert (data["class_name"], data["token"]) == ('<b>"Crow', "t")
