"""models/combining/evaluation.py"""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from labeling import runs
from labeling.collection import store
from labeling.disagreement import error_distribution as ed
from labeling.disagreement import priors
from labeling.errors import ArtefactError, DataError, FormatError, UnknownName
from labeling.journal import versions
from labeling.predictions.oof import read_oof
from labeling.records import Labels
from labeling.workspace import open_workspace
from models.combining.evaluation import evaluate_run, labels_for, read_truth


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
    present, rows, unknown = read_truth(file, oof)
    assert rows.tolist() == [3]
    assert np.flatnonzero(present[0]).tolist() == [2]
    assert unknown == ["yeti"]
    file.write_text(f"filename,labels\n{oof.filenames[3]},{oof.classes[2]}:{oof.classes[0]}\n")
    with pytest.raises(FormatError, match=r"no class of the run .*put ';' between labels"):
        read_truth(file, oof)


def test_runs_that_have_nothing_to_evaluate(own_copy: Path) -> None:
    workspace, run_id = open_workspace(own_copy), only_run(own_copy)
    with pytest.raises(DataError, match="no run 'nope'; choose from"):
        evaluate_run(workspace, "nope")
    queued = runs.enqueue(workspace, "demo", 1)
    with pytest.raises(DataError, match="is queued; wait until it is done"):
        evaluate_run(workspace, queued.id)
    assert runs.claim(workspace, "w", queued.id)
    runs.finish(workspace, queued.id, "w", "failed", error="no memory")
    with pytest.raises(DataError, match="was failed and has no predictions; choose one that is done"):
        evaluate_run(workspace, queued.id)
    shutil.rmtree(workspace.run_dir(run_id) / "oof.zarr")
    with pytest.raises(ArtefactError):
        evaluate_run(workspace, run_id)


def test_labels_that_are_not_known_of_are_not_known() -> None:
    labels = Labels(
        np.array([3, 5]), ("c", "e"), ("x", "y"), np.array([[1, 0], [0, 1]], bool), np.array([[0, 1], [0, 0]], bool),
        np.zeros((2, 2), bool), np.zeros(2, np.int32),
    )  # fmt: skip
    present, known = labels_for(labels, np.array([5, 9, 3]), ["y", "z", "x"])
    assert present.tolist() == [[True, False, False], [False] * 3, [False, False, True]]
    assert known.tolist() == [[True, False, True], [False] * 3, [False, False, True]]
    assert not labels_for(labels, np.array([9]), ["y"])[1].any()


def test_with_and_without_what_the_collection_knows(own_copy: Path) -> None:
    """Independent: each clip's shift from a collection of the other folds' clips alone, as for new sound."""
    workspace, run_id = open_workspace(own_copy), only_run(own_copy)
    names = ("cooccurrence", "place_date")
    file = own_copy / "demo/truth/truth_labels.csv"
    result = evaluate_run(workspace, run_id, file, post=names, strength=0.5, errors=True)
    assert set(result) == {
        "labels",
        "labels_post",
        "labels_errors",
        "truth",
        "truth_post",
        "truth_errors",
        "truth_unknown",
    }
    assert result["labels"] == evaluate_run(workspace, run_id)["labels"]
    oof = read_oof(workspace.run_dir(run_id) / "oof.zarr")
    with workspace.read() as connection:
        labels = versions.labels_of_version(connection, 1)
        clips = store.usable_clips(connection)
    assert labels.clip_ids.tolist() == oof.clip_ids.tolist()
    post, errors = np.empty_like(oof.clipwise), np.empty_like(oof.clipwise)
    for k in np.unique(oof.fold):
        inside, rest = oof.fold == k, oof.fold != k
        others = replace(
            labels, clip_ids=labels.clip_ids[rest], present=labels.present[rest], unsure=labels.unsure[rest]
        )
        collection = priors.collection_of(others, clips)
        where = [clip.metadata for clip, here in zip(clips, inside, strict=True) if here]
        context = priors.context_for_sound(collection, where, 0.5)
        post[inside] = priors.apply_postprocess(names, oof.clipwise[inside], context)
        joint = ed.confident_joint(labels.primary[rest], oof.clipwise[rest])
        errors[inside] = ed.times_error_distribution(oof.clipwise[inside], ed.given_if_true(joint))
    for name, values in (("labels_post", post), ("labels_errors", errors)):
        expected = average_precision_score(labels.present, values, average="macro")
        assert result[name]["overall"]["macro_ap"] == pytest.approx(expected, abs=1e-6)
        assert result[name]["overall"]["macro_ap"] != result["labels"]["overall"]["macro_ap"]
    with pytest.raises(UnknownName, match="unknown post-processor 'place'"):
        evaluate_run(workspace, run_id, post=["place"])
