"""The predictions, evidence and metrics of a whole run, put together from what its folds have left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ArtefactError, AudioError
from labeling.predictions import metrics
from labeling.predictions.oof import write_oof
from labeling.records import FrameGrid
from models.evidence.files import write_evidence
from models.folds.task import ALL_DATA, Task
from models.networks.checkpoints import write_json
from models.runfolder.foldfiles import finished, mean_of_members
from models.training.inputs import Context, RunInputs


def assemble(
    inputs: RunInputs,
    context: Context,
    fold: NDArray[np.int32],
    grid: FrameGrid,
    tasks: Mapping[tuple[int, int], Task],
    truth: NDArray[np.bool_] | None,
) -> dict[str, Any]:
    """Write oof.zarr, evidence.zarr and metrics.json of what all folds predicted; returns the metrics.

    ``fold`` (n,) is that of each usable clip, -1 for one left out; ``tasks`` by (fold, member); ``truth`` (N, C) in
    the labels' rows. Raises ArtefactError where predictions of a fold are gone, AudioError where there are none.
    """
    folder, classes = context.folder, inputs.labels.classes
    clips = [inputs.clips[k] for k in inputs.usable]
    rows = inputs.rows[inputs.usable]
    clipwise = np.full((len(clips), len(classes)), np.nan, dtype=np.float32)
    framewise: list[NDArray[np.float32]] = [np.zeros((0, len(classes)), np.float32)] * len(clips)
    for k in range(inputs.n_folds):
        inside = tasks[k, 0].valid_rows
        ids_inside = [clips[int(row)].id for row in inside]
        members = []
        for m in range(inputs.recipe.train.members):
            predicted = finished(folder.checkpoints, tasks[k, m], ids_inside, folder.log)
            if predicted is None:
                raise ArtefactError(f"{tasks[k, m].name}: its predictions are gone; resume the run to make them again")
            members.append(predicted)
        clipwise[inside], frames = mean_of_members(members)
        for row, of_clip in zip(inside, frames, strict=True):
            framewise[int(row)] = of_clip
    kept = np.flatnonzero((fold >= 0) & np.isfinite(clipwise[:, 0]))
    if not len(kept):
        raise AudioError("no clip could be read, so nothing was predicted; see log.txt for the reasons")
    of_folds = [task for task in tasks.values() if task.fold != ALL_DATA]
    ids = np.array([clips[int(row)].id for row in kept], dtype=np.int64)
    write_evidence(folder, inputs.recipe, of_folds, ids, classes)
    write_oof(
        folder.root / "oof.zarr",
        clip_ids=ids,
        filenames=[clips[int(row)].filename for row in kept],
        classes=list(classes),
        clipwise=clipwise[kept],
        framewise=[framewise[int(row)] for row in kept],
        fold=fold[kept],
        grid=grid,
        label_version=inputs.label_version,
        label_hash=inputs.labels.content_hash,
    )
    present, known = inputs.labels.present[rows[kept]], ~inputs.labels.unsure[rows[kept]]
    result = metrics.score(clipwise[kept], present, classes, known=known)
    result["against"] = "labels"
    if truth is not None:
        result["truth"] = metrics.score(clipwise[kept], truth[rows[kept]], classes)
    write_json(folder.root / "metrics.json", result)
    overall = result["overall"]
    folder.log(f"done: macro-AP {overall['macro_ap']}, lwlrap {overall['lwlrap']} against the labels trained on")
    return result
