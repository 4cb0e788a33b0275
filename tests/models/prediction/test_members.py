"""models/prediction/members.py: combinations of three runs that have nothing in common but the collection.

A small network, one at another resolution, and a linear head on vectors; each predicts a folder, and the combination's
predictions are worked out from theirs by hand.
"""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import weakref
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from labeling import runs
from labeling.errors import ArtefactError, ConfigError, DataError, Stopped
from labeling.predictions.oof import read_oof
from labeling.runs import run_folder
from labeling.workspace import Workspace, open_workspace
from models import enqueueing, worker
from models.combining import request
from models.combining.request import ENSEMBLE, STACK, Combination
from models.frozen.embedding import embed
from models.frozen.jobs import EmbedRequest, resolved
from models.linear.recordings import load_for
from models.prediction import members
from models.prediction.batch import Batch, load_batch, predict_batch
from models.prediction.members import ready
from models.prediction.soundscape import Loaded
from models.prediction.sources import BatchSettings, Source, sources_of
from models.prediction.tables import Summary
from tests.support.training.tiny import CLASSES, RATE, tiny_recipe, tiny_workspace
from tests.support.training.untrained import untrained_run

CPU = torch.device("cpu")
OTHER_RESOLUTION = (
    "hop_length=96",
    "n_mels=24",
    "time_pool=[4, 2]",
    "window_s=0.7",
    "sample_rate=6000",
    "fmax_hz=3000",
)
THREE = ("001-demo", "002-demo", "003-linear")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three unlike runs over the tiny collection, combinations of them, and a folder of recordings."""
    root = tmp_path_factory.mktemp("members")
    with closing(open_workspace(tiny_workspace(root / "w"))) as workspace:
        untrained_run(workspace, tiny_recipe(), seed=1)
        untrained_run(workspace, tiny_recipe(*OTHER_RESOLUTION), seed=2, backwards=True)
        embed(workspace, resolved(workspace, EmbedRequest("run:001-demo", "own", 0.5, processes=1)), lambda _: None,
              lambda: False, root / "log")  # fmt: skip
        settings = ["linear.space=own", "folds=2", "tensorboard=false"]
        linear = enqueueing.enqueue_training(
            workspace, "linear", reviewer="ann", note="", settings=settings, version=1, worker="me"
        )
        worker.run_job(workspace, linear, "me")
        for asked in (
            Combination(ENSEMBLE, THREE),
            Combination(ENSEMBLE, THREE, weights="3,1,4"),
            Combination(STACK, THREE, per_class=True),
            Combination(ENSEMBLE, THREE, vote=2, threshold=0.45, frame_threshold=0.48),
            Combination(ENSEMBLE, THREE, weights="fitted"),
            Combination(ENSEMBLE, ("005-ensemble", "002-demo"), post=("cooccurrence",), strength=0.5),
        ):
            worker.run_job(workspace, request.enqueue(workspace, asked, worker="me"), "me")
    field = root / "field"
    field.mkdir()
    rng = np.random.default_rng(0)
    for name, seconds in (("a.wav", 7.3), ("b.flac", 1.1)):
        t = np.arange(round(seconds * RATE)) / RATE
        wave = 0.05 * rng.standard_normal(len(t)) + 0.3 * np.sin(2 * np.pi * 1000 * t) * (t > 0.6)
        soundfile.write(field / name, wave, RATE)
    (field / "broken.wav").write_bytes(b"RIFF nothing of a sound at all")
    return root


@pytest.fixture(scope="module")
def workspace(world: Path) -> Any:
    with closing(open_workspace(world / "w")) as opened:
        yield opened


def sources(world: Path, *names: str) -> list[Source]:
    return sources_of([str(world / "field" / name) for name in names or ("a.wav", "b.flac")])


def frames_of(workspace: Workspace, run_id: str, source: Source, classes: tuple[str, ...]) -> tuple[Any, Any, Any]:
    """A single run's frames (T, C) of a recording on its own grid, and the windows' clipwise ones over them."""
    loaded = load_for(workspace)(workspace.run_dir(run_id), CPU)
    parts = list(loaded.predictor.open(source.path, lambda: False)[1])
    columns = [loaded.classes.index(code) for code in classes]
    both = (np.concatenate([getattr(part, kind)[:, columns] for part in parts]) for kind in ("frame", "clip"))
    return (*both, loaded.predictor.grid)


@cache
def on_the_finest(workspace: Workspace, source: Source) -> tuple[Any, Any]:
    """The three runs' frames and clips, each (3, T, C), on the combinations' grid: a loop over the frames' middles."""
    oof = read_oof(workspace.run_dir("004-ensemble") / "oof.zarr")
    every = [frames_of(workspace, name, source, oof.classes) for name in THREE]
    steps = {grid.step_s for _, _, grid in every}
    assert len(steps) == 3, "they are unlike"
    count = next(len(frame) for frame, _, grid in every if grid.step_s == min(steps))
    chosen: list[list[Any]] = [[], []]
    for frame, clip, grid in every:
        for kind, values in enumerate((frame, clip)):
            rows = []
            for t in range(count):
                middle_s = oof.grid.start_s + (t + 0.5) * oof.grid.step_s
                own = int(np.floor((middle_s - grid.start_s) / grid.step_s + 1e-9))
                rows.append(values[min(max(own, 0), len(values) - 1)])
            chosen[kind].append(rows)
    return np.array(chosen[0]), np.array(chosen[1])


