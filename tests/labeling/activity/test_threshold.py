"""The threshold of a wanted precision: by hand, and as often right as it says over many simulated listenings."""

import math
from itertools import pairwise

import numpy as np
import pytest

from labeling.activity.curve import logit
from labeling.activity.draws import EDGES
from labeling.activity.threshold import NotKnown, Threshold, calibrate, threshold
from labeling.activity.words import words_of
from labeling.errors import DataError


def listened(seed: int, height: float, slope: float, each: int = 20, wanted: float = 0.9) -> tuple[Threshold, float]:
    """A threshold by ``each`` verdicts a band, and the true one: of the chances from which the verdicts were made."""
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.beta(0.4, 0.9, 5_000).astype(np.float32))
    chance = 1 / (1 + np.exp(-height - slope * logit(scores)))
    right = rng.random(len(scores)) < chance
    heard = []
    for low, high in pairwise(EDGES):
        there = np.flatnonzero((scores >= np.float32(low)) & (scores < high + (high == 1)))
        heard.append(rng.choice(there, min(each, len(there)), replace=False))
    learned = calibrate(scores, [scores[own] for own in heard], [right[own] for own in heard], EDGES)
    assert not isinstance(learned, NotKnown)
    found = threshold(learned, wanted)
    assert isinstance(found, Threshold)
    above = scores >= np.float32(EDGES[0])
    precision = np.cumsum(chance[above][::-1])[::-1] / np.arange(above.sum(), 0, -1)
    return found, float(scores[above][np.flatnonzero(precision >= wanted)[0]])


@pytest.mark.parametrize(("height", "slope"), [(0.0, 1.0), (1.0, 1.5)])
def test_the_interval_holds_the_true_threshold_about_as_often_as_it_says(height: float, slope: float) -> None:
    """95 % is said. Of 40 listenings fewer than 34 hold it one time in three hundred."""
    held = 0
    for seed in range(40):
        found, true = listened(seed, height, slope)
        high = math.inf if math.isnan(found.score.high) else found.score.high
        held += found.score.low - 0.005 <= true <= high + 0.005
    assert held >= 34


def test_what_follows_from_the_threshold_is_what_the_truth_has() -> None:
    found, true = listened(3, 0.0, 1.0, each=400)
    assert found.score.value == pytest.approx(true, abs=0.05)
    assert found.precision.low < 0.9 < found.precision.high
    assert found.recall.low < found.recall.value < found.recall.high <= 1
    assert found.right.value == pytest.approx(found.precision.value * found.detections)
    # where the slope is 1 and the height 0 the score is the chance
    assert found.each.low < 0.9 < found.each.high
    assert found.each.value == pytest.approx(0.9, abs=0.05)


def test_more_is_wanted_less_is_kept() -> None:
    by_wanted = [listened(5, 0.0, 1.0, 60, wanted)[0] for wanted in (0.6, 0.7, 0.8, 0.9)]
    scores = [one.score.value for one in by_wanted]
    assert scores == sorted(scores)
    assert [one.detections for one in by_wanted] == sorted((one.detections for one in by_wanted), reverse=True)
    assert "reach a precision of 0.9" in words_of(by_wanted[-1])


def test_too_little_was_heard() -> None:
    scores = np.linspace(0, 1, 100, dtype=np.float32)
    few = calibrate(scores, [scores[50:79]], [np.ones(29, bool)], (0.5, 1.0))
    assert isinstance(few, NotKnown)
    assert few.why.endswith("hear 1 more")
    none = calibrate(scores, [scores[50:90]], [np.zeros(40, bool)], (0.5, 1.0))
    assert isinstance(none, NotKnown)
    assert "none of the 40" in none.why
    one_score = calibrate(scores, [np.full(40, 0.5, np.float32)], [np.arange(40) > 20], (0.5, 1.0))
    assert isinstance(one_score, NotKnown)


def test_no_threshold_lies_below_what_was_listened_to() -> None:
    """All that was heard was right: the lowest band that was listened to is as far as that goes."""
    scores = np.linspace(0.1, 1, 1000, dtype=np.float32)
    parts = [scores[scores < 0.5][:3], scores[(scores >= 0.5)][::5]]
    learned = calibrate(scores, parts, [np.ones(len(one), bool) for one in parts], (0.1, 0.5, 1.0))
    assert not isinstance(learned, NotKnown)
    found = threshold(learned, 0.9)
    assert isinstance(found, Threshold)
    assert found.floor == 0.5
    assert found.score.value == pytest.approx(0.5, abs=0.001)


def test_a_precision_that_no_score_reaches_is_said_to_be_none() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.1, 1, 1000).astype(np.float32)
    learned = calibrate(scores, [scores[:200]], [rng.random(200) < 0.3], (0.1, 1.0))
    assert not isinstance(learned, NotKnown)
    found = threshold(learned, 0.95)
    assert isinstance(found, Threshold)
    assert math.isnan(found.score.value)
    assert found.detections == 0
    assert words_of(found).startswith("no score reaches a precision of 0.95")


@pytest.mark.parametrize("wanted", [0.0, 1.0, -1.0, math.nan])
def test_a_precision_that_is_none_is_refused(wanted: float) -> None:
    scores = np.linspace(0.1, 1, 100, dtype=np.float32)
    learned = calibrate(scores, [scores], [scores > 0.5], (0.1, 1.0))
    assert not isinstance(learned, NotKnown)
    with pytest.raises(DataError, match="above 0 and below 1"):
        threshold(learned, wanted)
