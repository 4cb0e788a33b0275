"""How labels go wrong in a collection: P(given | true), by class, and what predictions times it come to.

Two views. Of every class as its own yes or no: how often it is left out where it is there (miss rate) and listed where
it is not (spurious rate). Of the primary label: which class is given in the place of which.

The second, laid over predictions, was tried by the source of the idea (a Cassava leaf disease solution, 2021) and
given up: cross-validated accuracy fell from 0.8924 to 0.8335 over all images, to 0.8870 over those that were flagged,
and the leaderboard from 0.895 to 0.894. It is here to be measured, not as a promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import DataError

BORROWED = 5.0  # cells that a class borrows from all classes for its rates
VERDICT = (
    "Predictions times this distribution were given up by their source: accuracy fell from 0.8924 to 0.8335 on all "
    "images, to 0.8870 where only the flagged ones were changed."
)


@dataclass(frozen=True)
class LabelRates:
    """Per class (C,): ``miss`` = P(not listed | present), ``spurious`` = P(listed | absent), and on how many cells
    that are present, and absent, they rest (expected numbers). ``decided`` (C,) counts a person's verdicts."""

    miss: NDArray[np.float64]
    spurious: NDArray[np.float64]
    present: NDArray[np.float64]
    absent: NDArray[np.float64]
    decided: NDArray[np.int64]


def label_rates(
    p_wrong: NDArray[np.floating[Any]],
    given: NDArray[np.bool_],
    known: NDArray[np.bool_],
    decided: NDArray[np.bool_] | None = None,
    truth: NDArray[np.bool_] | None = None,
) -> LabelRates:
    """Rates from a noise model's P(wrong) of every cell; all arrays (N, C).

    A cell that a person ``decided`` counts as the verdict says (``truth``), all others by their probability. Verdicts
    alone would mislead: people are asked of suspects, which are wrong far more often than other cells. A class is
    drawn towards the rates of all as if BORROWED more cells spoke for those. Raises DataError where shapes differ.
    """
    shapes = {
        p_wrong.shape,
        given.shape,
        known.shape,
        *(optional.shape for optional in (decided, truth) if optional is not None),
    }
    if len(shapes) > 1:
        raise DataError(f"label rates: arrays of shapes {sorted(shapes)}; all must be (clips, classes)")
    wrong = np.asarray(p_wrong, np.float64).copy()
    counted = np.zeros(given.shape, bool) if decided is None else decided & known
    if truth is not None:
        wrong[counted] = (given != truth)[counted]
    seen = known.astype(np.float64)
    listed, unlisted = given * seen, ~given * seen
    missing, spurious = (unlisted * wrong).sum(axis=0), (listed * wrong).sum(axis=0)
    present = (listed * (1 - wrong)).sum(axis=0) + missing
    absent = (unlisted * (1 - wrong)).sum(axis=0) + spurious
    return LabelRates(
        _shrunk(missing, present), _shrunk(spurious, absent), present, absent, counted.sum(axis=0).astype(np.int64)
    )


def _shrunk(events: NDArray[np.float64], cells: NDArray[np.float64]) -> NDArray[np.float64]:
    whole = events.sum() / cells.sum() if cells.sum() > 0 else 0.0
    return np.asarray((events + BORROWED * whole) / (cells + BORROWED))


def confident_joint(given: NDArray[np.integer[Any]], probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Counts (C, C) of given class (row) by confident class (column) over clips of one class each.

    Confident learning (Northcutt et al., "Confident Learning", JAIR 2021), as cleanlab 2.9 counts it: class k is
    confident where its probability reaches the mean that it has over clips given k; of several the highest is
    taken, a clip with none is not counted. The diagonal is at least 1; rows are then scaled to the labels' counts and
    the whole to N. ``given`` (N,) is the class's column, ``probabilities`` (N, C). A class that no clip is given is
    never confident.
    """
    count, size = probabilities.shape
    if given.shape != (count,):
        raise DataError(f"{given.shape} given classes for {count} clips; give one a clip")
    usual = np.full(size, np.inf)
    for k in np.unique(given).tolist():
        usual[k] = float(np.mean(probabilities[given == k, k], dtype=np.float64))
    sure = probabilities >= usual - 1e-6
    row = np.flatnonzero(sure.any(axis=1))
    guess = np.where(sure[row], probabilities[row], -np.inf).argmax(axis=1)
    joint = np.zeros((size, size))
    np.add.at(joint, (given[row], guess), 1)
    np.fill_diagonal(joint, np.maximum(np.diag(joint), 1))
    labels = np.bincount(given, minlength=size).astype(np.float64)
    joint *= (labels / joint.sum(axis=1))[:, None]
    return np.asarray(joint * (count / max(joint.sum(), 1e-12)))


def given_if_true(
    joint: NDArray[np.float64], decided_given: NDArray[Any] | None = None, decided_true: NDArray[Any] | None = None
) -> NDArray[np.float64]:
    """P(given | true) (C, C): given class in rows, true class in columns; a column sums to 1.

    Clips of which a person said the true class (``decided_*`` (M,), columns) are added as they are. A class that no
    clip seems to be in is given as itself.
    """
    counts = joint.copy()
    if decided_given is not None and decided_true is not None:
        np.add.at(counts, (decided_given, decided_true), 1.0)
    total = counts.sum(axis=0)
    empty = total <= 0
    counts[empty, empty] = 1.0
    return np.asarray(counts / np.where(empty, 1.0, total))


def times_error_distribution(probabilities: NDArray[Any], distribution: NDArray[np.float64]) -> NDArray[np.float32]:
    """The probability of each class as it would be *labelled*: ``sum over true t of P(given | t) p_t``, at most 1.

    ``probabilities`` (..., C), ``distribution`` (C, C) of :func:`given_if_true`. See the module on what came of it.
    """
    mixed = np.asarray(probabilities, np.float32) @ distribution.T.astype(np.float32)
    return np.asarray(np.clip(mixed, 0, 1), np.float32)
