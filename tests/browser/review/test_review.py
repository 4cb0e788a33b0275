"""The review page in a real Chromium: the flow from press to press, and what is kept between visits."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from labeling.reviewer import preferences
from labeling.workspace import open_workspace
from tests.support.browser.chromium import expect
from tests.support.browser.reviewing import (
    IN_THE_APP,
    ON_BOTH_HOSTS,
    USUAL,
    another_browser,
    answered,
    open_review,
    place,
    press,
    press_at_once,
    rows,
    shown,
    until,
)
from tests.support.browser.server import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def page(page: Any, app: Server, request: pytest.FixtureRequest) -> Any:
    """A tab with the first clip of the list: on the light page, half as dear, where a test asks for no other."""
    open_review(page, app, getattr(request, "param", USUAL))
    shown(page)
    return page


@pytest.fixture
def half_random(own_copy: Path) -> None:
    """Half of rita's looks are drawn at random; to be asked for before the app."""
    with closing(open_workspace(own_copy)) as workspace:
        preferences.put(workspace, "rita", "second_looks", {"blind": 0, "again": 0, "audit": 0.5})


def open_doubts(page: Any) -> int:
    lanes = page.get_by_test_id("player-lane")
    return sum(bool(lane.get_attribute("data-kind")) and not lane.get_attribute("data-verdict") for lane in lanes.all())


def test_all_doubts_of_a_clip_in_one_visit(page: Any, own_copy: Path) -> None:
    """One is decided, the rest are confirmed by one key as one batch, and one undo takes that back, after a reload."""
    while open_doubts(page) < 3:
        page.keyboard.press("j")
        shown(page)
    clip_id, doubts, at = shown(page), open_doubts(page), place(page)
    press(page, "2", "saved: .* absent")
    assert (place(page), open_doubts(page)) == (at, doubts - 1)
    press(page, "4", f"saved: {doubts - 1} decisions" if doubts > 2 else "saved")
    expect(page.get_by_test_id("player-subtitle")).to_contain_text(f"{at + 1} of")
    batch = rows(own_copy, "select distinct batch_id, clip_id from decisions where batch_id != ''")
    assert batch == [(batch[0][0], int(clip_id))]
    labels = rows(
        own_copy,
        "select d.verdict, l.role is not null from decisions d left join imported_labels l "
        "on l.clip_id = d.clip_id and l.class_id = d.class_id where d.batch_id != ''",
    )
    assert {verdict == "present" for verdict, listed in labels if listed} <= {True}
    assert {verdict == "absent" for verdict, listed in labels if not listed} <= {True}
    page.reload()
    shown(page)
    press(page, "z", "undone: ")
    expect(page.get_by_test_id("player")).to_have_attribute("data-clip-id", clip_id)
    expect(page.get_by_test_id("player-lane").first).to_be_visible()
    lanes = page.get_by_test_id("player-lane").all()  # of doubts that verdicts made small some are no longer shown
    assert sum(bool(lane.get_attribute("data-verdict")) for lane in lanes) == 1


def test_the_channel_is_chosen_in_the_player_and_kept_with_the_clip(
    page: Any, app: Server, own_copy: Path, tmp_path: Path
) -> None:
    """A clip whose left and right cancel each other out: picture and sound follow the choice, after a reload too."""
    clip_id = int(shown(page))
    ((duration_s, rate),) = rows(own_copy, f"select duration_s, sample_rate from clips where id = {clip_id}")
    left = 0.1 * np.random.default_rng(0).standard_normal(round(duration_s * rate))
    soundfile.write(tmp_path / "flipped.wav", np.stack([left, -left], axis=1), rate)
    with sqlite3.connect(own_copy / "earmark.db") as database:
        change = "update clips set path = ?, channels = 2, channel = 1 where id = ?"
        database.execute(change, (str(tmp_path / "flipped.wav"), clip_id))
    page.reload()
    shown(page)
    channel = page.get_by_test_id("player-channel")
    expect(channel).to_have_value("1")
    expect(channel.locator("option")).to_have_text(["mix", "left", "right"])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    channel.select_option("right")
    expect(page.get_by_test_id("player-notice")).to_contain_text("everybody now hears and sees the right channel")
    for kind in ("audio", "tile", "peaks"):
        until(page, lambda kind=kind: any(f"/clips/{clip_id}/{kind}?" in url and "channel=2" in url for url in asked))
    assert rows(own_copy, f"select channel from clips where id = {clip_id}") == [(2,)]
    page.reload()
    shown(page)
    expect(channel).to_have_value("2")
    page.keyboard.press("j")  # the next clip has one channel: nothing to choose
    expect(page.get_by_test_id("player")).not_to_have_attribute("data-clip-id", str(clip_id))
    expect(channel).to_be_hidden()


