"""A logistic model of the true label under label noise: which given labels are wrong, and how often.

The true label z of a cell follows its evidence x by a logistic model of its class; the given label y follows
the true one by two noise rates::

    P(z = 1 | x)     = sigmoid(coefficients of the class . (1, x))
    P(y = 0 | z = 1) = miss_rate            P(y = 1 | z = 0) = spurious_rate

Fitted by expectation maximisation, it gives P(z != y | x, y) for every cell. The two-rate model is that of
Raykar et al., "Learning from crowds" (JMLR 2010), with one annotator, and of Bootkrajang & Kabán,
"Label-noise robust logistic regression" (ECML 2012); the fit here is our own: the coefficients of a class are
drawn towards those of all classes by a normal prior whose width is estimated from the data (empirical Bayes),
so that a class with three clips borrows from the others and one with a thousand speaks for itself. Where a person
has decided, z is known, and teaches the coefficients. It does not teach the noise rates: people look where the model
expects errors, and where it is wrong about its top that would become its rates for everywhere. Rates are counted over
all cells alike, by what evidence and given label say of each.
The cells are summed in an order of their own, so that results do not vary with the order of clips.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.fit_cells import FitCells, chosen_cells
from labeling.logistic import sigmoid

_CHUNK_CELLS = 1 << 16  # so that a chunk's arrays stay in the processor's cache
_MAX_STEP = 2.0  # largest move of a coefficient in one Newton step, in standard deviations of the evidence
_FIRST_WIDTH = 1.0  # the prior's width before the data have said theirs, in the same unit
_RIDGE = 1e-3  # weak: only so that evidence that never varies has a solution
_ENOUGH = 1e-7  # a round that improves the likelihood by a smaller share, and moves no rate, is the last
_STILL = 1e-3  # log odds by which a rate may move in a round and still count as unmoved
_FARTHEST_LEAP = 16.0  # times a round's move of the rates, when the next rounds are foreseen
_TINY = 1e-12

FIRST_MISS_RATE = 0.1  # where the fit of the noise rates begins; as many labels are taken to be spurious
RATE_WIDTH = 1.0  # log odds, one standard deviation: before the data speak, a rate is likely a seventh to sevenfold


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
            out[part] = sigmoid(_logit(self.coefficients, [values[part] for values in evidence]))
        return out

    def p_wrong(
        self,
        evidence: Sequence[NDArray[np.float32]],
        given: NDArray[np.bool_],
        shift: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """P(z != y | x, y), (N, C) float32 in 0..1; ``shift`` (N, C) are further log odds of z = 1."""
        out = np.empty(given.shape, dtype=np.float32)
        # odds of z = 1 against z = 0 that the given label alone speaks for
        listed, unlisted = _label_log_odds(self.miss_rate, self.spurious_rate)

        def work(part: slice) -> None:
            logit = _logit(self.coefficients, [values[part] for values in evidence])
            y = given[part]
            logit += np.where(y, listed, unlisted)
            if shift is not None:
                logit += shift[part]
            out[part] = sigmoid(np.where(y, -logit, logit))

        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            list(pool.map(work, _chunks(given.shape)))
        return out


def fit_noise_model(
    evidence: Sequence[NDArray[np.float32]],
    given: NDArray[np.bool_],
    known: NDArray[np.bool_],
    *,
    verdict: NDArray[np.int8] | None = None,
    warm_up: int = 10,
    rounds: int = 100,
) -> NoiseModel:
    """Fit a NoiseModel to ``evidence`` (F arrays (N, C), finite, higher = more present) and the given labels.

    Cells outside ``known`` count for nothing. ``verdict`` (N, C) is what people said, 1 present, 0 absent, -1 nothing.
    Coefficients of evidence are kept at or above 0: more evidence never makes a class less likely. At most ``warm_up``
    Newton steps fit the given labels as if they were right; then, from FIRST_MISS_RATE, at most ``rounds`` rounds of
    expectation maximisation, each with one Newton step, fit coefficients and noise rates together, until neither
    moves. A normal prior on the rates' log odds, RATE_WIDTH wide, keeps them near where they began when the data cannot
    tell. Above FIT_CELLS cells the unlisted ones are sampled, and weighted for it.
    """
    return fit_chosen(chosen_cells(evidence, given, known, verdict), given.shape[1], warm_up=warm_up, rounds=rounds)


def fit_chosen(cells: FitCells, columns: int, *, warm_up: int = 10, rounds: int = 100) -> NoiseModel:
    """The same of the cells that were chosen of a collection of so many classes."""
    size = 1 + len(cells.values)
    total = float(cells.weight.sum())
    base = (float(cells.weight[cells.listed].sum()) + 0.5) / (total + 1.0)
    mean = [float(values @ cells.weight) / max(1.0, total) for values in cells.values]
    for values, centre in zip(cells.values, mean, strict=True):
        values -= np.float32(centre)
    spread = [float(np.sqrt((values * values) @ cells.weight / max(1.0, total))) for values in cells.values]
    spread = [deviation if deviation > 1e-6 else 1.0 for deviation in spread]
    for values, deviation in zip(cells.values, spread, strict=True):
        values /= np.float32(deviation)

    fit = _Fit(np.zeros(size), np.zeros((columns, size)), np.full(size, _FIRST_WIDTH), None)
    fit.shared[0] = np.log(base / (1 - base))
    fit = _climb(fit, cells, warm_up)
    first = _log_odds_of((FIRST_MISS_RATE, min(0.5, FIRST_MISS_RATE * base / (1 - base))))
    fit = _climb(replace(fit, rates=first, usual=first), cells, rounds)

    coefficients = fit.effective()
    for j, (m, s) in enumerate(zip(mean, spread, strict=True), start=1):
        coefficients[:, j] /= s
        coefficients[:, 0] -= coefficients[:, j] * m
    miss, spurious = fit.noise_rates() or (0.0, 0.0)
    return NoiseModel(coefficients.astype(np.float32), miss, spurious)


@dataclass(frozen=True)
class _Fit:
    """Where the fit stands: shared coefficients (K,), those of the classes beside them (C, K), the normal
    prior's width (K,), and the log odds (2,) of the noise rates (None = the given labels are taken as right), with
    what they are likely before the data speak."""

    shared: NDArray[np.float64]
    own: NDArray[np.float64]
    width: NDArray[np.float64]
    rates: NDArray[np.float64] | None
    usual: NDArray[np.float64] | None = None

    def effective(self) -> NDArray[np.float64]:
        coefficients = self.shared + self.own
        coefficients[:, 1:] = np.maximum(coefficients[:, 1:], 0.0)
        return coefficients

    def noise_rates(self) -> tuple[float, float] | None:
        if self.rates is None:
            return None
        miss, spurious = sigmoid(self.rates).tolist()
        return miss, spurious

    def moved(self, step: NDArray[np.float64], own_step: NDArray[np.float64], share: float) -> _Fit:
        shared = self.shared + share * step
        shared[1:] = np.maximum(shared[1:], 0.0)
        own = self.own + share * own_step
        own[:, 1:] = np.maximum(own[:, 1:], -shared[1:])
        return replace(self, shared=shared, own=own)

    def penalty(self) -> float:
        own = 0.5 * float(((self.own / self.width) ** 2).sum() + _RIDGE * (self.shared**2).sum())
        if self.rates is None or self.usual is None:
            return own
        return own + 0.5 * float((((self.rates - self.usual) / RATE_WIDTH) ** 2).sum())


def _climb(fit: _Fit, cells: FitCells, rounds: int) -> _Fit:
    """Up to ``rounds`` Newton steps up the penalised likelihood; a step that leads down is halved.

    Expectation maximisation creeps where labels tell little of the noise, so every third round leaps ahead along the
    rates' last two moves (Varadhan & Roland, "SQUAREM", 2008) where that leads up.
    """
    here = _look(fit, cells)
    trail: list[NDArray[np.float64]] = []
    for _ in range(rounds):
        step, own_step = _newton(fit, here.moments, here.gradient)
        floor, share = here.likelihood - fit.penalty(), 1.0
        for _ in range(4):
            ahead = fit.moved(step, own_step, share)
            there = _look(ahead, cells)
            if there.likelihood - ahead.penalty() >= floor:
                break
            share /= 2
        else:
            ahead, there = fit, here
        gain = (there.likelihood - ahead.penalty()) - floor
        fit, here, still = replace(ahead, width=_prior_width(ahead, there.moments)), there, True
        if fit.rates is not None and fit.usual is not None:
            rates = _rates_from(here.tally, fit.rates, fit.usual)
            still = float(np.abs(rates - fit.rates).max()) < _STILL
            trail = [*trail, fit.rates][-2:] if len(trail) < 2 else [fit.rates]
            fit = replace(fit, rates=rates)
            here = _look(fit, cells)
            if len(trail) == 2:
                fit, here = _leap(fit, here, cells, trail[0], trail[1])
        if abs(gain) < _ENOUGH * abs(floor) and still:
            break
    return fit


def _leap(
    fit: _Fit, here: _Sums, cells: FitCells, first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[_Fit, _Sums]:
    """Farther along the rates' way from ``first`` over ``second`` to where they are, if that is higher up."""
    assert fit.rates is not None
    move = second - first
    bend = (fit.rates - second) - move
    length = float(np.linalg.norm(bend))
    if length < _TINY:
        return fit, here
    leap = min(_FARTHEST_LEAP, float(np.linalg.norm(move)) / length)
    if leap <= 1:
        return fit, here
    ahead = replace(fit, rates=np.minimum(first + 2 * leap * move + leap**2 * bend, 0.0))
    there = _look(ahead, cells)
    higher = there.labels - ahead.penalty() > here.labels - fit.penalty()
    return (ahead, there) if higher else (fit, here)


