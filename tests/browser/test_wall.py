"""The wall in a real Chromium: select many, decide them at once, take it back, listen, and scroll a thousand."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labeling.collection import store
from labeling.disagreement.stored_ranking import store_ranking
from labeling.workspace import open_workspace
from tests.support.browser.chromium import expect
from tests.support.browser.reviewing import until
from tests.support.browser.server import Server
from tests.support.browser.widgets import choose

pytestmark = pytest.mark.browser
LINK = "/sweep?class=ambfin1&unlikely=1"
PLAYED = """(audio) => {
  window.began = [];
  audio.addEventListener("playing", () => window.began.push(audio.currentTime));
}"""
PLAYED_CLIPS = """(root) => {
  window.clips = [];
  const heard = () => { if (window.clips.at(-1) !== root.dataset.playing) window.clips.push(root.dataset.playing); };
  new MutationObserver(heard).observe(root, { attributeFilter: ["data-playing"] });
}"""


def journal(workspace: Path) -> list[tuple[int, str, str]]:
    """(clip, verdict, batch) of the journal, read behind the app's back."""
    with sqlite3.connect(workspace / "earmark.db") as connection:
        return connection.execute("select clip_id, verdict, batch_id from decisions order by position").fetchall()


def tile(page: Any, place: int) -> Any:
    """The tile at a place, counted from 1."""
    return page.locator(f"[data-testid=wall-tile][aria-posinset='{place}']:not([hidden])")


def told(page: Any, text: str) -> None:
    expect(page.get_by_test_id("wall-notice")).to_contain_text(text)


def test_a_range_is_decided_in_one_batch_and_undone_whole(app: Server, page: Any, own_copy: Path) -> None:
    page.goto(app.url + LINK)
    expect(page.get_by_test_id("wall-counts")).to_have_text("48 to do, 0 decided")
    expect(page.get_by_test_id("wall-absent")).to_be_disabled()
    expect(tile(page, 1)).to_have_attribute("data-drawn", "true")
    asked = [int(tile(page, place).get_attribute("data-clip")) for place in (2, 3, 4, 5, 6)]

    tile(page, 2).click()
    tile(page, 6).click(modifiers=["Shift"])
    tile(page, 4).click()  # one less
    expect(page.get_by_test_id("wall-absent")).to_contain_text("Absent: 4 clips")
    page.keyboard.press("2")
    told(page, "Saved: absent, 4 clips")
    rows = journal(own_copy)
    assert [(clip, verdict) for clip, verdict, _ in rows] == [(clip, "absent") for clip in asked if clip != asked[2]]
    assert len({batch for _, _, batch in rows}) == 1
    assert rows[0][2]

    # nothing has moved, and the decided say so in words
    assert int(tile(page, 2).get_attribute("data-clip")) == asked[0]
    expect(tile(page, 2)).to_contain_text("absent")
    expect(tile(page, 2)).to_have_attribute("aria-label", re.compile("decided absent$"))
    expect(tile(page, 4)).to_have_attribute("aria-label", re.compile("undecided$"))
    expect(page.get_by_test_id("wall-absent")).to_be_disabled()

    # after a reload too, the decided at the end; the keyboard takes the batch back whole
    page.reload()
    expect(page.get_by_test_id("wall-counts")).to_have_text("44 to do, 4 decided")
    page.keyboard.press("z")
    told(page, "undone: 4 decisions")
    expect(page.get_by_test_id("wall-counts")).to_have_text("48 to do, 0 decided")
    assert [verdict for _, verdict, _ in journal(own_copy)] == ["absent"] * 4 + ["undo"] * 4
    page.reload()
    expect(page.get_by_test_id("wall-counts")).to_have_text("48 to do, 0 decided")
    assert [int(tile(page, place).get_attribute("data-clip")) for place in (2, 3, 4, 5, 6)] == asked

    # what a colleague has decided meanwhile stands, and none of the batch is stored
    with sqlite3.connect(own_copy / "earmark.db") as connection:
        columns = "reviewer, created_at, clip_id, class_id, verdict, role, note, run_id, shown"
        connection.execute(
            f"insert into decisions (event_id, batch_id, {columns}) select 'other', '', 'ann', created_at, clip_id,"
            f" class_id, 'present', role, note, run_id, shown from decisions where clip_id = {asked[1]} limit 1"
        )
        connection.execute(
            "insert into cells (clip_id, class_id, verdict, position) select clip_id, class_id, verdict, position"
            " from decisions where event_id = 'other'"
        )
    tile(page, 2).click()
    tile(page, 3).click()
    page.keyboard.press("1")
    told(page, "Nothing was saved")
    told(page, "by ann")
    assert len(journal(own_copy)) == 9
    expect(tile(page, 3)).to_contain_text("present")
    expect(page.get_by_test_id("wall-present")).to_contain_text("Present: 1 clip")
    page.keyboard.press("1")
    told(page, "Saved: present, 1 clip")
    assert journal(own_copy)[-1][:2] == (asked[0], "present")


