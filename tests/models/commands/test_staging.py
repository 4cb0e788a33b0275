"""models/commands/staging.py"""

from __future__ import annotations

import csv
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labeling import runs
from labeling.records import Run
from labeling.workspace import open_workspace
from models import worker
from models.__main__ import main
from models.config import load_recipe
from models.networks import sed
from tests.support.training.refused import REFUSED, stored
from tests.support.workspaces.making import add_clips
from tests.support.workspaces.synthetic_oof import finish, finished_run

HEARD = {(2, "balori"): 0.95, (4, "balori"): 0.92, (2, "daejun"): 0.6}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace whose run 001-demo hears two labels above 0.9 in clips with one label."""
    folder = tmp_path / "w"
    with closing(open_workspace(folder, create=True)) as workspace:
        add_clips(workspace)
        finished_run(workspace, HEARD)
    return folder


def run(capsys: pytest.CaptureFixture[str], root: Path, *words: str, fails: bool = False) -> str:
    assert main([*words, "--workspace", str(root)]) == fails
    said = capsys.readouterr()
    return said.err if fails else said.out


def all_runs(root: Path) -> list[Run]:
    with closing(open_workspace(root)) as workspace, workspace.read() as connection:
        return runs.all_runs(connection)


def test_stage_1_says_what_it_would_add_adds_it_and_takes_it_back(
    capsys: pytest.CaptureFixture[str], root: Path
) -> None:
    said = run(capsys, root, "stage1", "001-demo", "--dry-run")
    assert said.splitlines()[0].startswith("2 labels in 2 clips would be added, of 1 of 4 classes (p > 0.9;")
    assert said.splitlines()[1].split() == ["balori", "2"]
    facts = json.loads(run(capsys, root, "stage1", "001-demo", "--threshold", "0.5", "--json"))
    assert (facts["labels"], facts["by_class"], facts["version"]) == (3, {"balori": 2, "daejun": 1}, 2)
    said = run(capsys, root, "stage1", "001-demo", "--threshold", "0.5")
    assert said.startswith("0 labels in 0 clips added")
    assert "--undo" not in said, "there is nothing of it to take back"
    assert run(capsys, root, "stage1", "001-demo", "--undo") == "3 machine labels taken back\n"
    assert "no stage 1 of run '001-demo' stands" in run(capsys, root, "stage1", "001-demo", "--undo", fails=True)


def test_stages_are_queued_or_shown(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    stage2 = ("stage2", "001-demo", "--recipe", "demo", "--set", "epochs=3")
    assert "no label that stage 1 of run 001-demo added stands" in run(capsys, root, *stage2, "--dry-run", fails=True)
    run(capsys, root, "stage1", "001-demo")
    said = run(capsys, root, *stage2, "--dry-run")
    assert said.splitlines() == [
        "would queue demo (Demo (seconds a fold, CPU)), 3 folds, with",
        "  epochs=3",
        "  targets.rule=clip",
    ]
    assert len(all_runs(root)) == 1
    said = run(capsys, root, *stage2)
    assert said == "run 002-demo on label version 2 is queued; `python -m models work` trains it\n"
    words = ("stage3", "001-demo", "--recipe", "demo", "--thresholds", "0.3", "0.6", "--folds", "2")
    assert main([*words, "--workspace", str(root)]) == 0
    warning = "warning: run 001-demo is the one that stage 1 read"
    assert capsys.readouterr().err.startswith(warning), "the source takes the frames of stage 2"
    recipes = [load_recipe(one.recipe, one.settings) for one in all_runs(root)[1:]]
    assert [one.targets.rule for one in recipes] == ["clip", "and"]
    assert recipes[1].targets.thresholds == (0.3, 0.6)
    assert [one.train.members for one in recipes] == [1, 2]
    assert all_runs(root)[2].folds == 2


def test_the_recipes_of_the_source_are_the_stages_own(
    capsys: pytest.CaptureFixture[str], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sed, "require_weights", lambda name: None)  # as where they can be fetched
    run(capsys, root, "stage1", "001-demo")
    for stage in ("stage2", "stage3"):
        assert f"would queue cornell_{stage}" in run(capsys, root, stage, "001-demo", "--dry-run")
        run(capsys, root, stage, "001-demo", "--folds", "3")  # the four clips form three groups
    assert [one.recipe for one in all_runs(root)[1:]] == ["cornell_stage2", "cornell_stage3"]


def test_what_is_wrong_is_said_in_words(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    for words, message in (
        (
            ("stage2", "001-demo", "--recipe", "demo", "--set", "rule=mix", "--dry-run"),
            "targets.rule = mix is not stage",
        ),
        (("stage2", "001-demo", "--recipe", "demo", "--folds", "1"), "--folds 1 must be at least 2"),
        (("stage3", "007-x", "--recipe", "demo"), "no run '007-x'"),
        (("iterate", "demo", "--rounds", "0"), "0 rounds iterate nothing"),
        (("rounds", "007-x"), "no run '007-x'"),
        (("stage2", "007-x", "--recipe", "demo", "--dry-run"), "no run '007-x'"),
        (("stage1", "001-demo", "--undo", "--dry-run"), "give one of the two"),
    ):
        assert main([*words, "--workspace", str(root)]) == 1
        said = capsys.readouterr()
        assert message in said.err
        assert said.out == ""  # no head of a table that does not come
    assert len(all_runs(root)) == 1


@pytest.mark.parametrize(
    "words", [("stage2", "001-demo", "--recipe"), ("stage3", "001-demo", "--recipe"), ("iterate",)]
)
def test_what_cannot_be_trained_leaves_nothing_behind(
    capsys: pytest.CaptureFixture[str], root: Path, words: tuple[str, ...]
) -> None:
    rounds = ("--rounds", "2") if words == ("iterate",) else ()
    run(capsys, root, "stage1", "001-demo")
    with closing(open_workspace(root)) as workspace:
        before = stored(workspace)
        for settings, message in REFUSED if rounds else REFUSED[1:]:
            flags = [word for setting in settings for word in ("--set", setting)]
            assert message in run(capsys, root, *words, "demo", *rounds, *flags, fails=True)
        assert stored(workspace) == before


def test_rounds_are_trained_at_once_until_they_are_over(
    capsys: pytest.CaptureFixture[str], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training itself is made up: a run ends with predictions, and queues the next as a worker's run does."""
    from models.correcting import rounds

    def train(workspace: Any, claimed: Run, name: str, **_: Any) -> Run:
        runs.release(workspace, claimed.id, name)
        finish(workspace, claimed.id, HEARD)
        with workspace.read() as connection:
            ended = runs.get_run(connection, claimed.id)
        rounds.next_round(workspace, ended, load_recipe(ended.recipe, ended.settings))
        return ended

    monkeypatch.setattr(worker, "run_job", train)
    run(capsys, root, "iterate", "demo", "--rounds", "4", "--dry-run")
    assert len(all_runs(root)) == 1
    said = run(capsys, root, "iterate", "demo", "--rounds", "4", "--train-now")
    assert [line.split() for line in said.splitlines()[-2:]] == [
        ["0", "002-demo", "1", "0.500", "2", "0", "0", "28.57%"],
        ["1", "003-demo", "2", "0.500", "0", "0", "0", "0.00%,", "settled"],
    ]
    out = root / "rounds.csv"
    assert "2 rounds written" in run(capsys, root, "rounds", "003-demo", "--csv", str(out))
    with open(out, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["run"], row["added"], row["settled"]) for row in rows] == [
        ("002-demo", "2", "False"),
        ("003-demo", "0", "True"),
    ]


def test_helps_say_what_came_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    for command, number in (("stage1", "2,529"), ("stage2", "0.655"), ("stage3", "0.668"), ("iterate", "no number")):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert number in " ".join(capsys.readouterr().out.split())
