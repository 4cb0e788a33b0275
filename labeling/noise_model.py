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
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

_CHUNK_CELLS = 1 << 16  # so that a chunk's arrays stay in the processor's cache
_MAX_STEP = 2.0  # largest move of a coefficient in one Newton step, in standard deviations of the evidence
_FIRST_WIDTH = 1.0  # the prior's width before the data have said theirs, in the same unit
_RIDGE = 1e-3  # weak: only so that evidence that never varies has a solution
_ENOUGH = 1e-4  # a round that improves the likelihood by a smaller share is the last
_TINY = 1e-12

FIRST_MISS_RATE = 0.1  # where the fit of the noise rates begins; as many labels are taken to be spurious


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
    warm_up: int = 10,
    rounds: int = 20,
) -> NoiseModel:
    """Fit a NoiseModel to ``evidence`` (F arrays (N, C), finite, higher = more present) and the given labels.

    Cells outside ``known`` count for nothing. Coefficients of evidence are kept at or above 0: more evidence
    never makes a class less likely. At most ``warm_up`` Newton steps fit the given labels as if they were right;
    then, from FIRST_MISS_RATE, at most ``rounds`` rounds of expectation maximisation, each with one Newton step,
    fit coefficients and noise rates together. Both end sooner once the likelihood hardly rises, which also keeps
    a weak model, whose rates the data cannot tell, near where they began.
    """
    count = int(known.sum())
    columns, size = given.shape[1], 1 + len(evidence)
    positives = int((given & known).sum())
    base = (positives + 0.5) / (count + 1.0)
    mean = [_masked_mean(values, known, count) for values in evidence]
    spread = [_masked_spread(values, known, count, centre) for values, centre in zip(evidence, mean, strict=True)]
    scaled = [((v - m) / s).astype(np.float32) for v, m, s in zip(evidence, mean, spread, strict=True)]

    fit = _Fit(np.zeros(size), np.zeros((columns, size)), np.full(size, _FIRST_WIDTH), None)
    fit.shared[0] = np.log(base / (1 - base))
    fit = _climb(fit, scaled, given, known, warm_up)
    fit = replace(fit, rates=(FIRST_MISS_RATE, FIRST_MISS_RATE * base / (1 - base)))
    fit = _climb(fit, scaled, given, known, rounds)

    coefficients = fit.effective()
    for j, (m, s) in enumerate(zip(mean, spread, strict=True), start=1):
        coefficients[:, j] /= s
        coefficients[:, 0] -= coefficients[:, j] * m
    miss, spurious = fit.rates or (0.0, 0.0)
    return NoiseModel(coefficients.astype(np.float32), miss, spurious)


@dataclass(frozen=True)
class _Fit:
    """Where the fit stands: shared coefficients (K,), those of the classes beside them (C, K), the normal
    prior's width (K,), and the noise rates (None = the given labels are taken as right)."""

    shared: NDArray[np.float64]
    own: NDArray[np.float64]
    width: NDArray[np.float64]
    rates: tuple[float, float] | None

    def effective(self) -> NDArray[np.float64]:
        coefficients = self.shared + self.own
        coefficients[:, 1:] = np.maximum(coefficients[:, 1:], 0.0)
        return coefficients

    def moved(self, step: NDArray[np.float64], own_step: NDArray[np.float64], share: float) -> _Fit:
        shared = self.shared + share * step
        shared[1:] = np.maximum(shared[1:], 0.0)
        own = self.own + share * own_step
        own[:, 1:] = np.maximum(own[:, 1:], -shared[1:])
        return replace(self, shared=shared, own=own)

    def penalty(self) -> float:
        return 0.5 * float(((self.own / self.width) ** 2).sum() + _RIDGE * (self.shared**2).sum())


def _climb(
    fit: _Fit,
    scaled: Sequence[NDArray[np.float32]],
    given: NDArray[np.bool_],
    known: NDArray[np.bool_],
    rounds: int,
) -> _Fit:
    """Up to ``rounds`` Newton steps up the penalised likelihood; a step that leads down is halved."""
    here = _pass(fit.effective(), scaled, given, known, fit.rates)
    for _ in range(rounds):
        step, own_step = _newton(fit, here.moments, here.gradient)
        floor, share = here.likelihood - fit.penalty(), 1.0
        for _ in range(4):
            ahead = fit.moved(step, own_step, share)
            there = _pass(ahead.effective(), scaled, given, known, ahead.rates)
            if there.likelihood - ahead.penalty() >= floor - 1e-6 * abs(floor):
                break
            share /= 2
        gain = (there.likelihood - ahead.penalty()) - floor
        rates = fit.rates and _rates_from(there.tally)
        fit, here = replace(ahead, width=_prior_width(ahead, there.moments), rates=rates), there
        if abs(gain) < _ENOUGH * abs(floor):
            break
    return fit


