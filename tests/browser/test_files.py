"""Files that go over the browser, in a real Chromium: an export comes down as a zip, predictions go up."""

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from labeling import journal, runs
from labeling.journal import versions
from labeling.records import Decision
from labeling.workspace import open_workspace
from tests.support.browser.chromium import expect
from tests.support.browser.server import Server
from tests.support.browser.widgets import rested

pytestmark = pytest.mark.browser


def test_an_export_comes_down_and_predictions_go_up(app: Server, page: Any, own_copy: Path, tmp_path: Path) -> None:
    workspace = open_workspace(own_copy)
    with workspace.read() as connection:
        labels = versions.labels_at(connection)
    journal.append(workspace, [Decision("e1", "rita", int(labels.clip_ids[0]), labels.classes[0], "unsure")])
    page.goto(f"{app.url}/versions")
    rested(page)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as coming:
        page.get_by_role("button", name=re.compile(r"Download \(")).click()
    path = tmp_path / coming.value.suggested_filename
    coming.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        assert {"train_metadata.csv", "changes.csv", "label_version.json"} <= set(archive.namelist())
    rows = "".join(f"{name},0.5\n" for name in labels.filenames)
    (tmp_path / "theirs.csv").write_text(f"filename,{labels.classes[0]}\n{rows}", encoding="utf-8")
    page.goto(f"{app.url}/runs")
    rested(page)
    page.get_by_text("Bring your own predictions").click()
    page.locator("input[type=file]").set_input_files(tmp_path / "theirs.csv")
    expect(page.get_by_text("theirs.csv").first).to_be_visible()
    rested(page)
    page.get_by_role("button", name="Bring", exact=True).click()
    expect(page.get_by_text("48 of 48 clips, 1 classes")).to_be_visible()
    with workspace.read() as connection:
        assert "source=theirs.csv" in runs.all_runs(connection)[-1].settings
    workspace.close()
