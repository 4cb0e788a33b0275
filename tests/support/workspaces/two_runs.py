"""A second run beside the trained one, made from it: other frames, other folds, a noise of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from labeling import runs
from labeling.disagreement.scoring import score_run
from labeling.predictions.oof import Oof, read_oof, write_oof
from labeling.records import FrameGrid
from labeling.workspace import Workspace

FIRST = "001-demo"


def like(oof: Oof, seed: int, spread: float = 1.0) -> np.ndarray:
    """The run's clipwise probabilities with normal noise on their log odds."""
    p = np.clip(oof.clipwise.astype(np.float64), 1e-4, 1 - 1e-4)
    noise = spread * np.random.default_rng(seed).standard_normal(p.shape)
    return (1 / (1 + np.exp(-np.log(p / (1 - p)) - noise))).astype(np.float32)


def add_run(
    workspace: Workspace,
    seed: int = 1,
    *,
    spread: float = 1.0,
    shift_folds: bool = False,
    skip: int = 0,
    coarse: int = 2,
) -> str:
    """A finished run: noise of ``spread``, the first ``skip`` clips and the first class left out where ``skip`` is
    above 0, every ``coarse``-th frame only; ``shift_folds``: clips parted in another way. Returns its id."""
    oof = read_oof(workspace.run_dir(FIRST) / "oof.zarr")
    with workspace.read() as connection:
        first = runs.get_run(connection, FIRST)
    run = runs.enqueue(workspace, "demo", first.label_version, worker="w")
    columns = slice(1 if skip else 0, None)
    rows = range(skip, len(oof))
    fold = np.roll(oof.fold, 1) if shift_folds else oof.fold
    grid = replace(oof.grid, step_s=coarse * oof.grid.step_s, native_step_s=max(oof.grid.native_step_s, 9.0))
    write_oof(
        workspace.run_dir(run.id) / "oof.zarr",
        clip_ids=oof.clip_ids[skip:],
        filenames=oof.filenames[skip:],
        classes=oof.classes[columns],
        clipwise=like(oof, seed, spread)[skip:, columns],
        framewise=[oof.frames(row)[::coarse, columns] for row in rows],
        fold=fold[skip:],
        grid=FrameGrid(grid.start_s, grid.step_s, grid.native_step_s),
        label_version=oof.label_version,
        label_hash=oof.label_hash,
    )
    runs.finish(workspace, run.id, "w", "done")
    score_run(workspace, run.id)
    return run.id
