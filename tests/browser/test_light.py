"""The light pages in a real Chromium: a clip by its link, the queue, and the ways between them and to the app."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser.chromium import expect, still_box
from tests.support.browser.reviewing import LIGHT, open_review, place, press, rows, shown, until
from tests.support.browser.server import Server

pytestmark = pytest.mark.browser

HOSTILE = '</script><img src=x onerror="window.hacked=1">\'&'
OVERFLOWING = """(player) => [...player.querySelectorAll("button, select, .question, .head")].filter((node) =>
  node.offsetParent && node.scrollWidth > node.clientWidth + 1).map((node) => node.textContent)"""
FITS_ACROSS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
FITS_DOWN = "() => document.documentElement.scrollHeight <= innerHeight"
PAINTED = """() => {
  window.painted = 0;
  const send = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (told, ...more) {
    if (told?.do === "paint") window.painted += told.tiles.length;
    if (told?.first) told.first.patienceMs = 60_000; // however far apart they come on a busy machine
    return send.call(this, told, ...more);
  };
}"""


@pytest.fixture
def page(page: Any, app: Server, request: pytest.FixtureRequest) -> Any:
    """A tab with the first clip of the list, or with what a test asks for."""
    if path := getattr(request, "param", ""):
        page.goto(app.url + path)
    else:
        open_review(page, app, LIGHT)
        shown(page)
    return page


def begins_at(path: str) -> pytest.MarkDecorator:
    """A test whose tab begins with that page."""
    return pytest.mark.parametrize("page", [path], indirect=True, ids=["queue"])


def test_from_the_light_page_into_the_app_and_back(page: Any, app: Server) -> None:
    for _ in range(3):
        page.keyboard.press("j")
    clip_id, at = shown(page), place(page)
    assert page.url == f"{app.url}/clip/{clip_id}?p=0.01"
    page.get_by_role("link", name="Open in the app").click()
    expect(page.get_by_role("link", name="Versions", exact=True)).to_be_visible()
    assert shown(page) == clip_id
    expect(page.get_by_test_id("player-subtitle")).to_contain_text(f"{at} of")
    page.keyboard.press("\\")
    link = page.get_by_test_id("player-link")
    expect(link).to_have_attribute("href", f"clip/{clip_id}?p=0.01")
    link.click()
    expect(page.get_by_role("link", name="Open in the app")).to_be_visible()
    assert shown(page) == clip_id
    expect(page.get_by_test_id("player-subtitle")).to_contain_text(f"{at} of")
    page.get_by_role("link", name="Queue", exact=True).click()
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    page.go_back()
    assert shown(page) == clip_id


@begins_at("/suspects?p=0.01&status=open")
def test_the_queue_is_filtered_and_gone_through_clip_by_clip(page: Any, app: Server) -> None:
    listed = page.get_by_test_id("row").and_(page.locator("[data-here=true]:not([hidden])"))
    expect(page).to_have_url(f"{app.url}/suspects?p=0.01")
    page.get_by_label("Kind").select_option("missing")
    expect(page).to_have_url(f"{app.url}/suspects?kind=missing&p=0.01")
    page.get_by_role("columnheader", name="class").get_by_role("button").click()
    expect(page).to_have_url(f"{app.url}/suspects?kind=missing&p=0.01&order=class")
    expect(page.get_by_label("Order")).to_have_value("order=class")
    expect(page.get_by_role("columnheader", name="class")).to_have_attribute("aria-sort", "ascending")
    asked = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert [url for url in asked if re.search("/api/(?!changes)", url)] == []  # what others do is asked now and then
    clips = list(dict.fromkeys(listed.evaluate_all("(rows) => rows.map((row) => row.dataset.clip)")))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{app.url}/clip/{clips[0]}?kind=missing&p=0.01&order=class")
    assert shown(page) == clips[0]
    expect(page.get_by_test_id("player-subtitle")).to_contain_text("1 of")
    page.keyboard.press("j")
    expect(page.get_by_test_id("player")).to_have_attribute("data-clip-id", clips[1])
    page.get_by_role("link", name="Queue", exact=True).click()
    expect(page).to_have_url(f"{app.url}/suspects?kind=missing&p=0.01&order=class")
    page.get_by_role("link", name="Open in the app").click()
    expect(page).to_have_url(f"{app.url}/queue?kind=missing&p=0.01&order=class")
    page.get_by_role("link", name="Light page").click()
    expect(page).to_have_url(f"{app.url}/suspects?kind=missing&p=0.01&order=class")
    page.get_by_role("link", name="Earmark").click()
    page.get_by_role("link", name="light page").click()
    expect(page).to_have_url(f"{app.url}/suspects")
    page.get_by_role("link", name="Review these").click()
    shown(page)


@begins_at("/suspects?p=0")
def test_several_rows_are_decided_and_undone_on_the_queues_page(page: Any, app: Server, own_copy: Path) -> None:
    grid, said = page.get_by_test_id("rows"), page.get_by_test_id("rows-said")
    count = int(grid.get_attribute("aria-rowcount"))
    expect(page.get_by_role("button", name=f"Decide all {count - 1}…")).to_be_enabled()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    expect(said).to_contain_text("2 cells in")
    page.keyboard.press("d")
    dialog = page.get_by_role("dialog")
    page.get_by_text("Absent", exact=True).click()
    expect(dialog).to_contain_text("will be decided: 2 absent.")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("d")
    expect(dialog).to_contain_text("will be decided: ")  # from the first choice on
    page.keyboard.press("Enter")
    expect(said).to_contain_text("decided: ")
    expect(page.get_by_text(f"{count - 3} cells in")).to_be_visible()
    expect(grid).to_have_attribute("aria-rowcount", str(count - 2))
    assert rows(own_copy, "select count(*), count(distinct batch_id) from decisions") == [(2, 1)]
    page.get_by_test_id("rows-undo").click()
    expect(said).to_contain_text("undone: 2 decisions")
    expect(grid).to_have_attribute("aria-rowcount", str(count))
    page.get_by_label("Kind").select_option("false")
    expect(page).to_have_url(re.compile("kind=false"))


def on_every_screen(page: Any) -> Iterator[int]:
    """Load the page anew on screens of several sizes; gives how wide each is."""
    for width, height in ((390, 844), (768, 844), (1400, 1000), (2560, 1000)):
        page.set_viewport_size({"width": width, "height": height})
        page.reload()
        yield width


@begins_at("/suspects?p=0")
def test_the_queue_fits_on_every_screen(page: Any) -> None:
    for width in on_every_screen(page):
        expect(page.get_by_test_id("row").first).to_have_attribute("data-here", "true")
        page.wait_for_function(FITS_ACROSS)
        if width >= 1400:  # nothing to scroll for but the rows
            page.wait_for_function(FITS_DOWN)


def test_the_first_tiles_are_asked_for_ahead_of_the_player_and_for_nothing(page: Any) -> None:
    asked: list[str] = []
    address = page.url
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(f"({PAINTED})()")
    for width, height in ((390, 844), (1400, 1000), (2560, 1440)):
        page.goto("about:blank")
        page.set_viewport_size({"width": width, "height": height})
        asked.clear()
        page.goto(address)
        clip_id = shown(page)
        assert page.evaluate("window.painted") == 0, "a tile was coloured after it had come"
        pictures = [
            url for url in asked if re.search(rf"/clips/{clip_id}/(tile|peaks)\?", url) and "height_px=32" not in url
        ]
        assert pictures
        assert {pictures.count(url) for url in pictures} == {2}, "by the head, and by the player from the cache"
        scripts = [url for url in asked if url.split("?")[0].endswith(".js")]
        assert [url.split("/")[-1] for url in scripts] == ["player.js", "clip.js"]
        first = min(asked.index(url) for url in pictures)
        assert first <= asked.index(next(url for url in asked if "/audio?" in url))


def test_the_name_is_given_here_and_kept_for_the_app(page: Any, app: Server, own_copy: Path) -> None:
    name = page.get_by_role("textbox", name="Reviewer")
    expect(name).to_have_value("rita")
    name.fill("Jörg 🐦; a=b")
    with page.expect_navigation():  # what stands there until then is rita's
        name.press("Enter")
    expect(name).to_have_value("Jörg 🐦; a=b")
    shown(page)
    press(page, "2", "saved")
    assert rows(own_copy, "select reviewer from decisions") == [("Jörg 🐦; a=b",)]
    page.get_by_role("link", name="Open in the app").click()
    box = page.get_by_role("textbox", name="Reviewer")
    expect(box).to_have_value("Jörg 🐦; a=b")
    box.fill("sam")
    box.press("Enter")
    until(page, lambda: any(one["value"] == "sam" for one in page.context.cookies()))
    open_review(page, app, LIGHT)
    expect(name).to_have_value("sam")


def test_past_the_end_and_a_list_that_does_not_come(page: Any, app: Server) -> None:
    page.route("**/api/list*", lambda route: route.fulfill(status=503, json={"error": "the database is away"}))
    page.reload()
    clip_id = shown(page)
    page.keyboard.press("k")
    expect(page.get_by_test_id("player-notice")).to_contain_text("the list is still to come")
    page.keyboard.press("j")
    expect(page.get_by_text("The list could not be read: the database is away")).to_be_visible()
    page.unroute("**/api/list*")
    page.get_by_role("link", name="Back to the last clip").click()
    assert shown(page) == clip_id
    expect(page.get_by_test_id("player-subtitle")).to_contain_text(" of ")
    held: list[Any] = []
    page.route("**/api/list*", lambda route: held.append(route))
    page.reload()
    shown(page)
    page.keyboard.press("j")  # before the list is here: it is waited for
    until(page, lambda: held)
    held[0].continue_()
    expect(page.get_by_test_id("player-subtitle")).to_contain_text("2 of")
    assert shown(page) != clip_id
    page.unroute("**/api/list*")
    only = int(shown(page))
    page.route("**/api/list*", lambda route: route.fulfill(json={"items": [only], "at": 0}))
    page.reload()
    expect(page.get_by_test_id("player-subtitle")).to_contain_text("1 of 1")
    page.keyboard.press("j")
    expect(page.get_by_text("That was the last clip of this list.")).to_be_visible()
    expect(page.get_by_test_id("player")).to_have_count(0)
    page.get_by_role("link", name="Look for what is left").click()
    shown(page)


def test_what_comes_from_a_collection_runs_nowhere(page: Any, own_copy: Path) -> None:
    clip_id = shown(page)
    with sqlite3.connect(own_copy / "earmark.db") as database:
        database.execute("update clips set filename = ? where id = ?", (HOSTILE, int(clip_id)))
        database.execute("update classes set name = ?", (HOSTILE,))
    page.reload()
    shown(page)
    expect(page.get_by_test_id("player-title")).to_have_text(HOSTILE)
    assert page.title() == f"{HOSTILE} · Earmark"
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), { text: 'window.hacked = 1' }))"
    )
    assert page.evaluate("window.hacked") is None


def test_it_fits_on_every_screen(page: Any) -> None:
    for width in on_every_screen(page):
        shown(page)
        for name in ("present", "absent", "unsure"):
            expect(page.get_by_test_id(f"player-{name}")).to_be_in_viewport(ratio=1)
        expect(page.get_by_test_id("player-subtitle")).to_contain_text(" of ")  # the list has come: all stands there
        still_box(page.get_by_test_id("player-plot"))
        assert page.get_by_test_id("player").evaluate(OVERFLOWING) == []
        page.wait_for_function(FITS_ACROSS)
        if width >= 1400:  # nothing to scroll for
            page.wait_for_function(FITS_DOWN)
