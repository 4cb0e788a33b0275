"""Which listed classes explain that another is heard: a network that reads a wren higher where a robin is listed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.evidence import Floats

BORROWED = 10.0  # clips without any confusion that each pair of classes is drawn towards


def explained(
    log_odds: Floats, label: NDArray[np.bool_], known: NDArray[np.bool_], fold: NDArray[np.integer]
) -> Floats:
    """How much of each cell's log odds another class that its clip lists explains.

    Of the clips of other folds that do not list c, those that list d against all: how much higher c is read there, at
    least 0 and as if BORROWED more clips showed no difference. Of several listed d the greatest counts.

    Parameters
    ----------
    log_odds : ndarray of float32, shape (N, C)
        What speaks for each class; finite.
    label, known : ndarray of bool, shape (N, C)
        The labels, and which of them count.
    fold : ndarray of int, shape (N,)
        The part of each clip, which its own confusions are not learned from.

    Returns
    -------
    ndarray of float32, shape (N, C)
        At least 0; to be taken off ``log_odds``.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.disagreement.confusions import explained
    >>> log_odds = np.tile(np.array([[2.0, 1.0], [2.0, -3.0]], np.float32), (20, 1))  # read at 1 beside the first class
    >>> label = np.tile(np.array([[True, False], [False, False]]), (20, 1))
    >>> explained(log_odds, label, np.ones_like(label), np.arange(40) // 2 % 2)[:2].round(2).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    out = np.zeros(log_odds.shape, np.float32)
    listed, unlisted = label & known, (~label & known).astype(np.float32)
    parts = np.unique(fold)
    whole = [(fold == part) for part in parts]
    above = [_sums(log_odds, listed, unlisted, rows) for rows in whole]
    total = [np.sum(values, axis=0) for values in zip(*above, strict=True)]
    for rows, own in zip(whole, above, strict=True):
        together, count, alone, clips = (sum_ - part for sum_, part in zip(total, own, strict=True))
        usual = alone / np.maximum(clips, 1)
        higher = np.maximum(0, (together - count * usual[:, None]) / (count + BORROWED)).astype(np.float32)
        np.fill_diagonal(higher, 0)
        here = np.flatnonzero(rows)
        for column in np.flatnonzero(listed[here].any(axis=0)).tolist():
            lists_it = here[listed[here, column]]
            out[lists_it] = np.maximum(out[lists_it], higher[:, column])
    return out


def _sums(
    log_odds: Floats, listed: NDArray[np.bool_], unlisted: Floats, rows: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], ...]:
    """Over some clips that do not list c: sums of its log odds and counts where they list d (C, C), and in all (C,)."""
    free, beside = unlisted[rows], listed[rows].astype(np.float32)
    values = log_odds[rows] * free
    sums = values.T @ beside, free.T @ beside, values.sum(axis=0), free.sum(axis=0)
    return tuple(np.asarray(one, np.float64) for one in sums)
