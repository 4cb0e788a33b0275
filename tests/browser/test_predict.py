"""New recordings predicted in a real Chromium: sent up, watched, their tables taken along; and what goes with it."""

import re
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from labeling import runs
from labeling.workspace import open_workspace
from models.prediction import jobs
from tests.support.browser.chromium import expect
from tests.support.browser.reviewing import until_done
from tests.support.browser.server import Server
from tests.support.browser.widgets import choose, open_expander, rested

pytestmark = pytest.mark.browser

LONG_MS = 600_000
"""The longest that a worker is waited for, which has to start and load torch."""


@pytest.fixture
def field(own_copy: Path) -> Path:
    """Two recordings beside the workspace, in a folder that its owner allows: one of the demo's clips, and noise."""
    folder = own_copy.parent / "field"
    folder.mkdir()
    clip = next((own_copy / "demo" / "train_audio").rglob("*.ogg"))
    wave, rate = soundfile.read(clip)
    soundfile.write(folder / "dawn.wav", 0.7 * wave, rate)
    soundfile.write(folder / "night.flac", 0.01 * np.random.default_rng(0).standard_normal(3 * rate), rate)
    return folder


def test_recordings_go_up_and_their_tables_come_down(
    app: Server, page: Any, own_copy: Path, field: Path, tmp_path: Path
) -> None:
    page.goto(f"{app.url}/predict")
    expect(page.get_by_text("Give recordings from this computer")).to_be_visible()
    page.locator("input[type=file]").first.set_input_files(list(field.iterdir()))
    expect(page.get_by_text("dawn.wav").first).to_be_visible()
    open_expander(page, "What the thresholds are")
    expect(page.get_by_text("each class its own (best F1 out of fold)")).to_be_visible()
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Predict").click()
    expect(page.get_by_text(re.compile(r"^001 by 001-demo, done: 2 recordings"))).to_be_visible(timeout=LONG_MS)
    rested(page)  # a table that is asked for while the page is drawn anew does not come
    page.get_by_text(re.compile(r"^001 by 001-demo, done")).click()
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download all tables").click()
    path = tmp_path / "tables.zip"
    coming.value.save_as(path)
    out = own_copy / jobs.FOLDER / "001" / jobs.TABLES
    with zipfile.ZipFile(path) as archive:
        for name in ("dawn", "night"):
            for part in (".segments.csv", ".selections.txt", ".labels.txt"):
                assert archive.read(f"recordings/{name}{part}") == (out / f"{name}{part}").read_bytes()
        clips = archive.read("clips.csv").decode().splitlines()
    assert [line.split(",")[0] for line in clips] == ["recording", "dawn", "night"]
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text(re.compile(r"^001 by 001-demo"))).to_have_count(0)
    assert not (own_copy / jobs.FOLDER / "001").exists()


def test_a_folder_of_the_server_is_predicted_by_an_ensemble_with_weights_of_ones_own(
    app: Server, page: Any, own_copy: Path, field: Path
) -> None:
    """The weights on the Runs page, the prediction on its own; a path that nobody allowed is refused."""
    with closing(open_workspace(own_copy)) as workspace:
        twin = runs.enqueue(workspace, "demo", 1, worker="me")
        source, copy = workspace.run_dir("001-demo"), workspace.run_dir(twin.id)
        copy.symlink_to(source)
        runs.finish(workspace, twin.id, "me", "done", metrics={})
    page.goto(f"{app.url}/runs")
    open_expander(page, "Combine runs")
    page.get_by_role("radio", name="Average, my weights").click()
    weight = page.get_by_label("Weight of 001-demo")
    weight.fill("3")
    weight.press("Enter")
    expect(page.get_by_text("002-demo 25%, 001-demo 75%")).to_be_visible()
    page.get_by_role("button", name="Combine", exact=True).click()
    expect(page.get_by_text("Run 003-ensemble is queued")).to_be_visible()
    until_done(page, own_copy, "003-ensemble")
    page.get_by_role("link", name="Predict", exact=True).click()
    expect(page.get_by_label("Run", exact=True)).to_have_value("003-ensemble: weighted average of 002-demo + 001-demo")
    path = page.get_by_label("… or a file or folder on the server")
    path.fill("/etc")
    path.press("Enter")
    predict = page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Predict")
    predict.click()
    expect(page.get_by_text("/etc is not in a folder that the app may use")).to_be_visible()
    path.fill(str(field))
    path.press("Enter")
    predict.click()
    expect(page.get_by_text(re.compile(r"^001 by 003-ensemble, done: 2 recordings"))).to_be_visible(timeout=LONG_MS)
    page.get_by_text(re.compile(r"^001 by 003-ensemble, done")).click()
    expect(page.get_by_text("003-ensemble: ensemble of 2 runs, loaded one after another")).to_be_visible()


def test_the_noise_report_and_what_priors_would_change(app: Server, page: Any) -> None:
    page.goto(f"{app.url}/quality")
    open_expander(page, "The noise report")
    expect(page.get_by_text("No classifier of wrong labels yet")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    open_expander(page, "Would priors help?")
    choose(page.locator(".st-key-priors-post").get_by_role("combobox"), "Classes that are listed together")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Measure").click()
    expect(page.get_by_text("each clip is moved by the labels of clips in other folds")).to_be_visible()
