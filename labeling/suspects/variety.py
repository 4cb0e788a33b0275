"""Deal a sorted list out anew: so that no recordist fills the screen, or so that one class comes several times running.

Both only change the order: every suspect is there once, and none waits for one that is much less worth hearing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEARLY = 0.8  # at least this part of another's value: nearly as much worth hearing. Nothing passes what is worth more
TOGETHER = 5  # of one group before the others have their turn: a quarter of the 20 rows or so that a screen shows
BATCH_FROM = 200  # the best so many are dealt into batches: some minutes of listening, then the order counts again
BATCH = 10  # of one class running: enough for the ear to settle, not yet enough to tire of it


def bands(values: NDArray[np.float64]) -> NDArray[np.int32]:
    """Which band each value (M,) lies in, 0 for the best; in one band, each is worth at least NEARLY of any other."""
    best = float(values.max(initial=0.0))
    if best <= 0:
        return np.zeros(len(values), np.int32)
    with np.errstate(divide="ignore"):
        steps = np.log(values / best) / np.log(NEARLY)
    return np.asarray(np.minimum(np.maximum(steps, 0), 1_000), np.int32)  # worth nothing: the last band


def dealt(values: NDArray[np.float64], group: NDArray[np.int64], first: int | None = None) -> NDArray[np.int64]:
    """Order suspects by value, but let every group have a turn before any has too many.

    Within a band of nearly equal value, every ``group`` gives its best TOGETHER, by value, before any gives more.
    Equals stay in the order they came in.

    Parameters
    ----------
    values : ndarray of float64, shape (M,)
    group : ndarray of int64, shape (M,)
        Such as the recordist of each.
    first : int, optional
        How many are wanted; by default all.

    Returns
    -------
    ndarray of int64, shape (first,)
        Places of ``values``, most valuable first.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.suspects.variety import TOGETHER, dealt
    >>> TOGETHER
    5
    >>> dealt(np.full(8, 0.9), np.array([0, 0, 0, 0, 0, 0, 1, 1])).tolist()
    [0, 1, 2, 3, 4, 6, 7, 5]
    """
    band = bands(values)
    if first is not None and first < len(values):  # the bands that the first so many come from
        last = int(np.searchsorted(np.cumsum(np.bincount(band)), first))
        near = np.flatnonzero(band <= last)
    else:
        near = np.arange(len(values))
    near = near[np.argsort(-values[near], kind="stable")]
    turn = _rank_within(group[near], band[near]) // TOGETHER
    return near[np.argsort(_joined(turn, band[near]), kind="stable")][:first]


def batched(class_id: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of a sorted list (M,) in batches of one class: each BATCH_FROM of it are dealt, BATCH of a class at once.

    The classes take turns in the order in which they first appear; one with fewer left gives what it has.
    """
    place = np.arange(len(class_id))
    part = place // BATCH_FROM
    run = _rank_within(class_id, part) // BATCH
    _, first, back = np.unique(_joined(class_id, part), return_index=True, return_inverse=True)
    return np.lexsort((place, first[back], run, part))


def _rank_within(group: NDArray[np.int64], part: NDArray[np.int64] | NDArray[np.int32]) -> NDArray[np.int64]:
    """How many of the same group and part come before each, (M,)."""
    both = _joined(group, part)
    order = np.argsort(both, kind="stable")
    fresh = np.ones(len(order), bool)
    fresh[1:] = np.diff(both[order]) != 0
    at = np.arange(len(order))
    rank = np.empty(len(order), np.int64)
    rank[order] = at - np.maximum.accumulate(np.where(fresh, at, 0))
    return rank


def _joined(group: NDArray[np.int64], part: NDArray[np.int64] | NDArray[np.int32]) -> NDArray[np.int64]:
    """One number, (M,), for each group of each part, in the order of the parts."""
    return np.asarray(part.astype(np.int64) * (int(group.max(initial=0)) + 1) + group)
