"""learning.py: hidden labels come back in each order, nothing held out is asked, and the same plan gives the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labeling import runs
from labeling.__main__ import main
from labeling.active.orders import ORDERS
from labeling.errors import DataError, UnknownName
from labeling.replay import jobs
from labeling.replay.learning import (
    LearningCurve,
    LearningPlan,
    at_share,
    learning_csv,
    learning_plan_of,
    replay_learning,
)
from labeling.replay.reviewer import SimulatedReviewer
from labeling.workspace import Workspace
from models import worker
from tests.support.workspaces.several_sounds import plant_sounds, write_truth

PERFECT = SimulatedReviewer(0, 0)


def plan_of(tmp_path: Path, workspace: Workspace, **more: object) -> LearningPlan:
    truth = write_truth(tmp_path / "truth_labels.csv", plant_sounds(workspace, clips=70, labelled=70))
    given: dict[str, object] = {"truth": truth, "space": "ears", "every": 49, "reviewer": PERFECT}
    return LearningPlan(**(given | more))  # type: ignore[arg-type]


def test_all_orders_end_where_all_labels_are_and_are_the_same_each_time(workspace: Workspace, tmp_path: Path) -> None:
    plan = plan_of(tmp_path, workspace)
    learned = replay_learning(workspace, plan)
    assert (learned.cells, learned.kept, learned.held_out_clips) == (49 * 3, 5 * 3, 21)
    assert learned.all_imported == learned.all_true > 0.9
    assert [curve.order for curve in learned.curves] == list(ORDERS)
    for curve in learned.curves:
        assert curve.decisions[-1] == 44 * 3
        assert curve.macro_ap[0] == learned.curves[0].macro_ap[0] < learned.all_true
        assert curve.macro_ap[-1] == pytest.approx(learned.all_true, abs=0.02)
    again = replay_learning(workspace, plan)
    assert learning_csv(again) == learning_csv(learned)
    other = replay_learning(workspace, LearningPlan(**{**vars(plan), "seed": 1}))
    assert learning_csv(other) != learning_csv(learned)


def test_it_is_a_job_that_is_kept_as_others_are(workspace: Workspace, tmp_path: Path) -> None:
    plan = plan_of(tmp_path, workspace, orders=("hybrid", "random"), decisions=60, every=20)
    assert learning_plan_of(plan.as_json()) == plan
    queued = jobs.enqueue(workspace, plan)
    job = runs.claim(workspace, "w")
    assert job is not None
    assert (job.id, job.kind) == (queued.id, runs.REPLAY)
    assert worker.run_job(workspace, job, "w").status == "done"
    stored = jobs.get(workspace, "001")
    assert stored is not None
    learned = replay_learning(workspace, plan)
    assert (stored.learns, stored.status, stored.facts["all_true"]) == (True, "done", learned.all_true)
    assert stored.curves[0]["decisions"] == [0, 20, 40, 60]
    assert stored.curves[0]["macro_ap"] == learned.curves[0].macro_ap.round(6).tolist()
    assert stored.curves[1]["at"] == {"0.023": at_share(learned.curves[1], 147, 0.023), "0.08": pytest.approx(
        at_share(learned.curves[1], 147, 0.08))}  # fmt: skip
    assert jobs.csv_of(workspace, "001") == learning_csv(learned)
    with pytest.raises(UnknownName):
        jobs.enqueue(workspace, LearningPlan(plan.truth, "eyes"))
    assert [one.name for one in jobs.kept(workspace)] == ["001"]


def test_a_reviewer_who_errs_teaches_less(workspace: Workspace, tmp_path: Path) -> None:
    plan = plan_of(tmp_path, workspace, orders=("random",))
    careless = LearningPlan(**{**vars(plan), "reviewer": SimulatedReviewer(0.4, 0.4)})
    good, bad = (replay_learning(workspace, one).curves[0].macro_ap[-1] for one in (plan, careless))
    assert bad < good - 0.05


def test_what_a_share_of_the_labels_reaches() -> None:
    curve = LearningCurve("hybrid", np.array([0, 20, 40]), np.array([0.2, 0.4, 0.5]))
    assert at_share(curve, 1000, 0.03) == pytest.approx(0.45)  # 30 decisions
    assert at_share(curve, 1000, 0.05) is None


def test_the_command_tells_the_curves_and_what_does_not_go_together(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of(tmp_path, workspace)
    words = ["replay", "-w", str(workspace.root), "--truth", str(plan.truth)]
    given = ["--learn", "ears", "--decisions", "40", "--order", "hybrid", "--csv", str(tmp_path / "c.csv")]
    assert main([*words, *given]) == 0
    said = capsys.readouterr().out
    assert "on 21 clips that were held out; of 147 other labels 15 were known" in said
    assert (tmp_path / "c.csv").read_text().splitlines()[0].startswith("order,decisions,share_of_labels,macro_ap")
    assert "kept as replay 001 in" in said
    for wrong, says in (
        (["--learn", "ears", "--order", "likely"], "order 'likely'"),
        (["--learn", "ears", "--hidden", "2"], "--hidden 2 is outside 0 to 1"),
        (["--learn", "ears", "--run", "1"], "--run is of the queue of a run"),
        (["--hidden", "0.5"], "add --learn SPACE"),
        (["--learn", "eyes"], "eyes"),
    ):
        assert main([*words, *wrong]) == 1
        assert says in capsys.readouterr().err
    with pytest.raises(DataError, match="--step 0"):
        LearningPlan(plan.truth, "ears", every=0)
