"""Which listed classes explain that another is heard: a network that reads a wren higher where a robin is listed."""

from __future__ import annotations

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
            free, beside = self._of(rows)
            values = log_odds[rows] * free
            sums.append((np.asarray(values.T @ beside, np.float64), values.sum(axis=0, dtype=np.float64)))
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

    def _of(self, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Of some clips: 1 where c is known and not listed, and 1 where d is listed."""
        return (~self.label[rows] & self.known[rows]).astype(np.float32), self._listed[rows].astype(np.float32)

    @cached_property
    def _counts(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """For each part, over the clips of the others that do not list c: those that list d (C, C), and all (C,)."""
        own = [
            (np.asarray(free.T @ beside, np.float64), free.sum(axis=0)) for free, beside in map(self._of, self._parts)
        ]
        if not own:
            return []
        together, clips = (np.sum(values, axis=0) for values in zip(*own, strict=True))
        return [(together - count, clips - alone) for count, alone in own]
