"""pages/ui/routes/team_json.py: what is handed out to whom, and what one is told of others."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette

from labeling.journal import looks
from labeling.reviewer import marks
from labeling.reviewer.marks import Mark
from labeling.storage import tables
from labeling.workspace import Workspace
from pages.ui import signing
from pages.ui.routes.api import api_routes
from pages.ui.rows.cells_json import decide_cells
from pages.ui.rows.rows_json import queue_json
from pages.ui.shared import shapes
from tests.support.app.client import client_of
from tests.support.app.team import CODES, SECRET, VIEW, Reviewer, make_list, problems, served
from tests.support.scripts.typescript import check


class Person:
    """Somebody at the routes."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        routes = api_routes(
            lambda: workspace, lambda: SECRET, {"/api/queue": queue_json}, {"/api/cells": decide_cells}
        )  # fmt: skip
        self.client = client_of(Starlette(routes=routes), headers={"x-earmark": signing.api_token(SECRET, name)})
        self.name, self.events = name, 0

    def get(self, path: str, **query: str) -> Any:
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, expect: int = 200, **body: Any) -> Any:
        answer = self.client.post(path, json={"view": VIEW} | body)
        assert answer.status_code == expect, answer.text
        return answer.json()

    def lease(self, items: list[Any], **more: Any) -> Any:
        body = {"holder": f"window-of-{self.name}", "items": items, "to_do_from": 0.3} | more
        told = self.post("/api/lease", **body)
        check(told, shapes.Leased, "the lease")
        return told

    def clip(self, clip_id: int) -> Any:
        return self.get(f"/api/clips/{clip_id}", **VIEW)

    def say(self, clip_id: int, code: str, verdict: str, expect: int = 200, **more: Any) -> Any:
        self.events += 1
        event = {"event_id": f"{self.name}-{self.events}", "clip_id": clip_id, "class": code, "verdict": verdict,
                 "kind": "missing" if code == "cangoo" else "false"} | more.pop("event", {})  # fmt: skip
        return self.post("/api/decisions", expect, events=[event], **more)

    def changes(self, since: str) -> Any:
        told = self.get("/api/changes", since=since)
        check(told, shapes.Changes, "the changes")
        return told


@pytest.fixture
def people(workspace: Workspace) -> tuple[Person, Person, Person]:
    make_list(workspace, 6)
    ann, bob, cem = (Person(workspace, name) for name in ("ann", "bob", "cem"))
    return ann, bob, cem


def ask_several(workspace: Workspace, count: int = 2) -> None:
    with workspace.write() as connection:
        for kind in looks.KINDS:
            looks.set_needed(connection, kind, count)


def test_each_gets_a_clip_at_which_nobody_is_and_where_something_is_to_do(people: tuple[Person, ...]) -> None:
    ann, bob, cem = people
    items = [1, 2, 3, 4, 5, 6]
    assert ann.lease(items)["places"][0] == 0
    assert bob.lease(items)["places"][:2] == [1, 2]
    for code in CODES:
        told = ann.say(1, code, "absent", next={"holder": "window-of-ann", "items": items[1:], "to_do_from": 0.3})
    assert told["next"][0] == 1  # clip 3: at clip 2 is bob
    assert cem.lease(items)["places"][0] == 3  # clip 1 is done, and at 2 and 3 are others
    assert cem.lease(items, to_do_from=None)["places"][0] == 0  # a list of what is decided
    assert bob.lease([3], stays=True) == {"places": [], "held_by": "ann"}
    assert cem.lease([2], stays=True) == {"places": [], "held_by": "bob"}  # bob kept it: what he wanted was taken
    assert bob.lease([3])["places"] == []  # nothing is left for him: others may wait for what he had
    assert cem.lease([2], stays=True) == {"places": [0], "held_by": ""}
    cem.post("/api/lease", leaves=True, holder="window-of-cem")
    assert bob.lease([2])["places"] == [0]


def test_what_is_no_list_of_places_is_refused_in_words(people: tuple[Person, ...]) -> None:
    ann, *_ = people
    for items in ([], [0], ["x"], [[1, "odd", ""]], "123", list(range(1, 102)), [2**31]):
        told = ann.post("/api/lease", 422, holder="h", items=items)
        assert told["error"]
    assert "no clip 99" in ann.post("/api/lease", 422, holder="h", items=[99], stays=True)["error"]
    assert ann.lease([99, 1])["places"][0] == 1


