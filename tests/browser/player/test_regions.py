"""The player's boxes, in a real Chromium: with given data, and on the light page with its journal."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.browser.chromium import expect, still_box
from tests.support.browser.player_page import PlayerPage, clip, lane, unpacked
from tests.support.browser.reviewing import AT_ONCE, LIGHT, USUAL, first_clip, open_review, press_at_once, until
from tests.support.browser.server import Server

pytestmark = pytest.mark.browser

VALUES = [0.1] * 4 + [0.6, 0.9, 0.7] + [0.2] * 5 + [0.55, 0.5] + [0.0] * 6  # above 0.5 from 2 to 3.5 s and 6 to 7 s


class Plot:
    """The picture of a clip, by seconds in the view of now and by share of its height."""

    def __init__(self, page: Any) -> None:
        self.page = page

    @property
    def box(self) -> dict[str, float]:
        """Where it stands now: it takes the height that what is below it leaves."""
        found: dict[str, float] = self.page.get_by_test_id("player-plot").bounding_box()
        return found

    @property
    def second(self) -> float:
        """Pixels a second."""
        from_s, to_s = self._view()
        return float(self.box["width"] / (to_s - from_s))

    def _view(self) -> list[float]:
        shown = self.page.get_by_test_id("player").evaluate("node => [node.dataset.viewFrom, node.dataset.viewTo]")
        return [float(one) for one in shown]

    def rested(self) -> None:
        """Wait until it stands still: what is below it comes a frame before it makes room."""
        still_box(self.page.get_by_test_id("player-plot"))

    def x(self, time_s: float) -> float:
        """Pixels on the page."""
        return float(self.box["x"] + (time_s - self._view()[0]) * self.second)

    def y(self, share: float) -> float:
        """Pixels on the page."""
        return float(self.box["y"] + share * self.box["height"])

    def drag(self, start: tuple[float, float], end: tuple[float, float], shift: bool = False, up: bool = True) -> None:
        """From (pixel, pixel) to (pixel, pixel)."""
        if shift:
            self.page.keyboard.down("Shift")
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        self.page.mouse.move(*end)
        if up:
            self.page.mouse.up()
        if shift:
            self.page.keyboard.up("Shift")


def mel(hz: float) -> float:
    """Slaney's mel, by its definition."""
    return hz * 3 / 200 if hz < 1000 else 15 + math.log(hz / 1000) * 27 / math.log(6.4)


def hertz(place: float) -> float:
    return place * 200 / 3 if place < 15 else 1000 * math.exp((place - 15) * math.log(6.4) / 27)


def hertz_at(share: float, low_hz: float = 60, high_hz: float = 16000) -> float:
    """The frequency at a share of the picture's height from its top."""
    return hertz(mel(low_hz) + (1 - share) * (mel(high_hz) - mel(low_hz)))


# ------------------------------------------------------------------------------------------------ boxes


def box_of(position: int, onset_s: float, offset_s: float, **more: Any) -> dict[str, Any]:
    return {
        "position": position,
        "onset_s": onset_s,
        "offset_s": offset_s,
        "low_hz": None,
        "high_hz": None,
        "reviewer": "bo",
    } | more


