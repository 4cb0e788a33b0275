"""What folds show of predictions made elsewhere, and what is said where they show nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeling import runs
from labeling.external.importing import ImportRequest, fold_numbers, import_predictions
from labeling.predictions.oof import read_oof
from labeling.records import Clip, Run
from labeling.runs.out_of_fold import CLAIMED, ELSEWHERE, SHOWN, UNKNOWN, WARNING, judge, warning_of
from labeling.workspace import Workspace
from tests.support.workspaces.making import CLIPS

CLIP = Clip(1, "a.ogg", "/a.ogg", 5.0, 32000, 1)
FOUR = [
    replace(CLIP, id=k, filename=f"{k}.ogg", group=group, content_hash=f"h{k}")
    for k, group in enumerate("aab", start=1)
] + [replace(CLIP, id=4, filename="4.ogg", group="", content_hash="h4")]


@pytest.mark.parametrize(
    ("fold", "state", "why"),
    [
        (["0", "0", "1", "1"], SHOWN, ""),
        (["0", "1", "1", "1"], UNKNOWN, "1 group lie in several folds ('a', as of '1.ogg')."),
        (["0", "0", "", "1"], UNKNOWN, "1 of 4 clips have no fold."),
        (["7", "7", "7", "7"], UNKNOWN, "All clips are in fold '7'."),
        (None, UNKNOWN, ""),
    ],
)
def test_folds_show_it_where_nothing_lies_in_two(fold: list[str] | None, state: str, why: str) -> None:
    honesty = judge(fold, FOUR)
    assert (honesty.state, honesty.why) == (state, why)
    assert (honesty.warning == "") == (state == SHOWN)
    assert judge(fold, FOUR, CLAIMED).state == (SHOWN if state == SHOWN else CLAIMED)
    assert judge(fold, FOUR, ELSEWHERE).state == ELSEWHERE


def test_one_sound_under_two_names_must_not_lie_in_two_folds() -> None:
    same = [*FOUR[:3], replace(FOUR[3], content_hash="h3")]
    assert judge(["0", "0", "1", "1"], same).state == SHOWN
    assert judge(["0", "0", "1", "0"], same).why.startswith("1 recording (the same sound under two names) lie")


def table(tmp_path: Path, **more: list[str]) -> Path:
    rows = pd.DataFrame({"filename": [name for name, _ in CLIPS], "amecro": [0.9, 0.8, 0.2, 0.1]})
    path = tmp_path / "p.csv"
    rows.assign(**more).to_csv(path, index=False)
    return path


def test_folds_come_from_a_column_or_a_file_of_their_own(collection: Workspace, tmp_path: Path) -> None:
    # add_clips gives the recordists 0, 1, 2, 0: clips 1 and 4 belong together
    report = import_predictions(collection, ImportRequest(table(tmp_path, fold=["x", "y", "y", "x"])))
    assert report.honesty.state == SHOWN
    assert read_oof(collection.run_dir(report.run_id) / "oof.zarr").fold.tolist() == [0, 1, 1, 0]
    folds = tmp_path / "folds.csv"
    folds.write_text("filename,fold\n" + "".join(f"{name},{k}\n" for k, (name, _) in enumerate(CLIPS)))
    report = import_predictions(collection, ImportRequest(table(tmp_path), folds=folds))
    assert report.honesty.state == UNKNOWN
    assert "recordist-0" in report.lines()[-1]
    with collection.read() as connection:
        every_run = runs.all_runs(connection)
    assert [run.folds for run in every_run] == [2, 4]
    assert [warning_of(run) for run in every_run] == ["", WARNING]


def test_a_combination_is_as_honest_as_its_members() -> None:
    def run(name: str, recipe: str, *settings: str) -> Run:
        return Run(name, recipe, 1, "done", "", settings=settings)

    trained, bad = run("1", "demo"), run("2", runs.IMPORTED, "out_of_fold=unknown")
    good = run("3", runs.IMPORTED, "out_of_fold=elsewhere")
    every_run = [trained, bad, good]
    assert warning_of(run("4", "ensemble", "members=1,3"), every_run) == ""
    assert warning_of(run("5", "ensemble", "members=1,2"), every_run) == WARNING


def test_numbers_of_folds() -> None:
    assert fold_numbers(np.array(["2", "10", "", "2"])).tolist() == [2, 10, -1, 2]
    assert fold_numbers(np.array(["b", "a", "b"])).tolist() == [1, 0, 1]
