"""models/evaluation.py"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from labeling import runs, versions
from labeling.errors import ArtefactError, DataError, FormatError
from labeling.predictions import read_oof
from labeling.workspace import open_workspace
from models.evaluation import evaluate_run, read_truth


def only_run(root: Path) -> str:
    with open_workspace(root).read() as connection:
        return runs.all_runs(connection)[0].id


def test_against_labels_and_truth(own_copy: Path) -> None:
    workspace, run_id = open_workspace(own_copy), only_run(own_copy)
    file = own_copy / "demo/truth/truth_labels.csv"
    result = evaluate_run(workspace, run_id, file)
    oof = read_oof(workspace.run_dir(run_id) / "oof.zarr")
    with open(file, newline="") as lines:
        truth = {row["filename"]: row["labels"].split(";") for row in csv.DictReader(lines)}
    present = np.array([[code in truth[name] for code in oof.classes] for name in oof.filenames])
    with workspace.read() as connection:
        given = versions.labels_of_version(connection, 1)
    rows = [given.clip_ids.tolist().index(clip_id) for clip_id in oof.clip_ids.tolist()]
    for name, wanted in (("truth", present), ("labels", given.present[rows])):
        expected = average_precision_score(wanted, oof.clipwise, average="macro")
        assert result[name]["overall"]["macro_ap"] == pytest.approx(expected, abs=1e-6)
    with workspace.read() as connection:
        kept = runs.get_run(connection, run_id).metrics
    assert kept["truth"] == result["truth"]["overall"]
    assert "macro_ap" in kept


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("filename,label\na,b\n", "no column labels"),
        ("file,labels\na,b\n", "no column filename"),
        ("filename,labels\nnope.ogg,ambfin1\n", "names none of the run's 48 clips"),
        ("filename,labels\n", "names none"),
    ],
)
def test_a_truth_file_that_cannot_be_used(trained: Path, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "truth.csv"
    file.write_text(text)
    with pytest.raises(FormatError, match=said):
        evaluate_run(open_workspace(trained), only_run(trained), file)


def test_a_clip_named_twice_in_the_truth_is_refused(trained: Path, tmp_path: Path) -> None:
    workspace = open_workspace(trained)
    name = read_oof(workspace.run_dir(only_run(trained)) / "oof.zarr").filenames[0]
    file = tmp_path / "truth.csv"
    file.write_text(f"filename,labels\n{name},ambfin1\n{name},glatit1\n")
    with pytest.raises(FormatError, match="twice"):
        evaluate_run(workspace, only_run(trained), file)


def test_classes_and_clips_that_the_run_does_not_know_are_passed_over(trained: Path, tmp_path: Path) -> None:
    oof = read_oof(trained / "runs" / only_run(trained) / "oof.zarr")
    file = tmp_path / "truth.csv"
    file.write_text(f"filename,labels\nother.ogg,{oof.classes[0]}\n{oof.filenames[3]},{oof.classes[2]}; yeti ;\n")
    present, rows = read_truth(file, oof)
    assert rows.tolist() == [3]
    assert np.flatnonzero(present[0]).tolist() == [2]


def test_runs_that_have_nothing_to_evaluate(own_copy: Path) -> None:
    workspace, run_id = open_workspace(own_copy), only_run(own_copy)
    with pytest.raises(DataError, match="no run 'nope'; choose from"):
        evaluate_run(workspace, "nope")
    queued = runs.enqueue(workspace, "demo", 1)
    with pytest.raises(DataError, match="is queued; wait until it is done"):
        evaluate_run(workspace, queued.id)
    shutil.rmtree(workspace.run_dir(run_id) / "oof.zarr")
    with pytest.raises(ArtefactError):
        evaluate_run(workspace, run_id)