def test_keys_select_and_play_and_open(app: Server, page: Any, own_copy: Path) -> None:
    page.goto(app.url + LINK)
    expect(tile(page, 1)).to_have_attribute("data-drawn", "true")
    counted = page.get_by_test_id("wall-selected")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    columns = round(page.get_by_test_id("wall").evaluate("e => e.clientWidth") / 230)
    expect(counted).to_have_text(f"{2 + columns} selected")
    page.keyboard.press("Escape")
    expect(counted).to_have_text("none selected")
    page.keyboard.press("l")
    expect(counted).to_have_text(f"{3 + columns} selected")
    page.keyboard.press("Control+a")
    expect(counted).to_have_text("48 selected")
    page.keyboard.press("Escape")

    # a rectangle over the first two
    first, second = tile(page, 1).bounding_box(), tile(page, 2).bounding_box()
    page.mouse.move(first["x"] + 20, first["y"] + 100)
    page.mouse.down()
    page.mouse.move(second["x"] + 30, second["y"] + 110, steps=4)
    page.mouse.up()
    expect(counted).to_have_text("2 selected")

    # Space plays the window of the snippet in focus, and no more
    root, audio = page.get_by_test_id("wall-root"), page.get_by_test_id("wall-audio")
    clip = tile(page, 1).get_attribute("data-clip")
    from_s = float(re.search(r"([\d.]+) s", tile(page, 1).inner_text())[1])  # type: ignore[index]
    audio.evaluate(PLAYED)  # on a busy machine it is over before one looks
    root.evaluate(PLAYED_CLIPS)
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.wait_for_function("() => window.began.length")
    expect(root).to_have_attribute("data-playing", "")
    assert page.evaluate("window.clips") == [clip, ""]
    began_s = page.evaluate("window.began[0]")
    assert from_s - 0.1 <= began_s <= from_s + 3.1
    assert audio.evaluate("audio => audio.paused")
    assert began_s < audio.evaluate("audio => audio.currentTime") <= from_s + 4.5  # it is stopped between two frames

    # the pointer plays only once it is asked to
    tile(page, 2).hover()
    page.wait_for_timeout(400)
    expect(page.get_by_test_id("wall-root")).to_have_attribute("data-playing", "")
    assert page.evaluate("window.clips") == [clip, ""]
    page.keyboard.press("h")
    tile(page, 3).hover()
    page.wait_for_function("() => window.clips.length > 2")
    page.get_by_test_id("wall-title").hover()
    expect(root).to_have_attribute("data-playing", "")
    assert page.evaluate("window.clips.slice(0, 4)") == [clip, "", tile(page, 3).get_attribute("data-clip"), ""]

    link = tile(page, 1).get_by_test_id("wall-open")
    assert link.evaluate("link => link.href") == f"{app.url}/review?clip={clip}"
    page.keyboard.press("Home")
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile(rf"/review\?(.*&)?clip={clip}\b"))


def test_a_thousand_snippets_have_few_elements(app: Server, page: Any, own_copy: Path) -> None:
    workspace = open_workspace(own_copy)
    with workspace.write() as connection:
        (class_id,) = (one.id for one in store.all_classes(connection) if one.code == "ambfin1")
        (template,) = connection.exec_driver_sql("select * from clips order by id limit 1").mappings()
        rows = [dict(template) | {"id": 1000 + n, "row": 1000 + n, "filename": f"more/{n}.ogg"} for n in range(1000)]
        columns = ", ".join(f'"{name}"' for name in template)
        marks = ", ".join(f":{name}" for name in template)
        connection.connection.executemany(f"insert into clips ({columns}) values ({marks})", rows)
        count = len(rows)
        falling = np.linspace(1, 0.1, count, dtype=np.float32)
        known = dict.fromkeys(("p_wrong", "clipwise", "framewise_max"), falling)
        zeros = {name: np.zeros(count, np.int64) for name in ("partner_id", "kind", "fold")}
        times = {"onset_s": np.full(count, 1.0), "offset_s": np.full(count, 2.0)}
        cells = {"clip_id": 1000 + np.arange(count), "class_id": np.full(count, class_id)}
        store_ranking(connection, "001-demo", "earmark", cells | known | zeros | times | {"label_quality": 1 - falling})
    workspace.close()
    page.goto(app.url + LINK)
    expect(page.get_by_test_id("wall-counts")).to_have_text("1,000 to do, 0 decided")
    page.get_by_test_id("wall").hover()
    elements = page.get_by_test_id("wall").evaluate_handle("wall => wall.getElementsByTagName('*')")
    turns = 0
    while turns < 30 or not tile(page, 1000).is_visible():  # a busy machine is still at the turns before
        assert turns < 300
        page.mouse.wheel(0, 1500)
        page.wait_for_timeout(20)
        assert elements.evaluate("all => all.length") < 1500
        turns += 1
    expect(tile(page, 1000)).to_have_attribute("data-drawn", "true")
    assert page.get_by_test_id("wall-tile").count() < 60
    page.keyboard.press("Control+a")
    expect(page.get_by_test_id("wall-absent")).to_contain_text("Absent: 1,000 clips")
    page.get_by_test_id("wall-least").fill("0.95")
    page.get_by_test_id("wall-clear").click()
    page.get_by_test_id("wall-least-select").click()
    expect(page.get_by_test_id("wall-selected")).to_have_text(f"{int((falling >= 0.95 - 1e-4).sum())} selected")


