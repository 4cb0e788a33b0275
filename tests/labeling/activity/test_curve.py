"""The logistic curve of the score: against another library, and that it never falls."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from labeling.activity.curve import fit, logit


def truth(seed: int, n: int, height: float, slope: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.05, 0.999, n)
    return scores, rng.random(n) < 1 / (1 + np.exp(-height - slope * logit(scores)))


def test_with_many_verdicts_it_is_the_logistic_regression() -> None:
    scores, present = truth(0, 4000, -0.5, 1.2)
    curve = fit(scores, present)
    other = LogisticRegression(C=np.inf, tol=1e-8).fit(logit(scores)[:, None], present)
    assert curve.slope[0] == pytest.approx(other.coef_[0, 0], rel=0.01)
    assert curve.height[0] - curve.slope[0] * curve.centre == pytest.approx(other.intercept_[0], abs=0.02)
    # half the chance is where the curve crosses it
    at = curve.score_at(0.5)[:1]
    assert curve.chances(at)[0, 0] == pytest.approx(0.5)


def test_firths_penalty_is_half_a_verdict_for_each_side_where_the_score_says_nothing() -> None:
    # with one score for all, Firth's estimate of a share is (hits + 1/2) / (n + 1)
    scores = np.tile([0.3, 0.7], 10)
    present = np.tile([True, True, False, False], 5)
    curve = fit(scores, present)
    assert curve.slope[0] == pytest.approx(0, abs=1e-3)
    assert curve.chances(np.array([0.5]))[0, 0] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("present", [np.ones(20, bool), np.zeros(20, bool), np.arange(20) >= 10, np.arange(20) < 10])
def test_it_is_there_where_all_is_right_wrong_parted_or_the_wrong_way_round(present: np.ndarray) -> None:
    curve = fit(np.linspace(0.05, 0.95, 20), present)
    chance = curve.chances(np.linspace(0.01, 0.99, 50))
    assert np.isfinite(chance).all()
    assert (np.diff(chance, axis=1) >= -1e-12).all(), "no likely curve falls with the score"


def test_more_verdicts_leave_fewer_curves() -> None:
    spans = []
    for n in (30, 120, 480):
        chance = fit(*truth(1, n, 0, 1)).chances(np.array([0.6]))
        spans.append(float(np.ptp(chance)))
    assert spans[0] > 1.5 * spans[1] > 2.25 * spans[2]
