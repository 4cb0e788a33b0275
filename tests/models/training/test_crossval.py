import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeling.errors import ArtefactError, AudioError, ConfigError, Stopped, WorkspaceFull
from labeling.predictions.oof import read_oof
from models.config import load_recipe
from models.training.crossval import cross_validate
from tests.support import ROOT
from tests.support.training.tiny import CLASSES, assert_same_evidence, tiny_collection, tiny_recipe

RECIPE = tiny_recipe()


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return tiny_collection(tmp_path_factory.mktemp("audio"))


def run(collection, folder, recipe=RECIPE, **more):
    return cross_validate(recipe, *collection, folder, label_version=7, device="cpu", **more)


@pytest.fixture(scope="module")
def straight(collection, tmp_path_factory):
    """One uninterrupted run, to which others are compared."""
    folder = tmp_path_factory.mktemp("straight")
    told = []
    truth = ~collection[1].present
    return folder, run(collection, folder, report=told.append, truth=truth), told


def assert_same_oof(folder, other):
    mine, theirs = read_oof(folder / "oof.zarr"), read_oof(other / "oof.zarr")
    assert mine.filenames == theirs.filenames
    np.testing.assert_array_equal(mine.clipwise, theirs.clipwise)
    np.testing.assert_array_equal(mine.framewise[:], theirs.framewise[:])
    np.testing.assert_array_equal(mine.fold, theirs.fold)
    assert_same_evidence(folder, other)


def test_the_folder_of_a_run(collection, straight):
    labels = collection[1]
    folder, result, _ = straight
    assert load_recipe(str(folder / "recipe.toml")) == RECIPE
    about = json.loads((folder / "run.json").read_text())
    assert about["label_version"] == 7
    assert about["label_hash"] == labels.content_hash
    assert about["classes"] == list(CLASSES)
    assert about["device"] == "cpu"
    assert about["seed"] == 0
    assert about["skipped"] == {}
    assert {"torch", "librosa", "numpy", "python"} <= set(about["versions"])
    assert json.loads((folder / "metrics.json").read_text()) == result
    assert result["against"] == "labels"
    assert set(result["per_class"]) == set(CLASSES)
    assert result["truth"]["overall"]["macro_auc"] == pytest.approx(1 - result["overall"]["macro_auc"])
    history = pd.read_csv(folder / "history.csv")
    assert list(zip(history["fold"], history["epoch"], strict=True)) == [(f, e) for f in (0, 1) for e in (1, 2, 3)]
    assert (history["lr"] >= 0).all()
    table = pd.read_parquet(folder / "folds.parquet")
    assert table.groupby("group")["fold"].nunique().max() == 1
    names = {path.name for path in (folder / "checkpoints").iterdir()}
    ends = ("json", *(f"{end}.safetensors" for end in ("s0", "predictions", "dynamics", "neighbours")))
    assert names == {f"fold{k}.m0.{end}" for k in (0, 1) for end in ends}
    assert not [path for path in folder.rglob("*") if path.suffix in (".pt", ".pth", ".pkl")]
    assert "done" in (folder / "log.txt").read_text()


def test_every_clip_is_predicted_once_by_the_fold_that_never_saw_it(collection, straight):
    clips, labels = collection
    folder, _, _ = straight
    oof = read_oof(folder / "oof.zarr")
    table = pd.read_parquet(folder / "folds.parquet").set_index("clip_id")["fold"]
    assert oof.clip_ids.tolist() == [clip.id for clip in clips]
    assert oof.fold.tolist() == table.loc[oof.clip_ids].tolist()
    assert (oof.label_version, oof.label_hash) == (7, labels.content_hash)
    assert oof.grid.step_s == pytest.approx(4 * 128 / 8000)
    for k, clip in enumerate(clips):
        n = len(oof.frames(k))
        assert oof.grid.start_s + n * oof.grid.step_s >= clip.duration_s - 1e-6
        assert oof.grid.start_s + (n - 1) * oof.grid.step_s < clip.duration_s


