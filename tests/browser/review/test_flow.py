"""The review page in a real Chromium where things come late, together or not at all: no press falls on another clip."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser.chromium import expect
from tests.support.browser.reviewing import IN_THE_APP, USUAL, fetched_ahead, open_review, press, rows, shown, until
from tests.support.browser.server import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def page(page: Any, app: Server, request: pytest.FixtureRequest) -> Any:
    """A tab with the first clip of the list: on the light page, half as dear, where a test asks for no other."""
    open_review(page, app, getattr(request, "param", USUAL))
    shown(page)
    return page


def leave_and_come_back(page: Any) -> None:
    page.get_by_role("link", name="Versions", exact=True).click()
    expect(page.get_by_role("heading", name="Versions")).to_be_visible()
    page.get_by_role("link", name="Review", exact=True).click()
    shown(page)


def test_a_press_while_the_next_clip_is_still_to_come_is_refused(page: Any, own_copy: Path) -> None:
    first, held, holds = shown(page), [], [True]
    fetched_ahead(page)  # those after them are held back
    page.route("**/api/clips/*", lambda route: held.append(route) if holds else route.continue_())
    for _ in range(3):
        page.keyboard.press("j")
    third = shown(page)
    page.keyboard.press("j")
    expect(page.get_by_test_id("player")).to_have_attribute("data-clip-id", third)
    for key in "2sf":
        page.keyboard.press(key)
    holds.clear()
    for route in held:
        route.continue_()
    expect(page.get_by_test_id("player-subtitle")).to_contain_text("5 of")
    fifth = shown(page)
    assert len({first, third, fifth}) == 3
    assert rows(own_copy, "select 1 from decisions union all select 1 from marks") == []
    press(page, "f", "saved: flag")
    assert rows(own_copy, "select clip_id from marks") == [(int(fifth),)]


@IN_THE_APP
def test_an_answer_that_comes_after_the_page_was_left_moves_nothing(page: Any, own_copy: Path) -> None:
    held: list[Any] = []
    first = shown(page)
    page.route("**/api/decisions", lambda route: held.append(route))
    with page.expect_request("**/api/decisions"):
        page.keyboard.press("4")
    until(page, lambda: held)
    page.get_by_role("link", name="Versions", exact=True).click()
    expect(page.get_by_role("heading", name="Versions")).to_be_visible()
    with page.expect_response("**/api/decisions"):
        held[0].continue_()
    assert rows(own_copy, "select distinct clip_id from decisions") == [(int(first),)]
    assert "clip=" not in page.url  # the player that was left writes no address any more
    page.unroute("**/api/decisions")
    page.get_by_role("link", name="Review", exact=True).click()
    assert shown(page) == first


@IN_THE_APP
def test_the_order_of_the_list_is_kept_and_a_clip_put_off_comes_back(page: Any) -> None:
    first = shown(page)
    count = page.get_by_test_id("player-subtitle").inner_text().split()[-1]
    press(page, "t", "saved: later")
    second = shown(page)
    assert second != first
    leave_and_come_back(page)
    assert shown(page) == second
    press(page, "z", "undone: later")
    expect(page.get_by_test_id("player")).to_have_attribute("data-clip-id", first)
    expect(page.get_by_test_id("player-subtitle")).to_have_text(f"1 of {count}")
    page.keyboard.press("j")
    expect(page.get_by_test_id("player")).to_have_attribute("data-clip-id", second)
    until(page, lambda: len(page.workers) == 1)


@IN_THE_APP
def test_probabilities_are_those_of_the_clip_on_the_screen(page: Any) -> None:
    for _ in range(3):
        page.keyboard.press("j")
    shown(page)
    page.get_by_role("radio", name="Probabilities").click()
    chart = page.get_by_test_id("stPlotlyChart").first  # while it changes there may be two
    for key in ("", "j"):
        if key:
            page.keyboard.press(key)
            shown(page)
        for score in page.locator(".lane .number").all_inner_texts():
            expect(chart).to_contain_text(score)


def test_sound_whose_link_ran_out_gets_a_new_one(page: Any) -> None:
    refused: list[str] = []

    def number(url: str) -> str:
        return re.search(r"/clips/(\d+)", url).group(1)

    def clip(route: Any) -> None:
        answer = route.fetch().json()
        if number(route.request.url) in refused:  # the link before it was an old one
            answer["audio_url"] += "&hour=2"
        route.fulfill(json=answer)

    def audio(route: Any) -> None:
        url = route.request.url
        if url.endswith("&hour=2"):
            route.continue_(url=url.removesuffix("&hour=2"))
        else:
            refused.append(number(url))
            route.fulfill(status=403, json={"error": "the link has expired"})

    fetched_ahead(page)
    page.route("**/api/clips/*", clip)
    page.route("**/clips/*/audio*", audio)
    for _ in range(5):
        page.keyboard.press("j")
        shown(page)
    assert shown(page) in refused
    expect(page.get_by_test_id("player-sound-error")).to_be_hidden()
    expect(page.get_by_test_id("player-subtitle")).to_contain_text("6 of")