@dataclass(frozen=True)
class _Sums:
    """What one look at every cell gives: the log likelihood of the verdicts and of the other cells' given labels, for
    the coefficients, and of all given ``labels``, for the rates; the former's curvature (C, K, K) and gradient (C, K);
    and the expected number of cells that are present and listed, present and unlisted, absent and listed, absent and
    unlisted, by evidence and given label."""

    likelihood: float
    labels: float
    moments: NDArray[np.float64]
    gradient: NDArray[np.float64]
    tally: NDArray[np.float64]


def _look(fit: _Fit, cells: FitCells) -> _Sums:
    """Look at every cell once."""
    coefficients = fit.effective()
    columns, size = coefficients.shape
    rates = fit.noise_rates()
    miss, spurious = rates or (0.0, 0.0)
    listed, unlisted = _label_log_odds(miss, spurious)
    y, weight = cells.listed, cells.weight
    steep = coefficients.astype(np.float32)
    logit = np.repeat(steep[cells.present, 0], cells.count)
    for j, values in enumerate(cells.values, start=1):
        logit += np.repeat(steep[cells.present, j], cells.count) * values
    p = sigmoid(logit)
    if rates is None:
        target, fits = y.astype(np.float32), np.where(y, p, 1 - p)
    else:
        target = sigmoid(logit + np.where(y, listed, unlisted))
        fits = np.where(y, p * (1 - miss) + (1 - p) * spurious, p * miss + (1 - p) * (1 - spurious))
    decided = cells.truth >= 0
    present = target * weight  # of decided cells too by evidence and label alone, as rates are counted by
    labels = likelihood = float(np.sum(np.log(np.maximum(fits, _TINY)) * weight, dtype=np.float64))
    if decided.any():
        true = cells.truth[decided] > 0
        target[decided] = true
        fits[decided] = np.where(true, p[decided], 1 - p[decided])
        likelihood = float(np.sum(np.log(np.maximum(fits, _TINY)) * weight, dtype=np.float64))
    slope, residual = p * (1 - p) * weight, (target - p) * weight
    moments, gradient = np.empty((columns, size, size)), np.empty((columns, size))
    for i in range(size):
        left = slope if i == 0 else slope * cells.values[i - 1]
        gradient[:, i] = cells.by_class(residual if i == 0 else residual * cells.values[i - 1], columns)
        for j in range(i, size):
            moments[:, i, j] = moments[:, j, i] = cells.by_class(
                left if j == 0 else left * cells.values[j - 1], columns
            )
    both, all_present, all_listed, all_seen = (
        float(np.sum(part, dtype=np.float64)) for part in (present * y, present, y * weight, weight)
    )
    tally = np.array([both, all_present - both, all_listed - both, all_seen - all_present - all_listed + both])
    return _Sums(likelihood, labels, moments, gradient, np.maximum(tally, 0.0))


