"""Metrics of a finished run: against the labels it was trained on and, where given, against the truth.

With post-processors, or laid over by the error distribution, the same again beside them. Torch-free.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import runs
from labeling.collection import store
from labeling.collection import truth as truth_files
from labeling.disagreement import error_distribution, priors
from labeling.errors import DataError
from labeling.journal import versions
from labeling.predictions.aligned import align_labels
from labeling.predictions.oof import Oof, read_oof
from labeling.records import Clip, Labels, LabelVersion, Run
from labeling.workspace import Workspace

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


def evaluate_run(
    workspace: Workspace,
    run_id: str,
    truth: Path | None = None,
    *,
    post: Sequence[str] = (),
    strength: float = 1.0,
    errors: bool = False,
) -> dict[str, Any]:
    """Measure a finished run against the labels that it was trained on and, where given, against the truth.

    What ``post`` and ``errors`` change in a clip's predictions is learned from the clips of the other folds.

    Parameters
    ----------
    workspace : Workspace
    run_id : str
    truth : Path, optional
        A table of true labels; its figures are kept with the run.
    post : sequence of str
        Names of post-processors, see `priors.apply_postprocess`.
    strength : float
        How much of their shifts is taken.
    errors : bool
        Also measure the predictions times the collection's error distribution.

    Returns
    -------
    dict
        ``"labels"`` and ``"truth"`` as `metrics.score` gives them; with ``post`` also ``"labels_post"`` and
        ``"truth_post"``, with ``errors`` ``"labels_errors"`` and ``"truth_errors"``.

    Raises
    ------
    DataError
        An unknown run, or one that is not done.
    UnknownName
        There is no such post-processor.
    FormatError
        The truth file cannot be used.
    ArtefactError
        The run's predictions cannot be read.

    Examples
    --------
    >>> from labeling.example import example_workspace
    >>> from models.combining.evaluation import evaluate_run
    >>> measured = evaluate_run(example_workspace(), "001-demo")
    >>> measured["labels"]["overall"]["n_clips"], round(measured["labels"]["overall"]["macro_ap"], 2)
    (12, 0.94)
    """
    from labeling.predictions.metrics import score

    with workspace.read() as connection:
        run = done_run(connection, run_id)
        labels = versions.labels_of_version(connection, run.label_version)
        clips = store.usable_clips(connection) if post or errors else []
    for name in post:
        priors.POSTPROCESSORS.get(name)
    oof = read_oof(workspace.run_dir(run_id) / "oof.zarr")
    present, known = labels_for(labels, oof.clip_ids, oof.classes)
    scored = {"": oof.clipwise}
    if post:
        scored["_post"] = after_post(post, oof, labels, clips, strength)
    if errors:
        scored["_errors"] = after_errors(oof, labels, clips)
    result: dict[str, Any] = {
        f"labels{what}": score(clipwise, present, oof.classes, known=known) for what, clipwise in scored.items()
    }
    if truth is not None:
        present, rows, unknown = read_truth(truth, oof)
        result |= {f"truth{what}": score(clipwise[rows], present, oof.classes) for what, clipwise in scored.items()}
        result["truth_unknown"] = unknown
        runs.set_metrics(workspace, run_id, {**run.metrics, "truth": result["truth"]["overall"]})
    return result


def done_run(connection: Connection, run_id: str) -> Run:
    """A run that has predictions; raises DataError, with what to do, where it has not come to its end."""
    run = runs.get_run(connection, run_id)
    if run.status in ("queued", "running"):
        raise DataError(f"run {run_id} is {run.status}; wait until it is done")
    if run.status != "done":
        raise DataError(f"run {run_id} was {run.status} and has no predictions; choose one that is done")
    return run


def labels_for(labels: Labels, clip_ids: NDArray[np.int64], classes: Sequence[str]) -> tuple[Bools, Bools]:
    """``present`` and ``known`` (N, C) of these clips and classes; cells that the labels do not have are not known."""
    row_of = {clip_id: row for row, clip_id in enumerate(labels.clip_ids.tolist())}
    column_of = {code: column for column, code in enumerate(labels.classes)}
    rows = np.array([row_of.get(clip_id, -1) for clip_id in clip_ids.tolist()], np.int64)
    columns = np.array([column_of.get(code, -1) for code in classes], np.int64)
    shared = (rows >= 0)[:, None] & (columns >= 0)
    if not shared.any():
        return shared, shared.copy()
    place = np.ix_(rows, columns)
    return labels.present[place] & shared, ~labels.unsure[place] & shared


def imported_labels(connection: Connection, version: LabelVersion) -> Labels:
    """The labels of a version's clips before any decision."""
    return versions.labels_at(connection, 0, version.import_id)


def parts_of(oof: Oof, clips: Sequence[Clip]) -> NDArray[np.int32]:
    """The run's own folds, and parts by the clips' groups where it has none."""
    return priors.parts_of(clips, oof.clip_ids.tolist(), oof.fold)


def after_post(names: Sequence[str], oof: Oof, labels: Labels, clips: Sequence[Clip], strength: float = 1.0) -> Floats:
    """Clipwise probabilities (N, C) after post-processors, each clip by the labels of other folds."""
    ids = oof.clip_ids.tolist()
    fold_of = dict(zip(ids, parts_of(oof, clips).tolist(), strict=True))
    collection = priors.collection_of(labels, clips, fold_of, oof.classes)
    context = priors.context_for_clips(collection, ids, strength)
    return priors.apply_postprocess(names, oof.clipwise, context)


def after_errors(oof: Oof, labels: Labels, clips: Sequence[Clip]) -> Floats:
    """Clipwise probabilities times P(given | true) of the primary label, estimated on other folds' clips.

    See :mod:`labeling.error_distribution`: its source gave this up. Raises DataError without primary labels.
    """
    primary, parts = align_labels(oof, labels).primary, parts_of(oof, clips)
    if not (primary >= 0).any():
        raise DataError("no clip has a primary label, so there is no error distribution of it; leave out --errors")
    out = oof.clipwise.copy()
    for part in np.unique(parts).tolist():
        lends = (parts != part) & (primary >= 0)
        if lends.any():
            joint = error_distribution.confident_joint(primary[lends], oof.clipwise[lends])
            distribution = error_distribution.given_if_true(joint)
            out[parts == part] = error_distribution.times_error_distribution(oof.clipwise[parts == part], distribution)
    return out


def read_truth(path: Path, oof: Oof) -> tuple[NDArray[np.bool_], NDArray[np.int64], list[str]]:
    """True labels (M, C) of the clips that the file names, their rows in the predictions, and labels of no class.

    `labeling.truth.read_labels` for a run's clips and classes; raises what it raises.
    """
    return truth_files.read_labels(path, oof.filenames, oof.classes)
