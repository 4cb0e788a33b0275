"""Which unknown cells to ask next: by how unsure the head is, by how unlike they are to what was heard, or by both.

With ``p`` the head's probability of a cell (clip n, class c), ``H(p)`` its entropy in bits, ``w_c`` the need of the
class and ``d`` one less the highest cosine between the clip and those whose c was heard (the clips' mean vectors, less
the mean of all; at least 0, at most 1):

============= ========================================================================================================
order         what comes first
============= ========================================================================================================
``uncertain`` the highest ``H(p) * w_c``: uncertainty sampling (Lewis and Gale 1994)
``varied``    the farthest from all that was heard or chosen of its class, ``d``: farthest first, a 2-approximation of
              the k-centre problem (Gonzalez 1985; Sener and Savarese 2018). Classes get shares of a batch as they need
``hybrid``    the highest ``H(p) * w_c * d``, one after the other: ``d`` counts what the batch holds already
``random``    the next of a hash of clip and class
============= ========================================================================================================

The need is ``w_c = (1 / P_c)^0.5``, 1 on average, of a class with ``P_c`` known positives: half-way between counting
labels alike and classes alike, as in the queue's order of worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.cells import SALT, cell_keys, mixed
from labeling.disagreement import random_order
from labeling.suspects.filter import TAUGHT
from labeling.suspects.worth import RARITY, class_weights, entropy

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32] | NDArray[np.float64]

#: order -> what it says on the screen
ORDERS: Mapping[str, str] = {**TAUGHT, "random": "At random"}
POOL = 20
"""Times as many of the most uncertain cells are weighed against each other, at least LEAST_POOL."""
LEAST_POOL = 400
VARIED_OF = 2_000
"""Clips that are looked at for variety, picked by chance, and clips that they are compared with, the newest."""


@dataclass(frozen=True)
class Cells:
    """What is known of N clips and C classes, and what a head says of them.

    ``probability`` (N, C); ``known`` (N, C), of which ``present``; ``open`` (N, C) may be asked, known or not (a label
    that came in is known, and nobody heard it). ``vectors`` (N, D) are
    the clips' mean vectors, less the mean of all, at length 1. ``clip_id`` (N,) and ``class_id`` (C,) name them.
    """

    probability: Floats
    known: Bools
    present: Bools
    open: Bools
    vectors: NDArray[np.float32]
    clip_id: NDArray[np.int64]
    class_id: NDArray[np.int64]

    @property
    def need(self) -> NDArray[np.float64]:
        """What one more label of each class (C,) is worth; 1 on average over the classes with a known positive."""
        return class_weights((self.present & self.known).sum(axis=0).astype(np.int64), RARITY)


@dataclass(frozen=True)
class Asked:
    """Cells (m,) in the order in which to ask them: ``clip`` and ``class_`` are their places. ``value`` is what the
    order goes by, ``distance`` (m,) what is called d above, NaN where the order does not look at it."""

    clip: NDArray[np.int64]
    class_: NDArray[np.int64]
    value: NDArray[np.float64]
    distance: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.clip)


def ask(cells: Cells, order: str, count: int, seed: int = 0) -> Asked:
    """The next ``count`` cells to ask; fewer where no more are open.

    Parameters
    ----------
    cells : Cells
    order : str
        Of ORDERS.
    count : int
    seed : int
        Another seed, another chance; 0 is that of the audit.

    Returns
    -------
    Asked

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.active.orders import Cells, ask
    >>> no = np.zeros((3, 1), bool)
    >>> vectors = np.float32([[1, 0], [1, 0], [0, 1]])
    >>> cells = Cells(np.array([[0.45], [0.5], [0.4]]), no, no, ~no, vectors, np.arange(1, 4), np.array([1]))
    >>> ask(cells, "uncertain", 3).clip.tolist(), ask(cells, "hybrid", 3).clip.tolist()
    ([1, 0, 2], [1, 2, 0])
    """
    if order == "random":
        return _at_random(cells, count, seed)
    if order == "varied":
        return _varied(cells, count, seed)
    value = np.where(cells.open, entropy(cells.probability) * cells.need, -1.0)
    clip, class_ = _highest(value, count if order == "uncertain" else max(POOL * count, LEAST_POOL))
    if order == "uncertain":
        return Asked(clip, class_, value[clip, class_], np.full(len(clip), np.nan))
    return _greedy(cells, clip, class_, value[clip, class_], count)


def _highest(value: NDArray[np.float64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of the highest so many that are not below 0, highest first; of equals the first."""
    flat = value.ravel()
    some = np.argpartition(-flat, count)[:count] if count < len(flat) else np.arange(len(flat))
    some = np.sort(some)
    some = some[np.argsort(-flat[some], kind="stable")]
    some = some[flat[some] >= 0]
    return some // value.shape[1], some % value.shape[1]


