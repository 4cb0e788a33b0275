"""pages/*.py, each drawn by Streamlit's own test runner."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.collection import store
from labeling.collection.importing import import_collection
from labeling.workspace import open_workspace
from tests.support.app.pages import errors, show
from tests.support.workspaces.making import copy_workspace

PAGES = (
    "overview", "importing", "queue", "review", "sweep", "team", "adjudicate", "agreement", "retrain", "runs",
    "versions",
)  # fmt: skip


@pytest.mark.parametrize("state", ["empty", "untrained", "trained"])
def test_every_page_of_an_empty_an_untrained_and_a_trained_workspace(
    state: str, tmp_path: Path, trained: Path, blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if state == "empty":
        open_workspace(tmp_path / "w", create=True).close()
    else:
        copy_workspace(trained if state == "trained" else blank, tmp_path / "w")
    app = show(tmp_path / "w", "overview", monkeypatch)
    for page in PAGES:
        if page != "overview":
            app.switch_page(f"{page}.py").run()
        assert errors(app) == ""
        if state == "trained" and page not in ("review", "adjudicate"):  # they keep the height for the player
            assert [title.value.lower() for title in app.title] == [page.replace("importing", "import")]


@pytest.mark.parametrize(("mode", "charts"), [("", 1), ("blind", 0), ("again", 0)])
def test_probabilities_are_hidden_during_a_second_look(
    mode: str, charts: int, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_workspace(trained, tmp_path / "w")
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
        ("importing", {"folder or table": "/etc"}, "Look at it"),
        ("importing", {"folder or table": "{root}", "Audio folder": "/etc"}, "Look at it"),
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
