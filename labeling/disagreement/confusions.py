"""Which listed classes explain that another is heard: a network that reads a wren higher where a robin is listed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.evidence import Floats

BORROWED = 10.0  # clips without any confusion that each pair of classes is drawn towards


@dataclass(frozen=True)
class Confusions:
    """Which classes the clips list beside which others, counted once for all evidence that is looked at.

    Parameters
    ----------
    label, known : ndarray of bool, shape (N, C)
        The labels, and which of them count.
    fold : ndarray of int, shape (N,)
        The part of each clip, which its own confusions are not learned from.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.disagreement.confusions import Confusions
    >>> log_odds = np.tile(np.array([[2.0, 1.0], [2.0, -3.0]], np.float32), (20, 1))  # read at 1 beside the first class
    >>> label = np.tile(np.array([[True, False], [False, False]]), (20, 1))
    >>> confusions = Confusions(label, np.ones_like(label), np.arange(40) // 2 % 2)
    >>> confusions.explained(log_odds)[:2].round(2).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """

    label: NDArray[np.bool_]
    known: NDArray[np.bool_]
    fold: NDArray[np.integer]

    def explained(self, log_odds: Floats) -> Floats:
        """How much of each cell's log odds (N, C; finite) another class that its clip lists explains, at least 0.

        Of the clips of other folds that do not list c, those that list d against all: how much higher c is read there,
        at least 0 and as if BORROWED more clips showed no difference. Of several listed d the greatest counts.
        """
        out = np.zeros(log_odds.shape, np.float32)
        sums = []
        for rows in self._parts:
            values = log_odds[rows] * self._free(rows)
            sums.append((pair_sums(values, self._listed[rows]), values.sum(axis=0, dtype=np.float64)))
        together, alone = (np.sum(values, axis=0) for values in zip(*sums, strict=True)) if sums else (0.0, 0.0)
        for rows, own, (count, clips) in zip(self._parts, sums, self._counts, strict=True):
            usual = (alone - own[1]) / np.maximum(clips, 1)
            higher = (together - own[0] - count * usual[:, None]) / (count + BORROWED)
            higher = np.maximum(0, higher).astype(np.float32)
            np.fill_diagonal(higher, 0)
            for column in np.flatnonzero(self._listed[rows].any(axis=0)).tolist():
                lists_it = rows[self._listed[rows, column]]
                out[lists_it] = np.maximum(out[lists_it], higher[:, column])
        return out

    @cached_property
    def _parts(self) -> list[NDArray[np.int64]]:
        return [np.flatnonzero(self.fold == part) for part in np.unique(self.fold)]

    @cached_property
    def _listed(self) -> NDArray[np.bool_]:
        return self.label & self.known

    def _free(self, rows: NDArray[np.int64]) -> Floats:
        """Of some clips: 1 where a class is known and not listed."""
        return (~self.label[rows] & self.known[rows]).astype(np.float32)

    @cached_property
    def _counts(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """For each part, over the clips of the others that do not list c: those that list d (C, C), and all (C,)."""
        own = [
            (pair_sums(free, self._listed[rows]), free.sum(axis=0, dtype=np.float64))
            for rows, free in ((rows, self._free(rows)) for rows in self._parts)
        ]
        if not own:
            return []
        together, clips = (np.sum(values, axis=0) for values in zip(*own, strict=True))
        return [(together - count, clips - alone) for count, alone in own]


def pair_sums(values: Floats, listed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sums (C, C) of the values of each class (rows) over the clips that list another (columns); both are (n, C).

    In double precision, so that they do not depend on which clips are summed together.
    """
    from scipy.sparse import csr_array

    beside = csr_array(listed.astype(np.float64))  # few classes a clip: many times less work than all pairs
    return np.ascontiguousarray((beside.T @ values.astype(np.float64)).T)


# ------------------------------------------------------------------------------------------------ block by block

Sums = dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]
"""By part: a sum for each pair of classes (C, C), and one for each class (C,)."""


def _parts(fold: NDArray[np.integer]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    for part in np.unique(fold).tolist():
        yield part, np.flatnonzero(fold == part)


def _add(sums: Sums, part: int, pairs: NDArray[np.float64], single: NDArray[np.float64]) -> None:
    before = sums.get(part, (0.0, 0.0))
    sums[part] = before[0] + pairs, before[1] + single


class ConfusionSums:
    """What all blocks have in common: how many clips list each class, and how many of these do not list another."""

    def __init__(self) -> None:
        self.counts: Sums = {}
        self.of_piece: dict[int, Sums] = defaultdict(dict)

    def count(self, label: NDArray[np.bool_], known: NDArray[np.bool_], fold: NDArray[np.integer]) -> None:
        """Count a block's labels (n, C)."""
        for part, rows in _parts(fold):
            free = _free(label[rows], known[rows])
            _add(self.counts, part, pair_sums(free, (label & known)[rows]), free.sum(axis=0, dtype=np.float64))

    def add(
        self,
        piece: int,
        log_odds: Floats,
        label: NDArray[np.bool_],
        known: NDArray[np.bool_],
        fold: NDArray[np.integer],
    ) -> None:
        """Sum up a block of one piece of evidence (n, C)."""
        for part, rows in _parts(fold):
            values = log_odds[rows] * _free(label[rows], known[rows])
            summed = values.sum(axis=0, dtype=np.float64)
            _add(self.of_piece[piece], part, pair_sums(values, (label & known)[rows]), summed)

    def higher(self, piece: int) -> dict[int, Floats]:
        """For each part, how much higher each class is read where another is listed, (C, C), learned from the others;
        as `Confusions.explained` has it."""
        sums = self.of_piece[piece]
        together, alone = (np.sum([one[k] for one in sums.values()], axis=0) for k in (0, 1))
        pairs, clips = (np.sum([one[k] for one in self.counts.values()], axis=0) for k in (0, 1))
        found = {}
        for part, (own, own_alone) in sums.items():
            count = pairs - self.counts[part][0]
            usual = (alone - own_alone) / np.maximum(clips - self.counts[part][1], 1)
            higher = np.maximum(0, (together - own - count * usual[:, None]) / (count + BORROWED)).astype(np.float32)
            np.fill_diagonal(higher, 0)
            found[part] = higher
        return found


def explained(
    higher: dict[int, Floats], label: NDArray[np.bool_], known: NDArray[np.bool_], fold: NDArray[np.integer]
) -> Floats:
    """How much of each cell's log odds (n, C) of a block another class that its clip lists explains."""
    listed = label & known
    out = np.zeros(listed.shape, np.float32)
    for part, rows in _parts(fold):
        for column in np.flatnonzero(listed[rows].any(axis=0)).tolist():
            lists_it = rows[listed[rows, column]]
            out[lists_it] = np.maximum(out[lists_it], higher[part][:, column])
    return out


def _free(label: NDArray[np.bool_], known: NDArray[np.bool_]) -> Floats:
    return (~label & known).astype(np.float32)
