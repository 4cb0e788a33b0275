"""Predictions and embeddings that somebody has in memory, stored as a run and as a space."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.errors import DataError
from labeling.runs.out_of_fold import UNKNOWN
from labeling.storage.text import user_name
from labeling.workspace import Workspace as Store

if TYPE_CHECKING:
    import pandas as pd

    from labeling.external.importing import Report
    from labeling.external.spaces import SpaceReport


class OwnModel:
    """What a workspace takes in of a model of one's own."""

    store: Store

    def add_predictions(
        self,
        pred_probs: ArrayLike | pd.DataFrame,
        *,
        filenames: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        frames: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        frame_step_s: float = 1.0,
        folds: Sequence[Any] | None = None,
        claim: str = UNKNOWN,
        name: str = "",
    ) -> Report:
        """Make a scored run of one's own predictions.

        Parameters
        ----------
        pred_probs : array-like, shape (N, C), or DataFrame
            Probabilities; of a DataFrame the index names the clips and the columns the classes.
        filenames, classes : sequence of str
            As the workspace calls them, or by a part of the name.
        frames : (N, T, C), or N arrays (T_i, C), optional
        frame_step_s : float
            Seconds from one frame to the next.
        folds : sequence of length N, optional
            The fold that predicted each clip.
        claim : {"unknown", "claimed", "elsewhere"}
            Whether the model saw the labels of the clip that it predicts: not known; no (out-of-fold); no, it was
            trained on something else. It is said on every page.
        name : str

        Returns
        -------
        Report
            ``report.run_id``, ``report.lines()``.
        """
        from labeling.external.importing import ImportRequest, import_predictions

        table: Any = pred_probs
        if hasattr(table, "columns"):
            filenames = list(table.index) if filenames is None else filenames
            classes = list(table.columns) if classes is None else classes
        if filenames is None or classes is None:
            raise DataError("name the clips and the classes: filenames=[...], classes=[...]")
        arrays: dict[str, Any] = {
            "filenames": np.array([str(filename) for filename in filenames]),
            "classes": np.array([str(code) for code in classes]),
            "clipwise": np.asarray(pred_probs, np.float32),
        }
        if frames is not None:
            own = [np.asarray(clip, np.float32) for clip in frames]
            arrays["framewise"] = np.concatenate(own) if own else np.zeros((0, len(classes)), np.float32)
            arrays["offsets"] = np.concatenate([[0], np.cumsum([len(clip) for clip in own])]).astype(np.int64)
            arrays["step_s"] = np.float64(frame_step_s)
        if folds is not None:
            arrays["fold"] = np.array([str(fold) for fold in folds])
        with _as_file(self.store, arrays) as path:
            request = ImportRequest(path, reader="npz", name=name, claim=claim, origin=name or "arrays")
            return import_predictions(self.store, request, by=user_name())

    def add_embeddings(
        self,
        vectors: ArrayLike,
        *,
        filenames: Sequence[str],
        onset_s: ArrayLike,
        offset_s: ArrayLike,
        name: str,
        model: str = "",
        licence: str = "",
    ) -> SpaceReport:
        """Make a space of one's own vectors (M, D), each of a stretch of the clip ``filenames[m]``, in seconds.

        ``model`` and ``licence`` say who made them, and under which terms. Returns a report: ``report.lines()``.
        """
        from labeling.external.spaces import import_space

        arrays = {
            "filenames": np.array([str(filename) for filename in filenames]),
            "onset_s": np.asarray(onset_s, np.float64),
            "offset_s": np.asarray(offset_s, np.float64),
            "vectors": np.asarray(vectors, np.float32),
        }
        with _as_file(self.store, arrays) as path:
            return import_space(self.store, path, name, model=model or name, licence=licence)


@contextmanager
def _as_file(workspace: Store, arrays: dict[str, Any]) -> Iterator[Path]:
    """The arrays as an .npz in the workspace's folder, for as long as they are read."""
    path = workspace.root / f".arrays-{uuid.uuid4().hex[:8]}.npz"
    try:
        np.savez(path, **arrays)
        yield path
    finally:
        path.unlink(missing_ok=True)
