"""Adjudication and the thread of notes in a real Chromium: one key settles a cell, another takes it back."""

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labeling.agreement import disagreements
from labeling.collection import store
from labeling.people import passwords, users
from labeling.records import Region
from labeling.reviewer import marks
from labeling.reviewer.marks import Mark
from labeling.workspace import open_workspace
from tests.support.browser.chromium import expect
from tests.support.browser.reviewing import press, rows, shown
from tests.support.browser.server import Server
from tests.support.workspaces.deciding import says

pytestmark = pytest.mark.browser

NOTE = "<img src=x onerror=alert(1)> a jay at 0:01"
BOX = Region(0.2, 0.9, 1000.0, 4000.0)


@pytest.fixture
def disputed(app: Server, own_copy: Path) -> Server:
    """Ann and bob, and on the first cell cleo, disagree on a class of clips 1 to 3."""
    with closing(open_workspace(own_copy)) as workspace:
        with workspace.read() as connection:
            code = store.all_classes(connection)[0].code
        for clip_id in (1, 2, 3):
            says(workspace, "ann", "present", clip_id, code, region=BOX, note=NOTE)
            says(workspace, "bob", "absent", clip_id, code)
        says(workspace, "cleo", "unsure", 1, code)
    app.show(own_copy)
    return app


def waiting(root: Path) -> list[int]:
    with closing(open_workspace(root)) as workspace, workspace.read() as connection:
        return sorted(one.clip_id for one in disagreements.waiting(connection))


def said(root: Path) -> list[tuple[Any, ...]]:
    """What rita has said, taken back or not."""
    return rows(root, "select clip_id, verdict, onset_s from decisions where reviewer = 'rita' order by position")


def test_a_digit_takes_that_persons_verdict_and_the_next_cell_comes(
    page: Any, disputed: Server, own_copy: Path
) -> None:
    page.goto(f"{disputed.url}/adjudicate")
    expect(page.get_by_text("3 cells on which people disagree")).to_be_visible()
    first = shown(page)
    cards = page.get_by_test_id("player-side")
    count = 3 if first == "1" else 2
    expect(cards).to_have_count(count)
    expect(cards.nth(0)).to_contain_text("ann")
    expect(cards.nth(0)).to_contain_text("present")
    expect(cards.nth(0).get_by_test_id("player-side-note")).to_have_text(NOTE)
    expect(cards.nth(0).get_by_test_id("player-side-box")).to_have_text("0.20–0.90 s, 1.0–4.0 kHz")
    expect(cards.nth(1)).to_contain_text("absent")
    expect(page.get_by_test_id("player-present").locator("kbd")).to_have_text("Y")  # the digits are the people's
    press(page, "2", "settled: .* absent")
    second = shown(page)
    assert second != first
    assert said(own_copy) == [(int(first), "absent", None)]
    press(page, "1", "settled: .* present")
    third = shown(page)
    assert said(own_copy)[1:] == [(int(second), "present", None), (int(second), "present", 0.2)], "with ann's box"
    assert waiting(own_copy) == [int(third)]
    press(page, "z", "undone: 2 decisions")
    expect(page.get_by_test_id("player")).to_have_attribute("data-clip-id", second)
    assert waiting(own_copy) == sorted([int(second), int(third)])
    press(page, "u", "settled: .* unsure")
    shown(page)
    cards.nth(0).get_by_test_id("player-side-box").click()  # a stretch is heard, and the press is no verdict
    expect(page.get_by_test_id("player")).to_have_attribute("data-clip-id", third)
    page.keyboard.press("n")  # the last one: the player goes, and what it says with it
    expect(page.get_by_text("That was the last one of this list.")).to_be_visible()
    assert said(own_copy)[-1] == (int(third), "absent", None)
    assert waiting(own_copy) == []
    assert rows(own_copy, "select distinct shown from decisions where reviewer = 'rita' and verdict != 'undo'") == [
        ('{"asked": false, "adjudication": true}',)
    ]
    page.get_by_role("button", name="Look for what is left").click()
    expect(page.get_by_text("Nothing waits here.")).to_be_visible()