def test_boxes_are_told_apart_picked_snapped_and_put_back(page: Any) -> None:
    reed = lane("reed", VALUES, events=[box_of(3, 4, 5, low_hz=1000, high_hz=4000)], quiet=[box_of(4, 7, 9)])
    wren = lane("wren", VALUES, events=[box_of(5, 4.2, 6.5)])
    player = PlayerPage(page, clip([reed, wren]))
    player.open()
    plot = Plot(page)
    plot.rested()
    boxes = page.get_by_test_id("player-box")
    notice = page.get_by_test_id("player-notice")
    assert [boxes.nth(i).get_attribute("data-focus") for i in range(3)] == ["true", "false", "true"]
    expect(boxes.nth(2)).to_contain_text("not here: Reed")
    assert boxes.nth(2).evaluate("node => getComputedStyle(node).borderTopStyle") == "dashed"

    # a click picks, a box of another class too; a click beside them, or Escape, leaves them
    middle = 1 - (mel(2000) - mel(60)) / (mel(16000) - mel(60))
    page.mouse.click(plot.x(4.5), plot.y(middle))
    expect(notice).to_contain_text("box 1 of 2, Reed present: 4.00–5.00 s, 1.00 kHz–4.00 kHz")
    page.mouse.click(plot.x(6), plot.y(0.9))
    expect(notice).to_contain_text("Wren present")
    assert page.evaluate("player.focus") == "wren"
    page.keyboard.press("Escape")
    assert page.evaluate("player.boxes.picked") is None

    # an edge near a border of the frames above the threshold goes there, with Alt it does not; Escape puts it back
    page.mouse.click(plot.x(6), plot.y(0.9))
    plot.drag((plot.x(4.2), plot.y(0.5)), (plot.x(3.5) + 4, plot.y(0.5)), up=False)
    assert page.evaluate("player.boxes.picked.onset_s") == 3.5
    expect(page.get_by_test_id("player-readout")).to_contain_text("3.50–6.50 s")
    page.keyboard.down("Alt")
    page.mouse.move(plot.x(3.5) + 3, plot.y(0.5))
    assert 3.5 < page.evaluate("player.boxes.picked.onset_s") < 3.6
    page.keyboard.up("Alt")
    page.keyboard.press("Escape")
    page.mouse.up()
    assert page.evaluate("player.boxes.picked.onset_s") == 4.2
    assert player.posts == []

    # while a change is not answered nothing else moves; one that the server refuses goes back
    player.hold = True
    plot.rested()
    plot.drag((plot.x(5.5), plot.y(0.5)), (plot.x(6.3), plot.y(0.5)))
    expect(page.get_by_test_id("player")).to_have_attribute("data-locked", "true")
    moved = page.evaluate("player.boxes.picked.onset_s")
    assert moved == pytest.approx(5, abs=0.01)
    plot.drag((plot.x(6), plot.y(0.5)), (plot.x(8), plot.y(0.5)))
    page.keyboard.press(".")
    assert page.evaluate("player.boxes.picked.onset_s") == moved
    player.refusal, player.gone = "somebody else decided meanwhile", True
    player.release()
    expect(notice).to_contain_text("somebody else decided meanwhile")
    expect(boxes.nth(1)).to_have_attribute("data-onset", "4.2")
    assert page.evaluate("player.boxes.picked.onset_s") == 4.2
    assert [post["replaces"] for post in player.posts] == [5]

    # presses that follow each other are one change, stored before what is pressed next
    player.refusal = ""
    sent = page.evaluate(f"() => {{ ({AT_ONCE})(['.', '.', '.', 'Shift+>']); return player.messenger.locked; }}")
    assert not sent
    page.keyboard.press("ArrowUp")
    page.wait_for_function("!player.messenger.locked")
    assert len(player.posts) == 2
    assert player.posts[1]["region"] == {"onset_s": 4.35, "offset_s": 6.7, "low_hz": None, "high_hz": None}


# ------------------------------------------------------------------------------------------------ with a journal


def journal(workspace: Path) -> list[dict[str, Any]]:
    """The decisions, read behind the app's back."""
    with sqlite3.connect(workspace / "earmark.db") as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute(
            "select position, code, verdict, onset_s, offset_s, low_hz, high_hz, undoes, batch_id from decisions"
            " join classes on classes.id = class_id order by position"
        )
        return [dict(row) for row in found]


def settled(page: Any, workspace: Path, count: int) -> list[dict[str, Any]]:
    """The journal once it has `count` entries."""
    until(page, lambda: len(journal(workspace)) >= count)
    found = journal(workspace)
    assert len(found) == count
    return found


