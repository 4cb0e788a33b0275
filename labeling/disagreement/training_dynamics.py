"""What training says of the labels it was given: the margin, forgetting, and how far a prediction wanders.

A network learns the labels that fit the sound early and well, and wrong ones late and badly (area under the margin:
Pleiss et al. 2020; forgetting: Toneva et al. 2019; dataset cartography: Swayamdipta et al. 2020). These are views of
networks that were shown the label, so on their own they agree with it; what tells is how a cell compares with cells of
the same class and the same label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.evidence import BORROWED, Evidence, Floats, Scores, scores_of_evidence
from labeling.logistic import sigmoid

FARTHEST = 4.0  # standard deviations; one cell beyond says no more than one there
USUAL_STEEPNESS = 1.0  # log odds a standard deviation, until the wrong labels of a collection say another
BORROWED_WRONG = 50.0  # wrong labels that the usual steepness is worth
FIT_CELLS = 200_000  # so many, drawn at random, say how steep the margin is
_ROUNDS = 50
_ENOUGH = 1e-4


@dataclass(frozen=True)
class MarginFit:
    """What a surprise of the margin is worth where the label is listed, or where it is not.

    ``steepness`` (0 or more) in log odds of presence a unit beyond ``level + follow * held_out``, where held_out are
    the log odds of presence without the margin; ``steepness * follow`` is at most 1, so that more evidence never makes
    a class less likely.
    """

    steepness: float
    level: float
    follow: float

    def shift(self, surprise: Floats, held_out: Floats) -> Floats:
        """The log odds of presence (any shape) that the margin adds."""
        return np.asarray(self.steepness * (surprise - self.level - self.follow * held_out), np.float32)


def fit_margin(surprise: Floats, held_out: Floats, p_wrong: Floats, *, listed: bool) -> MarginFit:
    """Learn what the margin tells beyond predictions that never saw the label, from labels that may be wrong.

    The network was shown the label, so labels cannot tell the margin's weight as they do that of other evidence. But
    wrong labels are learned worse than right ones of the same sound: given the log odds x without the margin, the
    surprise s of a cell is taken to be normal about ``a + b x`` where the label is right, and about ``a + b x + d``
    where it is wrong, which it is with the probability that all other evidence gives. Expectation maximisation of that
    mixture of two lines (Quandt & Ramsey, "Estimating mixtures of normal distributions and switching regressions",
    JASA 1978) gives d and the variance v, and Bayes' rule the shift ``d (s - a - b x - d / 2) / v`` of the log odds of
    a wrong label. The steepness |d| / v is drawn towards USUAL_STEEPNESS as if BORROWED_WRONG wrong labels said that.

    Parameters
    ----------
    surprise, held_out, p_wrong : ndarray of float32, shape (n,)
        Cells whose label is listed, or cells where it is not; p_wrong is 0 or 1 where a person decided.
    listed : bool

    Returns
    -------
    MarginFit

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.disagreement.training_dynamics import fit_margin
    >>> random = np.random.default_rng(0)
    >>> p_wrong = random.choice([0.05, 0.6], 20_000)
    >>> wrong = random.random(20_000) < p_wrong
    >>> surprise = random.normal(size=20_000) - 2 * wrong  # of wrong labels two deviations lower
    >>> fitted = fit_margin(surprise, np.zeros(20_000), p_wrong, listed=True)
    >>> round(fitted.steepness, 1), round(fitted.level, 1)
    (2.0, -1.0)
    """
    s, x, prior = (np.asarray(values, np.float64) for values in (surprise, held_out, p_wrong))
    drawn = drawn_cells(len(s))
    if drawn is not None:
        s, x, prior = s[drawn], x[drawn], prior[drawn]
    toward = -1.0 if listed else 1.0  # where a wrong label's margin lies
    prior = np.clip(prior, 1e-6, 1 - 1e-6)
    odds, wrong = np.log(prior / (1 - prior)), prior
    line: NDArray[np.floating] = np.zeros(2)
    variance, step = 1.0, 0.0
    design = np.stack([np.ones(len(s)), x, wrong], axis=1)
    for _ in range(_ROUNDS if len(s) else 0):
        design[:, 2] = wrong
        squares = design.T @ design
        squares[2, 2] = wrong.sum()  # the expected square of 0 or 1
        solved = np.linalg.solve(squares + 1e-9 * len(s) * np.eye(3), design.T @ s)
        line, step = solved[:2], float(solved[2])
        apart = s - design[:, :2] @ line
        squared = float(np.sum((1 - wrong) * apart**2 + wrong * (apart - step) ** 2))
        variance = (BORROWED_WRONG + squared) / (BORROWED_WRONG + len(s))  # a surprise's is about 1
        before = wrong
        wrong = sigmoid(odds + step * (apart - step / 2) / variance)
        if np.abs(wrong - before).max() < _ENOUGH:
            break
    count = float(wrong.sum())
    told = max(0.0, toward * step / variance)
    steepness = (BORROWED_WRONG * USUAL_STEEPNESS + count * told) / (BORROWED_WRONG + count)
    follow = float(np.clip(line[1], 0.0, 1 / steepness))
    step = toward * steepness * variance
    level = float(np.mean(s - follow * x - step * wrong)) if len(s) else 0.0
    return MarginFit(steepness, level + step / 2, follow)


def drawn_cells(count: int) -> NDArray[np.int64] | None:
    """Which of so many cells say how steep the margin is; None for all."""
    return np.random.default_rng(0).choice(count, FIT_CELLS, replace=False) if count > FIT_CELLS else None


def surprise(values: Floats, given: NDArray[np.bool_], known: NDArray[np.bool_]) -> Floats:
    """How far ``values`` of cells lie above those of others of their class with the same label, (N, C).

    In standard deviations of all cells with that label about the means of their classes, a class's mean drawn towards
    the collection's as if BORROWED more cells said that; at most FARTHEST. 0 where nothing is known.
    """
    out = np.zeros(values.shape, np.float32)
    there = known & np.isfinite(values)
    for cells in (there & given, there & ~given):
        count = cells.sum(axis=0)
        if not count.any():
            continue
        total = np.sum(values, axis=0, where=cells, dtype=np.float64)
        whole = float(total.sum() / count.sum())
        usual = ((total + BORROWED * whole) / (count + BORROWED)).astype(np.float32)
        apart = np.where(cells, values - usual, np.float32(0))
        spread = float(np.sqrt(np.sum(apart**2, dtype=np.float64) / count.sum()))
        if spread > 1e-6:
            out[cells] = np.clip(apart / np.float32(spread), -FARTHEST, FARTHEST)[cells]
    return out


def margin(evidence: Evidence) -> Scores:
    """Area under the margin, each class by itself: the logit in training, against others with the same label."""
    value = evidence.needed("dynamics").margin
    return scores_of_evidence(surprise(value, evidence.given, evidence.known), evidence.given)


def forgetting(evidence: Evidence) -> Scores:
    """How often training lost the given label again, against others with the same label."""
    return _worse(surprise(evidence.needed("dynamics").forgotten, evidence.given, evidence.known))


def epoch_spread(evidence: Evidence) -> Scores:
    """How far the probability wandered over the epochs, against others with the same label."""
    return _worse(surprise(evidence.needed("dynamics").epoch_spread, evidence.given, evidence.known))


def _worse(values: Floats) -> Scores:
    """Scores of what speaks against a label, whichever it is."""
    return scores_of_evidence(values, np.zeros(values.shape, np.bool_))
