"""More like this in a real Chromium: from a stretch in Review to a wall, by keys, and on to a better wall."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labeling.collection import store
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, sounds_now
from labeling.workspace import open_workspace
from tests.support.browser.chromium import expect, still_box
from tests.support.browser.reviewing import LIGHT, open_review, rested, shown
from tests.support.browser.server import Server

pytestmark = pytest.mark.browser
FACTS = SpaceFacts("ears", "imported:ears", "CC0", "", 8000, 1.0, 0.5, 24)


def holds(clip_id: int) -> bool:
    """Whether a clip holds the sound that is looked for."""
    return clip_id % 2 == 0


@pytest.fixture
def searchable(own_copy: Path) -> Path:
    """The workspace with a space in which every second clip holds a sound that no label names."""
    rng = np.random.default_rng(0)
    with closing(open_workspace(own_copy)) as workspace:
        with workspace.read() as connection:
            clips, sounds = store.usable_clips(connection), sounds_now(connection)
        made = []
        for clip in clips:
            onset_s = np.arange(0, max(0.5, clip.duration_s - 1), 0.5)
            vectors = np.eye(24)[1] + 0.5 * rng.standard_normal((len(onset_s), 24))
            vectors[:, 0] += 0.8 * holds(clip.id)
            made.append(ClipVectors(clip.id, sounds[clip.id], vectors, onset_s, onset_s + 1))
        append(workspace, FACTS, made)
    return own_copy


def said(page: Any, text: str) -> None:
    expect(page.get_by_test_id("wall-said")).to_contain_text(re.compile(text))


def tiles(page: Any, count: int) -> list[int]:
    """The clips of the first so many tiles."""
    for place in range(1, count + 1):
        expect(tile(page, place)).to_be_attached()
    return [int(tile(page, place).get_attribute("data-clip")) for place in range(1, count + 1)]


def tile(page: Any, place: int) -> Any:
    return page.locator(f"[data-testid=wall-tile][aria-posinset='{place}']:not([hidden])")


def journal(root: Path) -> list[tuple[int, str, str]]:
    with closing(sqlite3.connect(root / "earmark.db")) as connection:
        return connection.execute(
            "select d.clip_id, d.verdict, c.code from decisions d join classes c on c.id = d.class_id order by position"
        ).fetchall()


def test_from_a_stretch_to_a_batch_of_verdicts_to_a_better_second_one(searchable: Path, app: Server, page: Any) -> None:
    clip_id = 12  # the same, however the run that was trained here came out: how much better the second wall is depends
    open_review(page, app, f"/review?clip={clip_id}&p=0&status=all")
    assert int(shown(page)) == clip_id
    assert holds(clip_id)
    picture = still_box(page.get_by_test_id("player-plot"))
    page.mouse.move(picture["x"] + 0.3 * picture["width"], picture["y"] + 60)
    page.mouse.down()
    page.mouse.move(picture["x"] + 0.4 * picture["width"], picture["y"] + 62)
    page.mouse.move(picture["x"] + 0.5 * picture["width"], picture["y"] + 62)
    page.mouse.up()
    page.keyboard.press("8")
    page.wait_for_url(re.compile(rf"/sweep\?.*like={clip_id}%40[\d.]+-[\d.]+"))
    expect(page.get_by_test_id("wall-said")).to_contain_text("not known yet")

    # the verdicts are of a class that no label has yet
    rested(page)  # until then what is typed may be drawn anew
    box = page.get_by_role("combobox", name="Class of the verdicts")
    box.click()
    box.fill("hum")
    box.press("Enter")
    expect(page.get_by_test_id("wall-title")).to_have_text("Like hum")
    expect(page.get_by_test_id("wall-root")).to_have_attribute("data-loading", "false")
    first = tiles(page, 12)
    assert clip_id not in first
    for verdict, key in ((True, "1"), (False, "2")):
        chosen = [clip for clip in first if holds(clip) is verdict]
        for clip in chosen:
            page.locator(f"[data-testid=wall-tile][data-clip='{clip}']:not([hidden])").click()
        page.keyboard.press(key)
        expect(page.get_by_test_id("wall-notice")).to_contain_text(f"Saved: {'present' if verdict else 'absent'}")
        said(page, rf"{sum(map(holds, first))} present, {0 if verdict else 12 - sum(map(holds, first))} absent so far")
    assert {(clip, word) for clip, word, code in journal(searchable) if code == "hum"} == {
        (clip, "present" if holds(clip) else "absent") for clip in first
    }
    said(page, "of the next 20 about [0-9]+ are it")
    as_before = tiles(page, 18)
    assert not set(as_before) & set(first)

    page.get_by_role("combobox", name="Order").click()
    with page.expect_response(re.compile("/api/.*order=likely")):  # until then the order before stands there
        page.get_by_role("option", name="Most likely").click()
    expect(page).to_have_url(re.compile("order=likely"))
    expect(page.get_by_test_id("wall-root")).to_have_attribute("data-loading", "false")
    learned = tiles(page, 18)
    assert sum(map(holds, learned)) > sum(map(holds, as_before))
    page.reload()  # the address keeps all of it
    expect(tile(page, 1)).to_have_attribute("data-clip", str(learned[0]))

    # a batch is taken back whole, and what it held comes again
    page.keyboard.press("z")
    expect(page.get_by_test_id("wall-notice")).to_contain_text("undone")
    said(page, rf"{sum(map(holds, first))} present, 0 absent so far")


@pytest.mark.parametrize("page_of", [LIGHT])
def test_from_the_light_page_and_the_wall_of_a_class(searchable: Path, app: Server, page: Any, page_of: str) -> None:
    open_review(page, app, page_of)
    clip_id = shown(page)
    expect(page.get_by_test_id("player-like")).to_be_visible()
    page.keyboard.press("8")  # the stretch that the model doubts
    page.wait_for_url(re.compile(rf"/sweep\?.*like={clip_id}%40"))
    expect(page.get_by_test_id("wall-root")).to_have_attribute("data-loading", "false")
    found = tiles(page, 3)
    tile(page, 2).click()
    page.keyboard.press("9")  # less like this
    page.wait_for_url(re.compile(rf"like={clip_id}%40.*%7C-{found[1]}%40"))
    expect(page.get_by_text("Looked for: 1 example, 1 counter-example")).to_be_visible()

    page.get_by_role("button", name="End the search").click()
    expect(page.get_by_test_id("wall-root")).to_have_attribute("data-searches", "first")
    expect(tile(page, 1)).to_be_attached()
    expect(page.get_by_test_id("wall-unlike")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    of = int(tile(page, 2).get_attribute("data-clip"))
    page.keyboard.press("8")
    page.wait_for_url(re.compile(rf"like={of}%40"))
    expect(page.get_by_test_id("wall-root")).to_have_attribute("data-searches", "more")
