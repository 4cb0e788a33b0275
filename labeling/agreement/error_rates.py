"""How often each reviewer errs, where nobody knows the truth: Dawid & Skene (1979), Applied Statistics 28, 20-28.

What is true of each cell and how often each person says what of it are estimated in turn, until neither moves. Cells
whose truth is known, as somebody has adjudicated them, hold it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS, SEED = 200, 20_210
TOLERANCE, MOST_STEPS = 1e-6, 500
TOLERANCE_OF_A_DRAW, STEPS_OF_A_DRAW = (
    1e-3,
    25,
)  # each begins where the whole ended; what is left is far below a percent
EVEN = 0.5  # verdicts of each kind that everybody is given beforehand, so that few look neither perfect nor hopeless


@dataclass(frozen=True)
class Said:
    """Who said what, n times: ``unit`` (n,), ``person`` (n,) and ``word`` (n,), each counted from 0.

    ``truth`` is, by unit, which of the ``truths`` first words is known to be true; -1 where that is not known.
    """

    unit: NDArray[np.integer[Any]]
    person: NDArray[np.integer[Any]]
    word: NDArray[np.integer[Any]]
    truth: NDArray[np.integer[Any]]
    people: int
    words: int
    truths: int


@dataclass(frozen=True)
class Fit:
    """What was estimated: ``share`` (truths,) of each truth, ``rates`` (people, truths, words) of what each says of it,
    and how likely each truth is in each unit, ``likely`` (units, truths)."""

    share: NDArray[np.float64]
    rates: NDArray[np.float64]
    likely: NDArray[np.float64]


def fit(said: Said, *, even: float = EVEN) -> Fit:
    """Estimate the rates.

    Parameters
    ----------
    said : Said
    even : float
        Verdicts of each word that each person is given beforehand of each truth; 0 is the paper's own.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.agreement.error_rates import Said, fit
    >>> unit, person = np.repeat(np.arange(40), 3), np.tile(np.arange(3), 40)
    >>> word = (unit % 2).copy()
    >>> word[2::12] = 1 - word[2::12]  # the third errs on half of those that are 0
    >>> found = fit(Said(unit, person, word, np.full(40, -1), 3, 2, 2))
    >>> found.rates[2].round(2).tolist(), found.rates[0].round(2).tolist()
    ([[0.5, 0.5], [0.02, 0.98]], [[0.98, 0.02], [0.02, 0.98]])
    """
    weight = np.ones(len(said.truth))
    return _settle(said, _start(said), weight, even, MOST_STEPS, TOLERANCE)


def intervals(said: Said, found: Fit, clusters: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """95 % intervals of the rates, (2, people, truths, words): units are drawn anew by their clusters (clips)."""
    random = np.random.default_rng(SEED)
    cluster = np.unique(clusters, return_inverse=True)[1]
    n = int(cluster.max(initial=-1)) + 1
    rates = []
    for _ in range(DRAWS):
        weight = np.bincount(random.integers(n, size=n), minlength=n)[cluster].astype(np.float64)
        rates.append(_settle(said, found.likely, weight, EVEN, STEPS_OF_A_DRAW, TOLERANCE_OF_A_DRAW).rates)
    return np.quantile(np.stack(rates), [0.025, 0.975], axis=0)


def _start(said: Said) -> NDArray[np.float64]:
    """What most say of each unit, as the paper begins."""
    counts = np.zeros((len(said.truth), said.words))
    np.add.at(counts, (said.unit, said.word), 1)
    counts = counts[:, : said.truths]
    total = counts.sum(1, keepdims=True)
    return _with_known(said, np.where(total > 0, counts / np.maximum(total, 1), 1 / said.truths))


def _with_known(said: Said, likely: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.flatnonzero(said.truth >= 0)
    likely[known] = 0
    likely[known, said.truth[known]] = 1
    return likely


def _settle(
    said: Said, likely: NDArray[np.float64], weight: NDArray[np.float64], even: float, most: int, tolerance: float
) -> Fit:
    before: NDArray[np.float64] | None = None
    place = said.person * said.words + said.word
    for _ in range(most):
        weighed = likely * weight[:, None]
        share = (weighed.sum(0) + even) / (weighed.sum() + even * said.truths)
        counts = [
            np.bincount(place, weighed[said.unit, truth], said.people * said.words) for truth in range(said.truths)
        ]
        rates = np.stack(counts, axis=1).astype(np.float64).reshape(said.people, said.words, -1).swapaxes(1, 2)
        rates = rates + even
        total = rates.sum(2, keepdims=True)
        rates = np.divide(rates, total, out=np.zeros_like(rates), where=total > 0)
        likely = _likely(said, share, rates)
        if before is not None and np.abs(rates - before).max(initial=0) < tolerance:
            break
        before = rates
    return Fit(share, rates, likely)


def _likely(said: Said, share: NDArray[np.float64], rates: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        logs, start = np.log(rates), np.log(share)
    total = np.stack(
        [
            start[truth] + np.bincount(said.unit, logs[said.person, truth, said.word], len(said.truth))
            for truth in range(said.truths)
        ],
        axis=1,
    )
    highest = total.max(1, keepdims=True)
    likely = np.exp(total - np.where(np.isfinite(highest), highest, 0))
    sums = likely.sum(1, keepdims=True)
    return _with_known(said, np.where(sums > 0, likely / np.where(sums > 0, sums, 1), 1 / said.truths))
