"""A finished run whose frames are given."""

from __future__ import annotations

import numpy as np
import sqlalchemy as sa

from labeling.journal import versions
from labeling.predictions.oof import write_oof
from labeling.records import FrameGrid
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace


def add_run(
    workspace: Workspace,
    run_id: str,
    frames: np.ndarray,
    grid: FrameGrid,
    classes: tuple[str, ...] = ("amecro", "balori"),
    clip_ids: tuple[int, ...] = (1,),
    clipwise: np.ndarray | None = None,
    status: str = "done",
) -> None:
    """A finished run that predicts the same frames (T, C) for each clip."""
    write_oof(
        workspace.run_dir(run_id) / "oof.zarr",
        clip_ids=clip_ids,
        filenames=[f"{clip_id}.ogg" for clip_id in clip_ids],
        classes=classes,
        clipwise=np.tile(frames.max(axis=0), (len(clip_ids), 1)) if clipwise is None else clipwise,
        framewise=[frames] * len(clip_ids),
        fold=np.zeros(len(clip_ids)),
        grid=grid,
        label_version=1,
        label_hash="x",
    )
    versions.freeze(workspace, "ann")
    empty = dict.fromkeys(("started_at", "heartbeat_at", "worker", "error"), "")
    row = {"id": run_id, "recipe": "demo", "label_version": 1, "status": status, "settings": [], "device": "cpu"}
    row |= {"created_at": db.now(), "ended_at": db.now(), "stop_requested": False, "progress": {}, "metrics": {}}
    with workspace.write() as connection:
        connection.execute(sa.insert(tables.runs).values(row | empty))
