"""The player's lanes and its heatmap, in a real Chromium with given data."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.browser.chromium import expect, next_frames, still_box
from tests.support.browser.player_page import DARK, LIGHT, PlayerPage, clip, lane

pytestmark = pytest.mark.browser

VALUES = [0.1] * 4 + [0.6, 0.9, 0.7] + [0.2] * 5 + [0.55, 0.5] + [0.0] * 6  # above 0.5 from 2 to 3.5 s and 6 to 7 s


# ------------------------------------------------------------------------------------------------ lanes


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_lanes_show_focus_threshold_second_run_and_spread(page: Any, colours: tuple[str, str, str]) -> None:
    spread = {"low": [0.05] * 20, "high": [0.3] * 20}
    lanes = [lane("reed", VALUES, compare=[0.25] * 10, spread=spread), lane("wren", VALUES[::-1])]
    lanes += [lane(f"other-{index}", VALUES) for index in range(14)]
    data = clip(lanes, compare_steps={"start_s": 0.0, "step_s": 1.0, "count": 10, "level": 0}, compare_run="002-other")
    PlayerPage(page, data, {"look": {"compare": True}}, colours).open()
    rows = page.get_by_test_id("player-lane")
    picture = still_box(page.get_by_test_id("player-plot"))

    # the lane in focus is the tallest, and says so; all strips lie under the picture, however many there are
    for place in (0, 1, 15):
        page.evaluate(f"player.setFocus('{data['lanes'][place]['class']}')")
        tall = [row.query_selector(".strip").bounding_box() for row in rows.element_handles()]
        assert [box["height"] for box in tall].index(max(box["height"] for box in tall)) == place
        assert {(round(box["x"]), round(box["width"])) for box in tall} == {
            (round(picture["x"]), round(picture["width"]))
        }
        expect(rows.nth(place)).to_have_attribute("aria-selected", "true")
        shown = rows.nth(place).bounding_box()
        frame = page.get_by_test_id("player-lanes").bounding_box()
        assert frame["y"] - 1 <= shown["y"]
        assert shown["y"] + shown["height"] <= frame["y"] + frame["height"] + 1
    assert frame["height"] <= 430

    # numbers under the pointer, and who is who
    page.evaluate("player.setFocus('reed')")
    strip = still_box(rows.nth(0).locator(".strip"))
    page.mouse.move(strip["x"] + 0.27 * strip["width"], strip["y"] + 20)
    readout = page.get_by_test_id("player-readout")
    expect(readout).to_contain_text("2.70 s")
    for part in ("Reed", "0.90", "threshold 0.50", "002-other: 0.25", "all runs 0.05–0.30"):
        expect(readout).to_contain_text(part)
    expect(page.get_by_test_id("player-lane-legend")).to_contain_text("001-demo")
    expect(page.get_by_test_id("player-lane-legend")).to_contain_text("002-other")
    page.keyboard.press("v")
    expect(page.get_by_test_id("player-lane-legend")).not_to_contain_text("002-other")

    next_frames(page)
    # the canvas: a block up to 0.9 at 2.7 s, none above the line of the threshold at 1 s
    column = """([share, height]) => {
      const canvas = player.lanes.rows[0].canvas;
      const at = (x, y) => [...canvas.getContext("2d").getImageData(x * canvas.width, y * canvas.height, 1, 1).data];
      return at(share, 1 - height)[3];
    }"""
    assert page.evaluate(column, [0.27, 0.8]) > 200
    assert page.evaluate(column, [0.1, 0.8]) == 0

    # dragging over a lane selects time, as over the picture
    page.mouse.move(strip["x"] + 0.2 * strip["width"], strip["y"] + 20)
    page.mouse.down()
    page.mouse.move(strip["x"] + 0.3 * strip["width"], strip["y"] + 20)
    page.mouse.up()
    selected = page.evaluate("player.stage.selection")
    assert selected["onset_s"] == pytest.approx(2, abs=0.01)
    assert selected["offset_s"] == pytest.approx(3, abs=0.01)


def test_the_heatmap_follows_the_class_and_the_view(page: Any) -> None:
    PlayerPage(page, clip([lane("reed", VALUES), lane("wren", VALUES[::-1])])).open()
    legend = page.get_by_test_id("player-heat-legend")
    expect(legend).to_be_hidden()
    page.keyboard.press("h")
    expect(legend).to_contain_text("Reed, framewise 0 to 1 each 0.5 s")
    alpha = """(share) => {
      const { heat } = player.lanes;
      return heat.getContext("2d").getImageData(Math.round(share * heat.width), 5, 1, 1).data[3] / 255;
    }"""
    next_frames(page)
    assert page.evaluate(alpha, 0.27) == pytest.approx(0.5 * 0.9, abs=0.01)
    assert page.evaluate(alpha, 0.8) == pytest.approx(0)
    page.keyboard.press("ArrowDown")  # the class below, whose values run backwards: 0.9 from 7 s on
    expect(legend).to_contain_text("Wren")
    next_frames(page)
    assert page.evaluate(alpha, 0.72) == pytest.approx(0.5 * 0.9, abs=0.01)
    page.evaluate("player.stage.show(7, 9); player.stage.drawAll()")
    assert page.evaluate(alpha, 0.1) == pytest.approx(0.5 * 0.9, abs=0.01)  # 7.2 s
    page.keyboard.press("h")
    expect(legend).to_be_hidden()


def test_a_blind_look_shows_nothing_of_the_model(page: Any) -> None:
    blank = lane("reed", [], threshold=None, clipwise=None)
    PlayerPage(page, clip([blank], mode="blind", title="A second look, blind"), {"look": {"heatmap": True}}).open()
    row = page.get_by_test_id("player-lane")
    expect(row).to_contain_text("labels and scores are hidden")
    assert "unlisted" not in row.inner_text() + row.get_attribute("aria-label")
    expect(page.get_by_test_id("player-heat-legend")).to_be_hidden()
    page.keyboard.press("g")
    expect(page.get_by_test_id("player-notice")).to_contain_text("blind")