def _newton(
    fit: _Fit, moments: NDArray[np.float64], gradient: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One step of shared and class coefficients together: the moves (K,) and (C, K).

    The classes only meet in the shared coefficients, so their blocks are eliminated one by one (Schur
    complement) and no matrix is larger than (K, K). A class's coefficient that lies at 0 and would fall stays there.
    """
    size = len(fit.shared)
    prior = 1 / fit.width**2
    held = (fit.effective() <= _TINY) & (gradient - fit.own * prior < 0)
    held[:, 0] = False
    free = (~held).astype(float)
    both = free[:, :, None] * free[:, None, :]
    inverse = np.linalg.inv((moments + np.diag(prior)) * both + np.eye(size) * held[:, None, :]) * both
    # the class's own move is inverse (gradient - prior (own - step)), and step balances prior (own + move - step)
    alone = np.einsum("cij,cj->ci", inverse, gradient - fit.own * prior)
    left = len(fit.own) * np.diag(prior) - prior[:, None] * inverse.sum(axis=0) * prior + _RIDGE * np.eye(size)
    right = prior * (fit.own + alone).sum(axis=0) - _RIDGE * fit.shared
    step = np.zeros(size)
    loose = np.ones(size, dtype=bool)
    for _ in range(size):  # coefficients that would fall below 0 stop there, and the others move accordingly
        among = np.ix_(loose, loose)
        step[loose] = np.linalg.solve(left[among], right[loose] - left[np.ix_(loose, ~loose)] @ step[~loose])
        below = loose & (fit.shared + step < 0)
        below[0] = False
        if not below.any():
            break
        step[below] = -fit.shared[below]
        loose &= ~below
    move = alone + np.einsum("cij,j->ci", inverse, prior * step)
    own_step = move - step
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


def _rates_from(
    tally: NDArray[np.float64], rates: NDArray[np.float64], usual: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The log odds (2,) of miss and spurious rate that expected counts and the prior ask for, by Newton's method.

    Neither may pass a rate of 0.5: beyond it, labels would say the opposite of the truth, and the two would trade
    places.
    """
    wrong, right = tally[[1, 2]], tally[[0, 3]]
    out = rates.copy()
    for _ in range(20):
        share = sigmoid(out)
        slope = wrong - (wrong + right) * share - (out - usual) / RATE_WIDTH**2
        curve = (wrong + right) * share * (1 - share) + 1 / RATE_WIDTH**2
        out += np.clip(slope / curve, -1, 1)
    return np.minimum(out, 0.0)


def _log_odds_of(rates: tuple[float, float]) -> NDArray[np.float64]:
    share = np.clip(np.array(rates), 1e-6, 0.5)
    return np.asarray(np.log(share / (1 - share)))


def _label_log_odds(miss_rate: float, spurious_rate: float) -> tuple[np.float32, np.float32]:
    """log P(y | z = 1) / P(y | z = 0) for y = 1 and y = 0."""
    miss, spurious = (float(np.clip(rate, 1e-6, 0.5)) for rate in (miss_rate, spurious_rate))
    return np.float32(np.log((1 - miss) / spurious)), np.float32(np.log(miss / (1 - spurious)))


def _logit(coefficients: NDArray[np.float32], values: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    logit = np.repeat(coefficients[None, :, 0], len(values[0]), axis=0) if values else coefficients[None, :, 0]
    for j, part in enumerate(values, start=1):
        logit += coefficients[:, j] * part
    return logit


def _chunks(shape: tuple[int, ...]) -> list[slice]:
    rows = max(1, _CHUNK_CELLS // max(1, shape[1]))
    return [slice(start, min(start + rows, shape[0])) for start in range(0, shape[0], rows)]
