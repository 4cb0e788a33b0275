"""pages/ui/training/gain.py: on the Runs page, and the choice on the Retrain page."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from labeling import runs
from labeling.workspace import open_workspace
from models import worker
from tests.support.app.pages import errors, show
from tests.support.training.refused import REFUSED, run_to_be_like, stored
from tests.support.workspaces.gain_case import SAID, add_run, collect, corrected, say, write_recipe


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs with corrections between them; no worker starts."""
    monkeypatch.setattr(worker, "ensure_worker", lambda workspace: False)
    workspace = open_workspace(tmp_path / "w", create=True)
    corrected(workspace)
    workspace.close()
    return tmp_path / "w"


def test_the_finding_comes_first_and_the_figure_beside_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "runs", monkeypatch)
    assert errors(app) == ""
    texts = [one.value.replace("\\", "") for one in app.markdown]
    start = texts.index("#### What retraining brought")
    assert texts[start + 1].startswith("**Retraining on label version 2 instead of 1 helped.")
    assert "not of the collection" in texts[start + 2]
    assert "an hour" in texts[start + 3]
    assert any("mostly missing labels were added" in text for text in texts)
    assert not app.warning
    table = next(one.value for one in app.dataframe if "metric" in one.value)
    assert table.loc[0, "002-demo"] < table.loc[0, "001-demo"]


def test_it_warns_where_more_than_the_labels_differs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_recipe(root / "runs" / "002-demo", ["train.epochs=7"])
    app = show(root, "runs", monkeypatch)
    assert any("train.epochs" in one.value.replace("\\", "") for one in app.warning)


def test_the_same_run_twice_is_not_compared(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "runs", monkeypatch)
    next(one for one in app.selectbox if one.label == "After").select_index(0).run()
    assert errors(app) == ""
    assert not any("What retraining brought" in one.value for one in app.markdown)


def test_a_training_alike_is_queued_from_the_retrain_page(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not any(button.key == "like" for button in show(root, "retrain", monkeypatch).button), "no folds are kept"
    folds = io.BytesIO()
    pd.DataFrame({"clip_id": range(1, 25), "fold": [clip % 3 for clip in range(24)]}).to_parquet(folds)
    (root / "runs" / "001-demo" / "folds.parquet").write_bytes(folds.getvalue())
    workspace = open_workspace(root)
    say(workspace, [(24, "amecro", "present")])
    app = show(root, "retrain", monkeypatch)
    assert app.selectbox(key="like:run").options == ["001-demo, on label version 1"]
    app.button(key="like").click().run()
    assert errors(app) == ""
    with workspace.read() as connection:
        queued = runs.all_runs(connection)[-1]
    assert (queued.status, queued.recipe, queued.label_version) == ("queued", "demo", 3)
    assert queued.settings == ("folds.like=001-demo",)


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_what_can_no_longer_be_trained_is_said_and_leaves_nothing_behind(
    root: Path, monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...], message: str
) -> None:
    workspace = open_workspace(root)
    run_id = run_to_be_like(workspace, settings)
    before = stored(workspace)
    app = show(root, "retrain", monkeypatch)
    assert app.selectbox(key="like:run").options == [f"{run_id}, on label version 2"]
    app.button(key="like").click().run()
    assert message in errors(app).replace("\\", "")
    assert stored(workspace) == before


def test_nothing_decided_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = open_workspace(tmp_path / "w", create=True)
    collect(workspace)
    add_run(workspace)
    add_run(workspace)
    workspace.close()
    app = show(tmp_path / "w", "runs", monkeypatch)
    assert errors(app) == ""
    assert any("Nothing to measure on yet" in one.value for one in app.markdown)
    assert SAID
