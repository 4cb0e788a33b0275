"""Cells by number: one key for a clip and a class, cells found by it, and a hash that shuffles them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def find_cells(
    keys: NDArray[np.int64], places: NDArray[np.integer[Any]], wanted: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The ``places`` of the cells ``wanted`` among the sorted ``keys`` (`cell_keys`); -1 for those not there."""
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, places[at], -1).astype(np.int64)


def cell_keys(clip_ids: NDArray[np.int64], class_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number a cell, in the order of its clip."""
    return (clip_ids << 24) | class_ids  # class ids count up from 1


SALT = 0x9E3779B97F4A7C15  # of the order; another would give another, as good


def mixed(numbers: NDArray[np.integer[Any]], salt: int) -> NDArray[np.uint64]:
    """A hash of whole numbers, one for one: the finisher of splitmix64 (Steele, Lea & Flood 2014, OOPSLA)."""
    z = numbers.astype(np.uint64) + np.uint64(salt)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))
