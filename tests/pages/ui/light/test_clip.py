"""pages/ui/light/clip.py: who is given a clip's page, what it holds, and that nothing of a collection runs in it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from labeling.people.roles import Person
from labeling.records import MACHINE
from labeling.workspace import Workspace, open_workspace
from pages.ui import session, signin, signing
from pages.ui.shared import shapes
from tests.support.app.light_page import HOSTILE, SECRET, Page, light_client
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


def listed(client: TestClient, given: Any) -> Any:
    """The list as the page's script asks for it."""
    answer = client.get(f"/{given['list']}", headers={"x-earmark": given["visit"]["token"]})
    assert answer.status_code == 200, answer.text
    check(answer.json(), shapes.Places, "the list")
    return answer.json()


def test_a_page_holds_the_clip_and_leads_to_its_list_as_it_was_drawn(client: TestClient) -> None:
    answer = client.get("/clip/5?p=0.01")
    page = Page(answer.text)
    given = page.given
    check(given, shapes.LightClip, "what is given")
    visit = given["visit"]
    assert (visit["clip"]["clip_id"], visit["items"], visit["partial"], visit["alone"]) == (5, [5], True, True)
    token = {"x-earmark": visit["token"]}
    again = client.get("/api/clips/5", params=visit["view"], headers=token).json()
    assert again == visit["clip"]
    before = listed(client, given)
    assert before["items"][before["at"]] == 5
    assert len(before["items"]) > 20
    decided = next(lane["class"] for lane in again["lanes"] if lane["kind"])
    event = {"event_id": "e", "clip_id": 5, "class": decided, "verdict": "absent", "kind": "false"}
    body = {"events": [event], "view": visit["view"]}
    assert client.post("/api/decisions", headers=token, json=body).status_code == 200
    clips = [item for item in listed(client, given)["items"] if isinstance(item, int)]
    assert set(clips) <= {item for item in before["items"] if isinstance(item, int)} | {5}
    assert visit["view"]["at"] == "0"
    assert Page(client.get("/clip/5?p=0.01").text).given["visit"]["view"]["at"] == "1"


def test_a_link_keeps_its_filter_and_drops_what_is_none(client: TestClient) -> None:
    given = Page(client.get("/clip/5?p=0.2&kind=missing&evil=1&clip=7&look=x").text).given
    assert given["visit"]["link"] == {"p": "0.2", "kind": "missing"}
    assert given["visit"]["view"]["p"] == "0.2"
    assert "kind=missing" in given["list"]
    assert "clip=5" in given["list"]


def test_what_comes_from_a_collection_runs_nowhere(client: TestClient, own_copy: Path) -> None:
    with sqlite3.connect(own_copy / "earmark.db") as database:
        database.execute("update clips set filename = ?, path = ? where id = 5", (HOSTILE, f"/nowhere/{HOSTILE}"))
        database.execute("update classes set name = ?", (HOSTILE,))
    harmless, page = Page(client.get("/clip/6").text), Page(client.get("/clip/5").text)
    assert page.tags == harmless.tags
    assert page.given["visit"]["clip"]["title"] == HOSTILE
    assert HOSTILE in page.texts["title"]
    client.cookies.set(session.NAMED, "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    named = Page(client.get("/clip/6").text)
    assert named.tags == harmless.tags
    assert '"><script>alert(1)</script>' in [one.get("value") for one in named.attributes]
    evil = Page(client.get("/clip/6", params={"q": HOSTILE, "class": HOSTILE}).text)
    assert evil.tags == harmless.tags


def test_a_policy_lets_no_other_script_run(client: TestClient) -> None:
    answer = client.get("/clip/5")
    policy = answer.headers["content-security-policy"]
    (scripts,) = re.findall(r"script-src ([^;]*);", policy)
    assert "unsafe" not in scripts
    assert scripts.count("sha256-") == 3
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/clip/x", "/clip/-1", "/clip/5.0", "/clip/²", f"/clip/{'9' * 30}", "/clip/%3Cb%3E"])
def test_a_link_that_names_no_clip_says_so(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "ends in its number" in answer.text


def test_a_clip_that_is_not_there_is_left_to_the_player(client: TestClient) -> None:
    given = Page(client.get("/clip/99999").text).given
    assert "clip" not in given["visit"]
    assert given["visit"]["items"] == [99999]


def test_a_second_look_is_told_to_its_reviewer_alone_and_without_its_clip(client: TestClient) -> None:
    token = signing.look_token(SECRET, "rita", 5, "blind", "glatit1")
    answer = client.get("/clip/look", params={"look": token, "next": "6", "p": "0.01"})
    page = Page(answer.text)
    assert page.given["visit"]["items"] == [[5, "blind", "glatit1"]]
    assert page.given["visit"]["clip"]["mode"] == "blind"
    assert ".ogg" not in answer.text
    places = listed(client, page.given)
    assert places["items"][places["at"]] == [5, "blind", "glatit1"]
    client.cookies.set(session.NAMED, "sam")
    for look in (token, "", "x.y", "é"):
        answer = client.get("/clip/look", params={"look": look})
        assert answer.status_code == 404
        assert "or meant for another reviewer" in answer.text


def test_each_decides_under_a_name_of_their_own(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def reviewer() -> str | None:
        return signing.reviewer_of(SECRET, Page(client.get("/clip/5").text).given["visit"]["token"])

    assert reviewer() == "rita"
    client.cookies.set(session.NAMED, "J%C3%B6rg%20%F0%9F%90%A6")
    assert reviewer() == "Jörg 🐦"
    client.cookies.set(session.NAMED, "a" * 500)
    assert reviewer() == "a" * session.MOST_SIGNS
    client.cookies.set(session.NAMED, f"{MACHINE}x")
    answer = client.get("/clip/5")
    assert "given" not in Page(answer.text).texts
    assert 'role="alert"' in answer.text
    client.cookies.clear()
    monkeypatch.setattr(session, "default_reviewer", lambda cookies=None: "")
    answer = client.get("/clip/5")
    assert "Give your name first" in answer.text
    assert "given" not in Page(answer.text).texts


def test_who_has_to_sign_in_is_sent_there(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    person: str | None = None
    monkeypatch.setattr(signin, "of_request", lambda request: Person(person, "reviewer") if person else None)
    answer = client.get("/clip/5?p=0.01&clip=//evil.example")
    assert (answer.status_code, answer.headers["location"]) == (303, "../review?p=0.01&clip=5")
    assert client.get("/clip/look?look=t").headers["location"] == "../review?look=t"
    person = "ann@example.org"
    client.cookies.set(session.NAMED, "rita")
    page = Page(client.get("/clip/5").text)
    key = signing.key_of(SECRET, person)
    assert signing.reviewer_of(key, page.given["visit"]["token"]) == person
    assert signing.reviewer_of(SECRET, page.given["visit"]["token"]) is None
    assert not any(one.get("name") == "reviewer" for one in page.attributes)
    assert (
        client.get(f"/{page.given['list']}", headers={"x-earmark": signing.api_token(SECRET, person)}).status_code
        == 403
    )
