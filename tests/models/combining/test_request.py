"""models/combining/request.py: what is asked for, and how a run's row keeps it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from labeling import journal, runs
from labeling.errors import ArtefactError, ConfigError, DataError, EarmarkError, UnknownName
from labeling.journal import versions
from labeling.records import Decision, Run
from labeling.workspace import open_workspace
from models.combining.request import Combination, combination_of, enqueue
from tests.support.workspaces.two_runs import FIRST, add_run

PAIR = ("001-a", "002-b")


def row(asked: Combination) -> Run:
    return Run("003-x", asked.kind, 1, "queued", "", settings=tuple(asked.settings()))


@pytest.mark.parametrize(
    ("asked", "settings"),
    [
        (Combination("ensemble", PAIR), ["members=001-a,002-b"]),
        (
            Combination("ensemble", PAIR, weights="0.25,0.75", post=("place_date", "cooccurrence"), strength=0.5),
            ["members=001-a,002-b", "weights=0.25,0.75", "post=place_date,cooccurrence", "strength=0.5"],
        ),
        (
            Combination("ensemble", PAIR, vote=2, threshold=0.3, frame_threshold=0.4),
            ["members=001-a,002-b", "vote=2", "threshold=0.3", "frame_threshold=0.4"],
        ),
        (
            Combination("ensemble", PAIR, weights="fitted", objective="macro_ap"),
            ["members=001-a,002-b", "weights=fitted", "objective=macro_ap"],
        ),
        (
            Combination("stack", PAIR, per_class=True, noisy=True),
            ["members=001-a,002-b", "per_class=True", "noisy=True"],
        ),
    ],
)
def test_a_row_keeps_what_was_asked_for(asked: Combination, settings: list[str]) -> None:
    assert asked.settings() == settings
    assert combination_of(row(asked)) == asked


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"kind": "ensembel"}, "unknown combination 'ensembel'; choose from ensemble, stack. Did you mean 'ensemble'"),
        ({"members": ("a",)}, "1 run to combine; name two or more"),
        ({"members": ("a", "b", "a")}, "name each run once"),
        ({"weights": "0.5"}, "1 weights for 2 runs"),
        ({"weights": "1;2"}, "are not numbers; give equal, fitted"),
        ({"weights": "-1,2"}, "must be at least 0"),
        ({"objective": "f1"}, "unknown objective 'f1'"),
        ({"vote": 3}, "--vote 3 of 2 runs; ask for 1 to 2"),
        ({"vote": 1, "weights": "fitted"}, "a vote counts runs"),
        ({"threshold": 0.0}, "threshold 0 must be above 0"),
        ({"frame_threshold": 1.5}, "frame_threshold 1.5"),
        ({"post": ("place",)}, "unknown post-processor 'place'"),
        ({"strength": 11.0}, "strength 11 must be from 0 to 10"),
    ],
)
def test_a_contradiction_is_said_before_anything_is_made(more: dict[str, Any], said: str) -> None:
    with pytest.raises((ConfigError, UnknownName), match=said):
        Combination(**({"kind": "ensemble", "members": PAIR} | more))


@pytest.mark.parametrize(
    ("setting", "said"), [("vote=two", "is not a number"), ("votes=2", "unknown setting 'votes'.*Did you mean 'vote'")]
)
def test_a_row_that_says_something_else(setting: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        combination_of(Run("003-x", "ensemble", 1, "queued", "", settings=("members=a,b", setting)))


def test_only_finished_runs_with_predictions_are_taken(own_copy: Path) -> None:
    workspace = open_workspace(own_copy)
    second = add_run(workspace)
    queued = enqueue(workspace, Combination("ensemble", (FIRST, second)))
    assert (queued.recipe, queued.status, queued.label_version) == ("ensemble", "queued", 1)

    def refused(*members: str, **more: Any) -> EarmarkError:
        with pytest.raises(EarmarkError) as problem:
            enqueue(workspace, Combination(more.pop("kind", "ensemble"), members, **more.pop("asked", {})), **more)
        return problem.value

    assert "is queued; combine runs that are done" in str(refused(FIRST, queued.id))
    assert "no run 'nope'" in str(refused(FIRST, "nope"))
    assert "no label version 9" in str(refused(FIRST, second, version=9))
    assert "needs 50 decided cells" in str(refused(FIRST, second, kind="stack", asked={"noisy": True}))
    (workspace.run_dir(second) / "oof.zarr").rename(own_copy / "gone")
    assert isinstance(refused(FIRST, second), ArtefactError)
    with workspace.read() as connection:
        assert len(runs.all_runs(connection)) == 3  # nothing was queued for what was refused
    with pytest.raises(DataError):
        enqueue(workspace, Combination("ensemble", (FIRST, "nope")))


def test_the_members_newest_label_version_is_what_is_fitted_and_measured(own_copy: Path) -> None:
    workspace = open_workspace(own_copy)
    second = add_run(workspace)
    with workspace.read() as connection:
        labels = versions.labels_of_version(connection, 1)
    clip, code = int(labels.clip_ids[0]), labels.classes[0]
    journal.append(workspace, [Decision(journal.new_event_id(), "ada", clip, code, "present")])
    newer = versions.freeze(workspace, "ada", "decided").number
    assert newer == 2
    third = runs.enqueue(workspace, "demo", newer, worker="w").id
    shutil.copytree(workspace.run_dir(second) / "oof.zarr", workspace.run_dir(third) / "oof.zarr")
    runs.finish(workspace, third, "w", "done")
    assert enqueue(workspace, Combination("ensemble", (FIRST, second))).label_version == 1
    assert enqueue(workspace, Combination("ensemble", (third, FIRST))).label_version == newer
    assert enqueue(workspace, Combination("stack", (FIRST, third))).label_version == newer
    assert enqueue(workspace, Combination("ensemble", (FIRST, third)), version=1).label_version == 1