def test_keys_are_remapped_and_kept_for_the_reviewer(page: Any, app: Server) -> None:
    page.keyboard.press("?")
    page.get_by_test_id("player-key-next").click()
    page.keyboard.press("c")
    expect(page.get_by_test_id("player-notice")).to_contain_text("belongs to the page")
    with page.expect_response("**/api/preferences"):
        page.keyboard.press("9")
    expect(page.get_by_test_id("player-key-next")).to_have_text("9")
    page.keyboard.press("?")
    at = place(page)
    page.keyboard.press("9")
    expect(page.get_by_test_id("player-subtitle")).to_contain_text(f"{at + 1} of")
    page.keyboard.press("j")
    page.keyboard.press("9")
    expect(page.get_by_test_id("player-subtitle")).to_contain_text(f"{at + 2} of")  # the key given away does nothing
    another_browser(page)
    open_review(page, app, USUAL)
    at = place(page)
    page.keyboard.press("9")
    expect(page.get_by_test_id("player-subtitle")).to_contain_text(f"{at + 1} of")
    page.keyboard.press("?")
    page.get_by_test_id("player-keys-reset").click()
    expect(page.get_by_test_id("player-key-next")).to_have_text("J")


def test_notes_flags_later_and_skip(page: Any, own_copy: Path) -> None:
    clip_id, at = shown(page), place(page)
    note = page.get_by_test_id("player-note-input")
    page.keyboard.press("e")
    note.fill("wind <b>and</b> 1 2 3")
    page.get_by_test_id("player-next").click()
    expect(note).to_have_value("")
    page.get_by_test_id("player-previous").click()
    expect(note).to_have_value("wind <b>and</b> 1 2 3")  # what was begun stays with its clip
    page.route("**/api/marks", lambda route: route.fulfill(status=422, json={"error": "no room"}))
    page.get_by_test_id("player-note-save").click()
    expect(page.get_by_test_id("player-notice")).to_contain_text("no room")
    expect(note).to_have_value("wind <b>and</b> 1 2 3")
    page.unroute("**/api/marks")
    page.get_by_test_id("player-note-save").click()
    expect(page.get_by_test_id("player-marks")).to_contain_text("wind <b>and</b> 1 2 3")
    expect(note).to_have_value("")
    note.fill("and rain")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("player-marks")).to_contain_text("and rain")
    press(page, "f", "saved: flag")
    expect(page.get_by_test_id("player-flag")).to_have_attribute("aria-pressed", "true")
    press(page, "f", "taken back: flag")
    count = page.get_by_test_id("player-subtitle").inner_text().split()[-1]
    press(page, "t", "saved: later")  # to the end: the next clip takes its place
    assert shown(page) != clip_id
    expect(page.get_by_test_id("player-subtitle")).to_have_text(f"{at} of {count}")
    second = shown(page)
    press(page, "s", "saved: skip")
    expect(page.get_by_test_id("player-subtitle")).to_have_text(f"{at + 1} of {count}")
    press(page, "z", "undone: skip")
    expect(page.get_by_test_id("player")).to_have_attribute("data-clip-id", second)
    kinds = rows(own_copy, "select kind, removes is not null from marks order by id")
    assert kinds == [("note", 0), ("note", 0), ("flag", 0), ("flag", 1), ("later", 0), ("skip", 0), ("skip", 1)]


