"""From which score on detections are right so often as is wanted, and what that keeps and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.activity.curve import Curve, fit
from labeling.errors import DataError

FEWEST = 30
"""Verdicts below which nothing is said of a threshold."""
FEWEST_OF_BAND = 5
"""A band counts as listened to from so many verdicts on: below the lowest such one nothing is known."""
BINS = 500


@dataclass(frozen=True)
class Range:
    """A number, and its 95 % interval. Not finite: there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Threshold:
    """The score from which on detections reach a precision, and what follows.

    ``score`` is NaN where no score reaches it; so is its ``high`` where that may be so. At its ``high`` what was heard
    speaks for the wanted precision in any case. ``each`` is the score at which a single detection is so likely right,
    as Wood & Kahl (2024) choose a threshold. ``precision`` is that of all detections from ``score`` on,
    ``detections`` their number, ``right`` how many of them hold the class, and ``recall`` the share of the windows that
    hold the class, from the ``floor`` on, which they are.
    ``floor`` is the lowest score that was listened to: no threshold is below it.
    """

    wanted: float
    floor: float
    heard: int
    score: Range
    each: Range
    precision: Range
    detections: int
    right: Range
    recall: Range


@dataclass(frozen=True)
class NotKnown:
    """That no threshold can be told yet, and why, with what is missing."""

    why: str


@dataclass(frozen=True)
class Calibration:
    """What was heard of a class (n,), the curve that it makes, and the scores of all windows from the ``floor`` on,
    binned: of each bin the lowest score, the mean, and the count; rising."""

    scores: NDArray[np.float32]
    present: NDArray[np.bool_]
    floor: float
    curve: Curve
    lowest: NDArray[np.float64]
    mean: NDArray[np.float64]
    count: NDArray[np.int64]


def calibrate(
    population: NDArray[np.float32],
    scores: Sequence[NDArray[np.float32]],
    present: Sequence[NDArray[np.bool_]],
    edges: Sequence[float],
) -> Calibration | NotKnown:
    """Learn from what was heard how a score is to be read.

    Parameters
    ----------
    population : ndarray of float32, shape (N,)
        The scores of all windows that a threshold is to be for.
    scores, present : sequence of ndarray
        Of each band, the scores of its windows that were heard, and whether they hold the class.
    edges : sequence of float
        Of the bands.

    Returns
    -------
    Calibration or NotKnown

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.activity.threshold import calibrate
    >>> calibrate(np.zeros(9, np.float32), [np.zeros(3, np.float32)], [np.zeros(3, bool)], (0.0, 1.0)).why
    'not known yet: 3 heard of a draw, and 30 are needed; hear 27 more'
    """
    heard = sum(map(len, scores))
    if heard < FEWEST:
        return NotKnown(f"not known yet: {heard} heard of a draw, and {FEWEST} are needed; hear {FEWEST - heard} more")
    listened = [low for low, own in zip(edges, scores, strict=False) if len(own) >= FEWEST_OF_BAND]
    if not listened:
        return NotKnown(f"not known yet: no band has {FEWEST_OF_BAND} verdicts; hear more of each")
    floor = min(listened)
    value, right = np.concatenate(list(scores)), np.concatenate(list(present))
    if not right.any():
        return NotKnown(f"none of the {heard} that were heard holds the class: no threshold can be told from that")
    if np.ptp(value) < 1e-6:
        return NotKnown("not known yet: all that was heard has one score; hear other bands")
    lowest, mean, count = _binned(population[population >= np.float32(floor)])
    return Calibration(value, right, floor, fit(value, right), lowest, mean, count)


def threshold(found: Calibration, wanted: float) -> Threshold | NotKnown:
    """The score from which on so many of the detections are right.

    Parameters
    ----------
    found : Calibration
    wanted : float
        The precision, above 0 and below 1.

    Returns
    -------
    Threshold or NotKnown

    Raises
    ------
    DataError
        ``wanted`` is no such number.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.activity.threshold import calibrate, threshold
    >>> rng = np.random.default_rng(0)
    >>> scores = rng.uniform(0.1, 1, 3000).astype(np.float32)
    >>> right = rng.random(3000) < scores  # as often as they say
    >>> found = threshold(calibrate(scores, [scores[:200]], [right[:200]], (0.1, 1.0)), 0.8)
    >>> bool(0.4 < found.score.value < 0.75), found.score.low < found.score.value < found.score.high
    (True, True)
    """
    if not 0 < wanted < 1:
        raise DataError(f"a precision of {wanted:g} is none to be reached; give one above 0 and below 1, such as 0.9")
    if not len(found.count):
        return NotKnown(f"no window scores {found.floor:g} or more")
    chance = found.curve.chances(found.mean)  # (curves, bins)
    right = np.cumsum((chance * found.count)[:, ::-1], axis=1)[:, ::-1]
    detections = np.cumsum(found.count[::-1])[::-1]
    reached = right / detections >= wanted - 1e-12
    first = np.where(reached.any(axis=1), reached.argmax(axis=1), -1)
    score = np.where(first >= 0, found.lowest[first], np.nan)
    each = found.curve.score_at(wanted)
    each[each > found.lowest[-1]] = np.nan  # no window scores so much
    each = np.maximum(each, found.floor)
    at = int(first[0])
    if at < 0:
        none, nothing = Range(np.nan, _least(score), np.nan), Range(np.nan, np.nan, np.nan)
        return Threshold(wanted, found.floor, len(found.scores), none, _range(each), nothing, 0, nothing, nothing)
    return Threshold(
        wanted,
        found.floor,
        len(found.scores),
        _range(score),
        _range(each),
        _range(right[:, at] / detections[at]),
        int(detections[at]),
        _range(right[:, at]),
        _range(right[:, at] / np.maximum(right[:, 0], 1e-12)),
    )


def _range(values: NDArray[np.float64]) -> Range:
    """The likeliest curve's value, and the lowest and highest of all; an end is NaN where a curve has none above."""
    high = float("nan") if np.isnan(values).any() else float(values.max())
    return Range(float(values[0]), _least(values), high)


def _least(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.min()) if len(known) else float("nan")


def _binned(
    population: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Scores in at most BINS bins of about as many, no score in two."""
    value, count = np.unique(population, return_counts=True)
    if len(value) > BINS:
        edge = np.linspace(0, len(population), BINS, endpoint=False)
        starts = np.unique(np.searchsorted(np.cumsum(count) - count, edge, side="left"))
        starts = starts[starts < len(value)]
    else:
        starts = np.arange(len(value))
    if not len(starts):
        return np.zeros(0), np.zeros(0), np.zeros(0, np.int64)
    number = np.add.reduceat(count, starts)
    mean = np.add.reduceat(value.astype(np.float64) * count, starts) / number
    return value[starts].astype(np.float64), mean, number.astype(np.int64)
