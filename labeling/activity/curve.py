"""The chance that a window holds its class, by its score: a logistic curve on the logit of the score.

As Wood & Kahl (2024), "Guidelines for appropriate use of BirdNET scores and other detector outputs", Journal of
Ornithology 165, 777-782, do it for BirdNET; here the curve never falls with the score, and it is fitted with the
penalty of Firth (1993), Biometrika 80, 27-38, so that it is there too where all that was heard was right.

What is said of the curve is sure within its profile likelihood (Heinze & Schemper 2002, Statistics in Medicine 21,
2409-2419): from all curves that what was heard does not speak against, the lowest to the highest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.logistic import sigmoid, softplus

SMALLEST = 1e-5
"""Scores are kept with five places: 1 means 0.99999 at least."""
DROP = 1.920729410347062
"""Half the 95 % point of chi squared with one degree of freedom: so much less likely a curve may be."""
_RAYS, _RINGS, _STEPS = 120, 3, 24


@dataclass(frozen=True)
class Curve:
    """Curves logit(p) = height + slope (logit(score) - centre): the likeliest first, then those on rings around it up
    to what is still likely; ``height`` and ``slope`` (K,)."""

    centre: float
    height: NDArray[np.float64]
    slope: NDArray[np.float64]

    def chances(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """The chance (K, n) of windows with these scores (n,) by each curve."""
        return sigmoid(self.height[:, None] + self.slope[:, None] * (logit(scores) - self.centre)[None, :])

    def score_at(self, chance: float) -> NDArray[np.float64]:
        """The score (K,) at which each curve reaches a chance: 0 where it is there everywhere, NaN where nowhere."""
        wanted = float(np.log(chance / (1 - chance)))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            at = sigmoid(self.centre + (wanted - self.height) / self.slope)
        flat = self.slope <= 1e-9
        return np.where(flat, np.where(self.height >= wanted, 0.0, np.nan), at)


def logit(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """The log odds of scores."""
    inside = np.clip(np.asarray(scores, np.float64), SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(inside / (1 - inside)))


def fit(scores: NDArray[np.floating], present: NDArray[np.bool_]) -> Curve:
    """Fit the curve to what was heard.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Of the windows that were heard; how they were chosen may depend on the score, and on nothing else.
    present : ndarray of bool, shape (n,)
        Whether each holds the class.

    Returns
    -------
    Curve

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.activity.curve import fit
    >>> scores = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
    >>> curve = fit(scores, np.array([0, 0, 0, 1, 0, 1, 1, 1], bool))
    >>> low, high = curve.chances(np.array([0.2, 0.8]))[0]
    >>> bool(low < 0.3), bool(high > 0.7)
    (True, True)
    """
    x = logit(scores)
    centre = float(x.mean())
    x = x - centre
    best = _likeliest(x, present)
    root = _whitening(x, best)
    angle = np.arange(_RAYS) * (2 * np.pi / _RAYS)
    ways = (root @ np.stack([np.cos(angle), np.sin(angle)])).T
    reach = _reach(x, present, best, ways)
    share = np.arange(1, _RINGS + 1) / _RINGS
    points = best + (reach[:, None, None] * share[None, :, None] * ways[:, None, :]).reshape(-1, 2)
    points = np.concatenate([best[None], points])
    return Curve(centre, points[:, 0], np.maximum(points[:, 1], 0.0))


def _log_likelihood(
    x: NDArray[np.float64], present: NDArray[np.bool_], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of points (k, 2), with Firth's penalty: half the log determinant of the information."""
    eta = points[:, :1] + points[:, 1:] * x
    fitted = -softplus(np.where(present, -eta, eta)).sum(axis=1)
    weight = sigmoid(eta) * sigmoid(-eta)
    flat, sloped, curved = weight.sum(axis=1), (weight * x).sum(axis=1), (weight * x * x).sum(axis=1)
    return np.asarray(fitted + 0.5 * np.log(np.maximum(flat * curved - sloped**2, 1e-300)))


def _likeliest(x: NDArray[np.float64], present: NDArray[np.bool_]) -> NDArray[np.float64]:
    from scipy.optimize import minimize

    start = np.array([np.log((present.sum() + 0.5) / ((~present).sum() + 0.5)), 0.5])

    def less(point: NDArray[np.float64]) -> float:
        return -float(_log_likelihood(x, present, point[None])[0])

    found = minimize(less, start, method="L-BFGS-B", bounds=[(-40, 40), (0, 40)])
    return np.asarray(found.x, np.float64)


def _whitening(x: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix (2, 2) by which a circle becomes about as wide as the likely curves are."""
    weight = np.maximum(sigmoid(best[0] + best[1] * x) * sigmoid(-best[0] - best[1] * x), 1e-9)
    sloped = (weight * x).sum()
    information = np.array([[weight.sum(), sloped], [sloped, (weight * x * x).sum() + 1e-9]])
    values, vectors = np.linalg.eigh(information)
    return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-6)))


def _reach(
    x: NDArray[np.float64], present: NDArray[np.bool_], best: NDArray[np.float64], ways: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far (rays,) one may go from the likeliest curve each way, with no slope below 0."""
    least = _log_likelihood(x, present, best[None])[0] - DROP
    with np.errstate(divide="ignore", invalid="ignore"):
        end = np.where(ways[:, 1] < 0, -best[1] / ways[:, 1], np.inf)
    end = np.minimum(end, 64.0)
    inside = _log_likelihood(x, present, best + end[:, None] * ways) >= least
    low, high = np.where(inside, end, 0.0), end.copy()
    for _ in range(_STEPS):
        middle = (low + high) / 2
        fits = _log_likelihood(x, present, best + middle[:, None] * ways) >= least
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return np.asarray(low)
