"""A collection and a recipe so small that a fold trains in about a second; shared by the training's tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from labeling.records import Clip, Labels
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
    "mixup_probability=0.5",
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
