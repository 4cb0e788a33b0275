"""chosen_json.py: what was chosen on the map comes as snippets, until it is decided."""

from __future__ import annotations

import numpy as np
from starlette.applications import Starlette

from labeling import journal
from labeling.embeddings.space import open_space
from labeling.records import Decision
from labeling.reviewer import chosen
from labeling.reviewer.chosen import Chosen
from labeling.workspace import Workspace
from pages.ui import signing
from pages.ui.routes.api import api_routes
from pages.ui.routes.chosen_json import PATH
from pages.ui.shared import shapes
from tests.support.app.client import client_of
from tests.support.scripts.typescript import check
from tests.support.workspaces.planted import plant

SECRET = b"s" * 32


def test_chosen_stretches_are_snippets_until_they_are_decided(workspace: Workspace) -> None:
    plant(workspace, clips=12, recordings=1)
    space = open_space(workspace, "toy")
    rows = np.flatnonzero(np.isin(space.clip_ids, [2, 5, 7]))
    these = Chosen("toy", "some", space.clip_ids[rows], space.onset_s[rows], space.offset_s[rows])
    name = chosen.keep(workspace, these, "rita")
    app = Starlette(routes=api_routes(lambda: workspace, lambda: SECRET))
    client = client_of(app, headers={"x-earmark": signing.api_token(SECRET, "rita")})
    answer = client.get(PATH, params={"chosen": name, "class": "nosuch"}).json()
    check(answer, shapes.Snippets, "the answer")
    assert sorted(one["clip_id"] for one in answer["snippets"]) == [2, 5, 7]
    assert answer["said"] == "3 clips and stretches"
    journal.append(workspace, [Decision("e1", "rita", 5, "rare", "absent")])
    answer = client.get(PATH, params={"chosen": name, "class": "rare", "order": "time"}).json()
    assert [one["clip_id"] for one in answer["snippets"]] == [2, 7]
    assert answer["said"] == "2 to do, 1 decided"
    refused = client.get(PATH, params={"chosen": "x"})
    assert (refused.status_code, "were not chosen" in refused.json()["error"]) == (422, True)
