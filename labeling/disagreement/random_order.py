"""The order in which cells are drawn at random: by a hash of clip and class, the same under every run and scorer.

A ranking of a large collection holds the most suspect of its unlisted cells alone. Those that come first in this order
are kept beside them, likely or not, so that a draw still speaks of all; what lies beyond them is never drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labeling.cells import SALT, cell_keys, mixed

KEPT_AT_RANDOM = 50_000  # cells: more looks than anyone has time for, and a twentieth of what a ranking holds
_TOGETHER = 1 << 21  # cells that are hashed at once, 16 MB a number


def turns(clip_id: NDArray[np.int64], class_id: NDArray[np.int64]) -> NDArray[np.uint64]:
    """When each cell's turn comes: cells are drawn from the lowest number on."""
    return mixed(cell_keys(clip_id, class_id), SALT)


def kept_below(cells: int) -> int:
    """Of so many cells those with a lower turn are about KEPT_AT_RANDOM."""
    return (KEPT_AT_RANDOM << 64) // max(cells, KEPT_AT_RANDOM)


def kept_at_random(clip_ids: NDArray[np.int64], class_ids: NDArray[np.int64], cells: int = 0) -> NDArray[np.bool_]:
    """Which cells (N, C) of these clips and classes come first: about KEPT_AT_RANDOM, all where there are no more.

    ``cells``: how many there are in all, where these are a part of them.
    """
    kept = np.ones((len(clip_ids), len(class_ids)), bool)
    below = kept_below(cells or kept.size)
    if below < 1 << 64:
        rows = max(1, _TOGETHER // len(class_ids))
        for first in range(0, len(clip_ids), rows):
            part = slice(first, first + rows)
            kept[part] = turns(clip_ids[part, None], class_ids[None, :]) < np.uint64(below)
    return kept