def combined(batch: Batch, source: Source, folder: Path) -> tuple[Any, Any]:
    """A combination's frames and clips (T, C)."""
    with ready(batch.member, [source], folder, batch.load, CPU) as predictor:
        parts = list(predictor.open(source.path, lambda: False)[1])
    return np.concatenate([part.frame for part in parts]), np.concatenate([part.clip for part in parts])


def by_hand(workspace: Workspace, run_id: str, frame: Any, clip: Any) -> tuple[Any, Any]:
    """What a combination should make of the three runs' frames and clips (3, T, C), in words of its own kind."""
    facts = run_folder.facts(workspace.run_dir(run_id))
    if run_id == "004-ensemble":
        return frame.mean(0), clip.mean(0)
    if run_id == "005-ensemble":
        return tuple((3 * p[0] + 1 * p[1] + 4 * p[2]) / 8 for p in (frame, clip))
    if run_id == "006-stack":
        b, w = (np.array(facts["stack"][name]) for name in ("intercept", "coefficients"))
        logit = [np.log(q / (1 - q)) for q in (np.clip(p, 1e-4, 1 - 1e-4) for p in (frame, clip))]
        return tuple(1 / (1 + np.exp(-(b + sum(w[k] * x[k] for k in range(3))))) for x in logit)
    if run_id == "007-ensemble":
        voted = frame >= np.float32(0.48)
        return voted.mean(0), (voted & (clip >= np.float32(0.45))).mean(0)
    fitted = np.array([row["weight"] for row in facts["members"]])
    assert fitted.sum() == pytest.approx(1)
    return np.tensordot(fitted, frame, 1), np.tensordot(fitted, clip, 1)


