"""From an hour of the heatmap to its windows, to verdicts, to a threshold, in a real Chromium."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser.chromium import expect
from tests.support.browser.reviewing import shown
from tests.support.browser.server import Server
from tests.support.workspaces.predicted import add_prediction

pytestmark = pytest.mark.browser


def tiles(page: Any) -> Any:
    return page.locator("[data-testid=wall-tile]:not([hidden])")


def regions(root: Path) -> list[tuple[str, float, float, str]]:
    with closing(sqlite3.connect(root / "earmark.db")) as connection:
        return connection.execute(
            "select c.filename, d.onset_s, d.offset_s, d.verdict from decisions d join clips c on c.id = d.clip_id "
            "order by d.position"
        ).fetchall()


def test_from_an_hour_to_verdicts_to_a_threshold(own_copy: Path, app: Server, page: Any) -> None:
    add_prediction(own_copy)
    page.goto(f"{app.url}/activity?site=pond")
    points = page.locator(".st-key-activity_map .points path")
    expect(points).to_have_count(4)  # hours that were recorded at the pond
    box = points.nth(2).bounding_box()  # 2024-06-12 07:00
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url(re.compile(r"hour=2024-06-12\+7"))
    expect(page.get_by_test_id("wall-title")).to_contain_text("2024-06-12 07:00")
    expect(page.get_by_test_id("wall-counts")).to_have_text("20 to do, 0 decided")
    first = tiles(page).first
    expect(first).to_contain_text("0.99")  # the strongest comes first
    page.get_by_test_id("wall").focus()
    page.keyboard.press("Space")
    expect(first).to_have_attribute("data-playing", "true")
    page.keyboard.press("x")
    page.keyboard.press("1")
    expect(page.get_by_test_id("wall-counts")).to_have_text("19 to do, 1 decided")
    assert regions(own_copy) == [("pond/20240612_070000.WAV", 57.0, 60.0, "present")]

    # what was chosen for its score tells nothing of the others, unless chance chooses it too
    page.get_by_role("radio", name="Precision and threshold").click()
    expect(page.get_by_text("Not known yet:")).to_be_visible()
    # of the new list, not of the hour's
    expect(page.get_by_test_id("wall-said")).to_contain_text("drawn windows heard")
    counts = page.get_by_test_id("wall-counts")
    expect(counts).to_have_text(re.compile("^[1-9][0-9]+ to do, [01] decided$"))
    to_do = int(counts.inner_text().split()[0])
    page.get_by_test_id("wall-all").click()
    page.keyboard.press("1")
    expect(counts).to_have_text(re.compile("^0 to do"))
    page.get_by_text(re.compile("Detections that score 0[.][0-9]+ or more .* reach a precision of 0[.]9")).wait_for()
    expect(page.get_by_text(re.compile(f"^({to_do}|{to_do + 1}) of [0-9]+ drawn windows heard[.]"))).to_be_visible()
    expect(page.locator(".st-key-activity_precision .points path.point")).to_have_count(5)
    assert len(regions(own_copy)) == to_do + 1

    # and back: the batch is undone whole, and with it what it told
    page.keyboard.press("z")
    expect(page.get_by_text("Not known yet:")).to_be_visible()


def test_a_tile_opens_the_recording_at_its_window(own_copy: Path, app: Server, page: Any) -> None:
    add_prediction(own_copy)
    page.goto(f"{app.url}/activity?site=pond&hour=2024-06-12+7")
    expect(page.get_by_test_id("wall-counts")).to_have_text("20 to do, 0 decided")
    link = tiles(page).nth(1).get_by_test_id("wall-open")
    clip_id = tiles(page).nth(1).get_attribute("data-clip")
    expect(link).to_have_attribute("href", f"review?clip={clip_id}&t=54")
    page.get_by_test_id("wall").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("o")
    page.wait_for_url(re.compile(r"/review\?"))
    assert shown(page) == clip_id
    expect(page.get_by_test_id("player-cursor")).to_have_attribute("data-time", "54.000")
    page.goto(f"{app.url}/clip/{clip_id}?t=54")
    assert shown(page) == clip_id
    expect(page.get_by_test_id("player-cursor")).to_have_attribute("data-time", "54.000")
