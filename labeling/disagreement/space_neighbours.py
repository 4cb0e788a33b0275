"""Neighbours in a space that no run was trained on: which clips sound alike to a frozen model.

A run keeps the neighbours that its own networks found; those in a space that was only embedded are found here, when a
run is scored. No class is known of a stretch, so that a clip speaks through the one of its stretches whose neighbours
list a class most. Neighbours are clips of other folds, as those of a run are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from labeling.embeddings.space import Space
from labeling.predictions.training_evidence import RunEvidence, without_neighbours
from labeling.storage.kept import Kept

NEIGHBOURS = 16  # a stretch, as many as runs keep
MOST_STRETCHES = 20_000  # of all clips together; their products take about 8 s of one core
_BLOCK = 512
_found: Kept[RunEvidence] = Kept(4)


def space_neighbours(
    space: Space, clip_ids: NDArray[np.int64], part: NDArray[np.integer], classes: tuple[str, ...]
) -> RunEvidence:
    """The neighbours of the clips ``clip_ids`` (N,) in a space, each of another ``part`` (N,); kept in memory.

    Vectors are taken less their mean, which all sound has in common. Where the space holds more than MOST_STRETCHES of
    these clips, every second, third, ... stretch of each is taken.
    """
    key = space.facts, len(space), clip_ids.tobytes(), part.tobytes(), classes
    return _found.get(key, lambda: _find(space, clip_ids, part, classes))


def _find(
    space: Space, clip_ids: NDArray[np.int64], part: NDArray[np.integer], classes: tuple[str, ...]
) -> RunEvidence:
    by_id = np.argsort(clip_ids)
    place = np.minimum(np.searchsorted(clip_ids, space.clip_ids, sorter=by_id), len(clip_ids) - 1)
    row = by_id[place]
    chosen = np.flatnonzero(clip_ids[row] == space.clip_ids)
    first_of_clip = np.searchsorted(space.clip_ids, space.clip_ids)
    step = max(1, -(-len(chosen) // MOST_STRETCHES))
    chosen = chosen[(chosen - first_of_clip[chosen]) % step == 0]
    chosen = chosen[np.argsort(row[chosen], kind="stable")]
    row = row[chosen]
    vectors = np.asarray(space.vectors[chosen], np.float32)
    vectors -= vectors.mean(axis=0) if len(vectors) else 0
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    begins = np.flatnonzero(np.diff(row, prepend=-1))  # where each clip's stretches begin
    clips = row[begins]
    k = min(NEIGHBOURS, len(clips))
    neighbour, similarity = np.full((len(row), k), -1, np.int32), np.zeros((len(row), k), np.float16)
    for start in range(0, len(row), _BLOCK):
        cosine = np.maximum.reduceat(vectors[start : start + _BLOCK] @ vectors.T, begins, axis=1)
        cosine[part[row[start : start + _BLOCK], None] == part[clips]] = -np.inf
        best = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
        near = np.take_along_axis(cosine, best, axis=1)
        there = np.isfinite(near)
        neighbour[start : start + _BLOCK] = np.where(there, clips[best], -1)
        similarity[start : start + _BLOCK] = np.where(there, near, 0)
    return replace(
        without_neighbours(clip_ids, classes),
        stretch_offsets=np.searchsorted(row, np.arange(len(clip_ids) + 1)).astype(np.int64),
        stretch_class=np.full(len(row), -1, np.int32),
        stretch_onset_s=space.onset_s[chosen].astype(np.float32),
        neighbour=neighbour,
        similarity=similarity,
    )
