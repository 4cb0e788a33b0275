"""Combining finished runs on the Runs page."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labeling import runs
from labeling.records import Run
from labeling.workspace import open_workspace
from models import worker
from tests.support.pages import errors, show
from tests.support.synthetic_oof import finished_run
from tests.support.workspaces import add_clips


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


def test_one_run_is_not_enough(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "runs", monkeypatch)
    app.multiselect(key="combine:runs").set_value(["001-demo"]).run()
    assert app.button(key="combine").disabled
    workspace = open_workspace(root)
    runs.enqueue(workspace, "demo", 1)
    with workspace.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET status = 'failed' WHERE id = '002-demo'")
    app = show(root, "runs", monkeypatch)
    assert not [one for one in app.button if one.key == "combine"]
