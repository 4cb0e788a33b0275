"""pages/retrain.py: what cannot be trained is said by the button, and leaves nothing behind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from labeling import runs
from labeling.storage import tables
from labeling.workspace import open_workspace
from models import worker
from tests.support.app.pages import errors, show
from tests.support.training.refused import REFUSED, change_recipe, stored
from tests.support.workspaces.making import add_clips


def test_what_cannot_be_trained_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ensure_worker", lambda workspace: False)
    workspace = open_workspace(tmp_path / "w", create=True)
    add_clips(workspace)
    with workspace.write() as connection:
        connection.execute(sa.update(tables.clips).values(group_name=""))  # a group each, so that four folds can be cut
    app = show(tmp_path / "w", "retrain", monkeypatch)
    app.selectbox(key="recipe").set_value("demo").run()
    for settings, message in REFUSED:
        app = change_recipe(app, "demo", settings)
        app.button(key="retrain").click().run()
        assert message in errors(app).replace("\\", "")
    monkeypatch.delenv("EARMARK_ALLOW")
    for setting, path in (
        ("network.weights", "/etc/passwd"), ("augment.background.folder", "/etc"),
        ("augment.background.folder", "file:///etc"), ("targets.teacher", "/etc/x.zarr"), ("targets.teacher", "tests"),
        ("linear.space", "file:/etc/x.toml"), ("linear.space", "timm:vit@/etc/x.pth"),
    ):  # fmt: skip
        recipe = "linear" if setting == "linear.space" else "demo"
        app.selectbox(key="recipe").set_value(recipe).run()
        app = change_recipe(app, recipe, [f"{setting}={path}"])
        path = re.split("@|(?<=file):(?!//)", path)[-1]
        assert f"{path} is not in a folder that the app may use" in errors(app).replace("\\", ""), path
        assert app.button(key="retrain").disabled
    assert stored(workspace) == ([], [])
    app.selectbox(key="recipe").set_value("quick").run()
    app.button(key="retrain").click().run()
    assert errors(app) == ""
    assert stored(workspace) == (["001-quick"], [1])


def test_too_few_groups_are_said_with_what_can_be_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ensure_worker", lambda workspace: False)
    workspace = open_workspace(tmp_path / "w", create=True)
    add_clips(workspace)
    with workspace.write() as connection:
        connection.execute(sa.update(tables.clips).values(group_name="one recordist"))
    app = show(tmp_path / "w", "retrain", monkeypatch)
    app.selectbox(key="recipe").set_value("quick").run()
    app.button(key="retrain").click().run()
    assert "form 1" in app.warning[0].value
    assert stored(workspace) == ([], [])
    app.button(key="folds_by_recording").click().run()
    assert errors(app) == ""
    assert stored(workspace) == (["001-quick"], [1])
    with workspace.read() as connection:
        assert runs.all_runs(connection)[0].settings == ("folds.by=recording",)


def test_a_selection_of_a_few_clips_is_warned_of_before_the_button_is_pressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = open_workspace(tmp_path / "w", create=True)
    add_clips(workspace, metadata={"cangoo/XC4.ogg": {"set": "curated"}})
    app = show(tmp_path / "w", "retrain", monkeypatch)
    app.selectbox(key="recipe").set_value("demo").run()
    assert not app.warning
    app = change_recipe(app, "demo", ["data.clips=set=curated"])
    assert "takes 1 of 4 clips, so that a fold trains on 0 of them" in app.warning[0].value.replace("\\", "")
    assert errors(app) == ""
