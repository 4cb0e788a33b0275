"""A setting of the Retrain page's table, changed in a real Chromium: the run that starts has it."""

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labeling import runs
from labeling.workspace import open_workspace
from tests.support.browser.chromium import expect, resting_box
from tests.support.browser.server import Server
from tests.support.browser.widgets import choose, rested

pytestmark = pytest.mark.browser


def edit_cell(page: Any, row: int, value: str) -> None:
    """Type into the table's second column; the table is drawn, so that a cell is a place."""
    rested(page)
    box = resting_box(page.get_by_test_id("stDataFrame").first)
    page.mouse.dblclick(box["x"] + 0.35 * box["width"], box["y"] + 35 + 35 * row + 17)
    editor = page.locator(".gdg-input")
    expect(editor).to_be_visible()
    editor.fill(value)
    editor.press("Enter")


def test_a_setting_edited_in_the_table_is_the_runs_own(app: Server, page: Any, own_copy: Path) -> None:
    page.goto(f"{app.url}/retrain")
    choose(page.get_by_role("combobox", name=re.compile("Recipe")), re.compile("^demo"))
    expect(page.get_by_text("to see the whole loop at once")).to_be_visible()
    rested(page)
    page.get_by_text("All other settings").click()
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    edit_cell(page, 0, "16000")
    expect(page.get_by_text("1 setting changed: features.sample_rate 32000 → 16000")).to_be_visible()
    expect(page.get_by_text("fmax_hz").last).to_be_visible()  # 15 kHz is too high for it: said, and nothing starts
    retrain = page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Retrain")
    expect(retrain).to_be_disabled()
    edit_cell(page, 0, "48000")
    expect(page.get_by_text("32000 → 48000")).to_be_visible()
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.get_by_text("This run")).to_be_visible()
    page.get_by_role("link", name="Retrain", exact=True).click()
    expect(page.get_by_text("32000 → 48000")).to_be_visible()  # kept while another page was on show
    with closing(open_workspace(own_copy)) as workspace:
        runs.worker_seen(workspace, "elsewhere:1", "CPU")  # the run waits for a worker of another machine
    retrain.click()
    expect(page.get_by_text("002-demo").first).to_be_visible()
    page.get_by_text("Log", exact=True).click()
    expect(page.get_by_text("nothing yet")).to_be_visible()
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop").click()
    page.get_by_text(re.compile("^002-demo (stopped|done)")).click(timeout=600_000)
    expect(page.get_by_text("Changed: features.sample_rate 48000")).to_be_visible()
    with open_workspace(own_copy).read() as connection:
        run = runs.get_run(connection, "002-demo")
    assert run.settings == ("features.sample_rate=48000",)
