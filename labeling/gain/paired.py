"""Two sets of probabilities for the same cells, compared in pairs against what people said; pure, over arrays.

The interval is a paired bootstrap over clusters (clips, or recordists whose clips are alike): each resample draws whole
clusters and takes both predictions of their cells, so that what is easy or hard for both cancels out. Plain percentiles
of resamples are too narrow for few clusters. Averages over cells therefore take the bootstrap-t (Efron and Tibshirani
1993, An introduction to the bootstrap, 12.5), and average precision percentiles that lie further out ("expanded",
Hesterberg 2015, What teachers should know about the bootstrap, The American Statistician 69, 371-386).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000  # the outermost percentile at ten clusters, 0.9 %, is then the 17th of them
LEAST_CLUSTERS = 10  # with fewer, resampling them says too little of their spread, whatever the percentile
LEAST_OF_CLASS = (
    5  # cells of each verdict that a class's average precision needs: one cell then moves it by 0.2 at most
)
SMALLEST = 1e-6  # log loss: a probability counts as no surer than this
_TOGETHER = 4_000_000  # weights that are held at once, 32 MB

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PairedCells:
    """Cells (n,) that people decided, and two predictions of each. ``class_index`` and ``cluster`` are numbers from 0.

    ``weight``: 1 / the probability with which a cell was drawn, 1 for all where they are equal.
    """

    present: NDArray[np.bool_]
    before: Floats
    after: Floats
    class_index: NDArray[np.int64]
    cluster: NDArray[np.int64]
    weight: Floats

    def __len__(self) -> int:
        return len(self.present)

    def take(self, index: NDArray[np.bool_]) -> PairedCells:
        """These cells alone; their clusters keep their numbers."""
        return replace(self, **{name: value[index] for name, value in self.__dict__.items()})


@dataclass(frozen=True)
class Paired:
    """One metric of both predictions. ``gain`` is above 0 where ``after`` is better, ``low`` to ``high`` its 95 %
    interval, None of fewer than LEAST_CLUSTERS clusters. ``cells`` is how many it is measured on."""

    metric: str
    before: float
    after: float
    gain: float
    low: float | None
    high: float | None
    cells: int

    @property
    def outcome(self) -> str:
        """``helped``, ``hurt``, ``chance`` (the interval holds 0), ``same`` (both equal), ``few`` (no interval)."""
        if self.low is None or self.high is None:
            return "few"
        if self.low == self.high == self.gain == 0:
            return "same"
        return "helped" if self.low > 0 else "hurt" if self.high < 0 else "chance"

    def per(self, amount: float) -> Paired:
        """The gain for each unit of ``amount``, which is known exactly, such as hours of review."""
        low, high = (None if bound is None else bound / amount for bound in (self.low, self.high))
        return replace(self, gain=self.gain / amount, low=low, high=high)


def squared_error(probability: Floats, present: NDArray[np.bool_]) -> Floats:
    """(n,) of Brier (1950): 0 = right and sure, 0.25 = said 50 %, 1 = wrong and sure."""
    return (probability - present) ** 2


def log_loss(probability: Floats, present: NDArray[np.bool_]) -> Floats:
    """(n,) natural logarithm, of probabilities kept SMALLEST away from 0 and 1."""
    p = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.where(present, -np.log(p), -np.log1p(-p))


#: averages over cells: weights and pairs are exact for them
LOSSES: dict[str, Callable[[Floats, NDArray[np.bool_]], Floats]] = {"brier": squared_error, "log_loss": log_loss}


def compare(cells: PairedCells, *, seed: int = 0) -> list[Paired]:
    """Compare two sets of probabilities on cells that people decided, by every metric that these cells allow.

    Parameters
    ----------
    cells : PairedCells
    seed : int
        Of the resamples: the same seed gives the same intervals.

    Returns
    -------
    list of Paired
        ``brier`` and ``log_loss`` (lower is better; weighted averages, as Hajek's), ``micro_ap`` where there is a cell
        of each verdict, and ``macro_ap`` where two classes have LEAST_OF_CLASS of each. [] of no cells.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.gain.paired import PairedCells, compare
    >>> present = np.arange(40) % 2 == 0
    >>> before, after = np.where(present, 0.6, 0.4), np.where(present, 0.8, 0.2)
    >>> cells = PairedCells(present, before, after, np.zeros(40, np.int64), np.arange(40), np.ones(40))
    >>> first = compare(cells)[0]
    >>> first.metric, round(first.before, 2), round(first.after, 2), first.outcome
    ('brier', 0.16, 0.04, 'helped')
    """
    if not len(cells):
        return []
    _, cluster = np.unique(cells.cluster, return_inverse=True)
    n_clusters = int(cluster.max()) + 1
    draws = None
    if n_clusters >= LEAST_CLUSTERS:
        even = np.full(n_clusters, 1 / n_clusters)
        draws = np.random.default_rng(seed).multinomial(n_clusters, even, size=RESAMPLES)
    metrics = [_of_loss(name, cells, cluster, draws) for name in LOSSES]
    groups = {"micro_ap": [np.arange(len(cells))], "macro_ap": _rated_classes(cells)}
    for name, parts in groups.items():
        if (name == "micro_ap" or len(parts) > 1) and 0 < int(cells.present.sum()) < len(cells):
            metrics.append(_of_precision(name, cells, cluster, draws, parts))
    return metrics


def interval(resampled: Floats, n_clusters: int) -> tuple[float, float]:
    """The expanded 95 % percentile interval of resamples (B,) of so many clusters, NaN (undefined) left out."""
    from scipy import stats

    further = math.sqrt(n_clusters / (n_clusters - 1)) * stats.t.ppf(0.975, n_clusters - 1)
    tail = float(stats.norm.cdf(-further))
    low, high = np.quantile(resampled[np.isfinite(resampled)], [tail, 1 - tail])
    return float(low), float(high)


def interval_of_mean(sums: Floats, weights: Floats, draws: NDArray[np.int64]) -> tuple[float, float]:
    """The bootstrap-t 95 % interval of ``sums.sum() / weights.sum()``, both a cluster (G,); ``draws`` (B, G) says how
    often each resample holds each cluster."""
    count = len(sums)

    def mean_and_error(times: NDArray[np.int64]) -> tuple[Floats, Floats]:
        total = times @ weights
        mean = times @ sums / total
        squares = times @ sums**2 - 2 * mean * (times @ (sums * weights)) + mean**2 * (times @ weights**2)
        return mean, np.sqrt(np.maximum(squares, 0) * count / (count - 1)) / total

    (value,), (error,) = mean_and_error(np.ones((1, count), dtype=np.int64))
    means, errors = mean_and_error(draws)
    if error == 0:
        return float(value), float(value)
    known = errors > error * 1e-9  # a resample of one cluster alone has no spread
    low, high = np.quantile((means[known] - value) / errors[known], [0.025, 0.975])
    return float(value - high * error), float(value - low * error)


def _of_loss(name: str, cells: PairedCells, cluster: NDArray[np.int64], draws: NDArray[np.int64] | None) -> Paired:
    of = LOSSES[name]
    before, after = of(cells.before, cells.present), of(cells.after, cells.present)
    total = cells.weight.sum()
    gain = float((cells.weight * (before - after)).sum() / total)
    low, high = None, None
    if draws is not None:
        sums, weights = (
            np.bincount(cluster, amounts).astype(np.float64)
            for amounts in (cells.weight * (before - after), cells.weight)
        )
        low, high = interval_of_mean(sums, weights, draws)
    means = [float((cells.weight * losses).sum() / total) for losses in (before, after)]
    return Paired(name, means[0], means[1], gain, low, high, len(cells))


def _rated_classes(cells: PairedCells) -> list[NDArray[np.int64]]:
    """The cells of each class that has enough of each verdict."""
    order = np.argsort(cells.class_index, kind="stable")
    starts = np.flatnonzero(np.diff(cells.class_index[order], prepend=-1))
    class_parts = []
    for part in np.split(order, starts[1:]):
        positives = int(cells.present[part].sum())
        if min(positives, len(part) - positives) >= LEAST_OF_CLASS:
            class_parts.append(part)
    return class_parts


def _of_precision(
    name: str,
    cells: PairedCells,
    cluster: NDArray[np.int64],
    draws: NDArray[np.int64] | None,
    parts: list[NDArray[np.int64]],
) -> Paired:
    def mean_of(probability: Floats, counts: NDArray[np.int64] | None) -> Floats:
        """(B,): the mean over ``parts``, for each row of ``counts`` (B, clusters); of all cells once for None."""
        rows = 1 if counts is None else len(counts)
        total, defined = np.zeros(rows), np.zeros(rows)
        for part in parts:
            for first in range(0, rows, step := max(1, _TOGETHER // len(part))):
                weight = cells.weight[part][None, :]
                if counts is not None:
                    weight = weight * counts[first : first + step][:, cluster[part]]
                values = average_precisions(probability[part], cells.present[part], weight)
                total[first : first + step] += np.nan_to_num(values)
                defined[first : first + step] += np.isfinite(values)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(total / defined)

    before, after = (float(mean_of(probabilities, None)[0]) for probabilities in (cells.before, cells.after))
    low, high = None, None
    if draws is not None:
        low, high = interval(mean_of(cells.after, draws) - mean_of(cells.before, draws), draws.shape[1])
    return Paired(name, before, after, after - before, low, high, sum(len(part) for part in parts))


def average_precisions(scores: Floats, present: NDArray[np.bool_], weights: Floats) -> Floats:
    """(B,) average precision of scores (n,) for each row of ``weights`` (B, n), NaN without weight on a positive.

    Sum over distinct scores of (gain in recall) x precision: scikit-learn's, with ``sample_weight``.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=np.inf))
    weights = weights[:, order]
    predicted = np.cumsum(weights, axis=1)[:, ends]
    true = np.cumsum(weights * present[order], axis=1)[:, ends]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(predicted > 0, true / predicted, 0.0)
        return np.asarray((np.diff(true, axis=1, prepend=0) * precision).sum(1) / true[:, -1])
