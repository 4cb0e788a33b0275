"""pages/ui/rows/cells_json.py: many cells are decided as they were planned, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from labeling.suspects.bulk import CHOICES, MOST_CELLS
from labeling.workspace import Workspace, open_workspace
from pages.ui.shared import shapes
from pages.ui.shared.scripts import UI
from tests.support.app.light_page import Page, light_client
from tests.support.browser.reviewing import rows
from tests.support.scripts.typescript import check


@pytest.fixture
def workspace(own_copy: Path) -> Iterator[Workspace]:
    opened = open_workspace(own_copy)
    yield opened
    opened.close()


@pytest.fixture
def client(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv("EARMARK_REVIEWER", "rita")
    return light_client(workspace)


def listed(client: TestClient) -> Any:
    return Page(client.get("/suspects?p=0").text).given


def body_of(given: Any, count: int = 3, **more: Any) -> dict[str, Any]:
    cells = [[row["clip_id"], row["class"]] for row in given["rows"]["rows"][:count]]
    return {"cells": cells, "choice": "suggested", "version": given["rows"]["version"], "batch": "b-1",
            "query": given["query"], **more}  # fmt: skip


def ask(client: TestClient, given: Any, body: dict[str, Any], status: int = 200) -> Any:
    answer = client.post("/api/cells", json=body, headers={"x-earmark": given["token"]})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_plan_changes_nothing_and_a_batch_sent_twice_is_stored_once(client: TestClient, workspace: Workspace) -> None:
    given = listed(client)
    planned = ask(client, given, body_of(given, plan=True))
    check(planned, shapes.DecidedCells, "the plan")
    assert planned["cells"] == 3
    assert rows(workspace.root, "select count(*) from decisions") == [(0,)]
    first, again = (ask(client, given, body_of(given)) for _ in range(2))
    assert first == planned | {"position": 3}
    assert again == first | {"decided": 3}
    kinds = {"missing": "present", "false": "absent", "swapped": "present"}
    wanted = [(row["clip_id"], kinds[row["kind"]], "b-1", "rita") for row in given["rows"]["rows"][:3]]
    stored = rows(workspace.root, "select clip_id, verdict, batch_id, reviewer from decisions")
    assert sorted(stored) == sorted(wanted)
    undone = client.post(
        "/api/undo", json={"event_id": "u-1", "position": 3}, headers={"x-earmark": given["token"]}
    ).json()
    assert undone["notice"] == "undone: 3 decisions"


def test_what_another_decided_meanwhile_is_not_decided_over(client: TestClient, workspace: Workspace) -> None:
    given = listed(client)
    ask(client, given, body_of(given, 1))
    assert "by rita in the meantime" in ask(client, given, body_of(given, batch="b-2"), 409)["error"]
    assert rows(workspace.root, "select count(*) from decisions") == [(1,)]


@pytest.mark.parametrize(
    "change",
    [
        {"choice": "often"},
        {"batch": ""},
        {"cells": []},
        {"cells": [[7]]},
        {"cells": "ab"},
        {"cells": [["7", "a"]]},
        {"cells": [[7, "a"]] * (MOST_CELLS + 1)},
        {"cells": [[7, "nowhere"]]},
        {"version": ""},
        {"version": "-1.1"},
        {"query": {}},
    ],
)
def test_what_is_no_such_request_is_refused(client: TestClient, change: dict[str, Any]) -> None:
    given = listed(client)
    assert ask(client, given, body_of(given, **change), 422)["error"]


def test_the_dialog_offers_the_choices_there_are() -> None:
    script = (UI / "rows" / "deciding.js").read_text(encoding="utf-8")
    assert [line for name, text in CHOICES.items() if (line := f'["{name}", "{text}", ') not in script] == []
