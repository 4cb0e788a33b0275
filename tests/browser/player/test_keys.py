"""The player's keys on other keyboards than an English one, in a real Chromium, pressed as the system sends them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.browser.chromium import expect
from tests.support.browser.player_page import PlayerPage, clip, lane
from tests.support.browser.reviewing import until

pytestmark = pytest.mark.browser

ALT, CTRL, SHIFT = 1, 2, 8


def type_key(page: Any, key: str, code: str, modifiers: int = 0) -> None:
    """Press a key that types ``key`` at the place ``code``."""
    session = page.context.new_cdp_session(page)
    text = {} if modifiers & (CTRL | ALT) else {"text": key}
    for kind in ("keyDown", "keyUp"):
        session.send("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": code, "modifiers": modifiers} | text)
        text = {}
    session.detach()


def test_keys_work_on_other_keyboards_and_a_field_takes_text(page: Any) -> None:
    server = PlayerPage(page, clip([lane("reed", [0.5] * 20, role="primary"), lane("wren", [0.5] * 20)]))
    server.open()
    speed, add = page.get_by_test_id("player-speed"), page.get_by_test_id("player-add-input")

    type_key(page, "ф", "KeyA")  # Russian, at the place of A
    expect(add).to_be_focused()
    for key, code in (("н", "KeyY"), ("т", "KeyN"), ("é", "Digit2"), ("[", "BracketLeft")):
        type_key(page, key, code)
    expect(add).to_have_value("нтé[")
    page.keyboard.press("Escape")
    expect(add).to_be_hidden()

    type_key(page, "[", "Digit8", CTRL | ALT)  # German, AltGr on Windows
    expect(speed).to_have_value("0.75")
    type_key(page, "х", "BracketLeft")
    expect(speed).to_have_value("0.5")
    type_key(page, "]", "BracketRight", CTRL | ALT)  # a shortcut of the system's
    type_key(page, "f", "KeyF", CTRL)
    expect(speed).to_have_value("0.5")
    assert server.posts == []

    type_key(page, "é", "Digit2")  # French, without Shift
    expect(page.get_by_test_id("player-notice")).to_contain_text("saved")
    page.route("**/api/undo", lambda route: route.fulfill(json={"notice": "nothing to undo", "clip_id": None}))
    type_key(page, "z", "KeyY")  # German: undo, and no verdict
    expect(page.get_by_test_id("player-notice")).to_contain_text("nothing to undo")
    assert [post["verdict"] for post in server.posts] == ["absent"]


def test_what_was_marked_is_added_though_the_names_of_the_classes_come_late(page: Any) -> None:
    candidates = [["finch", 0.9, ""], ["heron", 0.8, ""], ["stork", 0.7, ""]]
    server = PlayerPage(page, clip([lane("reed", [0.5] * 20)], candidates=candidates))
    server.open()
    held: list[Any] = []
    page.route("**/clips/vocabulary*", lambda route: held.append(route))
    page.keyboard.press("a")
    page.keyboard.press("ArrowDown")
    marked = page.get_by_test_id("player-add-option").and_(page.locator("[aria-selected=true]"))
    expect(marked).to_have_attribute("data-class", "heron")
    until(page, lambda: held)
    held[0].fulfill(json=[[code, code.title()] for code, *_ in candidates])
    expect(marked).to_contain_text("Heron")
    server.data["lanes"].append(lane("heron", []))  # as the server does
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("player-notice")).to_contain_text("saved")
    assert [post["class"] for post in server.posts] == ["heron"]


def test_a_key_pressed_on_a_russian_keyboard_is_kept_by_its_latin_name(page: Any) -> None:
    PlayerPage(page, clip([lane("reed", [0.5] * 20)])).open()
    page.keyboard.press("?")
    expect(page.get_by_test_id("player-help")).to_contain_text("Cyrillic")
    page.get_by_test_id("player-key-next").click()
    type_key(page, "к", "KeyR")
    expect(page.get_by_test_id("player-notice")).to_contain_text("R belongs to the page")
    type_key(page, "ж", "Semicolon")
    expect(page.get_by_test_id("player-key-next")).to_have_text(";")
