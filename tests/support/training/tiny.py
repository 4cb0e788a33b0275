"""A collection and a recipe so small that a fold trains in about a second; shared by the training's tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from labeling.collection import adding
from labeling.journal import versions
from labeling.predictions.oof import read_oof
from labeling.predictions.training_evidence import read_run_evidence
from labeling.records import Clip, Labels
from labeling.workspace import open_workspace
from models.config import Recipe, load_recipe

RATE = 8000
CLASSES = ("low", "middle", "high")
PITCH_HZ = (400.0, 1000.0, 2500.0)
SETTINGS = (
    "sample_rate=8000",
    "n_fft=256",
    "hop_length=128",
    "n_mels=16",
    "fmax_hz=4000",
    "widths=[4, 8]",
    "time_pool=[2, 2]",
    "chunk_s=0.8",
    "window_s=1.0",
    "train.batch_size=6",
    "epochs=3",
    "folds=2",
    "validate_every=1",
    "data.workers=2",
    "mixup.probability=0.5",
    "tensorboard=false",
)


def tiny_recipe(*settings: str) -> Recipe:
    return load_recipe("demo", [*SETTINGS, *settings])


def tiny_collection(folder: Path, n: int = 12, seed: int = 0) -> tuple[list[Clip], Labels]:
    """``n`` clips of 1 to 2 s, each with one or two of three tones; two clips a group."""
    rng = np.random.default_rng(seed)
    present = np.zeros((n, 3), dtype=bool)
    clips = []
    for i in range(n):
        present[i, i % 3] = True
        present[i, rng.integers(3)] = True
        seconds = 1.0 + 0.1 * (i % 10)
        t = np.arange(int(seconds * RATE)) / RATE
        wave = 0.01 * rng.standard_normal(len(t))
        for c in np.flatnonzero(present[i]):
            wave += 0.2 * np.sin(2 * np.pi * PITCH_HZ[c] * t + rng.random())
        path = folder / f"clip{i:02d}.wav"
        soundfile.write(path, wave, RATE, subtype="PCM_16")
        clips.append(Clip(i + 1, path.name, str(path), seconds, RATE, 1, group=f"g{i // 2}"))
    labels = Labels(
        clip_ids=np.arange(1, n + 1),
        filenames=tuple(clip.filename for clip in clips),
        classes=CLASSES,
        present=present,
        unsure=np.zeros_like(present),
        reviewed=np.zeros_like(present),
        primary=np.argmax(present, axis=1).astype(np.int32),
        content_hash="0123abcd",
    )
    return clips, labels


def tiny_workspace(root: Path) -> Path:
    """A closed workspace at ``root`` with the tiny collection, whose labels are frozen as version 1."""
    workspace = open_workspace(root, create=True)
    clips, labels = tiny_collection(root)
    new = [
        adding.NewClip(
            filename=clip.filename,
            path=clip.path,
            row=row,
            labels=tuple((labels.classes[c], "secondary") for c in np.flatnonzero(labels.present[row])),
            group=clip.group,
            duration_s=clip.duration_s,
            sample_rate=clip.sample_rate,
            channels=1,
            content_hash=str(row),
            metadata={"half": "ab"[row % 2]},
        )
        for row, clip in enumerate(clips)
    ]
    with workspace.write() as connection:
        adding.add_collection(
            connection, format="table", source=str(root), audio_root=str(root), options={}, table_name="t.csv",
            table_bytes=b"", clips=new, class_names={},
        )  # fmt: skip
    versions.freeze(workspace, "ann")
    workspace.close()
    return root


def assert_same_evidence(folder: Path, other: Path) -> None:
    """Two runs recorded the same bit for bit, and something."""
    mine, theirs = (read_run_evidence(path / "evidence.zarr") for path in (folder, other))
    assert mine is not None
    assert theirs is not None
    assert mine.has_dynamics
    assert mine.has_neighbours
    for name, value in vars(mine).items():
        np.testing.assert_array_equal(value, getattr(theirs, name), err_msg=name)


def same_oof(folder: Path, other: Path) -> bool:
    """Whether two runs' folders hold the same predictions bit for bit."""
    mine, theirs = read_oof(folder / "oof.zarr"), read_oof(other / "oof.zarr")
    return (
        mine.filenames == theirs.filenames
        and np.array_equal(mine.clipwise, theirs.clipwise)
        and np.array_equal(mine.framewise[:], theirs.framewise[:])
        and np.array_equal(mine.fold, theirs.fold)
    )
