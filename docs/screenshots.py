"""Take the pictures of the README and docs/: ``make screenshots``.

Builds a demo collection in a temporary folder, trains on it, decides a few suspects by keyboard, retrains, and
photographs every screen, in the light and the dark theme.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from PIL import Image
from playwright.sync_api import Page, ViewportSize

from labeling import journal
from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.quality.audit import waiting
from labeling.quality.scored_run import read_scored_run
from labeling.records import Decision, Shown
from labeling.reviewer import preferences
from labeling.storage import tables
from labeling.suspects import queue
from labeling.workspace import open_workspace
from models import worker
from models.prediction import jobs as prediction
from models.prediction.jobs import PredictionRequest
from tests.support import ROOT
from tests.support.browser.chromium import chromium
from tests.support.browser.server import serve

PICTURES = ROOT / "docs" / "pictures"
SIZE: ViewportSize = {"width": 1360, "height": 860}
Scheme = Literal["light", "dark"]
COLOURS = 192
"""Of each picture: a third of the bytes, and nothing that one would see."""


def build(workspace: Path) -> None:
    """A collection with one finished run."""
    for words in (
        ("labeling", "demo", "--workspace", str(workspace)),
        ("models", "train", "demo", "--workspace", str(workspace)),
        ("models", "embed", "run:001-demo", "--workspace", str(workspace)),
        ("models", "map", "run-001-demo", "--workspace", str(workspace)),
    ):
        subprocess.run([sys.executable, "-m", *words], cwd=ROOT, check=True)


def audit(root: Path, looks: int, reviewer: str = "sam") -> None:
    """What a colleague's evening of random looks brings, as the demo's truth answers them."""
    workspace = open_workspace(root)
    with workspace.read() as connection:
        scored = queue.current(connection)
        assert scored
        run = read_scored_run(connection, *scored)
        asked = waiting(connection, run, reviewer, looks, window=1)
        names = {clip_id: name for name, clip_id in store.clip_ids_by_filename(connection).items()}
    with (root / "demo" / "truth" / "truth_labels.csv").open(newline="") as file:
        truth = {row["filename"]: row["labels"].split(";") for row in csv.DictReader(file)}
    journal.append(workspace, [
        Decision(
            journal.new_event_id(), reviewer, clip_id, code, "present" if code in truth[names[clip_id]] else "absent",
            run_id=run.run_id, shown=Shown(audit=True),
        )
        for clip_id, code in asked
    ])  # fmt: skip
    workspace.close()


def second_opinion(root: Path, looks: int, of: str = "sam", reviewer: str = "kim") -> None:
    """What another colleague says of the same cells, blind; one in six is unlike."""
    other = {"present": "absent", "absent": "present"}
    with closing(open_workspace(root)) as workspace:
        with workspace.read() as connection:
            heard = journal.decisions_where(connection, tables.decisions.c.reviewer == of)[:looks]
        journal.append(workspace, [
            replace(
                decision, event_id=journal.new_event_id(), reviewer=reviewer, shown=Shown(blind=True), position=0,
                verdict=decision.verdict if number % 6 else other[decision.verdict],
            )
            for number, decision in enumerate(heard)
        ])  # fmt: skip


def record(root: Path, seconds: int = 40) -> None:
    """Four days of two recorders in which the clips sound, most of them at dawn, and what run 001 predicts there."""
    random = np.random.default_rng(0)
    clips = sorted((root / "demo" / "train_audio").rglob("*.ogg"))
    sounds = [soundfile.read(path, dtype="float32") for path in clips]
    rate = sounds[0][1]
    for site, day, hour in product(("meadow", "pond"), range(12, 16), range(4, 22, 2)):
        sound = 0.002 * random.standard_normal(seconds * rate).astype(np.float32)
        for _ in range(random.poisson(8 * np.exp(-abs(hour - 6) / 4))):
            call, _ = sounds[random.integers(len(sounds) // (1 + (site == "pond")))]
            begin = random.integers(0, len(sound) - min(len(call), len(sound) // 2))
            part = call[: len(sound) - begin]
            sound[begin : begin + len(part)] += part
        path = root.parent / "field" / site / f"202406{day}_{hour:02d}0000.WAV"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.clip(sound, -1, 1), rate)
    field = str(root.parent / "field")
    with closing(open_workspace(root)) as workspace:
        job = prediction.enqueue_prediction(workspace, PredictionRequest("001-demo", (field,)), worker="pictures")
        worker.run_job(workspace, job, "pictures")
        import_collection(workspace, field, format="recordings")


def hear_an_hour(page: Page, url: str) -> None:
    """The Activity page, with the loudest hour opened."""
    page.set_viewport_size({**SIZE, "height": 1240})
    page.goto(url + "/activity")
    page.locator(".st-key-activity_map .points path").first.wait_for()
    page.get_by_role("combobox", name=re.compile("^Listen to an hour")).click()
    page.get_by_role("option").first.click()
    page.get_by_test_id("wall-tile").first.wait_for()
    page.mouse.move(5, 5)
    page.wait_for_timeout(4000)
    save(page, "activity")
    page.set_viewport_size(SIZE)


def save(page: Page, name: str) -> None:
    """What the window shows, as a small PNG."""
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def bring_in(page: Page, url: str, collection: Path) -> None:
    """The import page of a new workspace, with a collection that was looked at and not stored."""
    page.set_viewport_size({**SIZE, "height": 1300})
    page.goto(url + "/importing")
    page.get_by_role("textbox", name="folder or table").fill(str(collection))
    page.get_by_role("button", name="Look at it").click()
    page.get_by_role("button", name=re.compile("^input Import|^Import .* clips")).wait_for()
    page.locator("audio").nth(3).wait_for()
    page.mouse.move(5, 5)
    page.wait_for_timeout(2500)
    save(page, "import")
    page.set_viewport_size(SIZE)


def point_at(page: Page, url: str) -> None:
    """The map, with one of its points heard."""
    page.goto(url + "/map")
    page.locator("[data-testid=map-root][data-coloured=class]").wait_for()
    page.keyboard.press("n")
    page.get_by_test_id("map-neighbours").wait_for()
    page.wait_for_timeout(2500)
    save(page, "map")


def shoot(workspace: Path, reviewer: str = "rita") -> None:
    """Every screen, once the loop has gone round; no second look, which would hide what is to be seen."""
    PICTURES.mkdir(exist_ok=True)
    with closing(open_workspace(workspace)) as opened:
        preferences.put(opened, reviewer, "second_looks", {"blind": 0, "again": 0, "audit": 0})
    with chromium() as browser, serve(workspace, reviewer) as server:

        def picture(name: str, path: str, scheme: Scheme = "light", width: int = SIZE["width"]) -> None:
            context = browser.new_context(viewport={"width": width, "height": SIZE["height"]}, color_scheme=scheme)
            page = context.new_page()
            page.goto(server.url + path)
            page.get_by_test_id("stMainBlockContainer").wait_for()
            page.locator("[data-test-script-state=notRunning]").wait_for(timeout=60_000)
            page.wait_for_timeout(3500)
            save(page, name)
            context.close()

        context = browser.new_context(viewport=SIZE, color_scheme="light")
        page = context.new_page()
        server.show(workspace.parent / "new")
        bring_in(page, server.url, workspace / "demo")
        server.show(workspace)
        page.goto(server.url + "/queue")
        page.get_by_role("button", name="Review these").click()
        page.get_by_test_id("player-title").wait_for()
        for key in "1211312":
            page.keyboard.press(key)
            page.wait_for_timeout(900)
        audit(workspace, 120)
        second_opinion(workspace, 60)
        seen = re.sub(r"^.*\?", "/review?", page.url)
        page.goto(server.url + "/retrain")
        page.get_by_role("combobox", name=re.compile("Recipe")).click()
        page.get_by_role("option", name=re.compile("^demo")).click()
        page.wait_for_timeout(1500)
        page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Retrain").click()
        page.get_by_text(re.compile("fold 2 of")).wait_for(timeout=600_000)
        page.mouse.move(5, 5)
        page.wait_for_timeout(500)
        save(page, "retrain")
        page.get_by_text(re.compile("^002-demo done")).wait_for(timeout=600_000)
        point_at(page, server.url)
        context.close()

        for name in ("overview", "queue", "runs", "predict", "versions", "team", "agreement", "adjudicate"):
            picture(name, "/" if name == "overview" else f"/{name}")
        picture("quality", "/quality")
        picture("review", seen)
        picture("sweep", "/sweep")
        picture("sweep-dark", "/sweep", "dark")
        picture("review-dark", seen, "dark")
        picture("review-narrow", seen, "light", 480)
        record(workspace)
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        hear_an_hour(page, server.url)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="earmark-pictures-") as folder:
        build(Path(folder) / "birdsong")
        shoot(Path(folder) / "birdsong")
