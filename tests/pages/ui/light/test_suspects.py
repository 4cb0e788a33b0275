"""pages/ui/light/suspects.py: the queue's page holds the queue's rows, its filters, and the ways from there."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from labeling.people.roles import Person, Role
from labeling.suspects.filter import ORDERS
from labeling.workspace import Workspace, open_workspace
from pages.ui import session, signin, signing
from pages.ui.shared import shapes
from tests.support.app.light_page import HOSTILE, SECRET, Page, light_client
from tests.support.scripts.typescript import check
from tests.support.workspaces.tiny_space import add_space


@pytest.fixture
def workspace(own_copy: Path) -> Iterator[Workspace]:
    opened = open_workspace(own_copy)
    yield opened
    opened.close()


@pytest.fixture
def client(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv("EARMARK_REVIEWER", "rita")
    return light_client(workspace)


def page_of(client: TestClient, **params: str) -> Page:
    answer = client.get("/suspects", params=params)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def links(page: Page) -> list[str]:
    return [str(one["href"]) for tag, one in zip(page.tags, page.attributes, strict=True) if tag == "a"]


def chosen(page: Page) -> list[Any]:
    return [one["value"] for one in page.attributes if "selected" in one]


def test_a_page_holds_the_first_rows_of_the_same_list(client: TestClient) -> None:
    page = page_of(client, p="0.01", order="filename")
    check(page.given, shapes.Queue, "what is given")
    assert (page.given["sorted"], page.given["dealt"], page.given["reviewer"]) == ("file", False, "rita")
    first = page.given["rows"]
    heads = {"x-earmark": page.given["token"]}
    again = client.get("/api/queue", params={**page.given["query"], "version": first["version"]}, headers=heads).json()
    assert first == again
    assert first["total"] > len(first["rows"]) == 50
    assert f"clip/{first['rows'][0]['clip_id']}?p=0.01&order=filename" in links(page)
    assert "queue?p=0.01&order=filename" in links(page)


def test_a_link_keeps_its_filter_and_the_selects_show_it(client: TestClient) -> None:
    known = page_of(client, p="0").given["rows"]["rows"][0]["class"]
    page = page_of(client, p="0", kind="missing", order="worth", evil="1", **{"class": f"{known}|nowhere"})
    assert page.given["link"] == {"p": "0", "kind": "missing", "class": known, "order": "worth"}
    assert chosen(page) == ["", "kind=missing", f"class={known}", "order=worth"]
    assert {row["class"] for row in page.given["rows"]["rows"]} == {known}
    assert "More filters (1) in the app" in page.texts["a"]
    several = page_of(client, kind="missing|false")
    assert chosen(several)[1] == "kind=missing%7Cfalse"
    assert {row["kind"] for row in several.given["rows"]["rows"]} == {"missing", "false"}
    orders = [str(one["value"]) for one in page.attributes if str(one.get("value", "")).startswith("order=")]
    assert orders == [f"order={name}" for name in ORDERS if name not in ("likely", "next")]


def test_what_would_teach_a_model_is_an_order_where_there_is_a_space(client: TestClient, workspace: Workspace) -> None:
    add_space(workspace)
    page = page_of(client, p="0", order="next")
    assert chosen(page) == ["", "", "", "order=next", ""]
    assert {"order=next", "taught=varied", "taught=uncertain"} <= {str(one.get("value")) for one in page.attributes}
    first = page.given["rows"]
    ranks = [row["rank"] for row in first["rows"]]
    assert ranks != sorted(ranks)
    heads = {"x-earmark": page.given["token"]}
    asked = {**page.given["query"], "version": first["version"], "first": "20", "count": "10"}
    assert client.get("/api/queue", params=asked, headers=heads).json()["rows"] == first["rows"][20:30]
    clips = list(dict.fromkeys(row["clip_id"] for row in first["rows"]))
    place = {**page.given["link"], "clip": str(clips[0])}
    items = client.get("/api/list", params=place, headers=heads).json()["items"]
    assert [item for item in items if isinstance(item, int)][: len(clips)] == clips


def test_a_random_audit_is_begun_in_the_app_and_tells_nothing(client: TestClient) -> None:
    page = page_of(client, order="audit", p="0")
    assert "review?p=0&order=audit" in links(page)
    assert not {"rank", "kind", "wrong", "why", "clipwise", "frame"} & set(page.given["rows"]["rows"][0])


def test_what_is_not_there_is_said(client: TestClient, own_copy: Path) -> None:
    page = page_of(client, q="no such file")
    assert page.given["rows"]["total"] == 0
    assert "No suspect fits these filters. Lower" in page.texts["p"]
    with sqlite3.connect(own_copy / "earmark.db") as database:
        database.execute("delete from rankings")
    page = page_of(client)
    assert "Nothing is scored yet" in page.texts["p"]
    assert "retrain" in links(page)


def test_what_comes_from_a_collection_runs_nowhere(client: TestClient, own_copy: Path) -> None:
    harmless = page_of(client)
    with sqlite3.connect(own_copy / "earmark.db") as database:
        database.execute("update clips set filename = filename || ?", (HOSTILE,))
        database.execute("update classes set name = name || ?", (HOSTILE,))
    page = page_of(client)
    assert page.tags == harmless.tags
    assert page.given["rows"]["rows"][0]["file"].endswith(HOSTILE)
    assert page_of(client, q=HOSTILE).tags[:8] == harmless.tags[:8]
    policy = client.get("/suspects").headers["content-security-policy"]
    (scripts,) = re.findall(r"script-src ([^;]*);", policy)
    assert "unsafe" not in scripts
    assert scripts.count("sha256-") == 2


def test_who_has_to_sign_in_is_sent_there(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    person: str | None = None
    role: Role = "reviewer"
    monkeypatch.setattr(signin, "of_request", lambda request: Person(person, role) if person else None)
    answer = client.get("/suspects?kind=missing")
    assert (answer.status_code, answer.headers["location"]) == (303, "./queue?kind=missing")
    person = "ann@example.org"
    client.cookies.set(session.NAMED, "rita")
    given = page_of(client).given
    assert signing.reviewer_of(signing.key_of(SECRET, person), given["token"]) == person
    assert (given["may_decide"], "tick rows" in given["hint"]) == (True, True)
    role = "viewer"
    given = page_of(client).given
    assert (given["may_decide"], "tick rows" in given["hint"]) == (False, False)
    role = "nobody"
    refused = client.get("/suspects")
    assert (refused.status_code, "has no role in this workspace" in refused.text) == (403, True)
