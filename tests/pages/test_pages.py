"""pages/*.py, each drawn by Streamlit's own test runner."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.workspace import open_workspace
from tests.support.pages import errors, show

PAGES = ("overview", "queue", "review", "sweep", "retrain", "runs", "versions")


@pytest.mark.parametrize("state", ["empty", "untrained", "trained"])
def test_every_page_of_an_empty_an_untrained_and_a_trained_workspace(
    state: str, tmp_path: Path, trained: Path, blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if state == "empty":
        open_workspace(tmp_path / "w", create=True).close()
    else:
        shutil.copytree(trained if state == "trained" else blank, tmp_path / "w")
    app = show(tmp_path / "w", "overview", monkeypatch)
    for page in PAGES:
        if page != "overview":
            app.switch_page(f"{page}.py").run()
        assert errors(app) == ""
        if state == "trained" and page != "review":
            assert [title.value.lower() for title in app.title] == [page]


@pytest.mark.parametrize(("mode", "charts"), [("", 1), ("blind", 0), ("again", 0)])
def test_probabilities_are_hidden_during_a_second_look(
    mode: str, charts: int, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained, tmp_path / "w")
    app = show(tmp_path / "w", "review", monkeypatch)
    app.session_state["details"] = "Probabilities"
    app.session_state["second_look"] = mode
    app.run()
    assert errors(app) == ""
    assert len(app.get("plotly_chart")) == charts


@pytest.mark.parametrize("page", ["overview", "review"])
@pytest.mark.parametrize("damage", ["none", "corrupt", "newer"])
def test_a_workspace_that_cannot_be_opened_is_a_message(
    page: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "w"
    workspace = open_workspace(root, create=True)
    if damage == "newer":
        with workspace.write() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    workspace.close()
    if damage == "corrupt":
        (root / "earmark.db").write_bytes(b"not a database" * 1000)
    assert errors(show(None if damage == "none" else root, page, monkeypatch))


def test_files_that_were_not_there_are_found_from_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "labels.csv").write_text("filename,label\na.wav,owl\n")
    workspace = open_workspace(tmp_path / "new", create=True)
    import_collection(workspace, tmp_path / "t")
    (tmp_path / "sound").mkdir()
    soundfile.write(tmp_path / "sound" / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(8000), 8000)
    app = show(tmp_path / "new", "overview", monkeypatch)
    next(box for box in app.text_input if "below which to look" in box.label).set_value(str(tmp_path / "sound"))
    next(button for button in app.button if button.label == "Relink").click()
    app.run()
    assert errors(app) == ""
    assert "1 of 1 clips relinked" in " ".join(one.value for one in app.code)
    with workspace.read() as connection:
        assert [clip.filename for clip in store.usable_clips(connection)] == ["a.wav"]
    workspace.close()


@pytest.mark.parametrize(
    ("page", "fields", "button"),
    [
        ("overview", {"Folder or table": "/etc"}, "Import"),
        ("overview", {"Folder or table": "{root}", "Audio folder": "/etc"}, "Import"),
        ("overview", {"below which to look": "/etc"}, "Relink"),
        ("versions", {"Folder on the server": "/etc/labels"}, "Export"),
        ("runs", {"a file or folder on the server": "/etc/passwd"}, "Bring"),
        ("runs", {"a file or folder on the server": "{root}/x.csv", "Names of classes": "/etc/passwd"}, "Bring"),
        ("runs", {"a file or folder on the server": "{root}/x.csv", "Folds": "/etc/passwd"}, "Bring"),
    ],
)
def test_no_path_that_is_typed_leads_out_of_the_folders_that_the_owner_allows(
    own_copy: Path, page: str, fields: dict[str, str], button: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = show(own_copy, page, monkeypatch)
    monkeypatch.delenv("EARMARK_ALLOW")
    for words, path in fields.items():
        next(box for box in app.text_input if words in box.label).set_value(path.format(root=own_copy))
    next(one for one in app.button if one.label == button).click()
    app.run()
    said = errors(app).replace("\\", "")
    assert f"{list(fields.values())[-1]} is not in a folder that the app may use: {own_copy}" in said
    assert "Start the app with --allow FOLDER to name another" in said
    assert "root:" not in said


def test_a_collection_that_may_not_be_read_comes_with_the_commands_that_lead_on(
    own_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = show(own_copy, "overview", monkeypatch)
    monkeypatch.delenv("EARMARK_ALLOW")
    next(box for box in app.text_input if "Folder or table" in box.label).set_value("/data/my birds/train.csv")
    next(one for one in app.button if one.label == "Import").click()
    app.run()
    command, start = (block.value for block in app.code)
    assert command.endswith(f"-m labeling import '/data/my birds/train.csv' --workspace {own_copy}")
    assert start.endswith(f"-m streamlit run app.py -- --workspace {own_copy} --allow '/data/my birds'")


def test_the_form_imports(tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(tmp_path / "new", "overview", monkeypatch)
    monkeypatch.setenv("EARMARK_ALLOW", str(trained))
    next(box for box in app.text_input if box.label.startswith("Folder")).set_value(str(trained / "demo"))
    next(button for button in app.button if button.label == "Import").click()
    app.run()
    assert errors(app) == ""
    assert "48" in " ".join(one.value for one in app.code)
    with open_workspace(tmp_path / "new").read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM clips").scalar() == 48
