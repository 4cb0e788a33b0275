"""A class that no label has yet, added on the review page in a real Chromium."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.browser.chromium import expect
from tests.support.browser.reviewing import USUAL, open_review, press, rows, shown, until
from tests.support.browser.server import Server

pytestmark = pytest.mark.browser


def test_a_new_class_is_made_while_typing(page: Any, app: Server, own_copy: Path) -> None:
    open_review(page, app, USUAL)
    clip_id = shown(page)
    typed, offer = page.get_by_test_id("player-add-input"), page.get_by_test_id("player-add-new")
    code, name = page.get_by_test_id("player-new-code"), page.get_by_test_id("player-new-name")
    ((known, spoken),) = rows(own_copy, "select code, name from classes order by code limit 1")

    page.keyboard.press("a")
    for spelling in (known.upper(), spoken.replace(" ", "_"), f" {spoken.swapcase()} "):  # one that is there is none
        typed.fill(spelling)
        expect(page.get_by_test_id("player-add-option").first).to_have_attribute("data-class", known)
        expect(offer).to_have_count(0)
    typed.fill("Eastern Towhee")
    expect(offer).to_contain_text("new class")
    expect(offer).to_contain_text("no label has it yet")
    page.keyboard.press("Enter")
    expect(name).to_be_focused()
    expect(code).to_have_value("Eastern Towhee")
    assert rows(own_copy, "select count(*) from classes where added_by != ''") == [(0,)]

    page.keyboard.type("Eastern Towhee 12")  # digits are text here, and no verdict
    name.fill("Eastern Towhee")
    code.fill(f"{known} ".upper())
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("player-new-problem")).to_contain_text(f"is class '{known}'")
    code.fill("eastow")
    press(page, "Enter", "saved: eastow present")
    lane = page.locator("[data-testid=player-lane][data-class=eastow]")
    expect(lane).to_contain_text("Eastern Towhee")
    expect(lane.locator(".chip.new")).to_have_text("new")
    assert shown(page) == clip_id
    assert rows(own_copy, "select code, name, added_by from classes where added_by != ''") == [
        ("eastow", "Eastern Towhee", "rita")
    ]
    query = "select clip_id, verdict, code from decisions join classes on classes.id = class_id"
    assert rows(own_copy, query) == [(int(clip_id), "present", "eastow")]

    page.keyboard.press("j")  # fetched ahead before the class was there
    expect(page.get_by_test_id("player")).not_to_have_attribute("data-clip-id", clip_id)
    shown(page)
    page.keyboard.press("a")
    typed.fill("towhee")
    option = page.get_by_test_id("player-add-option").first
    expect(option).to_have_attribute("data-class", "eastow")
    expect(option.locator(".chip.new")).to_have_text("new")
    typed.fill("towhee 2")
    page.keyboard.press("Enter")
    expect(code).to_be_visible()
    page.keyboard.press("Escape")  # back to the list, and out
    expect(typed).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("player-add-box")).to_be_hidden()
    assert len(rows(own_copy, "select 1 from decisions")) == 1


def test_a_class_that_was_meant_for_the_clip_before_is_not_added_to_this_one(
    page: Any, app: Server, own_copy: Path
) -> None:
    open_review(page, app, USUAL)
    clip_id = shown(page)
    held: list[Any] = []
    page.route(
        "**/api/classes", lambda route: held.append(route) if route.request.method == "POST" else route.continue_()
    )
    page.keyboard.press("a")
    page.get_by_test_id("player-add-input").fill("Eastern Towhee")
    expect(page.get_by_test_id("player-add-new")).to_be_visible()
    page.keyboard.press("Enter")
    page.get_by_test_id("player-new-code").fill("eastow")
    page.keyboard.press("Enter")
    until(page, lambda: held)
    page.get_by_test_id("player-next").click()
    expect(page.get_by_test_id("player")).not_to_have_attribute("data-clip-id", clip_id)
    held[0].continue_()
    expect(page.get_by_test_id("player-notice")).to_contain_text("eastow is a class now; it was not added")
    assert rows(own_copy, "select 1 from decisions") == []
