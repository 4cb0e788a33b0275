"""models/combining/combine.py: combinations made end to end, in a workspace with a trained run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from labeling import journal, runs
from labeling.disagreement.scoring import score_run
from labeling.journal import versions
from labeling.predictions.oof import Oof, read_oof
from labeling.quality.scored_run import read_scored_run
from labeling.records import Decision, Run
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace, open_workspace
from models import worker
from models.combining import ensemble
from models.combining.combine import run_combination
from models.combining.ensemble import fit_weights, on_grid
from models.combining.request import Combination, enqueue
from models.combining.stacking import fit_stacker, log_odds
from tests.support.workspaces.two_runs import FIRST, add_run


@pytest.fixture
def workspace(own_copy: Path) -> Workspace:
    return open_workspace(own_copy)


def make(workspace: Workspace, kind: str, *members: str, **more: Any) -> tuple[Run, Oof, dict[str, Any]]:
    """As a worker does it: claimed, made, scored, recorded."""
    run = enqueue(workspace, Combination(kind, members, **more), worker="w")
    ended = worker.run_job(workspace, run, "w")
    return ended, read(workspace, run.id), json.loads((workspace.run_dir(run.id) / "metrics.json").read_text())


def read(workspace: Workspace, run_id: str) -> Oof:
    return read_oof(workspace.run_dir(run_id) / "oof.zarr")


def labels_of(workspace: Workspace) -> np.ndarray:
    with workspace.read() as connection:
        return versions.labels_of_version(connection, 1).present


def test_a_plain_average_is_a_run_like_any_other(workspace: Workspace) -> None:
    second = add_run(workspace, coarse=2)
    ended, found, metrics = make(workspace, "ensemble", FIRST, second, weights="3,1")
    one, other = read(workspace, FIRST), read(workspace, second)
    expected = 0.75 * one.clipwise + 0.25 * other.clipwise
    assert found.clipwise == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(found.fold, one.fold)
    assert (found.grid.step_s, found.label_version, found.label_hash) == (one.grid.step_s, 1, one.label_hash)
    for row in (0, 17, 47):
        coarse = on_grid(other.frames(row), other.grid, one.grid, len(one.frames(row)))
        assert found.frames(row) == pytest.approx(0.75 * one.frames(row) + 0.25 * coarse, abs=1e-3)
    assert ended.status == "done"
    wanted = average_precision_score(labels_of(workspace), expected, average="macro")
    assert ended.metrics["macro_ap"] == pytest.approx(wanted, abs=1e-6)
    assert metrics["overall"] == ended.metrics
    assert metrics["members"][FIRST]["macro_ap"] == pytest.approx(
        average_precision_score(labels_of(workspace), one.clipwise, average="macro"), abs=1e-6
    )
    facts = json.loads((workspace.run_dir(ended.id) / "run.json").read_text())
    assert [(row["run"], row["weight"], row["label_version"]) for row in facts["members"]] == [
        (FIRST, 0.75, 1),
        (second, 0.25, 1),
    ]
    assert "done: macro-AP" in (workspace.run_dir(ended.id) / "log.txt").read_text()
    with workspace.read() as connection:
        assert queue.current(connection) == (ended.id, "earmark")
        run = read_scored_run(connection, ended.id, "earmark")
        rows = queue.rows(connection, run, QueueFilter(status="all"), limit=5)
        assert {row.suspect.rank for row in rows} == {1, 2, 3, 4, 5}  # by likelihood, which may part near ranks
    assert not (workspace.run_dir(ended.id) / "recipe.toml").exists()


def test_fitted_weights_never_saw_the_fold_that_they_weigh(workspace: Workspace) -> None:
    second = add_run(workspace)
    ended, found, metrics = make(workspace, "ensemble", FIRST, second, weights="fitted")
    stack = np.stack([read(workspace, one).clipwise for one in (FIRST, second)])
    present = labels_of(workspace)
    for k in np.unique(found.fold):
        rest = found.fold != k
        weights = fit_weights(stack[:, rest], present[rest], np.ones_like(present)[rest])
        expected = np.tensordot(weights, stack[:, ~rest], axes=1)
        assert found.clipwise[~rest] == pytest.approx(expected, abs=1e-5)
    assert set(metrics["weights"]) == {"objective", "better", "equal", "fitted", "fitted_in_sample", "each_run"}
    assert metrics["weights"]["fitted"] == pytest.approx(
        ensemble.log_loss(found.clipwise[None], present, np.ones_like(present), [1.0]), abs=1e-5
    )
    facts = json.loads((workspace.run_dir(ended.id) / "run.json").read_text())
    assert sum(row["weight"] for row in facts["members"]) == pytest.approx(1)


def test_other_clips_classes_and_folds_are_combined_with_a_warning(workspace: Workspace) -> None:
    second = add_run(workspace, skip=5, shift_folds=True)
    said: list[str] = []
    run = enqueue(workspace, Combination("ensemble", (FIRST, second), weights="fitted"), worker="w")
    run_combination(workspace, run, lambda progress: said.append(str(progress.get("warning", ""))))
    found = read(workspace, run.id)
    assert (len(found), len(found.classes)) == (43, 6)
    assert set(found.fold.tolist()) == {-1}
    assert any("only the 43 clips that every run predicts" in one and "different folds" in one for one in said)
    assert len(json.loads((workspace.run_dir(run.id) / "run.json").read_text())["warnings"]) == 3
    assert score_run(workspace, _finish(workspace, run))[1] > 0
    third, made, _ = make(workspace, "stack", run.id, second)  # folds that nobody shares: by group
    assert third.status == "done"
    assert len(made) == 43


def _finish(workspace: Workspace, run: Run) -> str:
    runs.finish(workspace, run.id, "w", "done")
    return run.id


def test_a_vote_counts_runs(workspace: Workspace) -> None:
    others = [add_run(workspace, seed, coarse=1) for seed in (1, 2)]
    _, found, metrics = make(
        workspace, "ensemble", FIRST, *others, vote=2, threshold=0.3, frame_threshold=0.5
    )  # fmt: skip
    members = [read(workspace, one) for one in (FIRST, *others)]
    votes = np.zeros(found.clipwise.shape)
    for one in members:
        highest = np.array([one.frames(row).max(axis=0) for row in range(len(one))])
        votes += (one.clipwise >= 0.3) & (highest >= 0.5)
    assert found.clipwise == pytest.approx(votes / 3)
    frames = sum((one.frames(3) >= 0.5).astype(float) for one in members) / 3
    assert found.frames(3) == pytest.approx(frames, abs=1e-3)
    chosen, present = votes >= 2, labels_of(workspace)
    assert metrics["vote"]["precision"] == pytest.approx(present[chosen].mean())
    assert metrics["vote"]["recall"] == pytest.approx(chosen[present].mean())


def test_a_stack_is_predicted_by_what_never_saw_the_fold(workspace: Workspace) -> None:
    second = add_run(workspace, coarse=1)
    _, found, metrics = make(workspace, "stack", FIRST, second)
    members = [read(workspace, one) for one in (FIRST, second)]
    features, present = log_odds(np.stack([one.clipwise for one in members])), labels_of(workspace)
    rest = found.fold != found.fold[7]
    stacker = fit_stacker(features[:, rest], present[rest], np.ones_like(present)[rest])
    assert found.clipwise[~rest] == pytest.approx(stacker.predict(features[:, ~rest]), abs=1e-5)
    frames = log_odds(np.stack([one.frames(7) for one in members]))
    assert found.frames(7) == pytest.approx(stacker.predict(frames), abs=1e-3)
    assert metrics["equal_weights"]["macro_ap"] == pytest.approx(
        average_precision_score(present, np.mean([one.clipwise for one in members], axis=0), average="macro"), abs=1e-6
    )


def test_priors_shift_clips_and_their_frames_alike(workspace: Workspace) -> None:
    _, found, metrics = make(workspace, "ensemble", FIRST, post=("cooccurrence", "place_date"))
    own = read(workspace, FIRST)
    moved = log_odds(found.clipwise) - log_odds(own.clipwise)
    assert np.abs(moved).max() > 0.05
    frames, before = found.frames(4), own.frames(4)
    inner = (before > 0.02) & (before < 0.98)
    assert (log_odds(frames) - log_odds(before))[inner] == pytest.approx(
        np.broadcast_to(moved[4], before.shape)[inner], abs=0.05
    )
    assert metrics["without_post"]["macro_ap"] == pytest.approx(metrics["members"][FIRST]["macro_ap"])


def decide(workspace: Workspace, count: int) -> None:
    """Verdicts on ``count`` cells: the truth of half of them contradicts the label."""
    with workspace.read() as connection:
        labels = versions.labels_of_version(connection, 1)
    said = []
    for i in range(count):
        row, column = divmod(i, len(labels.classes))
        present = bool(labels.present[row, column]) ^ (i % 2 == 0)
        verdict = "present" if present else "absent"
        said.append(Decision(journal.new_event_id(), "ann", int(labels.clip_ids[row]), labels.classes[column], verdict))
    journal.append(workspace, said)


def test_a_stack_with_the_noise_classifier_reports_both(workspace: Workspace) -> None:
    second = add_run(workspace)
    decide(workspace, 120)
    version = versions.freeze(workspace, "ann").number
    run = enqueue(workspace, Combination("stack", (FIRST, second), noisy=True), version=version, worker="w")
    worker.run_job(workspace, run, "w")
    metrics = json.loads((workspace.run_dir(run.id) / "metrics.json").read_text())
    assert metrics["noise_classifier"]["decisions"] == 120
    assert metrics["noise_classifier"]["wrong"] == 60
    assert metrics["noise_classifier"]["precision_of_the_source"] == 0.22
    assert metrics["without_is_noisy"]["macro_ap"] != metrics["overall"]["macro_ap"]
    facts = json.loads((workspace.run_dir(run.id) / "run.json").read_text())
    assert np.shape(facts["stack"]["coefficients"]) == (3, 7)
    assert facts["warnings"] == [f"label versions differ: {FIRST} on 1, {second} on 1; measured on {version}"]


def test_a_stop_leaves_no_half_made_predictions(workspace: Workspace) -> None:
    from labeling.errors import Stopped

    second = add_run(workspace)
    run = enqueue(workspace, Combination("ensemble", (FIRST, second)), worker="w")
    with pytest.raises(Stopped):
        run_combination(workspace, run, should_stop=lambda: True)
    assert list(workspace.run_dir(run.id).glob("*oof*")) == []