@pytest.mark.parametrize("run_id", ["004-ensemble", "005-ensemble", "006-stack", "007-ensemble", "008-ensemble"])
def test_a_combination_predicts_what_its_members_predict_combined_by_hand(
    world: Path, workspace: Workspace, run_id: str, tmp_path: Path
) -> None:
    batch = load_batch(workspace, run_id, BatchSettings(segment_s=2.0), load_for(workspace))
    for source in sources(world):
        frame, clip = by_hand(workspace, run_id, *on_the_finest(workspace, source))
        found = combined(batch, source, tmp_path)
        np.testing.assert_allclose(found[0], frame, atol=1e-6)
        np.testing.assert_allclose(found[1], clip, atol=1e-6)
        assert len(np.unique(found[0])) > 2, "it says something"
    assert list(tmp_path.iterdir()) == [], "the sums are gone"

    # and the folder's tables are made of these: each segment holds the highest frame whose middle lies in it
    summary = Summary(tmp_path)
    every = sources(world, "a.wav", "broken.wav", "b.flac")
    assert predict_batch(batch, every, tmp_path, summary) == 1
    assert [row[2] for row in summary.rows.values()] == ["done", "failed", "done"]
    with open(tmp_path / "a.segments.csv", newline="", encoding="utf-8") as lines:
        rows = [[float(row[code]) for code in CLASSES] for row in csv.DictReader(lines)]
    frame, _ = by_hand(workspace, run_id, *on_the_finest(workspace, every[0]))
    order = [batch.member.classes.index(code) for code in CLASSES]
    grid = batch.member.grid
    middle_s = grid.start_s + (np.arange(len(frame)) + 0.5) * grid.step_s
    wanted = [frame[(middle_s // 2).astype(int).clip(0, 3) == k].max(0)[order] for k in range(4)]
    np.testing.assert_allclose(rows, wanted, atol=1.1e-5)
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".txt"}


def test_members_are_loaded_one_after_another_for_a_whole_block(
    world: Path, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never two at once, and one time for all recordings of a block; blocks do not change what comes out."""
    load, alive, loads = load_for(workspace), [], []

    def counted(run_dir: Path, device: torch.device) -> Loaded:
        assert not any(one() for one in alive), f"{run_dir.name} is loaded while {loads[-1]} is in memory"
        loaded = load(run_dir, device)
        alive.append(weakref.ref(loaded.predictor))
        loads.append(run_dir.name)
        return loaded

    batch = load_batch(workspace, "004-ensemble", BatchSettings(), counted)
    assert loads == list(THREE), "each is tried before any sound is read"
    told: list[float] = []
    predict_batch(batch, sources(world), tmp_path, Summary(tmp_path), lambda one: told.append(one["fraction"]))
    assert loads == list(THREE) * 2
    assert told == sorted(told)
    assert told[-1] == 1
    monkeypatch.setattr(members, "BLOCK_S", 5.0)
    (tmp_path / "other").mkdir()
    predict_batch(batch, sources(world), tmp_path / "other", Summary(tmp_path / "other"))
    assert loads == list(THREE) * 4
    for name in ("a", "b"):
        for part in (".segments.csv", ".labels.txt"):
            assert (tmp_path / f"{name}{part}").read_bytes() == (tmp_path / "other" / f"{name}{part}").read_bytes()


def test_a_combination_of_a_combination_and_its_own_post_processors(
    world: Path, workspace: Workspace, tmp_path: Path
) -> None:
    """009 averages 005 and 002, and shifts what comes out by what occurs together, at half the strength."""
    batch = load_batch(workspace, "009-ensemble", BatchSettings(segment_s=2.0), load_for(workspace))
    (source,) = sources(world, "a.wav")
    frame, clip = on_the_finest(workspace, source)
    inner, _ = by_hand(workspace, "005-ensemble", frame, clip)
    found, _ = combined(batch, source, tmp_path)
    np.testing.assert_allclose(found, (inner + frame[1]) / 2, atol=1e-6)
    assert batch.post is not None
    assert batch.post.parts == (("cooccurrence", 0.5),)
    first, second, *rest = batch.member.lines()
    assert first == "009-ensemble: ensemble of 2 runs, loaded one after another"
    assert second == "  005-ensemble: ensemble of 3 runs, loaded one after another, weight 0.500"
    assert rest[0] == "    001-demo: 2 networks, those of all folds, weight 0.375"
    with pytest.raises(ConfigError, match="--post cooccurrence is in run 009-ensemble already"):
        load_batch(workspace, "009-ensemble", BatchSettings(post=("cooccurrence",)), load_for(workspace))
    outer = request.enqueue(workspace, Combination(ENSEMBLE, ("009-ensemble", "002-demo")), worker="me")
    worker.run_job(workspace, outer, "me")
    with pytest.raises(DataError, match=r"post-processors \(cooccurrence\) that cannot be applied inside another"):
        load_batch(workspace, outer.id, BatchSettings(), load_for(workspace))


def test_what_cannot_be_heard_is_said_before_any_sound_is_read(workspace: Workspace) -> None:
    load = load_for(workspace)
    brought = runs.enqueue(workspace, "brought", 1, worker="me")
    oof = workspace.run_dir("001-demo") / "oof.zarr"
    workspace.run_dir(brought.id).mkdir()
    (workspace.run_dir(brought.id) / "oof.zarr").symlink_to(oof)
    runs.finish(workspace, brought.id, "me", "done", metrics={})
    mixed = request.enqueue(workspace, Combination(ENSEMBLE, ("002-demo", brought.id)), worker="me")
    worker.run_job(workspace, mixed, "me")
    with pytest.raises(DataError, match=f"run {brought.id} was brought from elsewhere"):
        load_batch(workspace, mixed.id, BatchSettings(), load)
    noisy = runs.enqueue(workspace, "stack", 1, settings=["members=001-demo,002-demo", "noisy=True"], worker="me")
    runs.finish(workspace, noisy.id, "me", "done", metrics={})
    with pytest.raises(DataError, match=r"stacked with --noisy.*stack the runs without it"):
        load_batch(workspace, noisy.id, BatchSettings(), load)
    facts = workspace.run_dir("005-ensemble") / "run.json"
    text = facts.read_text()
    try:
        facts.write_text(text.replace("003-linear", "002-demo"))
        with pytest.raises(ArtefactError, match="does not say how run 005-ensemble weighs its members"):
            load_batch(workspace, "005-ensemble", BatchSettings(), load)
    finally:
        facts.write_text(text)


def test_a_stop_is_heard_within_a_member(world: Path, workspace: Workspace, tmp_path: Path) -> None:
    batch = load_batch(workspace, "004-ensemble", BatchSettings(), load_for(workspace))
    with pytest.raises(Stopped):
        predict_batch(batch, sources(world), tmp_path, Summary(tmp_path), should_stop=lambda: True)
    assert not list(tmp_path.glob("*.segments.csv"))
    assert not list(tmp_path.glob(".combining*"))


def test_the_sums_of_a_killed_process_are_cleared_away_and_nobody_elses(
    world: Path, workspace: Workspace, tmp_path: Path
) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    names = [f".combining-{socket.gethostname()}-{pid}-x1" for pid in (dead.pid, os.getpid())]
    names.append(f".combining-elsewhere-{dead.pid}-x1")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.npy").write_bytes(b"sums")
    batch = load_batch(workspace, "004-ensemble", BatchSettings(), load_for(workspace))
    predict_batch(batch, sources(world, "b.flac"), tmp_path, Summary(tmp_path))
    assert {path.name for path in tmp_path.glob(".combining*")} == set(names[1:])
