"""A head on a space's vectors, refitted after each batch of verdicts; and how much its word is worth.

Regularised logistic regression on unit vectors: with tens of verdicts the ridge decides, with hundreds they do. Some
stretches that nobody has heard are added as if they were not it, with little weight: a head that only knows what was
shown would not know what all other sound is like.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.logistic import sigmoid, softplus

Floats = NDArray[np.float32] | NDArray[np.float64]

RIDGE = 0.1
"""Strength of the ridge, against a total weight of the verdicts of 1 a verdict."""
BACKGROUND = 0.5
"""What the stretches that nobody heard weigh together, in units of the accepted."""
LEAST_VERDICTS = 10
"""Fewer say nothing that one could call calibrated."""
NEXT = 20
RECENT = 20
"""The newest so many verdicts say how likely the next are. Earlier ones came when more was left to find: with all of
them a search that nears its end promises too much (benchmarks/more_like_this.py)."""
_DRAWS = 2_000
_STEPS = 40


@dataclass(frozen=True)
class Head:
    """``weight`` (D,) and ``bias`` of a logit; ``slope`` and ``level`` make a probability of it, drawn (S,) times as
    the verdicts leave them open; None before there are LEAST_VERDICTS."""

    weight: NDArray[np.float32]
    bias: float
    slope: NDArray[np.float64] | None = None
    level: NDArray[np.float64] | None = None

    @property
    def known(self) -> bool:
        """Whether there are verdicts enough to speak of probabilities."""
        return self.slope is not None

    def probability(self, logit: Floats) -> NDArray[np.float64]:
        """How likely each stretch (n,) is it; raises ValueError before that is known."""
        if self.slope is None or self.level is None:
            raise ValueError("too few verdicts for a probability; ask `known` first")
        near = np.quantile(self.slope, np.linspace(0.05, 0.95, 19)), np.quantile(self.level, 0.5)
        slopes, level = near
        return np.asarray(sigmoid(np.asarray(logit, np.float64)[:, None] * slopes + level).mean(axis=1))


@dataclass(frozen=True)
class Outlook:
    """How many of the next ``of`` are likely it: ``expected``, and from ``low`` to ``high`` with 95 %."""

    expected: float
    low: int
    high: int
    of: int


def fit(
    vectors: Floats,
    accepted: NDArray[np.bool_],
    weight: Floats,
    judged: NDArray[np.bool_] | None = None,
    unheard: NDArray[np.bool_] | None = None,
) -> Head:
    """Fit a head.

    Parameters
    ----------
    vectors : ndarray, shape (n, D)
        Unit vectors: of what was accepted, what was rejected, and of the background.
    accepted : ndarray of bool, shape (n,)
    weight : ndarray, shape (n,)
    judged : ndarray of bool, shape (n,), optional
        Which are verdicts, the oldest first: the newest say how likely the next are. Each of
        them counts as a head would predict it that did not see it.
    unheard : ndarray of bool, shape (n,), optional
        Which are the background: they tell the probability what is not it, by their weight. Without them a search of
        which nearly all was accepted would promise the same of whatever comes next.

    Returns
    -------
    Head

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.search.head import fit
    >>> vectors = np.float32([[1, 0], [0.9, 0.44], [0, 1], [-1, 0]])
    >>> head = fit(vectors, np.array([True, True, False, False]), np.ones(4))
    >>> (vectors @ head.weight + head.bias > 0).tolist(), head.known
    ([True, True, False, False], False)
    """
    whole = _logistic(vectors, accepted, weight)
    verdicts = np.flatnonzero(judged) if judged is not None else np.zeros(0, np.int64)
    if len(verdicts) < LEAST_VERDICTS:
        return Head(*_parts(whole))
    told = np.zeros(len(vectors), bool) if unheard is None else unheard.copy()
    told[verdicts[-RECENT:]] = True
    unseen = _unseen(vectors, accepted, weight, whole)
    return Head(*_parts(whole), *_scaled(unseen[told], accepted[told], np.asarray(weight, np.float64)[told]))


def outlook(head: Head, logit: Floats) -> Outlook | None:
    """What to expect of the first NEXT of these stretches, in their order; None while that is not known."""
    shown = np.asarray(logit, np.float64)[:NEXT]
    if head.slope is None or head.level is None or not len(shown):
        return None
    chance = sigmoid(shown[None, :] * head.slope[:, None] + head.level[:, None])
    counts = (np.random.default_rng(0).random(chance.shape) < chance).sum(axis=1)
    low, high = np.quantile(counts, (0.025, 0.975), method="inverted_cdf")
    return Outlook(float(chance.sum(axis=1).mean()), int(low), int(high), len(shown))


def _logistic(
    vectors: Floats,
    accepted: NDArray[np.bool_],
    weight: Floats,
) -> NDArray[np.float64]:
    """Weights and, last, the bias (D + 1,)."""
    from scipy.optimize import minimize

    rows = np.asarray(vectors, np.float32)
    sign, weights = np.where(accepted, -1.0, 1.0), np.asarray(weight, np.float64)

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (rows @ at[:-1].astype(np.float32) + at[-1])
        push = (weights * sign * sigmoid(margin)).astype(np.float32)
        value = float(weights @ softplus(margin)) + RIDGE / 2 * float(at[:-1] @ at[:-1])
        return value, np.append((push @ rows).astype(np.float64) + RIDGE * at[:-1], float(push.sum()))

    begin = np.zeros(rows.shape[1] + 1)
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS, "ftol": 1e-5})
    return np.asarray(found.x)


def _unseen(
    vectors: Floats, accepted: NDArray[np.bool_], weight: Floats, fitted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The logit (n,) of each row by a head fitted without it: from the curvature at the fit, without fitting anew (Rad
    and Maleki 2020, J. R. Stat. Soc. B 82, 965-996)."""
    rows = np.asarray(vectors, np.float32)
    logit = (rows @ fitted[:-1].astype(np.float32)).astype(np.float64) + fitted[-1]
    if len(rows) < rows.shape[1]:  # as many numbers as rows say the same
        gram = (rows @ rows.T).astype(np.float64)
        rows = np.linalg.cholesky(gram + 1e-6 * np.eye(len(rows))).astype(np.float32)
    p = sigmoid(logit)
    bend = np.asarray(weight, np.float64) * np.maximum(p * (1 - p), 1e-9)
    design = np.column_stack([rows, np.ones(len(rows), np.float32)])
    curve = (design.T * bend.astype(np.float32)) @ design
    curve[np.diag_indices_from(curve)] += np.append(np.full(rows.shape[1], RIDGE), 1e-3).astype(np.float32)
    share = np.einsum("nd,nd->n", design, np.linalg.solve(curve, design.T).T)  # x' H^-1 x
    pull = np.asarray(weight, np.float64) * (p - accepted)
    return np.asarray(logit + pull * share / np.maximum(1 - bend * share, 1e-3))


def _parts(weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], float]:
    return np.asarray(weights[:-1], np.float32), float(weights[-1])


def _scaled(
    logit: NDArray[np.float64], accepted: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slopes and levels (S,) of a probability, drawn from what the verdicts leave open (Platt 1999, with a prior).

    The prior: a logit may be trusted as it is, within a factor; the level is open. Drawn from the normal approximation
    of the posterior.
    """
    mean, precision = np.array([1.0, 0.0]), np.array([1 / 0.5**2, 1 / 3.0**2])
    design = np.column_stack([logit, np.ones(len(logit))])
    at, target = mean.copy(), accepted.astype(np.float64)
    curve = np.eye(2)
    for _ in range(50):
        p = sigmoid(design @ at)
        curve = (design * (weight * p * (1 - p))[:, None]).T @ design + np.diag(precision)
        step = np.linalg.solve(curve, design.T @ (weight * (p - target)) + precision * (at - mean))
        at = at - step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-9))
        if float(np.abs(step).max()) < 1e-6:
            break
    drawn = np.random.default_rng(1).multivariate_normal(at, np.linalg.inv(curve), _DRAWS)
    return np.maximum(drawn[:, 0], 0.0), drawn[:, 1]
