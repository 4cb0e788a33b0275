"""What a run records for those who score labels, beside its predictions: ``runs/<id>/evidence.zarr``.

A Zarr v3 group; N clips, C classes, S stretches, K neighbours a stretch:

=============== =============== =======================================================================
array           shape           content
=============== =============== =======================================================================
clip_ids        (N) int64       ids in the workspace's database
margin          (N, C) float32  the clip's logit while it was trained on, mean over the later half of the epochs
forgotten       (N, C) float32  how often, a network, the prediction left the target again
epoch_spread    (N, C) float32  standard deviation over epochs of the clip's probability
stretch_offsets (N + 1) int64   clip i has the stretches ``stretch_offsets[i]`` to ``stretch_offsets[i + 1]``
stretch_class   (S) int32       the class whose peak the stretch is
stretch_onset_s (S) float32     where it begins, seconds from the clip's start
neighbour       (S, K) int32    rows of ``clip_ids`` whose sound is most alike, the most alike first; -1: none
similarity      (S, K) float16  cosine of the two embeddings; 0 where there is no neighbour
=============== =============== =======================================================================

and the classes as an attribute. The first three are NaN where no network was trained on the clip. All but the margin
come from papers: forgetting events (Toneva et al. 2019), spread over epochs (dataset cartography, Swayamdipta et al.
2020); the margin, times -1 for a class that is not listed, is the area under the margin (Pleiss et al. 2020) of one
class of many. The neighbours of a clip are clips that the network of its fold was trained on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.errors import ArtefactError
from labeling.storage.arrays import create_array, open_folder, read_array, written_beside

FORMAT_VERSION = 1
REMEDY = "delete the folder to score labels without it, or train again"
_COSINE_SLACK = 2e-3  # float16 near 1 has steps of 0.001
_DTYPES = {
    "clip_ids": "int64",
    "margin": "float32",
    "forgotten": "float32",
    "epoch_spread": "float32",
    "stretch_offsets": "int64",
    "stretch_class": "int32",
    "stretch_onset_s": "float32",
    "neighbour": "int32",
    "similarity": "float16",
}


@dataclass(frozen=True)
class RunEvidence:
    """The arrays of the table above; N may differ from the predictions' (see ``aligned``)."""

    clip_ids: NDArray[np.int64]
    classes: tuple[str, ...]
    margin: NDArray[np.float32]
    forgotten: NDArray[np.float32]
    epoch_spread: NDArray[np.float32]
    stretch_offsets: NDArray[np.int64]
    stretch_class: NDArray[np.int32]
    stretch_onset_s: NDArray[np.float32]
    neighbour: NDArray[np.int32]
    similarity: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.clip_ids)

    @property
    def has_dynamics(self) -> bool:
        """Whether any clip's training was followed."""
        return bool(np.isfinite(self.margin).any())

    @property
    def has_neighbours(self) -> bool:
        """Whether any stretch has a neighbour."""
        return bool((self.neighbour >= 0).any())


def write_run_evidence(path: str | os.PathLike[str], evidence: RunEvidence) -> None:
    """Write ``evidence`` to ``path``, replacing what is there once the new folder is whole.

    Raises ArtefactError where shapes disagree or a value is impossible, WorkspaceFull or WorkspaceReadOnly where the
    disk refuses.
    """
    import zarr

    target = Path(path)
    arrays = {name: np.asarray(getattr(evidence, name), dtype=kind) for name, kind in _DTYPES.items()}
    _check(arrays, evidence.classes, f"evidence for {target}", "give arrays of one run")
    with written_beside(target) as beside:
        group = zarr.open_group(str(beside), mode="w", zarr_format=3)
        for name, values in arrays.items():
            create_array(group, name, values.shape, values.dtype)[...] = values
        group.attrs.update({"format_version": FORMAT_VERSION, "classes": list(evidence.classes)})


def read_run_evidence(path: str | os.PathLike[str]) -> RunEvidence | None:
    """The evidence at ``path``, all of it in memory; None where there is none. Raises ArtefactError for damage."""
    target = Path(path)
    if not target.exists():
        return None
    group, attributes = open_folder(target, REMEDY, FORMAT_VERSION)
    classes = attributes.get("classes")
    if not isinstance(classes, list):
        raise ArtefactError(f"{target}: its classes are missing; {REMEDY}")
    codes = tuple(str(code) for code in classes)
    arrays: dict[str, NDArray[Any]] = {}
    for name, kind in _DTYPES.items():
        array = read_array(group, name, target, REMEDY)
        if array.dtype != np.dtype(kind):
            raise ArtefactError(f"{target}: {name} is {array.dtype} where {kind} is needed; {REMEDY}")
        arrays[name] = array
    _check(arrays, codes, str(target), REMEDY)
    return RunEvidence(classes=codes, **arrays)


def without_neighbours(clip_ids: ArrayLike, classes: Sequence[str]) -> RunEvidence:
    """Evidence of these clips and classes that knows nothing: NaN, and no stretches."""
    ids = np.asarray(clip_ids, dtype=np.int64)
    unknown = np.full((len(ids), len(classes)), np.nan, dtype=np.float32)
    return RunEvidence(
        clip_ids=ids,
        classes=tuple(classes),
        margin=unknown,
        forgotten=unknown.copy(),
        epoch_spread=unknown.copy(),
        stretch_offsets=np.zeros(len(ids) + 1, dtype=np.int64),
        stretch_class=np.zeros(0, dtype=np.int32),
        stretch_onset_s=np.zeros(0, dtype=np.float32),
        neighbour=np.zeros((0, 0), dtype=np.int32),
        similarity=np.zeros((0, 0), dtype=np.float16),
    )