def test_a_reviewer_neither_sees_the_page_nor_settles_by_a_request(page: Any, disputed: Server, own_copy: Path) -> None:
    with closing(open_workspace(own_copy)) as workspace, workspace.write() as connection:
        for name, role in {"olga": "owner", "rita": "reviewer"}.items():
            users.add_user(connection, name, role, passwords.hashed("correct horse"))
    disputed.show(own_copy)
    page.goto(f"{disputed.url}/review?clip=1&p=0&status=all")
    page.get_by_label("Name").fill("rita")
    page.get_by_label("Password").fill("correct horse")
    with page.expect_request(re.compile(r"/api/clips/1\?")) as asked:
        page.get_by_role("button", name="Sign in").click()
    shown(page)
    token = {"x-earmark": asked.value.headers["x-earmark"]}
    code = rows(own_copy, "select code from classes order by id limit 1")[0][0]
    view = {"mode": "adjudicate", "class": code}
    answer = page.request.get(f"{disputed.url}/api/clips/1", headers=token, params=view)
    assert (answer.status, answer.json()["error"]) == (
        403, "this needs the role adjudicator, and rita is a reviewer; ask an owner"
    )  # fmt: skip
    event = {"event_id": "forged", "clip_id": 1, "class": code, "verdict": "absent", "mode": "adjudicate"}
    body = {"events": [event], "view": view}
    assert page.request.post(f"{disputed.url}/api/decisions", headers=token, data=body).status == 403
    assert len(waiting(own_copy)) == 3
    page.goto(f"{disputed.url}/adjudicate")
    expect(page.get_by_text("This needs the role adjudicator, and rita is a reviewer; ask an owner.")).to_be_visible()


def test_notes_are_a_thread_in_which_people_are_called(page: Any, app: Server, own_copy: Path) -> None:
    with closing(open_workspace(own_copy)) as workspace:
        first = marks.add(workspace, Mark("m1", "ann lee", 1, "note", "Is this a jay?"))
        marks.add(workspace, Mark("m2", "bob", 1, "note", "<b>wind</b> @rita"))
    page.goto(f"{app.url}/clip/1?p=0.01")
    shown(page)
    page.keyboard.press("\\")
    notes = page.get_by_test_id("player-mark")
    expect(notes).to_have_count(2)
    expect(notes.nth(1).locator(".mark-text")).to_have_text("<b>wind</b> @rita")
    expect(notes.nth(1).locator(".call")).to_have_text("@rita")
    notes.nth(0).get_by_test_id("player-note-answer").click()
    expect(page.get_by_test_id("player-note-answering")).to_contain_text("answers ann lee")
    note = page.get_by_test_id("player-note-input")
    expect(note).to_be_focused()
    page.keyboard.type("Yes 🐦 @an")
    offered = page.get_by_test_id("player-note-names").get_by_role("option")
    expect(offered).to_have_text(["ann lee"])
    page.keyboard.press("Enter")
    expect(note).to_have_value("Yes 🐦 @ann lee ")
    expect(page.get_by_test_id("player-note-names")).to_be_hidden()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("player-notice")).to_contain_text("saved: note")
    expect(notes).to_have_count(3)
    expect(notes.nth(1)).to_contain_text("Yes 🐦 @ann lee")  # below what it answers, before the other note
    expect(notes.nth(1)).to_have_class(re.compile("answer"))
    expect(notes.nth(1).locator(".call")).to_have_text("@ann lee")
    assert rows(own_copy, "select reviewer, text, reply_to from marks order by id")[2] == (
        "rita", "Yes 🐦 @ann lee", first.id
    )  # fmt: skip
    expect(page.get_by_test_id("player-note-answering")).to_be_hidden()  # the next one answers none
    note.fill("@nobody else")
    page.get_by_test_id("player-note-save").click()
    expect(notes).to_have_count(4)
    expect(notes.nth(3).locator(".call")).to_have_count(0)


def test_what_changed_is_told_on_the_overview_until_it_was_read(page: Any, app: Server, own_copy: Path) -> None:
    with closing(open_workspace(own_copy)) as workspace:
        with workspace.read() as connection:
            code = store.all_classes(connection)[0].code
        says(workspace, "rita", "present", 1, code)
        says(workspace, "bob", "absent", 1, code)
        marks.add(workspace, Mark("m1", "bob", 2, "note", "# @rita <script>alert(1)</script> **look**"))
    page.goto(app.url)
    box = page.locator(".st-key-digest")
    expect(box).to_contain_text("1 note calls you, 1 verdict of others on a cell that you decided.")
    expect(box).to_contain_text("bob: # @rita <script>alert(1)</script> **look**")
    expect(box).to_contain_text("bob: absent; you said present")
    page.get_by_role("button", name="I have read it").click()
    expect(box).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.get_by_text("Verdicts so far")).to_be_visible()
    expect(box).to_have_count(0)