def test_boxes_are_decisions(app: Server, page: Any, own_copy: Path) -> None:
    open_review(page, app, USUAL)
    player = page.get_by_test_id("player")
    boxes = page.get_by_test_id("player-box")
    question = page.get_by_test_id("player-question")
    expect(player).to_have_attribute("data-shown", re.compile(r"\d"))
    light = page.request.get(app.url + LIGHT.format(first=first_clip(app))).text()  # holds what either page is given
    data = json.loads(re.search(r'<script[^>]* id="given"[^>]*>(.*?)</script>', light, re.DOTALL)[1])["visit"]["clip"]
    code = player.get_attribute("data-focus")
    asked = question.inner_text()
    plot = Plot(page)
    plot.rested()
    top_hz = min(16000, data["sample_rate"] / 2)
    pixel_s = 1 / plot.second

    def near(entry: dict[str, Any], onset_s: float, offset_s: float, top: float, bottom: float) -> bool:
        """Whether a region lies there, to a pixel's worth."""
        share = 1.5 / plot.box["height"]
        return bool(
            abs(entry["onset_s"] - onset_s) <= 1.5 * pixel_s
            and abs(entry["offset_s"] - offset_s) <= 1.5 * pixel_s
            and hertz_at(top + share, high_hz=top_hz) <= entry["high_hz"] <= hertz_at(top - share, high_hz=top_hz)
            and hertz_at(bottom + share, high_hz=top_hz) <= entry["low_hz"] <= hertz_at(bottom - share, high_hz=top_hz)
        )

    # drawn from the selection
    plot.drag((plot.x(2), plot.y(0.3)), (plot.x(3), plot.y(0.6)), shift=True)
    page.keyboard.press("w")
    (first,) = settled(page, own_copy, 1)
    assert (first["code"], first["verdict"]) == (code, "present")
    assert near(first, 2, 3, 0.3, 0.6)
    expect(boxes).to_have_attribute("data-position", str(first["position"]))

    # moved by its inside, then a corner pulled: each the old one undone and a new one, in one batch
    plot.rested()
    page.keyboard.down("Alt")
    plot.drag((plot.x(2.5), plot.y(0.45)), (plot.x(4), plot.y(0.55)))
    *_, undo, moved = settled(page, own_copy, 3)
    assert (undo["undoes"], undo["batch_id"]) == (first["position"], moved["batch_id"])
    assert near(moved, 3.5, 4.5, 0.4, 0.7)
    expect(boxes).to_have_attribute("data-position", str(moved["position"]))
    plot.rested()
    plot.drag((plot.x(4.5), plot.y(0.4)), (plot.x(5.25), plot.y(0.2)))
    page.keyboard.up("Alt")
    *_, resized = settled(page, own_copy, 5)
    assert near(resized, 3.5, 5.25, 0.2, 0.7)
    expect(boxes).to_have_attribute("data-position", str(resized["position"]))

    # a burst of nudges is one change; undo takes it back
    press_at_once(page, [".", ".", ".", ","])
    *_, nudged = settled(page, own_copy, 7)
    assert nudged["onset_s"] == pytest.approx(resized["onset_s"] + 0.1, abs=0.0015)
    expect(boxes).to_have_attribute("data-position", str(nudged["position"]))
    page.keyboard.press("z")
    expect(boxes).to_have_attribute("data-onset", str(resized["onset_s"]))
    before = len(journal(own_copy))

    # zoomed and moved, and in a page loaded anew, it lies over the same sound
    def placed() -> None:
        box = boxes.bounding_box()
        assert box["x"] == pytest.approx(plot.x(resized["onset_s"]), abs=1.5)
        assert box["x"] + box["width"] == pytest.approx(plot.x(resized["offset_s"]), abs=1.5)

    still_box(boxes)
    placed()
    page.mouse.move(plot.x(4), plot.y(0.9))
    page.mouse.wheel(0, -300)
    expect(player).not_to_have_attribute("data-view-to", str(round(data["duration_s"], 3)))
    still_box(boxes)
    placed()
    page.reload()
    expect(boxes).to_have_attribute("data-onset", str(resized["onset_s"]))
    still_box(boxes)
    placed()

    # taking the last one away asks for the label; as before is an answer
    page.keyboard.press(";")
    page.keyboard.press("Delete")
    expect(question).to_contain_text("That was the last box of")
    expect(boxes).to_have_count(0)
    page.keyboard.press("Escape")
    again = re.sub(r"\d+(?=\\? %|\\ %)", r"\\d+", re.escape(asked))  # the likelihood follows the verdicts
    expect(question).to_have_text(re.compile(again), use_inner_text=True)
    assert [row["verdict"] for row in journal(own_copy)[before:]] == ["undo"]

    # the model's stretch: the frames above the threshold
    for lane_data in data["lanes"]:
        values = unpacked(lane_data["values"])
        above = values >= lane_data["threshold"]
        if not 0 < above.sum() < len(above):
            continue
        page.get_by_test_id("player-lane").locator(".name", has_text=lane_data["name"]).click()
        page.mouse.move(5, 5)
        count = len(journal(own_copy))
        page.keyboard.press("g")
        taken = settled(page, own_copy, count + 1)[-1]
        from_step = to_step = int(np.argmax(values))
        while from_step and above[from_step - 1]:
            from_step -= 1
        while to_step < len(above) and above[to_step]:
            to_step += 1
        steps = data["steps"]
        assert taken["code"] == lane_data["class"]
        assert taken["onset_s"] == pytest.approx(max(0, steps["start_s"] + from_step * steps["step_s"]), abs=0.001)
        end_s = min(data["duration_s"], steps["start_s"] + to_step * steps["step_s"])
        assert taken["offset_s"] == pytest.approx(end_s, abs=0.001)
        assert (taken["low_hz"], taken["high_hz"]) == (None, None)
        break
    else:
        pytest.fail("no lane with frames above and below its threshold")