@dataclass(frozen=True)
class _Sums:
    """What one look at every cell gives: the log likelihood of the given labels, its curvature (C, K, K) and
    gradient (C, K), and the expected number of cells that are present and listed, present and unlisted, absent
    and listed, absent and unlisted."""

    likelihood: float
    moments: NDArray[np.float64]
    gradient: NDArray[np.float64]
    tally: NDArray[np.float64]


def _pass(
    coefficients: NDArray[np.float64],
    scaled: Sequence[NDArray[np.float32]],
    given: NDArray[np.bool_],
    known: NDArray[np.bool_],
    rates: tuple[float, float] | None,
) -> _Sums:
    """Look at every known cell once, in threads, adding up in a fixed order."""
    columns, size = coefficients.shape
    steep = coefficients.astype(np.float32)
    miss, spurious = rates or (0.0, 0.0)
    listed, unlisted = _label_log_odds(miss, spurious)

    def work(part: slice) -> _Sums:
        values = [one[part] for one in scaled]
        y, seen = given[part], known[part].astype(np.float32)
        logit = _logit(steep, values)
        p = _sigmoid(logit)
        target = y.astype(np.float32) if rates is None else _sigmoid(logit + np.where(y, listed, unlisted))
        fits = np.where(y, p * (1 - miss) + (1 - p) * spurious, p * miss + (1 - p) * (1 - spurious))
        slope = p * (1 - p) * seen
        residual = (target - p) * seen
        moments, gradient = np.empty((size, size, columns)), np.empty((size, columns))
        for i in range(size):
            left = slope if i == 0 else slope * values[i - 1]
            gradient[i] = residual.sum(axis=0) if i == 0 else np.einsum("nc,nc->c", residual, values[i - 1])
            moments[i, 0] = moments[0, i] = left.sum(axis=0)
            for j in range(max(1, i), size):
                moments[i, j] = moments[j, i] = np.einsum("nc,nc->c", left, values[j - 1])
        present = target * seen
        both, all_present, all_listed, all_seen = (
            float(np.sum(one, dtype=np.float64)) for one in (present * y, present, y * seen, seen)
        )
        tally = np.array([both, all_present - both, all_listed - both, all_seen - all_present - all_listed + both])
        likelihood = float(np.sum(np.log(np.maximum(fits, _TINY)) * seen, dtype=np.float64))
        return _Sums(likelihood, moments, gradient, tally)

    likelihood, moments = 0.0, np.zeros((size, size, columns))
    gradient, tally = np.zeros((size, columns)), np.zeros(4)
    with ThreadPoolExecutor(_workers()) as pool:
        for sums in pool.map(work, _chunks(given.shape)):
            likelihood += sums.likelihood
            moments += sums.moments
            gradient += sums.gradient
            tally += sums.tally
    return _Sums(likelihood, moments.transpose(2, 0, 1), gradient.T, np.maximum(tally, 0.0))


def _newton(
    fit: _Fit, moments: NDArray[np.float64], gradient: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One step of shared and class coefficients together: the moves (K,) and (C, K).

    The classes only meet in the shared coefficients, so their blocks are eliminated one by one (Schur
    complement) and no matrix is larger than (K, K).
    """
    size = len(fit.shared)
    prior = np.diag(1 / fit.width**2)
    inverse = np.linalg.inv(moments + prior)
    pull = gradient - fit.own @ prior
    carried = moments @ inverse
    left = moments.sum(axis=0) - (carried @ moments).sum(axis=0) + _RIDGE * np.eye(size)
    right = gradient.sum(axis=0) - np.einsum("cij,cj->i", carried, pull) - _RIDGE * fit.shared
    step = np.zeros(size)
    free = np.ones(size, dtype=bool)
    for _ in range(size):  # coefficients that would fall below 0 stop there, and the others move accordingly
        step[free] = np.linalg.solve(left[np.ix_(free, free)], right[free] - left[np.ix_(free, ~free)] @ step[~free])
        below = free & (fit.shared + step < 0)
        below[0] = False
        if not below.any():
            break
        step[below] = -fit.shared[below]
        free &= ~below
    own_step = np.einsum("cij,cj->ci", inverse, pull - moments @ step)
    step *= min(1.0, _MAX_STEP / max(1e-12, float(np.abs(step).max())))
    own_step *= np.minimum(1.0, _MAX_STEP / np.maximum(1e-12, np.abs(own_step).max(axis=1, keepdims=True)))
    return step, own_step


def _prior_width(fit: _Fit, moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far classes lie from the shared coefficients: sqrt E[own^2] under its posterior (empirical Bayes).

    One pseudo-class at the first width keeps collections of few classes from collapsing.
    """
    inverse = np.linalg.inv(moments + np.diag(1 / fit.width**2))
    spread = fit.own**2 + np.diagonal(inverse, axis1=1, axis2=2)
    return np.asarray(np.sqrt((spread.sum(axis=0) + _FIRST_WIDTH**2) / (len(fit.own) + 1)))


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
