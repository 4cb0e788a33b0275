"""labeling/replay/training.py: a training of the copy by a program of its own; a stand-in, and the real one's start."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from labeling import journal, runs
from labeling.errors import ArtefactError, DataError
from labeling.records import Decision
from labeling.replay import scratch
from labeling.replay import training as replay_training
from labeling.replay.reviewer import SimulatedReviewer
from labeling.replay.simulation import Plan, replay
from labeling.replay.training import Retraining, retrain
from labeling.workspace import Workspace

#: what stands for ``python -m models``: hears daejun in XC2 as soon as it is told to train
STAND_IN = """
import os, sys
from tests.support.workspaces.synthetic_oof import finished_run
from labeling import journal
from labeling.workspace import open_workspace
assert "EARMARK_DATABASE_URL" not in os.environ
words = sys.argv[1:]
if "--dry-run" in words:
    sys.exit("error: demo is out of reach" if "--folds" in words else 0)
assert words[:3] == ["train", "demo", "--workspace"], words
workspace = open_workspace(words[3])
with workspace.read() as connection:
    print("trained on position", journal.position(connection), *words[4:])
if "--folds" in words:
    sys.exit("folds are too many for me")
finished_run(workspace, {(2, "daejun"): 0.99, (4, "balori"): 0.6})
"""


@pytest.fixture
def stand_in() -> tuple[str, ...]:
    return sys.executable, "-c", STAND_IN


@pytest.fixture
def predicted(collection: Workspace) -> Workspace:
    """The four clips and a run that is wrong about where the errors are."""
    from tests.support.workspaces.synthetic_oof import finished_run

    finished_run(collection, {(1, "cangoo"): 0.9, (4, "amecro"): 0.8, (3, "daejun"): 0.7})
    return collection


def test_a_round_trains_on_the_decisions_and_ranks_anew(
    predicted: Workspace, stand_in: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARMARK_DATABASE_URL", "sqlite:////nowhere/at/all.db")
    truth = tmp_path / "truth.csv"
    truth.write_text("filename,label\namecro/XC2.ogg,daejun\ncangoo/XC4.ogg,balori\n", encoding="utf-8")
    training = Retraining(1, "demo", 3, command=stand_in)
    plan = Plan(truth, scorers=("self_confidence",), orders=("rank",), reviewer=SimulatedReviewer(0, 0))
    without = replay(predicted, plan).curves[0]
    assert without.corrections[:5].tolist() == [0, 0, 0, 0, 0]
    outcome = replay(predicted, Plan(**plan.__dict__ | {"retraining": training}))
    curve = outcome.curves[0]
    assert curve.corrections[:5].tolist() == [0, 0, 0, 1, 2]  # what the second run hears comes first
    assert curve.retrained == ((3, "002-demo"),)
    assert len(curve) == outcome.cells  # what was decided is not asked again
    with predicted.read() as connection:
        assert journal.position(connection) == 0
        assert [run.id for run in runs.all_runs(connection)] == ["001-demo"]
    assert [path.name for path in predicted.runs.iterdir()] == ["001-demo"]


def test_what_it_is_told_and_what_it_says_when_it_fails(
    predicted: Workspace, stand_in: tuple[str, ...], tmp_path: Path
) -> None:
    copy = scratch.copy_workspace(predicted, tmp_path / "copy")
    journal.append(copy, [Decision("e1", "replay", 2, "daejun", "present")])
    plan = Retraining(1, "demo", 5, ("train.epochs=1",), 7, "cpu", command=stand_in)
    said = r"training of demo ended with 1: trained on position 1 --device cpu --folds 7 --set train.epochs=1\n"
    with pytest.raises(ArtefactError, match=said + "folds are too many for me"):
        retrain(copy, plan, "replay", lambda: None)
    nothing = Retraining(1, "demo", 5, command=(sys.executable, "-c", "print('bye')"))
    with pytest.raises(ArtefactError, match="ended with 0: bye"):
        retrain(copy, nothing, "replay", lambda: None)


def test_who_watches_may_end_it(predicted: Workspace, tmp_path: Path) -> None:
    copy = scratch.copy_workspace(predicted, tmp_path / "copy")
    sleeper = Retraining(1, "demo", 5, command=(sys.executable, "-c", "import time; time.sleep(600)"))
    begun = time.monotonic()

    def enough() -> None:
        raise DataError("enough")

    with pytest.raises(DataError, match="enough"):
        retrain(copy, sleeper, "replay", enough)
    assert time.monotonic() - begun < 60  # not 600


@pytest.mark.parametrize(
    ("rounds", "recipe", "every", "said"),
    [(0, "demo", 5, "--retrain 0 must"), (1, "demo", 0, "--every 0 must"), (1, " ", 5, "needs --recipe NAME")],
)
def test_rounds_that_make_no_sense(rounds: int, recipe: str, every: int, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Retraining(rounds, recipe, every)


def test_the_real_program_understands_what_it_is_told(predicted: Workspace) -> None:
    from models.__main__ import parser
    from models.commands.training import _train

    plan = Retraining(2, "demo", 10, ("train.epochs=1", "data.chunk_s=2.0"), 3, "cpu")
    told = parser().parse_args(replay_training._words(predicted, plan))
    assert told.action is _train
    assert (told.recipe, told.workspace, told.folds, told.device) == ("demo", str(predicted.root), 3, "cpu")
    assert told.set == ["train.epochs=1", "data.chunk_s=2.0"]


def test_the_real_program_runs_on_the_copy(predicted: Workspace, tmp_path: Path) -> None:
    """As far as its first check of the settings: trainings are tested elsewhere, and this one would take minutes."""
    copy = scratch.copy_workspace(predicted, tmp_path / "copy")
    with pytest.raises(ArtefactError, match="training of demo ended with 1: error: --folds 1 must be at least 2"):
        retrain(copy, Retraining(1, "demo", 5, folds=1), "replay", lambda: None)


def test_what_cannot_be_trained_is_said_before_the_first_decision(
    predicted: Workspace, stand_in: tuple[str, ...], tmp_path: Path
) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("filename,label\namecro/XC2.ogg,daejun\n", encoding="utf-8")
    told: list[str] = []
    plan = Plan(truth, orders=("rank",), retraining=Retraining(1, "demo", 3, folds=7, command=stand_in))
    with pytest.raises(DataError, match="demo cannot be trained on the way: demo is out of reach"):
        replay(predicted, plan, lambda done, total, text: told.append(text))
    assert told[-1] == "checking the training"
    assert not any("decisions" in text for text in told)


def test_a_round_that_would_never_come_is_refused(predicted: Workspace, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("filename,label\namecro/XC2.ogg,daejun\n", encoding="utf-8")
    plan = Plan(truth, orders=("rank",), decisions=6, retraining=Retraining(2, "demo", 3))
    with pytest.raises(
        DataError, match=r"--retrain 2 --every 3: the last .* after 6 decisions, and there are 6 in all"
    ):
        replay(predicted, plan)
