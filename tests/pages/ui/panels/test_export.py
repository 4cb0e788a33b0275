"""pages/ui/panels/export.py, on the Versions page."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling import journal
from labeling.journal import versions
from labeling.records import Decision
from tests.support.app.pages import errors, show


def test_an_export_is_told_of_and_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from labeling.example import example_workspace

    workspace = example_workspace()
    journal.append(workspace, [Decision("e1", "ann", 3, "cangoo", "present")])
    versions.freeze(workspace, "ann")
    app = show(workspace.root, "versions", monkeypatch)
    assert not app.get("download_button")
    monkeypatch.setenv("EARMARK_ALLOW", str(tmp_path))
    next(box for box in app.text_input if box.label == "Folder on the server").set_value(str(tmp_path / "out"))
    app.button(key="export").click().run()
    assert errors(app) == ""
    assert "1 clips changed" in app.success[0].value.replace("\\", "")
    button = app.get("download_button")[0]
    assert button.label.startswith("Download (")
    written = ["train.csv", "changes.csv", "label_version.json"]
    assert app.code[0].value.split() == [str(tmp_path / "out"), *written]


def test_what_a_format_takes_is_asked_for_where_it_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    from labeling.example import example_workspace

    workspace = example_workspace()
    versions.freeze(workspace, "ann")
    ontology, out = workspace.root / "ontology.json", workspace.root / "out"
    ontology.write_text('[{"id": "/m/04s8yn", "name": "Amecro", "child_ids": []}]')
    app = show(workspace.root, "versions", monkeypatch)
    assert not [box for box in app.text_input if "mids" in box.label]
    app.multiselect(key="export:formats").set_value(["fsd50k"]).run()
    next(box for box in app.text_input if box.label == "Folder on the server").set_value(str(out))
    app.text_input(key="export:fsd50k:ontology").set_value("/etc/hostname").run()
    app.button(key="export").click().run()
    assert "/etc/hostname" in errors(app)
    app.text_input(key="export:fsd50k:ontology").set_value(str(ontology)).run()
    app.button(key="export").click().run()
    assert errors(app) == ""
    assert "/m/04s8yn" in next(out.rglob("dev.csv")).read_text()
