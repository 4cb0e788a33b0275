"""The model's own corrections on the Retrain page: counted, added, taken back, trained on, repeated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labeling import runs
from labeling.journal import versions
from labeling.records import Run
from labeling.workspace import Workspace, open_workspace
from models import worker
from models.correcting import stages
from tests.support.app.pages import errors, show
from tests.support.training.refused import REFUSED, change_recipe, stored
from tests.support.workspaces.making import add_clips
from tests.support.workspaces.synthetic_oof import finish, finished_run

#: clips 2 and 4 have one label; clip 2 sounds of two more classes
HEARD = {(2, "balori"): 0.95, (2, "cangoo"): 0.7, (1, "cangoo"): 0.99}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four clips and a finished run, 001-demo; no worker starts."""
    monkeypatch.setattr(worker, "ensure_worker", lambda workspace: False)
    workspace = open_workspace(tmp_path / "w", create=True)
    add_clips(workspace)
    finished_run(workspace, HEARD)
    workspace.close()
    return tmp_path / "w"


@pytest.fixture
def retrain(root: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    app = show(root, "retrain", monkeypatch)
    app.selectbox(key="recipe").set_value("demo").run()
    return app


def labels(root: Path) -> set[tuple[int, str]]:
    with open_workspace(root).read() as connection:
        now = versions.labels_at(connection)
    rows, columns = now.present.nonzero()
    return {(int(now.clip_ids[row]), now.classes[column]) for row, column in zip(rows, columns, strict=True)}


def newest(root: Path) -> Run:
    with open_workspace(root).read() as connection:
        return runs.all_runs(connection)[-1]


def add_missing(root: Path) -> None:
    """Stage 1 of run 001-demo."""
    stages.stage1(open_workspace(root), "001-demo", reviewer="rita")


def text(app: AppTest) -> str:
    return " ".join(one.value for one in [*app.markdown, *app.caption]).replace("\\", "")


def press(app: AppTest, label: str) -> AppTest:
    app = next(one for one in app.button if one.label == label).click().run()
    assert errors(app) == ""
    return app


def stage(app: AppTest, kind: str) -> AppTest:
    app.session_state["stage"] = kind
    return app.run()


def test_stage_1_is_counted_when_asked_added_and_taken_back(
    retrain: AppTest, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[float] = []
    real: Callable[..., stages.StageReport] = stages.stage1

    def count(workspace: Workspace, run_id: str, *, threshold: float, **rest: object) -> stages.StageReport:
        counted.append(threshold)
        return real(workspace, run_id, threshold=threshold, **rest)

    monkeypatch.setattr(stages, "stage1", count)
    before = labels(root)
    retrain.run()
    assert counted == []  # reading every prediction takes seconds; a page drawn anew must not
    app = press(retrain, "Count what it would add")
    assert "It would add 1 label in 1 clip" in text(app)
    app.run()
    assert counted == [0.9]
    app.slider(key="stage1:threshold").set_value(0.6).run()
    assert "It would add" not in text(app)  # it is not what this threshold adds
    app = press(press(app, "Count what it would add"), "Add 2 labels")
    assert labels(root) - before == {(2, "balori"), (2, "cangoo")}
    assert any("heard by nobody: 2" in one.label for one in app.expander)
    assert "stage 1 by run 001-demo: 2 added" in text(app)
    app = press(app, "Take back")
    assert labels(root) == before
    assert not any("heard by nobody" in one.label for one in app.expander)


def test_nothing_to_add_is_said(retrain: AppTest) -> None:
    retrain.slider(key="stage1:threshold").set_value(0.99).run()
    assert "Nothing to add: of 2 clips with exactly one label" in text(press(retrain, "Count what it would add"))
    assert not any(one.label.startswith("Add ") for one in retrain.button)


def test_stages_that_train_take_the_recipe_and_the_changes_of_the_page(retrain: AppTest, root: Path) -> None:
    retrain.number_input(key="demo:train.epochs:0").set_value(3).run()
    app = stage(retrain, "stage2")
    assert "No label that stage 1 added stands" in " ".join(one.value for one in app.info)
    add_missing(root)
    app = stage(app, "stage2")
    assert "Recipe demo with 1 setting changed" in text(app)
    press(app, "Train stage 2")
    run = newest(root)
    assert (run.recipe, run.settings) == ("demo", ("train.epochs=3", "targets.rule=clip"))
    assert dict(run.request) == {"stage": 2, "after": "001-demo"}
    app = stage(app, "stage3")
    assert "Run 001-demo is the one that stage 1 read" in app.warning[0].value.replace("\\", "")
    finish(open_workspace(root), run.id, {})
    app = stage(stage(app, "stage1"), "stage3")
    assert app.selectbox(key="stage:run").value == "002-demo", "stage 2's run comes first"
    assert not app.warning
    app.multiselect(key="stage3:thresholds").set_value([0.6, 0.2]).run()
    press(app, "Train stage 3")
    wanted = {"targets.rule=and", "targets.teacher=002-demo", "targets.thresholds=[0.2, 0.6]", "train.members=2"}
    assert wanted <= set(newest(root).settings)
    app.multiselect(key="stage3:thresholds").set_value([]).run()
    assert app.button(key="start:Train stage 3").disabled


@pytest.mark.parametrize(("kind", "label"), [("stage2", "Train stage 2"), ("iterate", "Start the rounds")])
def test_what_cannot_be_trained_is_said_and_leaves_nothing_behind(
    retrain: AppTest, root: Path, kind: str, label: str
) -> None:
    workspace = open_workspace(root)
    add_missing(root)
    before = stored(workspace)
    for settings, message in REFUSED[1:] if kind == "stage2" else REFUSED:
        app = stage(change_recipe(retrain, "demo", settings), kind)
        next(one for one in app.button if one.label == label).click().run()
        assert message in errors(app).replace("\\", "")
    assert stored(workspace) == before


def test_rounds_start_without_a_run_and_their_course_is_shown(retrain: AppTest, root: Path) -> None:
    app = stage(retrain, "iterate")
    app.number_input(key="rounds:count").set_value(2).run()
    press(app, "Start the rounds")
    run = newest(root)
    assert {"iterate.rounds=2", "iterate.add_above=0.9"} == set(run.settings)
    assert not app.get("plotly_chart")
    outcome = {"added": 3, "removed": 0, "taken_back": 1, "share": 0.5, "version": 1, "settled": True}
    runs.set_metrics(open_workspace(root), run.id, {"macro_ap": 0.4, "round": outcome})
    app.run()
    assert len(app.get("plotly_chart")) == 1
    (course,) = [one.value for one in app.dataframe if "then added" in one.value]
    assert list(course.loc[0, ["run", "then added", "taken back", "changed %"]]) == [run.id, 3, 1, 50.0]
    assert "settled" in text(app)


def test_without_a_finished_run_or_with_a_contradiction_no_stage_starts(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = open_workspace(tmp_path / "bare", create=True)
    add_clips(bare)
    bare.close()
    app = show(tmp_path / "bare", "retrain", monkeypatch)
    assert "train one first" in " ".join(one.value for one in app.info)
    add_missing(root)
    app = show(root, "retrain", monkeypatch)
    app = stage(app.selectbox(key="recipe").set_value("quick").run(), "stage2")
    assert not app.button(key="start:Train stage 2").disabled
    table = next(one.value for one in app.dataframe if "setting" in one.value)
    row = table["setting"].tolist().index("loss.name")
    app.session_state["quick:settings:0"] = {"edited_rows": {row: {"value": "hinge"}}}
    app.run()
    assert "unknown loss" in " ".join(one.value for one in app.error).replace("\\", "")
    assert app.button(key="start:Train stage 2").disabled
