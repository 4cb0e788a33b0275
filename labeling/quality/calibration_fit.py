"""From a scorer's p_wrong to the probability that people find a label wrong: the fit, pure, of one kind of doubt.

Verdicts come from the top of the queue, and a straight line through them says wild things of its end. So the map is the
guess, with a curve beside it that verdicts bend where they are and that goes back to the guess away from them::

    logit P(wrong) = t + curve(t) + r(t) (u_class + w . covariates) + d [decided before the scoring]

t are the guess's log odds: the scorer's own, drawn in where they are far above even (`guessed_log_odds`). ``curve`` is
a Gaussian process on KNOTS, straight between them, with slopes that keep the order within a class from ever turning
(Riihimäki & Vehtari, "Gaussian processes with monotonicity information", AISTATS 2010). Cells that chance picked are
verdicts like any other: they lie where most cells are, and bend the curve there. The reach r is 1 where suspects are
and falls below, so that what the top of a class's queue shows is not believed of all its cells either.

The covariates are what the scorer's evidence says beyond its p_wrong (disagreement/covariates.py). Which cells people
see follows from p_wrong and covariates alone, so that given both it tells nothing of the labels, and verdicts from the
top teach the weights w as fair samples would; the curve takes up what p_wrong itself gets wrong there. The weights'
prior is narrow: few verdicts change little.

Its width, and the spread of the class offsets u ~ N(0, s^2), come from the data: each pair is weighed by its marginal
likelihood (empirical Bayes with its uncertainty kept). The posterior at each is Laplace's approximation, found by
Fisher scoring: Gelman et al., "Bayesian Data Analysis" (3rd ed.), sections 4.1, 13.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.logistic import sigmoid, softplus

Floats = NDArray[np.float64]

SUREST = 1e-6  # rankings keep p_wrong as float32, which near 1 has steps of 6e-8: closer to 1 its odds are rounding
# Log odds above even from which the guess grows ever more slowly. Scorers are over-sure at their top: evidence that is
# counted several times over (the clip, its frames, three runs that agree) multiplies log odds. With errors planted in a
# real collection that was so of missing labels (called 0.85: 0.69 to 0.83 were), and hardly of false ones.
BEND = {"missing": 3.0, "false": 6.0}
KNOTS = np.arange(-14.0, 9.0)  # log odds; all guesses lie within
# How far off the guess may be, in log odds, one standard deviation: everywhere alike, and here more than there.
LEVEL_WIDTH, CURVE_WIDTH = 0.3, 0.9
# In whatever collection evidence may be worth more or less than a scorer learned from labels, which hardly tell that.
# So the guess is off by this much for each log odds that evidence moved it from those that the label has where evidence
# is silent (a tenth of labels wrong). Above and below are apart: what verdicts show of cells that evidence speaks
# against tells nothing of those that a scorer never hears. Above even it may be counted several times over, too.
SILENT = -2.2
STEEP_WIDTH, SURE_WIDTH = 0.3, 0.5
CURVE_LENGTH = 3.0  # log odds over which verdicts speak for their neighbours
WIDTHS = (0.25, 0.5, 1.0, 2.0)  # times the first two, tried: most guesses are better than feared, some far worse
WIDTH_WEIGHTS = (0.25, 0.35, 0.3, 0.1)
LEAST_SLOPE, SLOPE_WIDTH = 0.05, 0.1
# Cells decided before a scoring were chosen by another; they may be wrong twice as often (95 %: four times) or half.
PAST_WIDTH = float(np.log(2))
SPREADS = (0.1, 0.4, 0.9, 2.0)  # of class offsets, tried; at 2.0 the odds of classes differ by 50
SPREAD_WIDTH = 0.6  # half-normal prior of the spread: in most collections the odds of classes differ by less than 4

# Of a covariate's weight, log odds a standard deviation: the scorer has weighed it already, and what is left seldom
# moves the odds by more than a factor of two. A tenth to twice of it found the same errors on ten collections.
WEIGHT_WIDTH = 0.3

REACH, REACH_LENGTH = -2.0, 3.0  # log odds: below the first an offset fades, by a factor of e for each of the second

_ROUNDS = 60
_ENOUGH = 1e-5  # a step that promises less log likelihood than this is the last
_BLOCK = 1 << 22  # numbers in memory at once while drawing
_STEPS = np.diff(np.eye(len(KNOTS)), axis=0)  # (knots - 1, knots): from each to the next


def guessed_log_odds(p_wrong: NDArray[Any], bend: float) -> NDArray[Any]:
    """The guess before any verdict: the log odds of p_wrong, above even ``bend ln(1 + x / bend)`` of them."""
    p = np.clip(p_wrong, SUREST, 1 - SUREST)
    x = np.log(p / (1 - p))
    return np.asarray(np.where(x > 0, bend * np.log1p(np.maximum(x, 0) / bend), x))


@dataclass(frozen=True)
class Posterior:
    """What verdicts say of the map at one ``width`` of the curve and ``spread`` of the class offsets.

    ``mode`` (G,) holds the curve at the knots, then d, then w, and ``root`` (G, G) a root of their covariance. The
    offsets of the K classes with verdicts have mode ``own`` (K,); they move with the G by ``follow`` (K, G) a unit and,
    given those, have variance ``apart`` (K,).
    """

    width: float
    spread: float
    weight: float
    mode: Floats
    root: Floats
    own: Floats
    follow: Floats
    apart: Floats


@dataclass(frozen=True)
class KindFit:
    """The map of one kind of doubt, fitted to ``verdicts`` verdicts; ``class_id`` (K,), sorted: classes with any."""

    verdicts: int
    bend: float
    class_id: NDArray[np.int64]
    posteriors: tuple[Posterior, ...]

    @property
    def parameters(self) -> Floats:
        """The curve at the knots, then d, then w (G,): their posterior mean over widths and spreads."""
        return np.asarray(sum(one.weight * one.mode for one in self.posteriors))

    @property
    def offsets(self) -> Floats:
        """Of the classes with verdicts (K,): their posterior mean."""
        return np.asarray(sum(one.weight * one.own for one in self.posteriors))

    @property
    def weights(self) -> Floats:
        """Of the covariates (F,), in log odds a standard deviation: their posterior mean."""
        return self.parameters[len(KNOTS) + 1 :]

    def probability(
        self, p_wrong: NDArray[Any], class_id: NDArray[np.int64], covariates: NDArray[Any] | None = None
    ) -> NDArray[np.float32]:
        """P(wrong) (M,) of cells with these p_wrong and covariates (M, F; default: 0), before any verdict the guess."""
        logit = np.asarray(guessed_log_odds(np.asarray(p_wrong, np.float32), self.bend), np.float32)
        if self.verdicts:
            offset = self._offset_by_id(class_id)[class_id]
            if covariates is not None:
                offset = offset + covariates @ self.weights.astype(np.float32)
            offset *= _reach(logit)
            curve = self.parameters[: len(KNOTS)]
            logit = np.interp(logit, KNOTS, _rising(KNOTS + curve)).astype(np.float32) + offset
        return np.asarray(sigmoid(logit), np.float32)

    def _offset_by_id(self, class_id: NDArray[np.int64]) -> NDArray[np.float32]:
        most = max(int(class_id.max(initial=0)), int(self.class_id.max(initial=0)))
        table = np.zeros(most + 1, np.float32)
        table[self.class_id] = self.offsets
        return table

    def draw_counts(
        self,
        p_wrong: NDArray[Any],
        class_id: NDArray[np.int64],
        random: np.random.Generator,
        draws: int,
        covariates: NDArray[Any] | None = None,
    ) -> NDArray[np.int64]:
        """How many of these cells are wrong, drawn ``draws`` times from the posterior predictive distribution."""
        at = guessed_log_odds(np.asarray(p_wrong, np.float64), self.bend)
        classes, column = np.unique(class_id, return_inverse=True)
        which = random.choice(len(self.posteriors), draws, p=[posterior.weight for posterior in self.posteriors])
        shared, own = np.empty((draws, len(self.parameters))), np.empty((draws, len(classes)))
        for number, posterior in enumerate(self.posteriors):
            here = np.flatnonzero(which == number)
            shared[here], own[here] = self._draw(posterior, classes, random, len(here))
        curve, own = _rising(KNOTS + shared[:, : len(KNOTS)]).astype(np.float32), own.astype(np.float32)
        weights = shared[:, len(KNOTS) + 1 :].astype(np.float32)
        counts = np.zeros(draws, np.int64)
        size = max(1, _BLOCK // draws)
        for first in range(0, len(at), size):
            part = slice(first, first + size)
            logit = curve @ _shares(at[part]).astype(np.float32).T
            offset = own[:, column[part]]
            if covariates is not None:
                offset = offset + weights @ covariates[part].astype(np.float32).T
            logit += offset * _reach(at[part]).astype(np.float32)
            counts += (random.random(logit.shape, np.float32) < sigmoid(logit)).sum(axis=1)
        return counts

    def _draw(
        self, posterior: Posterior, classes: NDArray[np.int64], random: np.random.Generator, draws: int
    ) -> tuple[Floats, Floats]:
        """Curve, d and w (draws, G), and offsets (draws, classes) of these classes, those without verdicts too."""
        moved = random.standard_normal((draws, len(posterior.mode))) @ posterior.root.T
        noise = random.standard_normal((draws, len(classes)))
        own = posterior.spread * noise
        place = np.searchsorted(self.class_id, classes)
        known = place < len(self.class_id)
        known[known] = self.class_id[place[known]] == classes[known]
        at = place[known]
        own[:, known] = (
            posterior.own[at] + moved @ posterior.follow[at].T + np.sqrt(posterior.apart[at]) * noise[:, known]
        )
        return posterior.mode + moved, own


def fit_kind(
    p_wrong: NDArray[Any],
    class_id: NDArray[np.int64],
    wrong: NDArray[np.bool_],
    past: NDArray[np.bool_],
    bend: float = BEND["missing"],
    *,
    covariates: NDArray[Any] | None = None,
    widths: Sequence[float] = WIDTHS,
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
    bend : float
        Of the guess (`guessed_log_odds`).
    covariates : ndarray, shape (n, F), optional
        What verdicts may weigh anew beside p_wrong (`disagreement.covariates`).
    widths, spreads : sequence of float
        How far the guess may be off, in shares of what is usual, and how far classes may differ, in log odds; each
        pair is tried, and weighed by how well it explains the verdicts.

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
    by_class = np.argsort(class_id, kind="stable")
    classes, first, column = np.unique(class_id[by_class], return_index=True, return_inverse=True)
    beside = np.zeros((len(class_id), 0)) if covariates is None else covariates
    at, design, reach = seen(np.asarray(p_wrong)[by_class], past[by_class], beside[by_class], bend)
    data = _Data(at, design, reach, column, first, wrong[by_class].astype(float))
    both, own = np.zeros(design.shape[1]), np.zeros(len(classes))
    posteriors, evidence = [], []
    for width in widths:
        precision = _precision(width, beside.shape[1])
        for spread in spreads:
            both, own = _climb(data, both, own, precision, spread)
            posterior, marginal = _laplace(data, both, own, precision, width, spread)
            posteriors.append(posterior)
            prior = np.log(_share_of(spread, spreads)) - (spread / SPREAD_WIDTH) ** 2 / 2
            prior += np.log(WIDTH_WEIGHTS[WIDTHS.index(width)]) if width in WIDTHS else 0.0
            evidence.append(marginal + prior)
    weight = np.exp(np.array(evidence) - max(evidence))
    weight /= weight.sum()
    weighed = tuple(replace(one, weight=float(share)) for one, share in zip(posteriors, weight, strict=True))
    return KindFit(len(class_id), bend, classes.astype(np.int64), weighed)


@dataclass(frozen=True)
class _Data:
    """Verdicts as arrays (n,), those of a class together: the guess's log odds, how much of the curve's knots, of d and
    of w they see (n, G) and of the class's offset, place of the class, wrong as 0 or 1; and where each class begins
    (K,)."""

    at: Floats
    design: Floats
    reach: Floats
    column: NDArray[np.int64]
    first: NDArray[np.int64]
    wrong: Floats

    def logit(self, both: Floats, own: Floats) -> Floats:
        return np.asarray(self.at + self.design @ both + self.reach * own[self.column])

    def log_posterior(self, both: Floats, own: Floats, precision: Floats, spread: float) -> float:
        """Up to a constant that is the same for every width and spread."""
        logit = self.logit(both, own)
        likelihood = float(self.wrong @ logit - np.sum(softplus(logit)))
        rising = -float(softplus(-_steepness(both)).sum())
        prior = -0.5 * float(both @ precision @ both) - 0.5 * float(np.sum((own / spread) ** 2))
        return likelihood + rising + prior - len(own) * float(np.log(spread))


@dataclass(frozen=True)
class _Curvature:
    """Fisher information with the priors': of curve, d and w (G, G), between them and classes (K, G), of classes (K,);
    and the slope of the log posterior, (G,) and (K,)."""

    both: Floats
    between: Floats
    own: Floats
    pull: Floats
    pull_own: Floats

    @property
    def follow(self) -> Floats:
        return np.asarray(-self.between / self.own[:, None])

    @property
    def schur(self) -> Floats:
        """Of curve, d and w with the classes integrated out: only their own block is not diagonal."""
        return np.asarray(self.both + self.between.T @ self.follow)


def seen(
    p_wrong: NDArray[Any], past: NDArray[np.bool_], covariates: NDArray[Any] | None, bend: float
) -> tuple[Floats, Floats, Floats]:
    """Of verdicts the guess's log odds (n,), and how much they see of curve, d and w (n, G) and of a class's offset."""
    at = guessed_log_odds(np.asarray(p_wrong, np.float64), bend)
    reach = _reach(at)
    beside = np.zeros((len(at), 0)) if covariates is None else np.asarray(covariates, np.float64)
    return at, np.column_stack([_shares(at), past, beside * reach[:, None]]), reach


def _curvature(data: _Data, both: Floats, own: Floats, precision: Floats, spread: float) -> _Curvature:
    p = sigmoid(data.logit(both, own))
    residual = data.wrong - p
    weight = p * (1 - p)
    weighed = data.design * weight[:, None]
    between = np.add.reduceat(weighed * data.reach[:, None], data.first) if len(own) else np.zeros((0, len(both)))
    falls = sigmoid(-_steepness(both))
    whole, pull = data.design.T @ weighed + precision, data.design.T @ residual - precision @ both
    whole[: len(KNOTS), : len(KNOTS)] += _STEPS.T @ (_STEPS * (falls * (1 - falls) / SLOPE_WIDTH**2)[:, None])
    pull[: len(KNOTS)] += _STEPS.T @ falls / SLOPE_WIDTH
    return _Curvature(
        whole,
        between,
        np.asarray(np.bincount(data.column, weight * data.reach**2, minlength=len(own)) + 1 / spread**2, float),
        pull,
        np.bincount(data.column, residual * data.reach, minlength=len(own)) - own / spread**2,
    )


def _climb(data: _Data, both: Floats, own: Floats, precision: Floats, spread: float) -> tuple[Floats, Floats]:
    """The mode, from these values on: Fisher scoring with halved steps where a whole one would fall."""
    now = data.log_posterior(both, own, precision, spread)
    for _ in range(_ROUNDS):
        curvature = _curvature(data, both, own, precision, spread)
        follow, pull, pull_own = curvature.follow, curvature.pull, curvature.pull_own
        step = np.linalg.solve(curvature.schur, pull + follow.T @ pull_own)
        step_own = pull_own / curvature.own + follow @ step
        if step @ pull + step_own @ pull_own < _ENOUGH:
            break
        share = 1.0
        while share > 1e-3:
            reached = data.log_posterior(both + share * step, own + share * step_own, precision, spread)
            if reached > now:
                break
            share /= 2
        else:
            break
        both, own, now = both + share * step, own + share * step_own, reached
    return both, own


def _laplace(
    data: _Data, both: Floats, own: Floats, precision: Floats, width: float, spread: float
) -> tuple[Posterior, float]:
    """The normal approximation at a mode, and the log of the marginal likelihood by it (up to a constant)."""
    curvature = _curvature(data, both, own, precision, spread)
    lower = np.linalg.cholesky(curvature.schur)
    log_determinant = 2 * float(np.sum(np.log(np.diag(lower)))) + float(np.sum(np.log(curvature.own)))
    log_determinant -= float(np.linalg.slogdet(precision)[1])
    evidence = data.log_posterior(both, own, precision, spread) - log_determinant / 2
    root = np.linalg.inv(lower).T
    return Posterior(width, spread, 1.0, both, root, own, curvature.follow, 1 / curvature.own), evidence


@cache
def _precision(width: float, covariates: int) -> Floats:
    """The inverse of the prior's covariance of the curve at the knots, Matérn's of smoothness 3/2, of d, and of w."""
    apart = np.sqrt(3) * np.abs(KNOTS[:, None] - KNOTS) / CURVE_LENGTH
    sides = np.maximum(KNOTS - SILENT, 0), np.maximum(SILENT - KNOTS, 0), np.maximum(KNOTS, 0)
    widths = STEEP_WIDTH, STEEP_WIDTH, SURE_WIDTH
    always = sum(wide**2 * np.outer(side, side) for wide, side in zip(widths, sides, strict=True))
    own = CURVE_WIDTH**2 * (1 + apart) * np.exp(-apart)
    covariance = WEIGHT_WIDTH**2 * np.eye(len(KNOTS) + 1 + covariates)
    covariance[: len(KNOTS), : len(KNOTS)] = width**2 * (LEVEL_WIDTH**2 + own) + always
    covariance[len(KNOTS), len(KNOTS)] = PAST_WIDTH**2
    return np.asarray(np.linalg.inv(covariance))


def _steepness(both: Floats) -> Floats:
    """How far above LEAST_SLOPE the map rises from knot to knot, in SLOPE_WIDTHs."""
    return np.asarray((np.diff(KNOTS) + np.diff(both[: len(KNOTS)]) - LEAST_SLOPE) / SLOPE_WIDTH)


def _rising(at_knots: Floats) -> Floats:
    """Maps at the knots (..., knots) that fall nowhere: half way between the closest such map above and below."""
    floor = LEAST_SLOPE * KNOTS
    level = at_knots - floor
    above = np.maximum.accumulate(level, axis=-1)
    below = np.minimum.accumulate(level[..., ::-1], axis=-1)[..., ::-1]
    return np.asarray((above + below) / 2 + floor)


def _shares(at: Floats) -> Floats:
    """How much of each knot's value a place between two of them has, (n, knots)."""
    place = np.clip(at - KNOTS[0], 0, len(KNOTS) - 1)
    left = np.minimum(place.astype(int), len(KNOTS) - 2)
    shares, rows = np.zeros((len(at), len(KNOTS))), np.arange(len(at))
    shares[rows, left] = 1 - (place - left)
    shares[rows, left + 1] = place - left
    return shares


def _reach(at: NDArray[Any]) -> NDArray[Any]:
    """How much of a class's offset a guess has: all of it where suspects are, ever less below."""
    return np.exp(np.minimum(at - REACH, 0) / REACH_LENGTH)


def _share_of(spread: float, spreads: Sequence[float]) -> float:
    """The width of the stretch of spreads that one of them stands for."""
    if len(spreads) == 1:
        return 1.0
    at = spreads.index(spread)
    below, above = spreads[max(0, at - 1)], spreads[min(len(spreads) - 1, at + 1)]
    return (above - below) / 2
