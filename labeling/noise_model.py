"""A logistic model of the true label under label noise: which given labels are wrong, and how often.

The true label z of a cell follows its evidence x by a logistic model of its class; the given label y follows
the true one by two noise rates::

    P(z = 1 | x)     = sigmoid(coefficients of the class . (1, x))
    P(y = 0 | z = 1) = miss_rate            P(y = 1 | z = 0) = spurious_rate

Fitted by expectation maximisation, it gives P(z != y | x, y) for every cell. The two-rate model is that of
Raykar et al., "Learning from crowds" (JMLR 2010), with one annotator, and of Bootkrajang & Kabán,
"Label-noise robust logistic regression" (ECML 2012); the fit here is our own: the coefficients of a class are
drawn towards those of all classes by a normal prior whose width is estimated from the data (empirical Bayes),
so that a class with three clips borrows from the others and one with a thousand speaks for itself.
Only numpy; a pass over the cells runs in threads and sums in a fixed order, so results do not vary.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CHUNK_CELLS = 1 << 16  # so that a chunk's arrays stay in the processor's cache
_MAX_STEP = 2.0  # largest move of a coefficient in one Newton step: keeps a poor start from overshooting


@dataclass(frozen=True)
class NoiseModel:
    """A fitted model: ``coefficients`` (C, 1 + F), the intercept first, and the two noise rates.

    The coefficients apply to the evidence as given to :func:`fit_noise_model` (its scale is undone).
    """

    coefficients: NDArray[np.float32]
    miss_rate: float
    spurious_rate: float

    def p_present(self, evidence: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """P(z = 1 | x), (N, C), before the given label is looked at. ``evidence`` holds F arrays (N, C)."""
        out = np.empty(evidence[0].shape, dtype=np.float32)
        for part in _chunks(out.shape):
            out[part] = _sigmoid(_logit(self.coefficients, [values[part] for values in evidence]))
        return out

    def p_wrong(self, evidence: Sequence[NDArray[np.float32]], given: NDArray[np.bool_]) -> NDArray[np.float32]:
        """P(z != y | x, y), (N, C) float32 in 0..1."""
        out = np.empty(given.shape, dtype=np.float32)
        # odds of z = 1 against z = 0 that the given label alone speaks for
        listed, unlisted = _label_log_odds(self.miss_rate, self.spurious_rate)

        def work(part: slice) -> None:
            logit = _logit(self.coefficients, [values[part] for values in evidence])
            y = given[part]
            logit += np.where(y, listed, unlisted)
            out[part] = _sigmoid(np.where(y, -logit, logit))

        with ThreadPoolExecutor(_workers()) as pool:
            list(pool.map(work, _chunks(given.shape)))
        return out


def fit_noise_model(
    evidence: Sequence[NDArray[np.float32]],
    given: NDArray[np.bool_],
    known: NDArray[np.bool_],
    *,
    warm_up: int = 6,
    rounds: int = 12,
) -> NoiseModel:
    """Fit a NoiseModel to ``evidence`` (F arrays (N, C), finite, higher = more present) and the given labels.

    Cells outside ``known`` count for nothing. Coefficients of evidence are kept at or above 0: more evidence
    never makes a class less likely. ``warm_up`` Newton steps fit the given labels as if they were right, then
    confident learning gives first noise rates, then ``rounds`` rounds of expectation maximisation, each with one
    Newton step, or fewer once the rates stand still.
    """
    count = int(known.sum())
    columns, size = given.shape[1], 1 + len(evidence)
    positives = int((given & known).sum())
    base = (positives + 0.5) / (count + 1.0)
    mean = [_masked_mean(values, known, count) for values in evidence]
    spread = [_masked_spread(values, known, count, centre) for values, centre in zip(evidence, mean, strict=True)]
    scaled = [((v - m) / s).astype(np.float32) for v, m, s in zip(evidence, mean, spread, strict=True)]

    shared = np.zeros(size)
    shared[0] = np.log(base / (1 - base))
    own = np.zeros((columns, size))
    width = np.full(size, 1.0)  # of the classes around the shared coefficients; soon replaced by the data's own
    rates: tuple[float, float] | None = None
    for step in range(warm_up + rounds):
        if step == warm_up:
            rates = _confident_rates(_effective(shared, own), scaled, given, known)
        moments, gradient, tally = _pass(_effective(shared, own), scaled, given, known, rates)
        shared, own, width = _newton(shared, own, width, moments, gradient)
        if rates is not None:
            fresh = _rates_from(tally)
            moved = max(abs(new - old) / old for new, old in zip(fresh, rates, strict=True))
            rates = fresh
            if moved < 0.01:
                break
    coefficients = _effective(shared, own)
    for j, (m, s) in enumerate(zip(mean, spread, strict=True), start=1):
        coefficients[:, j] /= s
        coefficients[:, 0] -= coefficients[:, j] * m
    miss, spurious = rates if rates is not None else (0.0, 0.0)
    return NoiseModel(coefficients.astype(np.float32), miss, spurious)


def _effective(shared: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    coefficients = shared + own
    coefficients[:, 1:] = np.maximum(coefficients[:, 1:], 0.0)
    return coefficients


def _pass(
    coefficients: NDArray[np.float64],
    scaled: Sequence[NDArray[np.float32]],
    given: NDArray[np.bool_],
    known: NDArray[np.bool_],
    rates: tuple[float, float] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """One look at every cell: curvature (C, K, K) and gradient (C, K) of the log likelihood, and the tally.

    The tally is the expected number of cells: present and listed, present and unlisted, absent and listed,
    absent and unlisted.
    """
    columns, size = coefficients.shape
    steep = coefficients.astype(np.float32)
    listed, unlisted = _label_log_odds(*rates) if rates is not None else (np.inf, -np.inf)

    def work(part: slice) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        values = [one[part] for one in scaled]
        y, seen = given[part], known[part].astype(np.float32)
        logit = _logit(steep, values)
        p = _sigmoid(logit)
        target = _sigmoid(logit + np.where(y, np.float32(listed), np.float32(unlisted))) if rates is not None else y
        slope = p * (1 - p) * seen
        residual = (target - p) * seen
        moments = np.empty((size, size, columns))
        gradient = np.empty((size, columns))
        for i in range(size):
            left = slope if i == 0 else slope * values[i - 1]
            gradient[i] = residual.sum(axis=0) if i == 0 else np.einsum("nc,nc->c", residual, values[i - 1])
            moments[i, 0] = moments[0, i] = left.sum(axis=0)
            for j in range(max(1, i), size):
                moments[i, j] = moments[j, i] = np.einsum("nc,nc->c", left, values[j - 1])
        present, y_seen = target * seen, y * seen
        both = float(np.sum(present * y, dtype=np.float64))
        all_present, all_listed = float(np.sum(present, dtype=np.float64)), float(np.sum(y_seen, dtype=np.float64))
        all_seen = float(np.sum(seen, dtype=np.float64))
        tally = [both, all_present - both, all_listed - both, all_seen - all_present - all_listed + both]
        return moments, gradient, np.array(tally)

    with ThreadPoolExecutor(_workers()) as pool:
        moments, gradient, tally = np.zeros((size, size, columns)), np.zeros((size, columns)), np.zeros(4)
        for m, g, t in pool.map(work, _chunks(given.shape)):
            moments += m
            gradient += g
            tally += t
    return moments.transpose(2, 0, 1), gradient.T, np.maximum(tally, 0.0)


def _newton(
    shared: NDArray[np.float64],
    own: NDArray[np.float64],
    width: NDArray[np.float64],
    moments: NDArray[np.float64],
    gradient: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """One step of shared and class coefficients together, and the prior's width re-estimated.

    The classes only meet in the shared coefficients, so their blocks are eliminated one by one (Schur
    complement) and no matrix is larger than (K, K).
    """
    size = len(shared)
    prior = np.diag(1 / width**2)
    block = moments + prior
    pull = gradient - own @ prior
    inverse = np.linalg.inv(block)
    carried = moments @ inverse
    ridge = 1e-3 * np.eye(size)  # weak: only so that evidence that never varies has a solution
    left = moments.sum(axis=0) - (carried @ moments).sum(axis=0) + ridge
    right = gradient.sum(axis=0) - np.einsum("cij,cj->i", carried, pull) - ridge @ shared
    step = np.linalg.solve(left, right)
    own_step = np.einsum("cij,cj->ci", inverse, pull - moments @ step)
    shared = shared + np.clip(step, -_MAX_STEP, _MAX_STEP)
    own = own + np.clip(own_step, -_MAX_STEP, _MAX_STEP)
    shared[1:] = np.maximum(shared[1:], 0.0)
    own[:, 1:] = np.maximum(own[:, 1:], -shared[1:])
    # E[own^2] under its posterior; half a pseudo-class of width 1 keeps one-class sets from collapsing
    spread = own**2 + np.diagonal(inverse, axis1=1, axis2=2)
    width = np.sqrt((spread.sum(axis=0) + 0.5) / (len(own) + 0.5))
    return shared, own, width


def _confident_rates(
    coefficients: NDArray[np.float64],
    scaled: Sequence[NDArray[np.float32]],
    given: NDArray[np.bool_],
    known: NDArray[np.bool_],
) -> tuple[float, float]:
    """First noise rates by confident learning (Northcutt et al., JAIR 2021), all classes together.

    A cell is confidently present where its probability reaches the mean over the cells listed, confidently
    absent where one minus it reaches the mean over the unlisted.
    """
    steep = coefficients.astype(np.float32)
    totals = np.zeros(4)
    for part in _chunks(given.shape):
        p = _sigmoid(_logit(steep, [one[part] for one in scaled]))
        y, n = given[part] & known[part], ~given[part] & known[part]
        totals += [float(p[y].sum(dtype=np.float64)), int(y.sum()), float(p[n].sum(dtype=np.float64)), int(n.sum())]
    high = totals[0] / max(1.0, totals[1])
    low = totals[2] / max(1.0, totals[3])
    tally = np.zeros(4)
    for part in _chunks(given.shape):
        p = _sigmoid(_logit(steep, [one[part] for one in scaled]))
        y, seen = given[part], known[part]
        present, absent = (p >= high) & seen, (p <= low) & (p < high) & seen
        tally += [(present & y).sum(), (present & ~y).sum(), (absent & y).sum(), (absent & ~y).sum()]
    return _rates_from(tally)


def _rates_from(tally: NDArray[np.float64]) -> tuple[float, float]:
    """Miss rate and spurious rate from expected counts, half a cell added to each so that neither is 0 or 1.

    Neither may pass 0.5: beyond it, labels would say the opposite of the truth, and the two would trade places.
    """
    present_listed, present_unlisted, absent_listed, absent_unlisted = tally + 0.5
    miss = present_unlisted / (present_listed + present_unlisted)
    spurious = absent_listed / (absent_listed + absent_unlisted)
    return min(0.5, float(miss)), min(0.5, float(spurious))


def _label_log_odds(miss_rate: float, spurious_rate: float) -> tuple[np.float32, np.float32]:
    """log P(y | z = 1) / P(y | z = 0) for y = 1 and y = 0."""
    miss, spurious = (float(np.clip(rate, 1e-6, 0.5)) for rate in (miss_rate, spurious_rate))
    return np.float32(np.log((1 - miss) / spurious)), np.float32(np.log(miss / (1 - spurious)))


def _logit(coefficients: NDArray[np.float32], values: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    logit = np.repeat(coefficients[None, :, 0], len(values[0]), axis=0) if values else coefficients[None, :, 0]
    for j, one in enumerate(values, start=1):
        logit += coefficients[:, j] * one
    return logit


def _sigmoid(logit: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -80, 80))), dtype=np.float32)


def _masked_mean(values: NDArray[np.float32], known: NDArray[np.bool_], count: int) -> float:
    return float(np.sum(values, where=known, dtype=np.float64)) / max(1, count)


def _masked_spread(values: NDArray[np.float32], known: NDArray[np.bool_], count: int, mean: float) -> float:
    square = sum(
        float(np.sum((values[part] - np.float32(mean)) ** 2, where=known[part], dtype=np.float64))
        for part in _chunks(values.shape)
    )
    spread = float(np.sqrt(square / max(1, count)))
    return spread if spread > 1e-6 else 1.0


def _chunks(shape: tuple[int, ...]) -> list[slice]:
    rows = max(1, _CHUNK_CELLS // max(1, shape[1]))
    return [slice(start, min(start + rows, shape[0])) for start in range(0, shape[0], rows)]


def _workers() -> int:
    return max(1, min(8, os.cpu_count() or 1))
