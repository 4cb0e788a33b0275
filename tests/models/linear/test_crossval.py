"""models/linear/crossval.py: a run of linear heads is a run like any other, and goes on where it was."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labeling import runs
from labeling.errors import ArtefactError, Stopped
from labeling.predictions.oof import read_oof
from labeling.predictions.training_evidence import read_run_evidence
from labeling.records import Run
from labeling.runs import run_folder
from labeling.workspace import Workspace, open_workspace
from models import enqueueing, worker
from tests.support.training.tiny import CLASSES, assert_same_evidence, same_oof, tiny_workspace
from tests.support.workspaces.making import copy_workspace
from tests.support.workspaces.tiny_space import HOP_S, add_space

SETTINGS = ("linear.space=toy", "folds=3", "tensorboard=false")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tiny_workspace(tmp_path_factory.mktemp("linear") / "w")
    workspace = open_workspace(root)
    add_space(workspace)
    workspace.close()
    return root


@pytest.fixture
def workspace(base: Path, tmp_path: Path) -> Workspace:
    return open_workspace(copy_workspace(base, tmp_path / "w"))


def queue(workspace: Workspace, *settings: str) -> Run:
    return enqueueing.enqueue_training(
        workspace, "linear", reviewer="ann", note="", settings=[*SETTINGS, *settings], version=1, worker="me"
    )


def train(workspace: Workspace, *settings: str, **more: Any) -> Run:
    return worker.run_job(workspace, queue(workspace, *settings), "me", **more)


def test_a_run_of_heads_is_a_run_like_any_other(workspace: Workspace) -> None:
    told: list[dict[str, Any]] = []
    run = train(workspace, report=told.append)
    folder = workspace.run_dir(run.id)
    oof, evidence = read_oof(folder / "oof.zarr"), read_run_evidence(folder / "evidence.zarr")
    assert run.status == "done"
    assert run.metrics["macro_ap"] > 0.9
    assert sorted(oof.classes) == sorted(CLASSES)
    assert set(oof.fold.tolist()) == {0, 1, 2}
    assert oof.grid.step_s == HOP_S
    assert len(oof.frames(0)) == round(1.0 / HOP_S)
    assert evidence is not None
    assert evidence.has_dynamics
    assert evidence.has_neighbours
    owner = np.repeat(np.arange(len(oof)), np.diff(evidence.stretch_offsets))
    there = evidence.neighbour >= 0
    assert there.any()
    assert (oof.fold[evidence.neighbour] != oof.fold[owner][:, None])[there].all(), "neighbours are of other folds"
    rows = run_folder.history(folder)
    assert {row["fold"] for row in rows} == {0, 1, 2}
    assert all("valid_macro_ap" in row for row in rows)
    assert run_folder.facts(folder)["space"]["model"] == "imported:toy"
    assert {"training", "predicting", "done"} <= {state["phase"] for state in told}


def test_the_same_run_again_gives_the_same_and_a_stopped_one_goes_on(workspace: Workspace) -> None:
    first, second = train(workspace), queue(workspace)
    from models.linear.crossval import cross_validate_heads
    from models.training.train_run import inputs_of

    given = inputs_of(workspace, second)
    folder = workspace.run_dir(second.id)

    def after_one_head() -> bool:
        return (folder / "checkpoints" / "fold0.m0.json").exists()

    with pytest.raises(Stopped):
        cross_validate_heads(
            workspace, second.id, given.recipe, given.clips, given.labels, label_version=1, should_stop=after_one_head
        )
    written = (folder / "checkpoints" / "fold0.m0.s0.safetensors").stat().st_mtime_ns
    ended = worker.run_job(workspace, second, "me")
    assert ended.status == "done"
    assert (folder / "checkpoints" / "fold0.m0.s0.safetensors").stat().st_mtime_ns == written
    assert same_oof(workspace.run_dir(first.id), folder)
    assert_same_evidence(workspace.run_dir(first.id), folder)


def test_clips_that_the_space_lacks_are_said_and_left_out(tmp_path: Path) -> None:
    workspace = open_workspace(tiny_workspace(tmp_path / "w"))
    add_space(workspace, skip=(3,))
    run = train(workspace)
    folder = workspace.run_dir(run.id)
    assert len(read_oof(folder / "oof.zarr")) == 11
    assert run_folder.facts(folder)["skipped"] == {"clip03.wav": "space 'toy' holds no stretch of it"}
    assert "lacks 1 of 12 clips" in run_folder.log_tail(folder)


def test_a_space_made_in_another_way_since_is_not_gone_on_with(workspace: Workspace) -> None:
    run = train(workspace)
    folder = workspace.run_dir(run.id)
    facts = (folder / "run.json").read_text()
    (folder / "run.json").write_text(facts.replace('"hop_s": 0.25', '"hop_s": 0.5'))
    shutil.rmtree(folder / "oof.zarr")
    runs.finish(workspace, run.id, run.worker, "stopped")
    again = runs.claim(workspace, "me", run.id)
    with pytest.raises(ArtefactError, match="made anew"):
        worker.run_job(workspace, again or run, "me")
