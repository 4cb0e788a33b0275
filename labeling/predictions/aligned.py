"""Labels in the rows and columns of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ArtefactError
from labeling.predictions.oof import Oof
from labeling.records import Labels


@dataclass(frozen=True)
class AlignedLabels:
    """Labels in the rows and columns of predictions.

    ``given``, ``known``, ``open`` are bool (N, C): listed; neither unsure nor unheard of; known and not yet
    reviewed. ``primary`` (N,) is the column of the primary class, or -1. ``class_index`` (C,) is the class's
    place in the labels' own vocabulary, -1 where it is not there.
    """

    given: NDArray[np.bool_]
    known: NDArray[np.bool_]
    open: NDArray[np.bool_]
    primary: NDArray[np.int64]
    class_index: NDArray[np.int64]


def align_labels(oof: Oof, labels: Labels, reviewed: NDArray[np.bool_] | None = None) -> AlignedLabels:
    """Bring labels into the rows and columns of predictions.

    Parameters
    ----------
    oof : Oof
    labels : Labels
        Matched by clip id and class code.
    reviewed : ndarray of bool, shape of ``labels.present``, optional
        Which cells people decided; by default ``labels.reviewed``.

    Returns
    -------
    AlignedLabels
        Arrays (N, C) of the predictions' N clips and C classes; cells that the labels do not have are not known.

    Raises
    ------
    ArtefactError
        ``reviewed`` has another shape than the labels.

    Examples
    --------
    >>> from labeling.example import example_workspace
    >>> from labeling.journal import versions
    >>> from labeling.predictions.aligned import align_labels
    >>> from labeling.predictions.oof import read_oof
    >>> workspace = example_workspace()
    >>> with workspace.read() as connection:
    ...     labels = versions.labels_at(connection)
    >>> aligned = align_labels(read_oof(workspace.run_dir("001-demo") / "oof.zarr"), labels)
    >>> aligned.given.sum(axis=0).tolist(), bool(aligned.known.all())
    ([4, 5, 5], True)
    """
    if reviewed is None:
        reviewed = labels.reviewed
    if reviewed.shape != labels.present.shape:
        raise ArtefactError(f"reviewed has shape {reviewed.shape} where the labels have {labels.present.shape}")
    row_of = {int(clip_id): row for row, clip_id in enumerate(labels.clip_ids)}
    column_of = {code: column for column, code in enumerate(labels.classes)}
    rows = np.array([row_of.get(int(clip_id), -1) for clip_id in oof.clip_ids], dtype=np.int64)
    columns = np.array([column_of.get(code, -1) for code in oof.classes], dtype=np.int64)
    shared = (rows >= 0)[:, None] & (columns >= 0)[None, :]
    if not shared.any():
        nothing = np.zeros(shared.shape, dtype=bool)
        return AlignedLabels(nothing, nothing, nothing, np.full(len(rows), -1, dtype=np.int64), columns)

    def pick(array: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(array[np.ix_(rows, columns)] & shared)

    place = np.full(len(labels.classes) + 1, -1, dtype=np.int64)
    place[columns[columns >= 0]] = np.flatnonzero(columns >= 0)
    primary = np.where(rows >= 0, place[labels.primary[rows]], -1)
    unsure = pick(labels.unsure)
    known = shared & ~unsure
    return AlignedLabels(pick(labels.present) & known, known, known & ~pick(reviewed), primary, columns)
