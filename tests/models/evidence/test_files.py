"""evidencefiles.py: a run's evidence is the mean of its networks'; what is damaged is made again or left out."""

import numpy as np
import pytest

from labeling.predictions.oof import read_oof
from labeling.predictions.training_evidence import read_run_evidence
from models.networks.checkpoints import load_tensors
from models.training import crossval
from models.training.crossval import cross_validate
from tests.support.training.tiny import assert_same_evidence, same_oof, tiny_collection, tiny_recipe

RECIPE = tiny_recipe("epochs=2", "folds=3", "members=2")


def run(collection, folder, recipe=RECIPE):
    return cross_validate(recipe, *collection, folder, label_version=7, device="cpu")


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return tiny_collection(tmp_path_factory.mktemp("audio"))


@pytest.fixture(scope="module")
def straight(collection, tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    run(collection, folder)
    return folder


def test_a_run_s_evidence_is_the_mean_over_its_networks(straight):
    """Clip by clip from the networks' own files; neighbours are clips of other folds."""
    evidence, oof = read_run_evidence(straight / "evidence.zarr"), read_oof(straight / "oof.zarr")
    assert evidence is not None
    assert evidence.clip_ids.tolist() == oof.clip_ids.tolist()
    assert evidence.classes == oof.classes
    parts = [[] for _ in oof.clip_ids]
    for path in sorted((straight / "checkpoints").glob("*.dynamics.safetensors")):
        tensors, _ = load_tensors(path)
        fold = int(path.name[4])
        arrays = [tensors[name] for name in ("clip_ids", "margin", "forgotten", "epoch_spread")]
        for clip_id, *cells in zip(*arrays, strict=True):
            row = oof.clip_ids.tolist().index(int(clip_id))
            assert oof.fold[row] != fold, "trained on a clip that it was to predict"
            parts[row].append([one.numpy() for one in cells])
    assert max(map(len, parts)) == 4, "two folds, two members"
    for row, found in enumerate(parts):
        wanted = np.mean(found, axis=0) if found else np.full((3, 3), np.nan)
        got = [evidence.margin[row], evidence.forgotten[row], evidence.epoch_spread[row]]
        np.testing.assert_allclose(got, wanted, atol=1e-5)
    assert evidence.has_neighbours
    for row in range(len(evidence)):
        own = evidence.neighbour[evidence.stretch_offsets[row] : evidence.stretch_offsets[row + 1]]
        assert len(own)
        assert (oof.fold[own[own >= 0]] != oof.fold[row]).all()


def test_what_is_damaged_is_made_again_or_left_out(collection, straight, tmp_path, monkeypatch):
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(straight, folder)
    for name in ("fold0.m0.neighbours", "fold1.m0.neighbours"):
        path = folder / "checkpoints" / f"{name}.safetensors"
        path.write_bytes(path.read_bytes()[:-5])

    def refuse(*more):
        raise AssertionError("trained again")

    monkeypatch.setattr(crossval.FoldTrainer, "run", refuse)
    run(collection, folder)
    assert same_oof(folder, straight)
    assert_same_evidence(folder, straight)
    for path in (folder / "checkpoints").glob("*.dynamics.safetensors"):
        path.write_bytes(b"broken")
    run(collection, folder)
    evidence = read_run_evidence(folder / "evidence.zarr")
    assert evidence is not None
    assert not evidence.has_dynamics
    assert evidence.has_neighbours
    assert "fold2.m1: training dynamics left out" in (folder / "log.txt").read_text()


def test_neighbours_that_cannot_be_found_fail_no_run(collection, tmp_path, monkeypatch):
    def fail(*more):
        raise RuntimeError("out of memory")

    monkeypatch.setattr("models.evidence.files.find_neighbours", fail)
    run(collection, tmp_path, tiny_recipe("epochs=1"))
    evidence = read_run_evidence(tmp_path / "evidence.zarr")
    assert evidence is not None
    assert not evidence.has_neighbours
    assert "no neighbours were found (RuntimeError: out of memory)" in (tmp_path / "log.txt").read_text()
    assert (tmp_path / "oof.zarr").exists()


def test_both_can_be_switched_off(collection, tmp_path):
    run(collection, tmp_path, tiny_recipe("epochs=1", "train.dynamics=false", "predict.neighbours=0"))
    assert read_run_evidence(tmp_path / "evidence.zarr") is None
    assert not list((tmp_path / "checkpoints").glob("*.dynamics.*"))