def test_an_answer_that_is_lost_loses_and_doubles_nothing(app: Server, page: Any, own_copy: Path) -> None:
    sent: list[Any] = []

    def lose_the_first_answer(route: Any) -> None:
        sent.append(route.request.post_data_json)
        if len(sent) == 1:
            route.fetch()  # stored, but the browser never hears of it
            route.abort()
        else:
            route.continue_()

    page.goto(app.url + LINK)
    page.route("**/api/decisions", lose_the_first_answer)
    tile(page, 1).click()
    tile(page, 3).click(modifiers=["Shift"])
    first = tile(page, 1).get_attribute("data-clip")
    page.keyboard.press("3")
    told(page, "Saved: unsure, 3 clips")
    assert [verdict for _, verdict, _ in journal(own_copy)] == ["unsure"] * 3
    assert sent[0] == sent[1]

    # a server that says no more: it is said, and pressed again later
    page.unroute("**/api/decisions")
    page.route("**/api/decisions", lambda route: route.abort())
    tile(page, 4).click()
    page.keyboard.press("2")
    expect(page.get_by_test_id("wall-no-answer")).to_contain_text("Not known to be saved (absent, 1 clip)")
    assert len(journal(own_copy)) == 3
    page.unroute("**/api/decisions")
    page.get_by_test_id("wall-retry").click()
    told(page, "Saved: absent, 1 clip")
    assert len(journal(own_copy)) == 4

    # the decided can be left out, and put at the end
    assert tile(page, 1).get_attribute("data-clip") == first
    page.keyboard.press("d")
    expect(tile(page, 1)).to_have_attribute("aria-setsize", "44")
    assert tile(page, 1).get_attribute("data-clip") != first
    page.keyboard.press("d")
    expect(tile(page, 1)).to_have_attribute("data-clip", first)
    page.keyboard.press("t")
    expect(tile(page, 1)).not_to_have_attribute("data-clip", first)
    page.keyboard.press("End")
    expect(tile(page, 45)).to_have_attribute("data-clip", first)
    expect(tile(page, 48)).to_have_attribute("data-verdict", "absent")


def test_no_press_falls_on_the_snippets_of_another_class(app: Server, page: Any, own_copy: Path) -> None:
    held: list[Any] = []
    page.goto(app.url + LINK)
    tile(page, 2).click()
    expect(page.get_by_test_id("wall-absent")).to_contain_text("Absent: 1 clip")
    page.route(re.compile(r"/api/snippets\?"), lambda route: held.append(route))
    choose(page.get_by_role("combobox", name="Class, most to do first"), re.compile("Dusk Piper"))
    expect(page.get_by_test_id("wall-empty")).to_be_visible()
    expect(page.get_by_test_id("wall-empty")).to_have_text("loading…")
    until(page, lambda: held)
    page.get_by_test_id("wall-title").click()
    page.keyboard.press("2")
    held[0].fulfill(status=500, json={"error": "no disk"})
    expect(page.get_by_test_id("wall-empty")).to_contain_text("could not be loaded: no disk")
    page.keyboard.press("2")
    page.unroute(re.compile(r"/api/snippets\?"))
    page.get_by_test_id("wall-tidy").click()
    expect(tile(page, 1)).to_be_visible()
    expect(page.get_by_test_id("wall-title")).to_contain_text("Dusk Piper")
    expect(page.get_by_test_id("wall-absent")).to_be_disabled()
    assert journal(own_copy) == []