def test_keys_that_come_in_bursts(page: Any, own_copy: Path) -> None:
    """Moves are made one after another; verdicts fall on what was on the screen, each once."""
    at = place(page)
    for key in "jjjjkj":
        page.keyboard.press(key)
    expect(page.get_by_test_id("player-subtitle")).to_contain_text(f"{at + 4} of")
    shown(page)
    is_open = "({ dataset: { kind, verdict } }) => kind && !verdict"
    suspects = page.locator(".lane").evaluate_all(f"lanes => lanes.filter({is_open}).length")
    press_at_once(page, ["1", "j"])  # the second while the verdict is on its way
    until(page, lambda: len(rows(own_copy, "select 1 from decisions")) == 1)
    at += 1 if suspects == 1 else 0  # the last suspect of a clip leads on by itself
    expect(page.get_by_test_id("player-subtitle")).to_contain_text(f"{at + 5} of")
    shown(page)  # answered and gone on: until then each of these would be refused
    with answered(page):
        for _ in range(20):
            page.keyboard.press("2")
    cells = rows(own_copy, "select clip_id, class_id from decisions")
    assert len(cells) > 1
    assert len(set(cells)) == len(cells)


@ON_BOTH_HOSTS
def test_a_press_whose_token_ran_out_or_that_gets_no_answer_is_stored_once(page: Any, own_copy: Path) -> None:
    refused = []

    def once(route: Any) -> None:
        if refused:
            route.continue_()
            return
        refused.append(route.request.headers["x-earmark"])
        route.fulfill(status=403, json={"error": "the page is too old to be trusted; reload it"})

    page.route("**/api/decisions", once)
    press(page, "2", "saved")
    assert len(refused) == 1
    assert len(rows(own_copy, "select * from decisions")) == 1
    page.unroute("**/api/decisions")

    page.route("**/api/decisions", lambda route: route.abort())
    clip_id = shown(page)
    page.keyboard.press("2")
    expect(page.get_by_test_id("player-no-answer")).to_be_visible()
    assert shown(page) == clip_id
    page.keyboard.press("1")  # not known whether the first is stored: nothing goes on
    assert len(rows(own_copy, "select * from decisions")) == 1
    page.get_by_test_id("player-retry").click()
    expect(page.get_by_test_id("player-no-answer")).to_be_visible()
    page.unroute("**/api/decisions")  # once it can be reached the player sends it again by itself
    expect(page.get_by_test_id("player-no-answer")).to_be_hidden()
    expect(page.get_by_test_id("player-notice")).to_contain_text("saved")
    assert rows(own_copy, "select clip_id, verdict from decisions where position > 1") == [(int(clip_id), "absent")]


@IN_THE_APP
def test_the_place_is_kept_and_the_address_is_a_link(page: Any) -> None:
    for _ in range(4):
        page.keyboard.press("j")
    shown(page)
    clip_id, at = shown(page), place(page)
    page.get_by_role("link", name="Versions", exact=True).click()
    expect(page.get_by_role("heading", name="Versions")).to_be_visible()
    page.get_by_role("link", name="Review", exact=True).click()
    assert shown(page) == clip_id
    assert place(page) == at
    expect(page).to_have_url(re.compile(rf"^(?=.*\bclip={clip_id}\b).*\bp=0\.01\b"))
    address, subtitle = page.url, page.get_by_test_id("player-subtitle").inner_text()
    another_browser(page)
    page.goto(address)
    expect(page.get_by_test_id("player")).to_have_attribute("data-clip-id", clip_id)
    expect(page.get_by_test_id("player-subtitle")).to_have_text(subtitle, use_inner_text=True)