def turns(cells: Cells, seed: int) -> NDArray[np.uint64]:
    """When chance asks each cell (N, C), from the lowest number on."""
    clip_id, class_id = cells.clip_id[:, None], cells.class_id[None, :]
    if seed == 0:
        return random_order.turns(clip_id, class_id)
    return mixed(cell_keys(clip_id, class_id), (SALT * (2 * seed + 1)) % (1 << 64))


def _at_random(cells: Cells, count: int, seed: int) -> Asked:
    clip, class_ = np.nonzero(cells.open)
    first = np.argsort(turns(cells, seed)[clip, class_])[:count]
    nothing = np.full(len(first), np.nan)
    return Asked(clip[first], class_[first], nothing, nothing)


def _greedy(
    cells: Cells, clip: NDArray[np.int64], class_: NDArray[np.int64], value: NDArray[np.float64], count: int
) -> Asked:
    """One after the other the highest value times distance."""
    nearest = np.zeros(len(clip), np.float64)
    for c in np.unique(class_):
        here = class_ == c
        nearest[here] = _nearest(cells, clip[here], int(c))
    taken: list[int] = []
    kept: list[tuple[float, float]] = []
    left = np.ones(len(clip), bool)
    for _ in range(min(count, len(clip))):
        distance = 1 - nearest
        place = int(np.argmax(np.where(left, value * distance, -1.0)))
        taken.append(place)
        kept.append((float(value[place] * distance[place]), float(distance[place])))
        left[place] = False
        same = class_ == class_[place]
        likeness = cells.vectors[clip[same]] @ cells.vectors[clip[place]]
        nearest[same] = np.maximum(nearest[same], np.clip(likeness, 0, 1))
    order = np.array(taken, np.int64)
    values, distances = np.array(kept, np.float64).reshape(-1, 2).T
    return Asked(clip[order], class_[order], values, distances)


def _nearest(cells: Cells, clips: NDArray[np.int64], class_: int) -> NDArray[np.float64]:
    """The highest cosine (m,), from 0 to 1, of some clips with those whose class is known."""
    heard = np.flatnonzero(cells.known[:, class_] & ~cells.open[:, class_])[-VARIED_OF:]
    if not len(heard):
        return np.zeros(len(clips))
    likeness = (cells.vectors[clips] @ cells.vectors[heard].T).max(axis=1)
    return np.asarray(np.clip(likeness, 0, 1), np.float64)


def _varied(cells: Cells, count: int, seed: int) -> Asked:
    """Farthest first in each class, the classes in turn as they need."""
    turn = turns(cells, seed)
    found: list[tuple[float, int, int, float]] = []  # when in the batch, clip, class, distance
    need = cells.need
    share = count * need / max(float(need[cells.open.any(axis=0)].sum()), 1e-12)
    for c in np.flatnonzero(cells.open.any(axis=0)).tolist():
        clips = np.flatnonzero(cells.open[:, c])
        clips = clips[np.argsort(turn[clips, c])[:VARIED_OF]]
        nearest = _nearest(cells, clips, c)
        for place in range(min(len(clips), count)):
            at = int(np.argmin(nearest))
            found.append(((place + 0.5) / share[c], int(clips[at]), c, 1 - float(nearest[at])))
            nearest = np.maximum(nearest, np.clip(cells.vectors[clips] @ cells.vectors[clips[at]], 0, 1))
            nearest[at] = np.inf
            if place + 1 >= 4 * share[c] + 4:
                break
    found.sort(key=lambda one: one[0])
    found = found[:count]
    clip, class_, distance = (np.array([one[k] for one in found]) for k in (1, 2, 3))
    return Asked(clip.astype(np.int64), class_.astype(np.int64), distance.astype(float), distance.astype(float))
