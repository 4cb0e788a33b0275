"""Combining finished runs on the Runs page."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labeling import runs
from labeling.records import Run
from labeling.workspace import open_workspace
from models import worker
from tests.support.app.pages import errors, show
from tests.support.workspaces.making import add_clips
from tests.support.workspaces.synthetic_oof import finished_run


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four clips and two finished runs; no worker starts."""
    monkeypatch.setattr(worker, "ensure_worker", lambda workspace: False)
    workspace = open_workspace(tmp_path / "w", create=True)
    add_clips(workspace)
    finished_run(workspace, {(2, "balori"): 0.95})
    finished_run(workspace, {(2, "balori"): 0.5}, "epochs=3")
    workspace.close()
    return tmp_path / "w"


def newest(root: Path) -> Run:
    with open_workspace(root).read() as connection:
        return runs.all_runs(connection)[-1]


def combine(app: AppTest) -> AppTest:
    app.button(key="combine").click().run()
    assert errors(app) == ""
    return app


def test_the_newest_two_are_averaged_unless_told_otherwise(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = combine(show(root, "runs", monkeypatch))
    assert (newest(root).recipe, newest(root).settings) == ("ensemble", ("members=002-demo,001-demo",))
    table = next(one.value for one in app.dataframe if "purpose" in one.value)
    assert list(table.loc[0, ["run", "status", "purpose"]]) == [
        "003-ensemble", "queued", "average of 002-demo + 001-demo",
    ]  # fmt: skip
    assert table.loc[1, "changed settings"] == "epochs 3"


def test_a_vote_and_a_stack_are_asked_for_as_chosen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "runs", monkeypatch)
    app.session_state["combine:way"] = "vote"
    app.run()
    app.number_input(key="combine:vote").set_value(1).run()
    combine(app)
    assert set(newest(root).settings) == {"members=002-demo,001-demo", "vote=1", "threshold=0.3"}
    app.session_state["combine:way"] = "stack"
    combine(app.run())
    assert newest(root).recipe == "stack"


def test_weights_of_ones_own_and_priors_are_asked_for_as_chosen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "runs", monkeypatch)
    app.session_state["combine:way"] = "own"
    app.run()
    app.number_input(key="combine:weight:002-demo").set_value(3.0).run()
    assert "002-demo 75%, 001-demo 25%" in " ".join(one.value for one in app.caption).replace("\\", "")
    app.multiselect(key="combine:post").set_value(["cooccurrence"]).run()
    app.number_input(key="combine:strength").set_value(0.5).run()
    combine(app)
    assert set(newest(root).settings) == {
        "members=002-demo,001-demo", "weights=3,1", "post=cooccurrence", "strength=0.5",
    }  # fmt: skip
    for name in ("001-demo", "002-demo"):
        app.number_input(key=f"combine:weight:{name}").set_value(0.0).run()
    assert "Give one of them a weight above 0" in " ".join(one.value for one in app.caption)
    app.button(key="combine").click().run()
    assert "must be at least 0, and one above it" in errors(app).replace("\\", "")
    app.multiselect(key="combine:runs").set_value(["001-demo"]).run()
    app.session_state["combine:way"] = "equal"
    combine(app.run())
    assert set(newest(root).settings) == {"members=001-demo", "post=cooccurrence", "strength=0.5"}


def test_one_run_is_not_enough(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "runs", monkeypatch)
    app.multiselect(key="combine:runs").set_value(["001-demo"]).run()
    assert app.button(key="combine").disabled
    workspace = open_workspace(root)
    runs.enqueue(workspace, "demo", 1)
    with workspace.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET status = 'failed' WHERE id = '002-demo'")
    app = show(root, "runs", monkeypatch)
    assert app.button(key="combine").disabled
