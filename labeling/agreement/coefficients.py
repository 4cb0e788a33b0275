"""Coefficients of agreement for verdicts as names (nominal), each with a 95 % interval.

All three are functions of sums over cells. So the interval draws clips with replacement and adds up what each gives:
the cells of one clip are not independent of each other, clips are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.quality.intervals import Share

DRAWS, SEED = 1000, 20_210
_TOGETHER = 2_000_000  # weights at a time: 16 MB


@dataclass(frozen=True)
class Coefficient:
    """A coefficient over ``cells``: 1 is full agreement, 0 what chance would give, below it less than that.

    ``value`` is None where it is not defined: too few cells, or everybody said the same word each time. ``low`` and
    ``high`` are None where chance left too little to draw from.
    """

    value: float | None
    low: float | None
    high: float | None
    cells: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval, where there is one."""
        return None if self.low is None or self.high is None else (self.low, self.high)


NONE = Coefficient(None, None, None, 0)


def cohen(
    first: NDArray[np.integer[Any]],
    second: NDArray[np.integer[Any]],
    categories: int,
    clusters: NDArray[np.integer[Any]] | None = None,
) -> Coefficient:
    """Cohen's kappa of two people: Cohen (1960), Educational and Psychological Measurement 20, 37-46.

    Parameters
    ----------
    first, second : ndarray of int, (cells,)
        Which of the ``categories`` each said; -1 where they said nothing.
    categories : int
    clusters : ndarray of int, (cells,), optional
        The clip of each cell; by default each cell is one of its own.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.agreement.coefficients import cohen
    >>> yes, no = 1, 0
    >>> ann = np.repeat([yes, yes, no, no], [20, 5, 10, 15])
    >>> bob = np.repeat([yes, no, yes, no], [20, 5, 10, 15])
    >>> round(cohen(ann, bob, 2).value, 3)
    0.4
    """
    both = (first >= 0) & (second >= 0)
    n = int(both.sum())
    parts = np.zeros((n, categories * categories))
    parts[np.arange(n), first[both] * categories + second[both]] = 1
    return _with_interval(parts, lambda sums: _cohen(sums, categories), _of(clusters, both))


def _cohen(sums: NDArray[np.float64], categories: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    table = sums.reshape(-1, categories, categories)
    n = table.sum((1, 2))
    observed = np.trace(table, axis1=1, axis2=2) / n
    return observed, (table.sum(2) * table.sum(1)).sum(1) / n**2


def fleiss(
    said: NDArray[np.integer[Any]], categories: int, clusters: NDArray[np.integer[Any]] | None = None
) -> Coefficient:
    """Fleiss' kappa: Fleiss (1971), Psychological Bulletin 76, 378-382.

    Cells may have unlike numbers of verdicts; those with fewer than two count for nothing, and each other for one.

    Parameters
    ----------
    said : ndarray of int, (cells, people)
        Which of the ``categories`` each said; -1 where they said nothing.
    categories : int
    clusters : ndarray of int, (cells,), optional
        The clip of each cell.
    """
    counts, enough = _counts(said, categories)
    n = counts.sum(1)
    alike = ((counts**2).sum(1) - n) / (n * (n - 1))
    parts = np.column_stack([alike, counts / n[:, None], np.ones(len(n))])
    return _with_interval(parts, _fleiss, _of(clusters, enough))


def _fleiss(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    shares = sums[:, 1:-1] / sums[:, -1:]
    return sums[:, 0] / sums[:, -1], (shares**2).sum(1)


def krippendorff(
    said: NDArray[np.integer[Any]], categories: int, clusters: NDArray[np.integer[Any]] | None = None
) -> Coefficient:
    """Krippendorff's alpha for names; verdicts may be missing: Krippendorff (2004), Content Analysis, chapter 11.

    Parameters
    ----------
    said : ndarray of int, (cells, people)
        Which of the ``categories`` each said; -1 where they said nothing.
    categories : int
    clusters : ndarray of int, (cells,), optional
        The clip of each cell.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.agreement.coefficients import krippendorff
    >>> said = np.array([[0, 0, -1], [1, 1, 1], [0, 1, 0], [-1, 1, -1]])
    >>> round(krippendorff(said, 2).value, 4), krippendorff(said, 2).cells
    (0.5625, 3)
    """
    counts, enough = _counts(said, categories)
    n = counts.sum(1)
    alike = ((counts**2).sum(1) - n) / (n - 1)
    return _with_interval(np.column_stack([alike, counts]), _krippendorff, _of(clusters, enough))


def _krippendorff(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    by_category = sums[:, 1:]
    n = by_category.sum(1)
    return sums[:, 0] / n, (by_category * (by_category - 1)).sum(1) / (n * (n - 1))


def _counts(said: NDArray[np.integer[Any]], categories: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How many said each category, of the cells with two verdicts or more, and which those are."""
    counts = np.stack([(said == category).sum(1) for category in range(categories)], axis=1).astype(np.float64)
    enough = counts.sum(1) >= 2
    return counts[enough], enough


def _of(clusters: NDArray[np.integer[Any]] | None, cells: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The clusters of some cells, counted from 0."""
    if clusters is None:
        return np.arange(int(cells.sum()))
    return np.asarray(np.unique(clusters[cells], return_inverse=True)[1])


def _with_interval(
    parts: NDArray[np.float64],
    agreement: Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]],
    cluster: NDArray[np.intp],
) -> Coefficient:
    """The coefficient of summed ``parts`` (cells, F). ``agreement``: what is seen and what is chance, of (n, F)."""
    if not len(parts):
        return NONE
    with np.errstate(divide="ignore", invalid="ignore"):
        observed, by_chance = (float(value[0]) for value in agreement(parts.sum(0, keepdims=True)))
        if not by_chance < 1 - 1e-12:  # one word alone was ever said
            return Coefficient(None, None, None, len(parts))
        value = (observed - by_chance) / (1 - by_chance)
        clusters = int(cluster.max()) + 1
        if observed > 1 - 1e-12:  # each draw would say the same: the share's own interval knows of few
            low, _ = Share(clusters, clusters).interval or (0.0, 1.0)
            return Coefficient(value, (low - by_chance) / (1 - by_chance), 1.0, len(parts))
        by_cluster = np.zeros((clusters, parts.shape[1]))
        np.add.at(by_cluster, cluster, parts)
        drawn = [agreement(sums) for sums in _draws(by_cluster)]
        values = np.concatenate([(one - chance) / (1 - chance) for one, chance in drawn])
    values = values[np.isfinite(values)]
    if clusters < 2 or len(values) < DRAWS / 2:
        return Coefficient(value, None, None, len(parts))
    low, high = np.quantile(values, [0.025, 0.975]).tolist()
    return Coefficient(value, low, high, len(parts))


def _draws(by_cluster: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The sums of as many clusters as there are, drawn with replacement, DRAWS times."""
    random, n = np.random.default_rng(SEED), len(by_cluster)
    result, left = [], DRAWS
    while left:
        count = min(left, max(1, math.floor(_TOGETHER / n)))
        places = random.integers(n, size=(count, n)) + n * np.arange(count)[:, None]
        times = np.bincount(places.ravel(), minlength=count * n).reshape(count, n)
        result.append(times.astype(np.float64) @ by_cluster)
        left -= count
    return result
