"""Metrics of a finished run: against the labels it was trained on and, where given, against the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling import runs, versions
from labeling.csvsafe import read_csv
from labeling.errors import DataError, FormatError
from labeling.predictions import Oof, read_oof
from labeling.workspace import Workspace


def evaluate_run(workspace: Workspace, run_id: str, truth: Path | None = None) -> dict[str, Any]:
    """``{"labels": ..., "truth": ...}`` as ``metrics.score`` gives them; the truth's overall is kept with the run.

    Raises DataError for an unknown run, FormatError for a truth file that cannot be used, ArtefactError where the
    run's predictions cannot be read.
    """
    from models.metrics import score

    with workspace.read() as connection:
        run = runs.get_run(connection, run_id)
        if run.status != "done":
            raise DataError(f"run {run_id} is {run.status}; wait until it is done")
        labels = versions.labels_of_version(connection, run.label_version)
    oof = read_oof(workspace.run_dir(run_id) / "oof.zarr")
    row_of = {clip_id: row for row, clip_id in enumerate(labels.clip_ids.tolist())}
    rows = np.array([row_of[clip_id] for clip_id in oof.clip_ids.tolist()], int)
    columns = np.array([labels.classes.index(code) for code in oof.classes], int)
    known = ~labels.unsure[np.ix_(rows, columns)]
    result = {"labels": score(oof.clipwise, labels.present[np.ix_(rows, columns)], oof.classes, known=known)}
    if truth is not None:
        present, rows = read_truth(truth, oof)
        result["truth"] = score(oof.clipwise[rows], present, oof.classes)
        runs.set_metrics(workspace, run_id, {**run.metrics, "truth": result["truth"]["overall"]})
    return result


def read_truth(path: Path, oof: Oof) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """True labels (M, C) of the clips that the file names, and their rows in the predictions.

    The CSV has ``filename`` and ``labels`` (';' between them). Raises FormatError where it has not, or names no clip.
    """
    row_of = {name: row for row, name in enumerate(oof.filenames)}
    column_of = {code: column for column, code in enumerate(oof.classes)}
    rows: dict[int, None] = {}
    present = []
    for line in read_csv(path, ("filename", "labels")):
        if line["filename"] not in row_of:
            continue
        if row_of[line["filename"]] in rows:
            raise FormatError(f"{path} names {line['filename']!r} twice; keep one of the two rows")
        one = np.zeros(len(oof.classes), bool)
        for code in filter(None, (text.strip() for text in line["labels"].split(";"))):
            if code in column_of:
                one[column_of[code]] = True
        rows[row_of[line["filename"]]] = None
        present.append(one)
    if not rows:
        raise FormatError(f"{path} names none of the run's {len(oof.filenames)} clips; check its filename column")
    return np.array(present), np.array(list(rows))