def reload_keeps_the_look(page: Any, mode: str) -> None:
    """F5: the same question at the same place of the list."""

    def asked() -> tuple[str, str, str | None, str]:
        lane = page.get_by_test_id("player-lane")
        return mode, shown(page), lane.get_attribute("data-class"), page.get_by_test_id("player-subtitle").inner_text()

    before, url = asked(), page.url
    page.reload()
    expect(page.get_by_test_id("player")).to_have_attribute("data-mode", mode)
    expect(page.get_by_test_id("player-subtitle")).to_contain_text(" of ")
    assert asked() == before
    assert page.url == url


def test_a_look_drawn_at_random_shows_the_question_alone(half_random: None, page: Any, own_copy: Path) -> None:
    player, question = page.get_by_test_id("player"), page.get_by_test_id("player-question")
    page.keyboard.press("j")
    clip_id = shown(page)
    expect(player).to_have_attribute("data-mode", "audit")
    (lane,) = page.get_by_test_id("player-lane").all()
    code = lane.get_attribute("data-class")
    assert (lane.get_attribute("data-kind"), lane.get_attribute("data-role")) == ("", "")
    assert ".ogg" not in page.get_by_test_id("player-title").inner_text()
    expect(question).to_contain_text("Drawn at random; labels and scores are hidden")
    reload_keeps_the_look(page, "audit")
    page.keyboard.press("e")
    expect(page.get_by_test_id("player-notice")).to_contain_text("this look is drawn at random")
    press(page, "2", "saved")
    expect(player).not_to_have_attribute("data-mode", "audit")
    query = "select clip_id, code, json_extract(shown, '$.audit') from decisions, classes where classes.id = class_id"
    assert rows(own_copy, query) == [(int(clip_id), code, 1)]
    press(page, "z", "undone")
    expect(player).to_have_attribute("data-mode", "audit")
    expect(page.get_by_test_id("player-lane")).to_have_attribute("data-class", str(code))


@ON_BOTH_HOSTS
def test_a_blind_look_shows_the_question_alone(half_blind: None, page: Any, own_copy: Path) -> None:
    player, notice = page.get_by_test_id("player"), page.get_by_test_id("player-notice")
    while player.get_attribute("data-mode") != "blind":
        page.keyboard.press("j")
        shown(page)
    (lane,) = page.get_by_test_id("player-lane").all()
    code = lane.get_attribute("data-class")
    assert (lane.get_attribute("data-kind"), lane.get_attribute("data-role")) == ("", "")
    assert ".ogg" not in page.get_by_test_id("player-title").inner_text()
    assert ".ogg" not in str(page.get_by_test_id("player-picture").get_attribute("aria-label"))
    expect(page.get_by_test_id("player-question")).to_contain_text("Labels and scores are hidden")
    expect(page.get_by_test_id("player-suspect-stretch")).to_be_hidden()
    assert "clip=" not in page.url
    reload_keeps_the_look(page, "blind")
    clip_id, at = shown(page), place(page)
    with sqlite3.connect(own_copy / "earmark.db") as connection:
        connection.execute(
            "insert into marks (event_id, reviewer, clip_id, kind, text, created_at) values ('a', 'sam', ?, 'note', "
            "'surely it is there', '2026-01-01T00:00:00Z')", (clip_id,)
        )  # fmt: skip
    for key in "fexa4":
        page.keyboard.press(key)
        expect(notice).to_contain_text("this look is blind")
        page.keyboard.press("Escape")
    page.keyboard.press("\\")
    expect(page.get_by_test_id("player-drawer")).to_be_visible()
    assert "surely" not in page.get_by_test_id("player-drawer").inner_text()
    page.keyboard.press("\\")
    press(page, "2", "saved")
    expect(page.get_by_test_id("player-subtitle")).to_contain_text(f"{at + 1} of")
    query = "select clip_id, code, json_extract(shown, '$.blind') from decisions, classes where classes.id = class_id"
    assert rows(own_copy, query) == [(int(clip_id), code, 1)]
    press(page, "z", "undone")
    expect(player).to_have_attribute("data-mode", "blind")
    assert (shown(page), page.get_by_test_id("player-lane").get_attribute("data-class")) == (clip_id, code)
    assert ".ogg" not in str(page.get_by_test_id("player-picture").get_attribute("aria-label"))
