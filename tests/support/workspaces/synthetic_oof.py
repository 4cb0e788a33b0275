"""Out-of-fold predictions made up for a workspace's labels, and a finished run that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling import runs
from labeling.journal import versions
from labeling.predictions.oof import Oof, write_oof
from labeling.records import FrameGrid, Labels
from labeling.workspace import Workspace

CellValues = Mapping[tuple[int, str], float]


def make_oof(
    path: Path, labels: Labels, clipwise: CellValues, frames: CellValues | None = None, background: Any = None
) -> Path:
    """Write predictions: what is listed is at 0.8 and the rest at 0.1, or ``background`` (N, C), but for the cells
    (clip id, class code) of ``clipwise``; a cell of ``frames`` is so high in one frame alone, the others as clipwise.
    """
    values = np.where(labels.present, 0.8, 0.1) if background is None else np.array(background)
    row_of = {clip_id: row for row, clip_id in enumerate(labels.clip_ids.tolist())}
    column_of = {code: column for column, code in enumerate(labels.classes)}
    for (clip_id, code), value in clipwise.items():
        values[row_of[clip_id], column_of[code]] = value
    framewise = [np.tile(row, (4, 1)) * 0.9 for row in values]
    for (clip_id, code), value in (frames or {}).items():
        framewise[row_of[clip_id]][2, column_of[code]] = value
    write_oof(
        path,
        clip_ids=labels.clip_ids,
        filenames=labels.filenames,
        classes=labels.classes,
        clipwise=values,
        framewise=framewise,
        fold=np.arange(len(labels.clip_ids)) % 2,
        grid=FrameGrid(0.0, 0.5, 0.5),
        label_version=1,
        label_hash=labels.content_hash,
    )
    return path


def finished_run(workspace: Workspace, clipwise: CellValues, *settings: str, frames: CellValues | None = None) -> str:
    """A run of recipe demo that is done, on the labels now, and predicts as `make_oof` says. Returns its id."""
    version = versions.freeze(workspace, "ann")
    run = runs.enqueue(workspace, "demo", version.number, settings=settings, worker="w")
    finish(workspace, run.id, clipwise, frames)
    return run.id


def finish(
    workspace: Workspace, run_id: str, clipwise: CellValues, frames: CellValues | None = None, macro_ap: float = 0.5
) -> None:
    """End a run as a worker would, with predictions as `make_oof` says."""
    with workspace.read() as connection:
        run = runs.get_run(connection, run_id)
        labels = versions.labels_of_version(connection, run.label_version)
    make_oof(workspace.run_dir(run_id) / "oof.zarr", labels, clipwise, frames)
    if run.worker != "w":
        assert runs.claim(workspace, "w", run_id)
    runs.finish(workspace, run_id, "w", "done", metrics={"macro_ap": macro_ap})


def oof_of(clipwise: NDArray[Any], frames: list[NDArray[Any]]) -> Oof:
    count, classes = clipwise.shape
    return Oof(
        clip_ids=np.arange(count),
        filenames=tuple(f"{row}.ogg" for row in range(count)),
        classes=tuple("abcdefgh"[:classes]),
        clipwise=clipwise.astype(np.float32),
        offsets=np.cumsum([0, *map(len, frames)]),
        fold=np.zeros(count, np.int32),
        grid=FrameGrid(0.0, 0.5, 0.5),
        label_version=1,
        label_hash="",
        framewise=np.concatenate([one.reshape(-1, classes) for one in frames]).astype(np.float16),
    )