def aligned(evidence: RunEvidence, clip_ids: ArrayLike, classes: Sequence[str]) -> RunEvidence:
    """The same evidence with its rows and columns in the order of ``clip_ids`` and ``classes``, as an Oof has them.

    A clip or class that the evidence does not know is NaN and has no stretches; ``stretch_class`` is -1 for a class
    that is not asked for, a neighbour -1 (similarity 0) for a clip that is not.
    """
    ids = np.asarray(clip_ids, dtype=np.int64)
    if tuple(classes) == evidence.classes and np.array_equal(ids, evidence.clip_ids):
        return evidence
    rows = _places(evidence.clip_ids, ids)
    column_of = {code: column for column, code in enumerate(evidence.classes)}
    columns = np.array([column_of.get(code, -1) for code in classes], dtype=np.int64)

    def taken(values: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.full((len(ids), len(columns)), np.nan, dtype=np.float32)
        there, named = np.flatnonzero(rows >= 0), np.flatnonzero(columns >= 0)
        out[np.ix_(there, named)] = values[np.ix_(rows[there], columns[named])]
        return out

    counts = np.where(rows >= 0, np.diff(evidence.stretch_offsets)[rows], 0) if len(evidence) else 0 * rows
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    first = np.where(rows >= 0, evidence.stretch_offsets[rows], 0)
    stretches = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts) + np.repeat(first, counts)
    # One place more than there are: -1, none, stays -1.
    new_row = np.append(_places(ids, evidence.clip_ids), -1).astype(np.int32)
    new_class = np.full(len(evidence.classes) + 1, -1, dtype=np.int32)
    new_class[columns[columns >= 0]] = np.flatnonzero(columns >= 0)
    neighbour = new_row[evidence.neighbour[stretches]]
    return RunEvidence(
        clip_ids=ids,
        classes=tuple(classes),
        margin=taken(evidence.margin),
        forgotten=taken(evidence.forgotten),
        epoch_spread=taken(evidence.epoch_spread),
        stretch_offsets=offsets,
        stretch_class=new_class[evidence.stretch_class[stretches]],
        stretch_onset_s=evidence.stretch_onset_s[stretches],
        neighbour=neighbour,
        similarity=np.where(neighbour >= 0, evidence.similarity[stretches], np.float16(0)),
    )


def _places(of: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of ``wanted`` stands in ``of``, -1 where it does not."""
    if not len(of):
        return np.full(len(wanted), -1, dtype=np.int64)
    order = np.argsort(of, kind="stable")
    at = np.minimum(np.searchsorted(of, wanted, sorter=order), len(of) - 1)
    return np.where(of[order[at]] == wanted, order[at], -1)


def _check(arrays: dict[str, NDArray[Any]], classes: Sequence[str], what: str, remedy: str) -> None:
    """Raise ArtefactError unless shapes agree and values are possible."""
    count, stretches = len(arrays["clip_ids"]), len(arrays["stretch_class"])
    k = arrays["neighbour"].shape[-1]
    cells = (count, len(classes))
    shapes = {
        "clip_ids": (count,),
        "margin": cells,
        "forgotten": cells,
        "epoch_spread": cells,
        "stretch_offsets": (count + 1,),
        "stretch_class": (stretches,),
        "stretch_onset_s": (stretches,),
        "neighbour": (stretches, k),
        "similarity": (stretches, k),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ArtefactError(f"{what}: {name} has shape {arrays[name].shape} where {shape} is needed; {remedy}")
    if len(set(classes)) != len(classes) or len(np.unique(arrays["clip_ids"])) != count:
        raise ArtefactError(f"{what}: a clip or class is named twice; {remedy}")
    offsets = arrays["stretch_offsets"]
    if offsets[0] != 0 or np.any(np.diff(offsets) < 0) or offsets[-1] != stretches:
        raise ArtefactError(
            f"{what}: stretch_offsets must begin at 0, never fall and end at {stretches} stretches; {remedy}"
        )
    limit = 1 + _COSINE_SLACK
    for name, low, high, may_be_nan in (
        ("margin", -np.finfo(np.float32).max, np.finfo(np.float32).max, True),
        ("forgotten", 0, np.finfo(np.float32).max, True),
        ("epoch_spread", 0, 0.5 + 1e-6, True),
        ("stretch_class", -1, len(classes) - 1, False),
        ("stretch_onset_s", 0, np.finfo(np.float32).max, False),
        ("neighbour", -1, count - 1, False),
        ("similarity", -limit, limit, False),
    ):
        values = arrays[name]
        wrong = ~((values >= low) & (values <= high))
        if may_be_nan:
            wrong &= ~np.isnan(values)
        if wrong.any():
            raise ArtefactError(
                f"{what}: {name} has {values[wrong][0]:g} where values from {low:g} to {high:g} are needed; {remedy}"
            )


assert set(_DTYPES) | {"classes"} == {field.name for field in fields(RunEvidence)}