def test_progress_rises_to_one(straight):
    _, _, told = straight
    fractions = [one["fraction"] for one in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    phases = list(dict.fromkeys(one["phase"] for one in told))
    assert phases == ["reading audio", "training", "predicting", "done"]
    training = [one for one in told if one["phase"] == "training"]
    assert {(one["fold"], one["folds"], one["epochs"]) for one in training} == {(1, 2, 3), (2, 2, 3)}
    assert all(one["eta_s"] is None or one["eta_s"] >= 0 for one in told)


def test_the_same_again_is_the_same_bit_for_bit(collection, straight, tmp_path):
    run(collection, tmp_path)
    assert_same_oof(tmp_path, straight[0])


def test_another_seed_gives_other_predictions(collection, straight, tmp_path):
    run(collection, tmp_path, tiny_recipe("seed=1", "epochs=1"))
    assert not np.array_equal(read_oof(tmp_path / "oof.zarr").clipwise, read_oof(straight[0] / "oof.zarr").clipwise)


class Broken(Exception):
    pass


@pytest.mark.parametrize(("fold", "epoch"), [(1, 1), (1, 3), (2, 2)])
def test_interrupted_and_resumed_is_the_same_bit_for_bit(collection, straight, tmp_path, fold, epoch):
    def report(progress):
        if progress.get("fold") == fold and progress.get("epoch") == epoch and "valid_loss" in progress:
            raise Broken

    with pytest.raises(Broken):
        run(collection, tmp_path, report=report)
    assert not (tmp_path / "oof.zarr").exists()
    assert not (tmp_path / "metrics.json").exists()
    told = []
    run(collection, tmp_path, report=told.append)
    first = next(one for one in told if one["phase"] == "training" or one["phase"] == "predicting")
    assert (first["fold"], first.get("epoch", 4)) >= (fold, epoch)
    assert_same_oof(tmp_path, straight[0])
    mine, theirs = (pd.read_csv(path / "history.csv").drop(columns="seconds") for path in (tmp_path, straight[0]))
    pd.testing.assert_frame_equal(mine, theirs)


KILLED = """
import sys, pathlib, torch
from tests.support.training.tiny import tiny_collection, tiny_recipe
from models.training.crossval import cross_validate
torch.set_num_threads({threads})
torch.manual_seed(99)
clips, labels = tiny_collection(pathlib.Path({audio!r}))
other = pathlib.Path({folder!r} + "-before")
before = tiny_recipe("epochs=1", "seed=5", "dropout=0.5")
cross_validate(before, clips, labels, other, label_version=7, device="cpu")
cross_validate(tiny_recipe(), clips, labels, pathlib.Path({folder!r}), label_version=7, device="cpu",
               report=lambda progress: print(progress.get("fold"), progress.get("epoch"), flush=True))
"""


def test_kill_9_in_mid_training_resumes_to_the_same_whatever_ran_before(collection, straight, tmp_path):
    import torch

    audio, folder = tmp_path / "audio", tmp_path / "run"
    audio.mkdir()
    threads = torch.get_num_threads()
    code = KILLED.format(audio=str(audio), folder=str(folder), threads=threads)
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.split() == ["1", "2"]:
            break
    time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    assert not (folder / "oof.zarr").exists()
    half = folder / "checkpoints" / ".fold0.m0.resume.safetensors.killed.part"
    half.write_bytes(b"half of it")  # as one that dies while it writes leaves it
    moved = [replace(clip, path=str(audio / clip.filename)) for clip in collection[0]]
    run((moved, collection[1]), folder)
    assert "resumed after epoch" in (folder / "log.txt").read_text()
    assert not list(half.parent.glob("*resume*"))
    assert_same_oof(folder, straight[0])


FULL = (
    "pretrain_epochs=1",
    "epochs=2",
    "members=2",
    "snapshots=2",
    "all_data=true",
    "freeze_bn_fraction=0.5",
    "clip_pool=mean",
)


@pytest.fixture(scope="module")
def full(collection, tmp_path_factory):
    """A run with every stage, to which interrupted ones are compared."""
    folder = tmp_path_factory.mktemp("full")
    run(collection, folder, tiny_recipe(*FULL))
    return folder


def test_the_folder_of_a_run_with_every_stage(full):
    ends = ("json", "s0.safetensors", "s1.safetensors")
    expected = {f"{place}.m{m}.{end}" for place in ("fold0", "fold1", "all") for m in (0, 1) for end in ends}
    kept = ("predictions", "dynamics")
    expected |= {f"fold{k}.m{m}.{end}.safetensors" for k in (0, 1) for m in (0, 1) for end in kept}
    expected |= {f"fold{k}.m0.neighbours.safetensors" for k in (0, 1)}
    assert {path.name for path in (full / "checkpoints").iterdir()} == expected
    history = pd.read_csv(full / "history.csv")
    assert history["fold"].tolist() == [0] * 6 + [1] * 6 + [-1] * 6
    assert history["member"].tolist() == [0, 0, 0, 1, 1, 1] * 3
    assert history["stage"].tolist() == ["pretrain", "train", "train"] * 6
    assert history["epoch"].tolist() == [1, 2, 3] * 6
    assert history[history["fold"] >= 0]["valid_loss"].notna().all()
    assert history[history["fold"] < 0]["valid_loss"].isna().all()


def test_oof_is_the_mean_over_members_and_snapshots(collection, full, tmp_path):
    """Predicted here once more, network by network."""
    import torch

    from models.inputs.clips import AudioStore
    from models.inputs.features import FrontEnd
    from models.networks.catalogue import build_network
    from models.networks.checkpoints import load_tensors
    from models.networks.heads import frame_grid
    from models.prediction.windows import predict_clips
    from models.runfolder.folder import networks_of

    recipe = tiny_recipe(*FULL)
    oof = read_oof(full / "oof.zarr")
    store = AudioStore(collection[0], recipe.features, recipe.data)
    store.load(lambda done, total: None, lambda: False)
    rows = np.flatnonzero(oof.fold == 1)
    found = []
    for name in ("m0.s0", "m0.s1", "m1.s0", "m1.s1"):
        network = build_network(recipe, 3)
        network.load_state_dict(load_tensors(full / "checkpoints" / f"fold1.{name}.safetensors")[0])
        grid = frame_grid(network, recipe.features)
        network.to(memory_format=torch.channels_last)
        found.append(predict_clips(network, FrontEnd(recipe.features), store, rows, recipe.predict, grid)[0])
    assert len({one.tobytes() for one in found}) == 4
    np.testing.assert_allclose(oof.clipwise[rows], np.mean(found, axis=0), atol=1e-6)
    _, classes, grid, paths = networks_of(full)
    assert classes == CLASSES
    assert grid == oof.grid
    assert [path.name for path in paths] == [f"all.m{m}.s{s}.safetensors" for m in (0, 1) for s in (0, 1)]


@pytest.mark.parametrize("at", [(1, 1, 1), (1, 2, 3), (2, 1, 2), (0, 1, 2)])
def test_a_run_with_every_stage_resumes_in_any_of_them(collection, full, tmp_path, at):
    def report(progress):
        if (progress.get("fold"), progress.get("member"), progress.get("epoch")) == at and "valid_loss" in progress:
            raise Broken

    with pytest.raises(Broken):
        run(collection, tmp_path, tiny_recipe(*FULL), report=report)
    run(collection, tmp_path, tiny_recipe(*FULL))
    assert_same_oof(tmp_path, full)
    for path in (full / "checkpoints").glob("*.s?.safetensors"):
        assert path.read_bytes() == (tmp_path / "checkpoints" / path.name).read_bytes(), path.name
    mine, theirs = (pd.read_csv(path / "history.csv").drop(columns="seconds") for path in (tmp_path, full))
    pd.testing.assert_frame_equal(mine, theirs)


def test_pretraining_and_training_never_see_the_held_out_clips(collection, tmp_path, monkeypatch):
    from models.training import crossval

    seen = []
    train = crossval.FoldTrainer.run

    def watched(trainer, *more):
        seen.append(trainer.task)
        return train(trainer, *more)

    monkeypatch.setattr(crossval.FoldTrainer, "run", watched)
    clips = [replace(clip, metadata={"set": "noisy" if clip.id % 2 else "curated"}) for clip in collection[0]]
    settings = ("epochs=1", "pretrain_epochs=1", "data.pretrain_clips=set=noisy", "data.clips=set=curated")
    told = []
    run((clips, collection[1]), tmp_path, tiny_recipe(*settings, "all_data=true"), report=told.append)
    few = json.loads((tmp_path / "run.json").read_text())["warnings"]
    assert [line.partition(",")[0] for line in few if "takes" in line] == [
        "data.clips = 'set=curated' takes 6 of 12 clips", "data.pretrain_clips = 'set=noisy' takes 6 of 12 clips"
    ]  # fmt: skip
    warned = [at for at, progress in enumerate(told) if progress.get("warning") in few]
    assert warned[-1] < next(at for at, progress in enumerate(told) if progress["phase"] == "training")
    fold = read_oof(tmp_path / "oof.zarr").fold
    assert len(fold) == 12, "all clips are predicted"
    assert [task.name for task in seen] == ["fold0.m0", "fold1.m0", "all.m0"]
    for k, task in zip((0, 1, -1), seen, strict=True):
        inside = set(np.flatnonzero(fold != k).tolist())
        assert set(task.pretrain_rows.tolist()) == {row for row in inside if clips[row].id % 2}
        assert set(task.rows.tolist()) == {row for row in inside if not clips[row].id % 2}


def test_lost_predictions_are_made_again_without_training(collection, full, tmp_path, monkeypatch):
    import shutil

    from models.training import crossval

    folder = Path(shutil.copytree(full, tmp_path / "run"))
    shutil.rmtree(folder / "oof.zarr")
    (folder / "checkpoints" / "fold1.m0.predictions.safetensors").unlink()

    def refuse(*more):
        raise AssertionError("trained again")

    monkeypatch.setattr(crossval.FoldTrainer, "run", refuse)
    run(collection, folder, tiny_recipe(*FULL))
    assert_same_oof(folder, full)


def test_curves_go_to_the_trackers_once(collection, tmp_path, monkeypatch):
    from models.training import crossval

    class Kept:
        def __init__(self) -> None:
            self.points, self.closed = [], 0

        def log(self, fold, step, values):
            self.points.append((fold, step, tuple(sorted(values))))

        def close(self):
            self.closed += 1

    kept = Kept()
    monkeypatch.setattr(crossval, "open_trackers", lambda *more: kept)
    run(collection, tmp_path, tiny_recipe("epochs=2"))
    names = ("lr", "train_loss", "valid_loss", "valid_macro_ap")
    assert kept.points == [(0, 1, names), (0, 2, names), (1, 1, names), (1, 2, names)]
    assert kept.closed == 1


def test_stop_is_heard_and_the_run_goes_on_later(collection, straight, tmp_path):
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > 16

    with pytest.raises(Stopped):
        run(collection, tmp_path, should_stop=stop)
    run(collection, tmp_path)
    assert_same_oof(tmp_path, straight[0])


def test_files_cut_short_are_not_trusted(collection, straight, tmp_path):
    run(collection, tmp_path)
    for path in (tmp_path / "checkpoints").glob("*.predictions.safetensors"):
        path.write_bytes(path.read_bytes()[:-10])
    (tmp_path / "metrics.json").unlink()
    run(collection, tmp_path)
    assert "not whole" in (tmp_path / "log.txt").read_text()
    assert_same_oof(tmp_path, straight[0])


def test_a_full_disk_leaves_nothing_that_a_resume_would_trust(collection, straight, tmp_path, monkeypatch):
    import errno

    real, written = os.fsync, 0

    def fsync(handle):
        nonlocal written
        written += 1
        if written == 9:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(WorkspaceFull, match="free some and try again"):
        run(collection, tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    run(collection, tmp_path)
    assert_same_oof(tmp_path, straight[0])


def test_a_folder_of_another_run_is_refused(collection, straight):
    with pytest.raises(ArtefactError, match="another recipe"):
        run(collection, straight[0], tiny_recipe("epochs=4"))
    labels = replace(collection[1], content_hash="other")
    with pytest.raises(ArtefactError, match="start a new run"):
        run((collection[0], labels), straight[0])


def test_bad_clips_are_left_out_and_named(tmp_path):
    audio = tmp_path / "audio"
    audio.mkdir()
    clips, labels = tiny_collection(audio)
    (audio / "clip02.wav").write_bytes(b"RIFF not really")
    clips[5] = replace(clips[5], status="missing", reason="no such file")
    run((clips, labels), tmp_path / "run", tiny_recipe("epochs=1"))
    oof = read_oof(tmp_path / "run" / "oof.zarr")
    assert set(oof.clip_ids) == {clip.id for clip in clips} - {3, 6}
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert set(about["skipped"]) == {"clip02.wav", "clip05.wav"}
    assert about["skipped"]["clip05.wav"] == "no such file"
    assert "skipped clip02.wav" in (tmp_path / "run" / "log.txt").read_text()


def test_missing_groups_are_counted_in_the_log(collection, tmp_path):
    clips = [replace(clip, group="") for clip in collection[0]]
    told = []
    run((clips, collection[1]), tmp_path, tiny_recipe("epochs=1"), report=told.append)
    assert "12 of 12 clips have no group" in (tmp_path / "log.txt").read_text()
    assert json.loads((tmp_path / "run.json").read_text())["ungrouped"] == 12
    assert any("no group" in one.get("warning", "") for one in told)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"folds": 20}, ConfigError, "groups"),
        ({"device": "tpu"}, ConfigError, "auto, cpu, cuda"),
    ],
)
def test_what_cannot_be_trained_says_why(collection, tmp_path, change, error, words):
    with pytest.raises(error, match=words):
        cross_validate(RECIPE, *collection, tmp_path, label_version=1, **({"device": "cpu"} | change))


def test_no_readable_clip_at_all(tmp_path):
    audio = tmp_path / "audio"
    audio.mkdir()
    clips, labels = tiny_collection(audio, 4)
    for clip in clips:
        Path(clip.path).write_bytes(b"")
    with pytest.raises(AudioError, match="no clip"):
        run((clips, labels), tmp_path / "run")
    with pytest.raises(ConfigError, match="no clip has labels"):
        run(([], labels), tmp_path / "other")
