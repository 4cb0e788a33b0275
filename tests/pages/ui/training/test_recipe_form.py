"""Choosing and changing a recipe on the Retrain page."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labeling import runs
from labeling.workspace import open_workspace
from models import worker
from models.config import load_recipe
from tests.support.app.pages import errors, show


@pytest.fixture
def form(own_copy: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr(worker, "ensure_worker", lambda workspace: False)
    app = show(own_copy, "retrain", monkeypatch)
    return app.selectbox(key="recipe").set_value("quick").run()


def test_on_a_cpu_a_linear_head_is_offered_first_with_its_own_settings(
    own_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "device_text", lambda: "CPU, 2 cores")
    app = show(own_copy, "retrain", monkeypatch)
    assert app.selectbox(key="recipe").value == "linear"
    assert app.selectbox(key="recipe").options[0].startswith("linear:")
    labels = [one.label for one in app.number_input]
    assert "Sharpness" in labels
    assert "Epochs" not in labels
    table = next(one.value for one in app.dataframe if "setting" in one.value)
    assert "linear.space" in table["setting"].tolist()
    assert "network.name" not in table["setting"].tolist()
    assert not errors(app)
    monkeypatch.setattr(worker, "device_text", lambda: "CUDA: one")
    assert show(own_copy, "retrain", monkeypatch).selectbox(key="recipe").value == "quick"


def test_a_setting_changed_in_the_table_is_the_queued_runs_own(form: AppTest, own_copy: Path) -> None:
    # AppTest cannot edit a data editor's cell; its state is what the browser would send.
    key = "quick:settings:0"
    table = next(one.value for one in form.dataframe if "setting" in one.value)
    row = table["setting"].tolist().index("loss.name")
    form.session_state[key] = {"edited_rows": {row: {"value": "focal"}}, "added_rows": [], "deleted_rows": []}
    form.run()
    assert not errors(form)
    form.button(key="retrain").click().run()
    assert not errors(form)
    with open_workspace(own_copy).read() as connection:
        queued = runs.all_runs(connection)[-1]
    assert queued.settings == ("loss.name=focal",)


def test_a_contradiction_is_said_at_once_and_nothing_is_queued(form: AppTest, own_copy: Path) -> None:
    table = next(one.value for one in form.dataframe if "setting" in one.value)
    row = table["setting"].tolist().index("augment.pitch.probability")
    edits = {"edited_rows": {row: {"value": "0.5"}}, "added_rows": [], "deleted_rows": []}
    form.session_state["quick:settings:0"] = edits
    form.run()
    assert "precompute" in errors(form).replace("\\", "")
    assert form.button(key="retrain").disabled
    assert [one for one in form.expander if "001" in one.label]  # the rest of the page stays


def test_a_recipe_is_kept_in_the_workspace_and_offered_again(
    form: AppTest, own_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form.number_input(key="quick:train.epochs:0").set_value(3).run()
    next(one for one in form.text_input if one.label == "Name").set_value("short").run()
    next(one for one in form.button if one.label == "Save in this workspace").click().run()
    assert not errors(form)
    file = own_copy / "recipes" / "short.toml"
    assert load_recipe(str(file)).train.epochs == 3
    assert tomllib.loads(file.read_text())["name"] == "short"
    again = show(own_copy, "retrain", monkeypatch)
    again.selectbox(key="recipe").set_value(str(file)).run()
    assert again.number_input(key=f"{file}:train.epochs:0").value == 3
    file.write_text("title = 3")
    assert "short" in " ".join(one.value for one in show(own_copy, "retrain", monkeypatch).warning)
