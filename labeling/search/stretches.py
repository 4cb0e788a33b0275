"""Which rows of a space lie in a stretch, and which vector stands for one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labeling.embeddings.space import Space
from labeling.errors import DataError
from labeling.search.products import unit
from labeling.search.query import Example
from labeling.search.standing import Stretches

TOUCHES = 0.1
"""Stretches that share less than this part of the shorter are two."""
INSIDE = 0.7
"""A row stands for a stretch where they share more than this part of the shorter; its neighbour, half on it, not."""


def rows_in(space: Space, clip_id: int, onset_s: float, offset_s: float, share: float) -> NDArray[np.int64]:
    """The rows of a clip that share more than so much with a stretch, of the shorter of both."""
    rows = space.rows_of(clip_id)
    begin, end = space.onset_s[rows].astype(np.float64), space.offset_s[rows].astype(np.float64)
    common = np.minimum(end, offset_s) - np.maximum(begin, onset_s)
    shorter = np.minimum(end - begin, offset_s - onset_s)
    return np.asarray(rows.start + np.flatnonzero(common > share * shorter - 1e-9), np.int64)


def touched(space: Space, stretches: Stretches) -> NDArray[np.int64]:
    """The rows that overlap any of the stretches."""
    found = [
        rows_in(space, clip_id, onset_s, offset_s, TOUCHES)
        for clip_id, onset_s, offset_s in zip(
            stretches.clip_id.tolist(), stretches.onset_s.tolist(), stretches.offset_s.tolist(), strict=True
        )
    ]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


def vector_of(space: Space, clip_id: int, onset_s: float, offset_s: float) -> NDArray[np.float32] | None:
    """The mean of the rows that stand for a stretch, at length 1; of the nearest row where none does. None where the
    space has no row of the clip."""
    rows = space.rows_of(clip_id)
    if rows.stop <= rows.start:
        return None
    inside = rows_in(space, clip_id, onset_s, offset_s, INSIDE)
    if not len(inside):
        middles = (space.onset_s[rows].astype(np.float64) + space.offset_s[rows]) / 2
        inside = np.array([rows.start + int(np.argmin(np.abs(middles - (onset_s + offset_s) / 2)))])
    return unit(np.asarray(space.vectors[inside], np.float32).mean(axis=0))


def vectors_of(space: Space, examples: Sequence[Example]) -> NDArray[np.float32]:
    """The vectors (n, D) of examples. Raises DataError where the space does not hold a clip."""
    found = []
    for one in examples:
        vector = vector_of(space, one.clip_id, one.onset_s, one.offset_s)
        if vector is None or not vector.any():
            raise DataError(
                f"space {space.facts.name!r} holds no sound of clip {one.clip_id}; bring it up to date: "
                f"earmark embed {space.facts.name} -w W, or choose another space"
            )
        found.append(vector)
    return np.stack(found) if found else np.zeros((0, space.facts.size), np.float32)


def varied(vectors: NDArray[np.float32], count: int, first: NDArray[np.float32] | None = None) -> NDArray[np.int64]:
    """Places of ``count`` unit vectors (n, D), each as far as can be from those before it: farthest first.

    ``first`` (m, D) count as taken before. Without them the first one is that of place 0.

    >>> import numpy as np
    >>> varied(np.float32([[1, 0], [0.99, 0.14], [0, 1]]), 2).tolist()
    [0, 2]
    """
    taken: list[int] = []
    nearest = np.full(len(vectors), -np.inf, np.float32)
    if first is not None and len(first):
        nearest = (vectors @ first.T).max(axis=1)
    for _ in range(min(count, len(vectors))):
        place = int(np.argmin(nearest))
        taken.append(place)
        nearest = np.maximum(nearest, vectors @ vectors[place])
        nearest[taken] = np.inf
    return np.array(taken, np.int64)
