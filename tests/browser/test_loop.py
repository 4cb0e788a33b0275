"""The app in a real Chromium: from the queue to a verdict and an export, and a retrain that outlives the app."""

import csv
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from labeling.collection.birdsong import SPECIES
from labeling.journal import versions
from labeling.workspace import open_workspace
from tests.support.browser.chromium import expect
from tests.support.browser.reviewing import LIGHT, answered, first_clip, open_review, place, press, shown, until_done
from tests.support.browser.server import Server, serve
from tests.support.browser.widgets import choose, rested

pytestmark = pytest.mark.browser


@pytest.fixture
def page(page: Any) -> Any:
    """A tab that asks nothing of other machines."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    yield page
    assert [url for url in asked if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))] == []


def decisions(workspace: Path) -> list[tuple[int, int, str, str]]:
    """(position, clip, class, verdict) of the journal, read behind the app's back."""
    with sqlite3.connect(workspace / "earmark.db") as connection:
        return connection.execute(
            "select position, clip_id, code, verdict from decisions join classes on classes.id = class_id order by 1"
        ).fetchall()


def queue_training(page: Any, settings: dict[str, str]) -> None:
    """On the retrain page: pick the demo recipe, change its settings, press the button."""
    choose(page.get_by_role("combobox", name=re.compile("Recipe")), re.compile("^demo"))
    expect(page.get_by_text("to see the whole loop at once")).to_be_visible()
    rested(page)  # until then what opens may be drawn anew, and is closed
    page.get_by_text("Main settings").click()
    for label, value in settings.items():
        box = page.get_by_role("spinbutton", name=label)
        box.fill(value)
        box.press("Enter")
    expect(page.get_by_text(f"{len(settings)} settings changed")).to_be_visible()
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Retrain").click()


def test_from_queue_to_export_by_keyboard(app: Server, page: Any, own_copy: Path, tmp_path: Path) -> None:
    open_review(page, app, "/queue")
    title = page.get_by_test_id("player-title")
    question = page.get_by_test_id("player-question")

    # the picture is drawn and the sound can be played; space starts it, the cursor follows
    page.keyboard.press("Space")
    expect(page.get_by_test_id("player-time")).not_to_have_text(re.compile(r"^0:00\.0"))
    page.keyboard.press("Space")
    first = title.inner_text()

    # a verdict, taken back, given again; each is in the database when the screen says so
    asked = question.inner_text().splitlines()[0]
    press(page, "2", "saved: .* absent")
    assert [row[3] for row in decisions(own_copy)] == ["absent"]
    press(page, "z", "undone")
    expect(title).to_have_text(first)
    assert [row[3] for row in decisions(own_copy)] == ["absent", "undo"]
    expect(question).to_contain_text(asked)
    press(page, "1", "saved: .* present")
    assert [row[3] for row in decisions(own_copy)] == ["absent", "undo", "present"]

    # next and previous move without deciding
    at = place(page)
    for key, to in (("j", at + 1), ("k", at), ("j", at + 1)):
        page.keyboard.press(key)
        expect(page.get_by_test_id("player-subtitle")).to_contain_text(f"{to} of")
    before = len(decisions(own_copy))
    assert before == 3

    # a class is added by typing; keys typed there are no verdicts
    shown(page)
    listed = page.get_by_test_id("player-lanes").inner_text()
    unheard = next(species.common_name for species in SPECIES if species.common_name not in listed)
    page.keyboard.press("a")
    page.keyboard.type("1")
    page.keyboard.press("Backspace")
    page.keyboard.type(unheard.lower())
    expect(page.get_by_test_id("player-add-option").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("player-notice")).to_contain_text("present")
    assert len(decisions(own_copy)) == before + 1

    # the history of the clip names the reviewer
    page.keyboard.press("\\")
    expect(page.get_by_test_id("player-history-row").first).to_contain_text("rita")

    # export
    page.get_by_role("link", name="Versions", exact=True).click()
    page.get_by_role("button", name="Freeze a version").click()
    expect(page.get_by_text("version 2").first).to_be_visible()
    page.wait_for_function(  # the older version's form has gone
        """() => {
            const forms = [...document.querySelectorAll('input[aria-label="Folder on the server"]')];
            return forms.length === 1 && forms[0].value.endsWith("version-2");
        }"""
    )
    page.get_by_role("textbox", name="Folder on the server").fill(str(tmp_path / "out"))
    page.get_by_role("textbox", name="Folder on the server").press("Tab")
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_text(re.compile("clips changed"))).to_be_visible()
    with open(tmp_path / "out/changes.csv", newline="", encoding="utf-8") as file:
        changes = list(csv.DictReader(file))
    assert {row["reviewer"] for row in changes} == {"rita"}
    assert (tmp_path / "out/train_metadata.csv").exists()


