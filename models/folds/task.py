"""Which network is trained on which clips, and what all networks of a run share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.inputs import augment
from models.inputs.clips import AudioStore
from models.targets.rules import ClipTruth

ALL_DATA = -1
"""The fold of a network that is trained on all clips."""


@dataclass(frozen=True)
class TrainingData:
    """What all networks of a run share. ``present`` and ``known`` (N, C) bool, and ``truths``, by the store's row."""

    store: AudioStore
    truths: Sequence[ClipTruth]
    present: NDArray[np.bool_]
    known: NDArray[np.bool_]
    classes: tuple[str, ...]
    backgrounds: augment.Backgrounds | None = None


@dataclass(frozen=True)
class Task:
    """One network to train: which it is, and the store's rows to pretrain, train and validate on."""

    fold: int
    member: int
    rows: NDArray[np.int64]
    pretrain_rows: NDArray[np.int64]
    valid_rows: NDArray[np.int64]

    @property
    def name(self) -> str:
        """What its files begin with: ``fold0.m1``, ``all.m0``."""
        return f"{'all' if self.fold == ALL_DATA else f'fold{self.fold}'}.m{self.member}"

    def seed(self, *words: int) -> np.random.SeedSequence:
        """The root of its randomness: (run's seed, fold, what else tells uses apart)."""
        first, *rest = words
        return np.random.SeedSequence([first, 2**32 - 1 if self.fold == ALL_DATA else self.fold, *rest])


def resume_file(folder: Path, task: Task) -> Path:
    """Where a network's training stands while it is under way."""
    return folder / f"{task.name}.resume.safetensors"
