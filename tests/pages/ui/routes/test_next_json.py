"""next_json.py: each snippet names its class and why it is asked, and what chance drew is stored as such."""

from __future__ import annotations

import sqlalchemy as sa
from starlette.applications import Starlette

from labeling.storage import tables
from labeling.workspace import Workspace
from pages.ui import signing
from pages.ui.routes.api import api_routes
from pages.ui.routes.next_json import PATH, params_of
from pages.ui.shared import shapes
from tests.support.app.client import client_of
from tests.support.scripts.typescript import check
from tests.support.workspaces.several_sounds import plant_sounds

SECRET = b"s" * 32


def test_questions_are_told_answered_and_asked_anew(workspace: Workspace) -> None:
    plant_sounds(workspace, clips=20, labelled=10)
    app = Starlette(routes=api_routes(lambda: workspace, lambda: SECRET))
    client = client_of(app, headers={"x-earmark": signing.api_token(SECRET, "rita")})
    params = params_of("ears", "hybrid", "unlabelled")
    answer = client.get(PATH, params=params).json()
    check(answer, shapes.Snippets, "the answer")
    assert answer["said"].startswith("learned from 30 known labels · fewest known: ")
    assert len({one["id"] for one in answer["snippets"]}) == len(answer["snippets"]) == 30
    assert (answer["more"], {one["asks_name"] for one in answer["snippets"]}) == (False, {"Bell", "Drum", "Horn"})
    assert next(place for place, one in enumerate(answer["snippets"]) if one.get("at_random")) == 9
    events = [
        {"event_id": f"e{place}", "clip_id": one["clip_id"], "class": one["asks"], "verdict": "absent",
         "seen_position": answer["position"], "at_random": one.get("at_random", False)}
        for place, one in enumerate(answer["snippets"][:10])
    ]  # fmt: skip
    assert client.post("/api/decisions", json={"events": events, "batch": "b"}).status_code == 200
    with workspace.read() as connection:
        stored = [shown.get("at_random", False) for shown in connection.scalars(sa.select(tables.decisions.c.shown))]
    assert stored == [False] * 9 + [True]
    again = client.get(PATH, params=params).json()
    assert len(again["snippets"]) == 20
    assert client.get(PATH, params=params | {"by": "best"}).status_code == 422
    assert client.get(PATH, params=params | {"next": "eyes"}).status_code == 422
