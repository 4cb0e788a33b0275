"""several_runs.py: means, votes and spreads by hand and against numpy, runs may know different clips and classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, logit

from labeling.disagreement.evidence import Evidence, FrameSummary
from labeling.disagreement.several_runs import against, mean_log_odds, runs_mean, runs_spread, runs_vote

NAN = float("nan")


def evidence(own: NDArray[np.floating], given_labels: NDArray[np.bool_], *others: NDArray[np.floating]) -> Evidence:
    p = np.asarray(own, np.float32)
    frames = FrameSummary(p, p, np.ones(p.shape, np.int32), np.full(p.shape[1], 0.5, np.float32))
    runs = tuple(np.asarray(one, np.float32) for one in others)
    return Evidence(given_labels, np.ones_like(given_labels), p, frames, others=runs)


#: two clips, two classes; the second run lacks the second clip, the third the first class
BY_HAND = evidence(
    np.array([[0.6, 0.2], [0.9, 0.5]]),
    np.array([[True, False], [False, True]]),
    np.array([[0.4, 0.8], [NAN, NAN]]),
    np.array([[NAN, 0.5], [NAN, 0.1]]),
)


def test_votes_by_hand() -> None:
    runs, contradict = against(BY_HAND)
    np.testing.assert_array_equal(runs, [[2, 3], [1, 2]])
    # listed: against below 0.5; unlisted: against from 0.5 on, so at 0.5 itself too
    np.testing.assert_array_equal(contradict, [[1, 2], [1, 1]])
    assert runs.dtype == contradict.dtype == np.uint8
    np.testing.assert_allclose(runs_vote(BY_HAND).label_quality, [[1 / 2, 1 / 3], [0, 1 / 2]], rtol=1e-6)


def test_the_mean_of_the_others_by_hand() -> None:
    # log 4 for 0.8, 0 for 0.5; the clip and class that nobody else knows have none
    expected = [[np.log(0.4 / 0.6), np.log(4) / 2], [NAN, np.log(1 / 9)]]
    np.testing.assert_allclose(mean_log_odds(BY_HAND), expected, rtol=1e-5)


def test_the_mean_of_all_by_hand() -> None:
    own = logit([[0.6, 0.2], [0.9, 0.5]])
    mean = [
        [(own[0, 0] + logit(0.4)) / 2, (own[0, 1] + logit(0.8) + 0) / 3],
        [own[1, 0], (own[1, 1] + logit(0.1)) / 2],
    ]
    present = expit(mean)
    np.testing.assert_allclose(
        runs_mean(BY_HAND).label_quality, np.where(BY_HAND.given, present, 1 - present), rtol=1e-5
    )


def test_the_spread_by_hand() -> None:
    # 0.6 and 0.4 are 0.1 from 0.5; 0.2, 0.8 and 0.5 have a variance of (0.09 + 0.09 + 0) / 3; alone there is none
    expected = [[1 - 2 * 0.1, 1 - 2 * np.sqrt(0.06)], [1, 1 - 2 * 0.2]]
    np.testing.assert_allclose(runs_spread(BY_HAND).label_quality, expected, rtol=1e-5)


@given(seed=st.integers(0, 9999), runs=st.integers(1, 4), holes=st.floats(0, 1))
def test_against_numpy_with_any_holes(seed: int, runs: int, holes: float) -> None:
    rng = np.random.default_rng(seed)
    own, labels = rng.uniform(0.01, 0.99, (5, 3)).astype(np.float32), rng.random((5, 3)) < 0.5
    others = rng.uniform(0.01, 0.99, (runs, 5, 3)).astype(np.float32)
    others[rng.random(others.shape) < holes] = np.nan
    made = evidence(own, labels, *others)
    stack = np.concatenate([own[None], others])
    np.testing.assert_allclose(runs_spread(made).label_quality, 1 - 2 * np.nanstd(stack, axis=0), atol=2e-6)
    mean = expit(np.nanmean(logit(stack), axis=0))
    np.testing.assert_allclose(runs_mean(made).label_quality, np.where(labels, mean, 1 - mean), atol=2e-6)
    known = np.isfinite(stack).sum(axis=0)
    votes = np.sum(np.where(labels, stack < 0.5, stack >= 0.5), axis=0)  # NaN is neither
    np.testing.assert_array_equal(against(made)[0], known)
    np.testing.assert_array_equal(against(made)[1], votes)


@pytest.mark.parametrize("scorer", [runs_mean, runs_vote, runs_spread])
def test_all_cells_that_only_this_run_knows_are_scored_by_it(scorer: Any) -> None:
    own = np.array([[0.7, 0.2]])
    scores = scorer(evidence(own, np.array([[True, True]]), np.full((1, 2), NAN)))
    expected: Any = {"runs_mean": own, "runs_vote": [[1, 0]], "runs_spread": [[1, 1]]}[scorer.__name__]
    np.testing.assert_allclose(scores.label_quality, expected, rtol=1e-5)
    assert scores.label_quality.dtype == np.float32
