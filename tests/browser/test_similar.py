"""More like this in a real Chromium: from a stretch in Review to a wall, by keys, and on to a better wall."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, sounds_now
from labeling.workspace import open_workspace
from tests.support.browser.chromium import expect, still_box
from tests.support.browser.reviewing import LIGHT, open_review, shown
from tests.support.browser.server import Server
from tests.support.browser.widgets import choose, rested

pytestmark = pytest.mark.browser
FACTS = SpaceFacts("ears", "imported:ears", "CC0", "", 8000, 1.0, 0.5, 24)


def holds(clip_id: int) -> bool:
    """Whether a clip holds the sound that is looked for."""
    return clip_id % 2 == 0


@pytest.fixture
def searchable(own_copy: Path) -> Path:
    """The workspace with a space in which every second clip holds a sound that no label names."""
    return plant(own_copy, FACTS)


def plant(root: Path, facts: SpaceFacts) -> Path:
    """Put the space there."""
    rng = np.random.default_rng(0)
    with closing(open_workspace(root)) as workspace:
        with workspace.read() as connection:
            clips, sounds = store.usable_clips(connection), sounds_now(connection)
        made = []
        for clip in clips:
            onset_s = np.arange(0, max(0.5, clip.duration_s - 1), 0.5)
            vectors = np.eye(24)[1] + 0.5 * rng.standard_normal((len(onset_s), 24))
            vectors[:, 0] += 0.8 * holds(clip.id)
            made.append(ClipVectors(clip.id, sounds[clip.id], vectors, onset_s, onset_s + 1))
        append(workspace, facts, made)
    return root


def said(page: Any, text: str) -> None:
    expect(page.get_by_test_id("wall-said")).to_contain_text(re.compile(text))


def tiles(page: Any, count: int) -> list[int]:
    """The clips of the first so many tiles."""
    for place in range(1, count + 1):
        expect(tile(page, place)).to_be_attached()
    return [int(tile(page, place).get_attribute("data-clip")) for place in range(1, count + 1)]


def tile(page: Any, place: int) -> Any:
    return page.locator(f"[data-testid=wall-tile][aria-posinset='{place}']:not([hidden])")


def write_class(page: Any, name: str) -> None:
    """Let the verdicts be of a class that is written there."""
    rested(page)  # until then what is typed may be drawn anew
    box = page.get_by_role("combobox", name="Class of the verdicts")
    box.click()
    box.fill(name)
    box.press("Enter")
    expect(page.get_by_test_id("wall-title")).to_have_text(f"Like {name}")
    expect(page.get_by_test_id("wall-root")).to_have_attribute("data-loading", "false")


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
    write_class(page, "hum")
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

    with page.expect_response(re.compile("/api/.*order=likely")):  # until then the order before stands there
        choose(page.get_by_role("combobox", name="Order"), "Most likely")
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


def test_from_a_search_to_a_new_class_to_a_run_that_finds_it(own_copy: Path, app: Server, page: Any) -> None:
    plant(own_copy, replace(FACTS, name="aisfx"))  # which the recipe reads
    page.goto(f"{app.url}/sweep?like=12%400-1")
    write_class(page, "hum")
    heard = tiles(page, 16)
    for verdict, key in ((True, "1"), (False, "2")):
        for clip in heard:
            if holds(clip) is verdict:
                page.locator(f"[data-testid=wall-tile][data-clip='{clip}']:not([hidden])").click()
        page.keyboard.press(key)
        expect(page.get_by_test_id("wall-notice")).to_contain_text(f"Saved: {'present' if verdict else 'absent'}")

    page.get_by_role("link", name="Retrain", exact=True).click()
    choose(page.get_by_role("combobox", name=re.compile("Recipe")), re.compile("^linear"))
    rested(page)
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Retrain").click()
    page.get_by_text(re.compile("^002-linear done")).wait_for(timeout=600_000)

    # the class is one of the run's, and what it thinks is unlisted are clips that hold the sound
    page.goto(f"{app.url}/sweep?class=hum&which=missing&unlikely=1")
    expect(page.get_by_test_id("wall-title")).to_have_text("hum")
    expect(page.get_by_test_id("wall-root")).to_have_attribute("data-loading", "false")
    found = tiles(page, 5)
    assert not set(found) & set(heard)
    assert sum(map(holds, found)) >= 4


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


def test_from_a_search_to_how_many_are_left_to_a_clip_of_a_recording(own_copy: Path, app: Server, page: Any) -> None:
    rng, folder = np.random.default_rng(0), own_copy / "cards"
    folder.mkdir()
    soundfile.write(folder / "night.wav", rng.integers(-9000, 9000, 40 * 8000).astype(np.int16), 8000)
    (folder / "t.csv").write_text("filename,labels\nnight.wav,\n", encoding="utf-8")
    with closing(open_workspace(own_copy)) as workspace:
        import_collection(workspace, folder / "t.csv", format="table", audio=str(folder))
        with workspace.read() as connection:
            sounds = sounds_now(connection)
        night, onset_s = max(sounds), np.arange(40.0)
        vectors = rng.standard_normal((40, 24))
        append(workspace, FACTS, [ClipVectors(night, sounds[night], vectors, onset_s, onset_s + 1)])
    page.goto(f"{app.url}/sweep?like={night}%400-1&among=recordings&order=random&class={known_class(own_copy)}")
    expect(page.get_by_test_id("wall-root")).to_have_attribute("data-loading", "false")
    said(page, "0 present, 0 absent so far")
    tile(page, 1).click()
    page.keyboard.press("1")
    said(page, "1 present, 0 absent so far .* at most [0-9]+ left among these 38 .*, 1 heard at random")
    tile(page, 10).click()
    page.keyboard.press("l")  # all down to here
    page.keyboard.press("2")
    said(page, "1 present, 10 absent so far .* at most [0-9]+ left among these 28 .*, 11 heard at random")

    page.get_by_role("button", name="Make clips of what was found in recordings").click()
    expect(page.get_by_text(re.compile("^1 clip cut into"))).to_be_visible()
    with closing(sqlite3.connect(own_copy / "earmark.db")) as connection:
        ((name, duration_s),) = connection.execute("select filename, duration_s from clips where id > ?", (night,))
    assert re.search(rf"night_{night}_[0-9]+-[0-9]+\.flac$", name)
    assert duration_s == 1.0


def known_class(root: Path) -> str:
    """The first class of a workspace."""
    with closing(sqlite3.connect(root / "earmark.db")) as connection:
        return str(connection.execute("select code from classes order by id").fetchone()[0])


def test_what_to_label_next_is_asked_of_all_classes_and_learns_from_a_batch(
    searchable: Path, app: Server, page: Any
) -> None:
    page.goto(f"{app.url}/sweep")
    page.get_by_role("button", name="Next to label").click()
    expect(page.get_by_test_id("wall-title")).to_have_text("Next to label")
    page.get_by_text("All clips", exact=True).click()
    page.wait_for_url(re.compile("next=ears&among=all"))
    expect(page.get_by_test_id("wall-root")).to_have_attribute("data-loading", "false")
    expect(tile(page, 10)).to_contain_text("drawn at random")
    expect(tile(page, 1)).to_contain_text(re.compile(r"\?.* from heard; .* known", re.S))
    said(page, "learned from [0-9,]+ known labels")
    before = tile(page, 1).get_attribute("aria-label")
    tile(page, 10).click()
    page.keyboard.press("l")
    page.keyboard.press("2")
    expect(page.get_by_test_id("wall-notice")).to_contain_text("Saved: absent, 10 clips")
    expect(tile(page, 1)).not_to_have_attribute("aria-label", before)
    stored = journal(searchable)
    assert len(stored) == 10
    assert len({code for _, _, code in stored}) > 1
    with closing(sqlite3.connect(searchable / "earmark.db")) as connection:
        drawn = connection.execute("select count(*) from decisions where shown like '%at_random%'").fetchone()
    assert drawn == (1,)
    page.keyboard.press("z")
    expect(page.get_by_test_id("wall-notice")).to_contain_text("undone: 10 decisions")
