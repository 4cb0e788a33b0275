"""From a scorer's p_wrong to the probability that people find a label wrong: the fit, pure, of one kind of doubt.

The calibration map is that of Kull, Silva Filho and Flach, "Beta calibration" (AISTATS 2017), with an offset a class::

    logit P(wrong) = a + b1 ln(p_wrong) - b2 ln(1 - p_wrong) + u_class + d [decided before the scoring]

With a = 0, b1 = b2 = 1 it is p_wrong itself; with b1 = b2 it is Platt's scaling of the log odds. Low and high ends have
a slope each, since verdicts come from the top of the queue and say little of its end. Both slopes are kept above 0 by
fitting their logarithms, so that the order within a class never turns.

Normal priors draw the map towards p_wrong itself; the spread s of the class offsets u ~ N(0, s^2) comes from the data,
each s weighed by its marginal likelihood (empirical Bayes with its uncertainty kept). The posterior at each s is
Laplace's approximation, found by Fisher scoring: Gelman et al., "Bayesian Data Analysis" (3rd ed.), sections 4.1, 13.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SUREST = 1e-6  # rankings keep p_wrong as float32, which near 1 has steps of 6e-8: closer to 1 its odds are rounding
# A noise model's own rates may be off by a factor of 20 either way (95 %): where a model is weak they stay at the
# tenth that they began with, and collections have from half to a two-hundredth of their labels wrong.
OFFSET_WIDTH = float(np.log(20) / 1.96)
# Log odds may be three times as bold as they should be, or a third, and at 95 % nine times: evidence that is counted
# several times over (the clip, its frames, three runs that agree) multiplies them, evidence that is noise takes away.
SLOPE_WIDTH = float(np.log(3))
# Cells decided before a scoring were chosen by another; they may be wrong twice as often (95 %: four times) or half.
PAST_WIDTH = float(np.log(2))
SPREADS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # of class offsets, tried; at 2.0 the odds of classes differ by 50
SPREAD_WIDTH = 1.0  # half-normal prior of the spread: few collections have classes whose odds differ by more than 7
PRIOR_WIDTH = np.array([OFFSET_WIDTH, SLOPE_WIDTH, SLOPE_WIDTH, PAST_WIDTH])

_ROUNDS = 60
_ENOUGH = 1e-5  # a step that promises less log likelihood than this is the last
_BLOCK = 1 << 22  # numbers in memory at once while drawing


@dataclass(frozen=True)
class Posterior:
    """What verdicts say of the map at one spread of the class offsets.

    ``mode`` (4,) holds a, ln b1, ln b2, d and ``root`` (4, 4) a root of their covariance. The offsets of the K classes
    with verdicts have mode ``own`` (K,); they move with the four by ``follow`` (K, 4) a unit and, given the four, have
    variance ``apart`` (K,).
    """

    spread: float
    weight: float
    mode: Floats
    root: Floats
    own: Floats
    follow: Floats
    apart: Floats

    def draw(self, random: np.random.Generator, draws: int) -> tuple[Floats, Floats]:
        """How far the four move from the mode (draws, 4), slopes in shares of themselves; and the four there.

        What verdicts leave open together, an offset for a slope, lies on a line of a and b, not of a and ln b: slopes
        are drawn first, a and d around where the verdicts put them for these slopes.
        """
        slopes, rest = [1, 2], [0, 3]
        covariance = self.root @ self.root.T
        own = covariance[np.ix_(slopes, slopes)]
        given_slopes = np.linalg.solve(own, covariance[np.ix_(slopes, rest)])
        left = covariance[np.ix_(rest, rest)] - covariance[np.ix_(rest, slopes)] @ given_slopes
        log_slopes = random.standard_normal((draws, 2)) @ np.linalg.cholesky(own).T
        moved = np.empty((draws, 4))
        moved[:, slopes] = np.expm1(log_slopes)
        moved[:, rest] = moved[:, slopes] @ given_slopes
        moved[:, rest] += random.standard_normal((draws, 2)) @ np.linalg.cholesky(left).T
        four = self.mode + moved
        four[:, slopes] = self.mode[slopes] + log_slopes
        return moved, four


@dataclass(frozen=True)
class KindFit:
    """The map of one kind of doubt, fitted to ``verdicts`` verdicts; ``class_id`` (K,), sorted: classes with any."""

    verdicts: int
    class_id: NDArray[np.int64]
    posteriors: tuple[Posterior, ...]

    @property
    def parameters(self) -> Floats:
        """a, ln b1, ln b2, d (4,): their posterior mean over the spreads."""
        return np.asarray(sum(posterior.weight * posterior.mode for posterior in self.posteriors))

    @property
    def offsets(self) -> Floats:
        """u of each class of ``class_id`` (K,), likewise."""
        return np.asarray(sum(posterior.weight * posterior.own for posterior in self.posteriors))

    def probability(self, p_wrong: NDArray[Any], class_id: NDArray[np.int64]) -> NDArray[np.float32]:
        """P(wrong) (M,) of cells with these p_wrong; p_wrong itself before any verdict."""
        if not self.verdicts:
            return np.asarray(p_wrong, np.float32)
        a, log_low, log_high, _ = self.parameters.astype(np.float32)
        logit, high = _features(np.asarray(p_wrong, np.float32))
        logit *= np.exp(log_low)
        high *= np.exp(log_high)
        logit += high
        logit += self._offset_by_id(class_id)[class_id]
        logit += a
        return np.asarray(_sigmoid(logit), np.float32)

    def _offset_by_id(self, class_id: NDArray[np.int64]) -> NDArray[np.float32]:
        most = max(int(class_id.max(initial=0)), int(self.class_id.max(initial=0)))
        table = np.zeros(most + 1, np.float32)
        table[self.class_id] = self.offsets
        return table

    def draw_counts(
        self, p_wrong: NDArray[Any], class_id: NDArray[np.int64], random: np.random.Generator, draws: int
    ) -> NDArray[np.int64]:
        """How many of these cells are wrong, drawn ``draws`` times from the posterior predictive distribution."""
        low, high = (np.asarray(feature, np.float32) for feature in _features(np.asarray(p_wrong, np.float64)))
        classes, column = np.unique(class_id, return_inverse=True)
        which = random.choice(len(self.posteriors), draws, p=[posterior.weight for posterior in self.posteriors])
        four, own = np.empty((draws, 4)), np.empty((draws, len(classes)))
        for number, posterior in enumerate(self.posteriors):
            here = np.flatnonzero(which == number)
            four[here], own[here] = self._draw(posterior, classes, random, len(here))
        a, steep = four[:, :1].astype(np.float32), np.exp(four[:, 1:3]).astype(np.float32)
        own = own.astype(np.float32)
        counts = np.zeros(draws, np.int64)
        size = max(1, _BLOCK // draws)
        for first in range(0, len(low), size):
            part = slice(first, first + size)
            logit = steep[:, :1] * low[part] + steep[:, 1:] * high[part] + own[:, column[part]] + a
            counts += (random.random(logit.shape, np.float32) < _sigmoid(logit)).sum(axis=1)
        return counts

    def _draw(
        self, posterior: Posterior, classes: NDArray[np.int64], random: np.random.Generator, draws: int
    ) -> tuple[Floats, Floats]:
        """Parameters (draws, 4), and offsets (draws, classes) of these classes, those without verdicts too."""
        moved, four = posterior.draw(random, draws)
        noise = random.standard_normal((draws, len(classes)))
        own = posterior.spread * noise
        place = np.searchsorted(self.class_id, classes)
        known = place < len(self.class_id)
        known[known] = self.class_id[place[known]] == classes[known]
        at = place[known]
        own[:, known] = (
            posterior.own[at] + moved @ posterior.follow[at].T + np.sqrt(posterior.apart[at]) * noise[:, known]
        )
        return four, own


def fit_kind(
    p_wrong: NDArray[Any],
    class_id: NDArray[np.int64],
    wrong: NDArray[np.bool_],
    past: NDArray[np.bool_],
    spreads: Sequence[float] = SPREADS,
) -> KindFit:
    """Fit the map from a scorer's p_wrong to the probability that a label is wrong, from verdicts of one kind of doubt.

    Parameters
    ----------
    p_wrong : ndarray, shape (n,)
        What the scorer said of each label. n may be 0: then the prior alone speaks.
    class_id : ndarray of int64, shape (n,)
    wrong : ndarray of bool, shape (n,)
        What people found.
    past : ndarray of bool, shape (n,)
        Whether they had decided before the scoring.
    spreads : sequence of float
        How far classes may differ, in log odds; each is tried, and weighed by how well it explains the verdicts.

    Returns
    -------
    KindFit

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.quality.calibration_fit import fit_kind
    >>> called, one_class = np.full(40, 0.5), np.ones(40, np.int64)
    >>> found_wrong = np.arange(40) < 4  # what was called 50 % likely wrong was wrong one time in ten
    >>> fitted = fit_kind(called, one_class, found_wrong, np.zeros(40, bool))
    >>> fitted.probability(np.array([0.5]), np.array([1])).round(1).tolist()
    [0.10000000149011612]
    """
    classes, column = np.unique(class_id, return_inverse=True)
    data = _Data(*_features(np.asarray(p_wrong, np.float64)), column, np.asarray(wrong, float), np.asarray(past, float))
    four, own = np.zeros(4), np.zeros(len(classes))
    posteriors, evidence = [], []
    for spread in spreads:
        four, own = _climb(data, four, own, spread)
        posterior, log_evidence = _laplace(data, four, own, spread)
        posteriors.append(posterior)
        evidence.append(log_evidence - (spread / SPREAD_WIDTH) ** 2 / 2 + np.log(_share_of(spread, spreads)))
    weight = np.exp(np.array(evidence) - max(evidence))
    weight /= weight.sum()
    weighed = tuple(
        Posterior(
            fitted.spread,
            float(share),
            fitted.mode,
            fitted.root,
            fitted.own,
            fitted.follow,
            fitted.apart,
        )
        for fitted, share in zip(posteriors, weight, strict=True)
    )
    return KindFit(len(class_id), classes.astype(np.int64), weighed)


@dataclass(frozen=True)
class _Data:
    """Verdicts as arrays (n,): ln p and -ln(1 - p) of p_wrong, place of the class, wrong and past as 0 or 1."""

    low: Floats
    high: Floats
    column: NDArray[np.int64]
    wrong: Floats
    past: Floats

    def logit(self, four: Floats, own: Floats) -> Floats:
        a, log_low, log_high, d = four
        return np.asarray(
            a + np.exp(log_low) * self.low + np.exp(log_high) * self.high + own[self.column] + d * self.past
        )

    def log_posterior(self, four: Floats, own: Floats, spread: float) -> float:
        """Up to a constant that is the same for every spread."""
        logit = self.logit(four, own)
        likelihood = float(self.wrong @ logit - np.sum(np.maximum(logit, 0) + np.log1p(np.exp(-np.abs(logit)))))
        prior = -0.5 * float(np.sum((four / PRIOR_WIDTH) ** 2)) - 0.5 * float(np.sum((own / spread) ** 2))
        return likelihood + prior - len(own) * float(np.log(spread))


@dataclass(frozen=True)
class _Curvature:
    """Fisher information with the priors': of the four (4, 4), between them and classes (K, 4), of classes (K,); and
    the slope of the log posterior, (4,) and (K,)."""

    four: Floats
    between: Floats
    own: Floats
    pull: Floats
    pull_own: Floats

    @property
    def follow(self) -> Floats:
        return np.asarray(-self.between / self.own[:, None])

    @property
    def schur(self) -> Floats:
        """Of the four with the classes integrated out: only their own block is not diagonal."""
        return np.asarray(self.four + self.between.T @ self.follow)


def _curvature(data: _Data, four: Floats, own: Floats, spread: float) -> _Curvature:
    low, high = np.exp(four[1]) * data.low, np.exp(four[2]) * data.high
    logit = four[0] + low + high + own[data.column] + four[3] * data.past
    p = _sigmoid(logit)
    residual = data.wrong - p
    slopes = np.stack([np.ones(len(low)), low, high, data.past])
    weighed = slopes * (p * (1 - p))
    size = len(own)
    between = np.empty((size, 4))
    for place, row in enumerate(weighed):
        between[:, place] = np.bincount(data.column, row, minlength=size)
    return _Curvature(
        slopes @ weighed.T + np.diag(1 / PRIOR_WIDTH**2),
        between,
        between[:, 0] + 1 / spread**2,
        slopes @ residual - four / PRIOR_WIDTH**2,
        np.bincount(data.column, residual, minlength=size) - own / spread**2,
    )


def _climb(data: _Data, four: Floats, own: Floats, spread: float) -> tuple[Floats, Floats]:
    """The mode, from these values on: Fisher scoring with halved steps where a whole one would fall."""
    now = data.log_posterior(four, own, spread)
    for _ in range(_ROUNDS):
        curvature = _curvature(data, four, own, spread)
        follow, pull, pull_own = curvature.follow, curvature.pull, curvature.pull_own
        step = np.linalg.solve(curvature.schur, pull + follow.T @ pull_own)
        step_own = pull_own / curvature.own + follow @ step
        if step @ pull + step_own @ pull_own < _ENOUGH:
            break
        share = 1.0
        while share > 1e-3:
            reached = data.log_posterior(four + share * step, own + share * step_own, spread)
            if reached > now:
                break
            share /= 2
        else:
            break
        four, own, now = four + share * step, own + share * step_own, reached
    return four, own


def _laplace(data: _Data, four: Floats, own: Floats, spread: float) -> tuple[Posterior, float]:
    """The normal approximation at a mode, and the log of the marginal likelihood by it (up to a constant)."""
    curvature = _curvature(data, four, own, spread)
    lower = np.linalg.cholesky(curvature.schur)
    root = np.linalg.inv(lower).T
    log_determinant = 2 * float(np.sum(np.log(np.diag(lower)))) + float(np.sum(np.log(curvature.own)))
    evidence = data.log_posterior(four, own, spread) - log_determinant / 2
    return Posterior(spread, 1.0, four, root, own, curvature.follow, 1 / curvature.own), evidence


def _share_of(spread: float, spreads: Sequence[float]) -> float:
    """The width of the stretch of spreads that one of them stands for."""
    if len(spreads) == 1:
        return 1.0
    at = spreads.index(spread)
    below, above = spreads[max(0, at - 1)], spreads[min(len(spreads) - 1, at + 1)]
    return (above - below) / 2


def _features(p_wrong: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """ln p and -ln(1 - p)."""
    p = np.clip(p_wrong, SUREST, 1 - SUREST)
    high = 1 - p
    return np.log(p, out=p), np.negative(np.log(high, out=high), out=high)


def _sigmoid(logit: NDArray[Any]) -> NDArray[Any]:
    out = np.clip(logit, -80, 80)
    np.exp(np.negative(out, out=out), out=out)
    out += 1
    return np.asarray(np.reciprocal(out, out=out))
