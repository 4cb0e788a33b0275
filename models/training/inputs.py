"""What a run of K folds learns from, and where a process of it works."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from labeling.errors import ConfigError
from labeling.predictions.oof import Oof
from labeling.records import Clip, FrameGrid, Labels
from models.config import Recipe
from models.folds.selection import selected
from models.folds.task import ALL_DATA, Task
from models.runfolder.folder import RunFolder
from models.runfolder.processes import ProcessGroup
from models.runfolder.progress import Progress
from models.targets.rules import ClipTruth, truths_of


@dataclass(frozen=True)
class RunInputs:
    """What a run learns from.

    ``clips`` (N) are those with labels; ``rows`` (N,) their rows in ``labels``; ``train_clips`` and ``pretrain_clips``
    (N,) bool, which of them train; ``truths`` (N) their targets; ``usable`` the places in ``clips`` of those
    with sound.
    """

    recipe: Recipe
    labels: Labels
    label_version: int
    teacher: Oof | None
    clips: list[Clip]
    rows: NDArray[np.int64]
    train_clips: NDArray[np.bool_]
    pretrain_clips: NDArray[np.bool_]
    truths: list[ClipTruth]
    usable: NDArray[np.int64]

    @property
    def n_folds(self) -> int:
        """K."""
        return self.recipe.folds.folds

    @property
    def networks(self) -> list[tuple[int, int]]:
        """(fold, member) of each network to train, in order."""
        folds = [*range(self.n_folds), *([ALL_DATA] if self.recipe.train.all_data else [])]
        return [(fold, member) for fold in folds for member in range(self.recipe.train.members)]


Elsewhere = Callable[["RunInputs", "Context", NDArray[np.int32], FrameGrid, list[Task]], None]
"""``elsewhere(inputs, context, fold, grid, tasks)`` has the networks of a run trained by others, and returns when the
folder holds what they left. ``fold`` (n,) is that of each usable clip, -1 for one left out. Raises as a training."""


@dataclass(frozen=True)
class Context:
    """Where a process of a run computes and writes, and whom it tells and asks; ``elsewhere``: who trains the networks
    in its place."""

    folder: RunFolder
    device: torch.device
    processes: ProcessGroup
    progress: Progress
    should_stop: Callable[[], bool]
    cache_dir: Path | None
    elsewhere: Elsewhere | None = None

    @property
    def leads(self) -> bool:
        """Whether this process owns the run."""
        return self.processes.leads


def join_inputs(
    recipe: Recipe, clips: Sequence[Clip], labels: Labels, label_version: int, teacher: Oof | None
) -> RunInputs:
    """Clips joined to labels by id, with their targets. Raises ConfigError where nothing is left to train on."""
    row_of = {int(clip_id): row for row, clip_id in enumerate(labels.clip_ids)}
    labelled = [clip for clip in clips if clip.id in row_of]
    if not labels.classes:
        raise ConfigError("the labels have no classes; import a table with labels first")
    if not labelled:
        raise ConfigError("no clip has labels; import clips first")
    rows = np.array([row_of[clip.id] for clip in labelled], dtype=np.int64)
    reviewed = np.asarray(labels.reviewed[rows].any(1), dtype=bool)
    return RunInputs(
        recipe,
        labels,
        label_version,
        teacher,
        labelled,
        rows,
        train_clips=selected("data.clips", recipe.data.clips, labelled, reviewed),
        pretrain_clips=selected("data.pretrain_clips", recipe.data.pretrain_clips, labelled, reviewed),
        truths=truths_of(labels, [int(row) for row in rows], teacher, recipe.targets),
        usable=np.array([k for k, clip in enumerate(labelled) if clip.usable], dtype=np.int64),
    )
