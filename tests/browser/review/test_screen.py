"""The review page as a mouse and a small or a large screen find it."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.browser.chromium import expect, still_box
from tests.support.browser.reviewing import APP, LIGHT, fetched_ahead, open_review, rows, shown, until
from tests.support.browser.server import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def page(page: Any, app: Server, request: pytest.FixtureRequest) -> Any:
    """A tab with the first clip of the list."""
    open_review(page, app, getattr(request, "param", APP))
    shown(page)
    return page


@pytest.mark.parametrize("page", [LIGHT], indirect=True, ids=["light"])
@pytest.mark.parametrize(("button", "table"), [("absent", "decisions"), ("skip", "marks")])
def test_undo_can_be_clicked_once_there_is_something_to_undo(
    page: Any, own_copy: Path, button: str, table: str
) -> None:
    undo, player = page.get_by_test_id("player-undo"), page.get_by_test_id("player")

    def stored() -> int:
        return int(rows(own_copy, f"select count(*) from {table}")[0][0])

    expect(undo).to_be_disabled()
    fetched_ahead(page)  # when there was nothing to undo
    clip_id = shown(page)
    while shown(page) == clip_id:
        before = stored()
        page.get_by_test_id(f"player-{button}").click()
        until(page, lambda before=before: stored() > before)
        expect(player).to_have_attribute("data-locked", "false")  # answered: this clip again, or the next
        expect(undo).to_be_enabled()
    before = stored()
    undo.click()
    expect(player).to_have_attribute("data-clip-id", clip_id)
    assert stored() == before + 1
    page.get_by_test_id("player-next").click()
    expect(undo).to_be_enabled()


def boxes(page: Any) -> dict[str, dict[str, float]]:
    """Where things stand: x, y, width and height by the end of their test id."""
    return {name: page.get_by_test_id(f"player-{name}").bounding_box() for name in ("plot", "present", "help-button")}


def rows_asked(asked: list[str]) -> list[int]:
    """The different heights of the picture's tiles, in the order in which they were asked for; the map below the
    picture has tiles of its own, of 32 rows."""
    heights = (int(url.split("height_px=")[1].split("&")[0]) for url in asked)
    return [rows for rows in dict.fromkeys(heights) if rows > 32]


def test_the_picture_takes_the_free_height(page: Any) -> None:
    """On a large screen most of it, sharp; what a reviewer needs with it stays on the screen, at its place."""
    asked: list[str] = []
    page.on("request", lambda request: "/tile?" in request.url and asked.append(request.url))
    player, plot = page.get_by_test_id("player"), page.get_by_test_id("player-plot")
    page.set_viewport_size({"width": 2560, "height": 1440})
    address = page.url
    page.goto("about:blank")  # what is still asked for is of the size before
    asked.clear()
    page.goto(address)
    shown(page)
    still_box(plot)
    expect(player).to_have_attribute("data-whole", "true")
    assert rows_asked(asked) == [768]
    canvas = page.get_by_test_id("player-picture")
    heights, keys_at = [], set()
    for _ in range(3):
        still_box(plot)
        now = boxes(page)
        heights.append(now["plot"]["height"])
        assert canvas.evaluate("canvas => canvas.height") == pytest.approx(now["plot"]["height"], abs=1)
        assert page.get_by_test_id("stMain").evaluate("main => main.scrollHeight <= main.clientHeight")
        keys_at.add(round(now["present"]["y"]))
        page.keyboard.press("j")
        shown(page)
    assert max(heights) > 700
    assert min(heights) > 600, "however many lanes there are"
    assert len(keys_at) == 1, "the keys jump from clip to clip"
    assert rows_asked(asked) == [768], "clips that were fetched ahead are fetched again"

    still_box(plot)
    before = boxes(page)
    page.keyboard.press("+")
    expect(page.get_by_test_id("player-minimap")).to_be_visible()
    expect(plot).to_have_js_property("clientHeight", before["plot"]["height"])
    still_box(plot)
    assert page.get_by_test_id("stMain").evaluate("main => main.scrollHeight <= main.clientHeight")
    page.keyboard.press("\\")  # the details: the picture makes room for them
    expect(page.get_by_test_id("player-drawer")).to_be_in_viewport(ratio=1)
    expect(plot).to_be_in_viewport(ratio=1)
    page.keyboard.press("\\")
    expect(plot).to_have_js_property("clientHeight", before["plot"]["height"])

    page.set_viewport_size({"width": 1280, "height": 680})  # no room: as high as it must be
    expect(plot).to_have_js_property("clientHeight", 240)
    expect(player).to_have_attribute("data-whole", "true")
    until(page, lambda: rows_asked(asked)[-1] == 256)


SMALL = [(390, 844), (320, 700)]
OVERFLOWING = """root => [...root.querySelectorAll("button, select, input, .time, .question")].filter((node) => {
    const { left, right, width } = node.getBoundingClientRect(), runsOver = node.scrollWidth > node.clientWidth;
    return width && (left < 0 || right > innerWidth || (node.tagName !== "INPUT" && runsOver));
  }).map((node) => node.dataset.testid || node.textContent)"""


def test_a_phone_shows_the_verdict_keys_and_every_word(page: Any) -> None:
    """The keys stand at the bottom until their own place comes into view: all else can be scrolled out from under."""
    keys = [page.get_by_test_id(f"player-{name}") for name in ("present", "absent", "unsure")]
    main, player = page.get_by_test_id("stMain"), page.get_by_test_id("player")
    covered = """(main) => {
      const player = main.querySelector(":scope *") && [...main.querySelectorAll("*")].find((node) => node.shadowRoot);
      return player.shadowRoot.querySelector(".asked").getBoundingClientRect().top;
    }"""
    for width, height in SMALL:
        page.set_viewport_size({"width": width, "height": height})
        for _ in range(2):  # of clips with few lanes and with many
            still_box(page.get_by_test_id("player-plot"))
            main.evaluate("main => { main.scrollTop = 0; }")
            for key in keys:
                expect(key).to_be_in_viewport(ratio=1)
            last = page.get_by_test_id("player-lane").last
            last.scroll_into_view_if_needed()
            main.evaluate("main => { main.scrollTop = main.scrollHeight; }")
            for key in (*keys, page.get_by_test_id("player-rest"), page.get_by_test_id("player-skip")):
                expect(key).to_be_in_viewport(ratio=1)
            lanes = page.get_by_test_id("player-lanes").bounding_box()
            assert lanes["y"] + lanes["height"] <= main.evaluate(covered) + 1, "the keys cover the end of the lanes"
            page.keyboard.press("j")
            shown(page)

        until(page, lambda: player.evaluate(OVERFLOWING) == [])
        for key in ("\\", "?"):
            page.keyboard.press(key)
        page.get_by_test_id("player-settings-button").click()
        page.get_by_test_id("player-stretch").evaluate("node => { node.children[1].textContent = 'Selection'; }")
        until(page, lambda: player.evaluate(OVERFLOWING) == [])
        until(page, lambda: main.evaluate("main => main.scrollWidth <= main.clientWidth"))
        page.get_by_test_id("player-settings-button").click()
        for key in ("?", "\\"):
            page.keyboard.press(key)
