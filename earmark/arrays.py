"""Predictions and embeddings that somebody has in memory, stored as a run and as a space."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from labeling.errors import DataError
from labeling.external.importing import ImportRequest, Report, import_predictions
from labeling.external.spaces import SpaceReport, import_space
from labeling.storage.text import user_name
from labeling.workspace import Workspace


def store_predictions(
    workspace: Workspace,
    pred_probs: Any,
    filenames: Sequence[str] | None,
    classes: Sequence[str] | None,
    frames: Any,
    frame_step_s: float,
    folds: Sequence[Any] | None,
    claim: str,
    name: str,
) -> Report:
    """A scored run of predictions; see `earmark.Workspace.add_predictions`."""
    if hasattr(pred_probs, "columns"):
        filenames = list(pred_probs.index) if filenames is None else filenames
        classes = list(pred_probs.columns) if classes is None else classes
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
    with _as_file(workspace, arrays) as path:
        request = ImportRequest(path, reader="npz", name=name, claim=claim, origin=name or "arrays")
        return import_predictions(workspace, request, by=user_name())


def store_embeddings(
    workspace: Workspace,
    vectors: Any,
    filenames: Sequence[str],
    onset_s: Any,
    offset_s: Any,
    name: str,
    model: str,
    licence: str,
) -> SpaceReport:
    """A space of vectors; see `earmark.Workspace.add_embeddings`."""
    arrays = {
        "filenames": np.array([str(filename) for filename in filenames]),
        "onset_s": np.asarray(onset_s, np.float64),
        "offset_s": np.asarray(offset_s, np.float64),
        "vectors": np.asarray(vectors, np.float32),
    }
    with _as_file(workspace, arrays) as path:
        return import_space(workspace, path, name, model=model or name, licence=licence)


@contextmanager
def _as_file(workspace: Workspace, arrays: dict[str, Any]) -> Iterator[Path]:
    """The arrays as an .npz in the workspace's folder, for as long as they are read."""
    path = workspace.root / f".arrays-{uuid.uuid4().hex[:8]}.npz"
    try:
        np.savez(path, **arrays)
        yield path
    finally:
        path.unlink(missing_ok=True)