def test_who_owes_a_look_is_told_nothing_of_what_others_said(workspace: Workspace, people: tuple[Person, ...]) -> None:
    ask_several(workspace)
    ann, bob, cem = people
    before = bob.clip(1)
    seen = before["version"]
    assert not before["independent"]
    region = {"onset_s": 1.0, "offset_s": 2.0, "low_hz": None, "high_hz": None}
    ann.say(1, "cangoo", "present", event={"region": region, "note": "a secret"})
    ann.say(1, "amecro", "absent")
    ann.say(1, "daejun", "present", event={"kind": ""})  # a class that no screen asked about
    for kind in ("note", "flag"):
        marks.add(workspace, Mark(f"ann's {kind}", "ann", 1, kind, "ann was here"))

    query = {**VIEW, "position": "0", "status": "all"}
    many: dict[str, Any] = {"cells": [[1, "cangoo"]], "version": "0.0", "query": VIEW}
    for told in (
        bob.clip(1),
        bob.get("/api/queue", **query),
        bob.get("/api/queue", **query, mark="flag"),
        bob.get("/api/snippets", **VIEW, **{"class": "cangoo"}),
        bob.get("/api/snippets/verdicts", **{"class": "cangoo"}),
        bob.changes(seen),
        bob.post("/api/marks", event_id="m", clip_id=1, kind="note", text="mine"),
        bob.post("/api/cells", **many, choice="present", batch="b", plan=True),
    ):
        text = json.dumps(told)
        assert "ann" not in text.replace('"channel', "").replace("channels", ""), text
        assert "secret" not in text
    hidden = bob.clip(1)
    lanes = {lane["class"]: lane for lane in hidden["lanes"]}
    assert {code: lane["verdict"] for code, lane in lanes.items()} == {"amecro": "", "cangoo": ""}
    assert lanes["cangoo"]["events"] == []
    assert hidden["independent"]
    assert hidden["candidates"] == before["candidates"]
    assert bob.get("/api/snippets/verdicts", **{"class": "cangoo"})["verdicts"] == {}
    assert bob.get("/api/queue", **query | {"status": "decided"})["total"] == 0
    assert bob.changes(seen)["cells"] == []

    # a screen of before ann's verdict is not refused, as that would tell of it
    told = bob.say(1, "cangoo", "absent", event={"seen_position": before["seen_position"]}, answer="clip")
    assert told["clip"]["independent"]  # he owes the other one still
    told = bob.say(1, "amecro", "absent", answer="clip")
    lanes = {lane["class"]: lane for lane in told["clip"]["lanes"]}
    assert not told["clip"]["independent"]
    assert {"ann", "bob"} == {entry["reviewer"] for entry in told["clip"]["history"]}
    assert {mark["reviewer"] for mark in told["clip"]["marks"]} == {"ann", "bob"}
    assert "daejun" in lanes
    assert {tuple(cell) for cell in cem.changes(seen)["cells"]} >= {(1, "cangoo", "absent"), (1, "amecro", "absent")}

    with workspace.read() as connection:
        shown = connection.execute(sa.select(tables.decisions.c.reviewer, tables.decisions.c.shown)).all()
    assert all(row.shown.get("independent") for row in shown if row.shown.get("kind"))


def test_a_cell_stays_on_the_list_of_each_until_it_has_its_looks(
    workspace: Workspace, people: tuple[Person, ...]
) -> None:
    ask_several(workspace)
    ann, bob, cem = people

    def to_do(person: Person) -> int:
        return int(person.get("/api/queue", **VIEW, position="0")["total"])

    ann.say(1, "cangoo", "present")
    assert (to_do(ann), to_do(bob), to_do(cem)) == (11, 12, 12)
    bob.say(1, "cangoo", "absent")
    assert (to_do(ann), to_do(bob), to_do(cem)) == (11, 11, 11)
    bob.post("/api/undo", event_id="u")
    assert (to_do(ann), to_do(bob), to_do(cem)) == (11, 12, 12)


def test_what_others_decide_is_told_from_a_version_on(workspace: Workspace, people: tuple[Person, ...]) -> None:
    ann, bob, _ = people
    seen = bob.clip(1)["version"]
    assert bob.changes(seen) == {"version": seen, "cells": [], "clips": [], "more": False}
    ann.say(2, "cangoo", "present")
    marks.add(workspace, Mark("m", "ann", 3, "flag"))
    told = bob.changes(seen)
    assert (told["cells"], told["clips"]) == ([[2, "cangoo", "present"]], [3])
    ann.post("/api/undo", event_id="u")
    ann.post("/api/undo", event_id="v")
    assert bob.changes(told["version"])["cells"] == [[2, "cangoo", ""]]
    for odd in ("", "x", "1", "1.2.3", "-1.0", "9" * 30 + ".0"):
        assert bob.changes(odd)["cells"] == []


@pytest.mark.parametrize("count", [1, 2])
def test_twenty_at_one_list_lose_nothing_double_nothing_and_never_meet(any_workspace: Workspace, count: int) -> None:
    clip_ids = make_list(any_workspace, 50)
    if count > 1:
        ask_several(any_workspace, count)
    until, wanted = time.monotonic() + 45, 2 * count * len(clip_ids)

    def is_over() -> bool:
        with any_workspace.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(tables.decisions)) == wanted

    with served(any_workspace) as port, ThreadPoolExecutor(20) as pool:
        robots = [Reviewer(f"r{number:02}", port, clip_ids, until, think_s=0.01) for number in range(20)]
        everybody = list(pool.map(lambda robot: robot.work(is_over), robots))
    assert problems(any_workspace, everybody, count) == []
    assert len([told for told in everybody if told.acknowledged]) > 10