def test_fast_presses_lose_and_double_nothing(app: Server, page: Any, own_copy: Path) -> None:
    open_review(page, app)
    shown(page)
    with answered(page, least=3) as answers:
        number = 0
        while number < 60 or len(answers) < 3:  # a busy machine takes its time to answer
            page.keyboard.press("1" if number % 3 else "2")
            page.wait_for_timeout(15)
            number += 1
    taken = decisions(own_copy)
    cells = [(clip, code) for _, clip, code, _ in taken]
    assert len(cells) >= 3, "nothing was taken"
    assert len(set(cells)) == len(cells), "a cell was decided twice"
    # no clip was passed over: what was decided is a beginning of the queue, clip after clip
    clip_id = first_clip(app)
    assert clip_id not in {clip for clip, _ in cells[:-1]} or cells[-1][0] == clip_id


def test_a_kill_loses_no_acknowledged_decision_and_no_training(
    server: Server, own_copy: Path, chrome: Any, page: Any
) -> None:
    """The server is killed while a training runs: it goes on, and its comparison is in the app that is started next."""
    with serve(own_copy) as killed:
        context = chrome.new_context()
        reviewing, retraining = context.new_page(), context.new_page()
        open_review(reviewing, killed, LIGHT)
        acknowledged = 5
        for _ in range(acknowledged):
            press(reviewing, "1", "saved")
        with closing(open_workspace(own_copy)) as workspace:
            versions.freeze(workspace, "rita")
        retraining.goto(killed.url + "/retrain")
        queue_training(retraining, {"Epochs": "1", "Folds": "2"})
        expect(retraining.get_by_text("002-demo").first).to_be_visible()
        stop = retraining.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop")
        expect(stop).to_be_visible()
        reviewing.bring_to_front()
        reviewing.keyboard.press("1")  # one more is on its way when the server dies
        killed.kill()
        context.close()
    assert len(decisions(own_copy)) >= acknowledged
    with sqlite3.connect(own_copy / "earmark.db") as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        ((status,),) = connection.execute("select status from runs where id = '002-demo'").fetchall()
    assert status in ("queued", "running")

    until_done(page, own_copy, "002-demo")  # with no app
    server.show(own_copy)
    page.goto(server.url + "/retrain")
    expect(page.get_by_text(re.compile("^002-demo done"))).to_be_visible()
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.get_by_text("Decisions between label version 1 and 2")).to_be_visible()
    expect(page.get_by_test_id("stPlotlyChart").first).to_be_visible()
    subprocess.run(["pkill", "-f", str(own_copy)], check=False)


def test_two_tabs_do_not_overwrite_each_other(app: Server, page: Any, own_copy: Path) -> None:
    open_review(page, app, LIGHT)
    clip_id, address = shown(page), page.url
    other = page.context.new_page()
    other.route("**/api/changes**", lambda route: route.abort())  # else it might hear of it before the key is pressed
    other.goto(address)
    assert shown(other) == clip_id
    press(page, "1", "saved")
    other.bring_to_front()
    other.keyboard.press("2")
    expect(other.get_by_test_id("player-notice")).to_contain_text("not saved")
    assert len(decisions(own_copy)) == 1


def test_a_clip_whose_file_is_gone_says_so(app: Server, page: Any, own_copy: Path) -> None:
    audio = own_copy / "gone"
    audio.mkdir()
    with sqlite3.connect(own_copy / "earmark.db") as connection:
        connection.execute("update clips set path = ?", (str(audio / "nothing.ogg"),))
    open_review(page, app, LIGHT)
    expect(page.get_by_test_id("player-error").or_(page.get_by_test_id("player-sound-error")).first).to_be_visible()
    before = page.get_by_test_id("player-title").inner_text()
    page.keyboard.press("j")
    expect(page.get_by_test_id("player-title")).not_to_have_text(before)


def test_labels_are_data_on_every_screen(server: Server, tmp_path: Path, page: Any) -> None:
    """HTML, quotes, emoji and formulas in labels and file names are shown as they are, and run nowhere."""
    from labeling.__main__ import main

    name = "<img src=x onerror=document.title='owned'>"
    folder = tmp_path / "set"
    folder.mkdir()
    soundfile.write(folder / "a.wav", np.random.default_rng(0).normal(0, 0.1, 16000).astype("float32"), 16000)
    with open(folder / "labels.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["filename", "label", "note"], ["a.wav", name, "=cmd() **bold** 🦉 ' \" ;"]])
    root = tmp_path / "w"
    assert main(["import", str(folder / "labels.csv"), "--workspace", str(root), "--audio", str(folder)]) == 0
    server.show(root)
    lanes = page.get_by_test_id("player-lanes")
    page.goto(server.url + "/review?clip=1")
    for title in ("", "Overview", "Queue", "Review", "Sweep", "Retrain", "Runs", "Versions"):
        if title:
            page.get_by_role("link", name=title, exact=True).click()
        if title in ("", "Review"):
            expect(lanes).to_contain_text(name)
        else:
            expect(page.get_by_role("heading", name=title, exact=True, level=1)).to_be_visible()
        rested(page)
        assert "owned" not in page.title()
        assert page.locator("img[src=x]").count() == 0
        expect(page.get_by_test_id("stException")).to_have_count(0)
