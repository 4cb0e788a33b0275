"""Bringing predictions on the Runs page, and the warning above their suspects."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from labeling import runs
from labeling.runs.out_of_fold import WARNING
from labeling.workspace import open_workspace
from pages.ui import session
from tests.support.app.pages import errors, show
from tests.support.workspaces.making import CLIPS, add_clips


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four clips, no run, and a table of predictions."""
    workspace = open_workspace(tmp_path / "w", create=True)
    add_clips(workspace)
    workspace.close()
    table = pd.DataFrame({"filename": [name for name, _ in CLIPS], "amecro": [0.9, 0.8, 0.1, 0.7]})
    table.to_csv(tmp_path / "p.csv", index=False)
    return tmp_path / "w"


def test_a_file_becomes_a_run_and_its_queue_warns(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "runs", monkeypatch)
    app.text_input(key="bring:path").set_value(str(root.parent / "p.csv"))
    app.text_input(key="bring:name").set_value("<b>mine</b>")
    app.button(key="bring").click().run()
    assert errors(app) == ""
    assert "4 of 4 clips, 1 classes" in app.success[0].value.replace("\\", "")
    assert session.plain(WARNING) in [one.value for one in app.warning]
    table = next(one.value for one in app.dataframe if "purpose" in one.value)
    assert table.loc[0, "purpose"] == "brought: <b>mine</b>"
    app.switch_page("queue.py").run()
    assert errors(app) == ""
    assert any(session.plain(WARNING) in one.value for one in app.warning)


def test_a_model_from_elsewhere_needs_no_warning(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "runs", monkeypatch)
    app.text_input(key="bring:path").set_value(str(root.parent / "p.csv"))
    app.radio(key="bring:seen").set_value("elsewhere")
    app.button(key="bring").click().run()
    assert errors(app) == ""
    assert not app.warning


def test_classes_that_are_not_here_are_added_where_that_is_asked_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pd.read_csv(root.parent / "p.csv").assign(eastow=[0.1, 0.7, 0.2, 0.3], fiscro=0.4)
    table.to_csv(root.parent / "p.csv", index=False)
    app = show(root, "runs", monkeypatch)
    app.text_input(key="bring:path").set_value(str(root.parent / "p.csv"))
    app.button(key="bring").click().run()
    assert "2 classes of the file were passed over" in app.success[0].value.replace("\\", "")
    app.text_input(key="bring:path").set_value(str(root.parent / "p.csv"))
    app.toggle(key="bring:add").set_value(True)
    app.button(key="bring").click().run()
    said = app.success[0].value.replace("\\", "")
    assert "1 classes are new here: eastow." in said
    assert "fiscro (no such class, 0.40 at most)" in said


def test_what_cannot_be_read_is_said_in_the_panel(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "runs", monkeypatch)
    app.text_input(key="bring:path").set_value("/none/p.csv")
    app.button(key="bring").click().run()
    assert "nothing at" in errors(app)


def test_files_from_a_browser_become_a_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "runs", monkeypatch)
    sent = (root.parent / "p.csv").read_bytes().replace(b"amecro", b"crow")
    app.file_uploader(key="bring:files").set_value(
        [("p.csv", sent, "text/csv"), ("names.csv", b"theirs,code\ncrow,amecro\n", "text/csv")]
    )
    app.button(key="bring").click().run()
    assert errors(app) == ""
    assert "4 of 4 clips, 1 classes" in app.success[0].value.replace("\\", "")
    assert "crow as amecro" in app.success[0].value.replace("\\", "")
    with open_workspace(root).read() as connection:
        (run,) = runs.all_runs(connection)
    assert "source=p.csv" in run.settings
    assert [path.name for path in (root / "cache").iterdir() if path.name.startswith("upload-")] == []


def test_an_upload_that_cannot_be_read_is_said_in_the_users_names(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "runs", monkeypatch)
    app.file_uploader(key="bring:files").set_value([("odd.csv", b"x,y\n1,2\n", "text/csv")])
    app.button(key="bring").click().run()
    assert "no reader fits odd.csv" in errors(app).replace("\\", "")
    assert "upload-" not in errors(app)
