"""labeling/suspects/worth.py"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy
from sklearn.metrics import average_precision_score

from labeling.suspects import worth
from tests.support.examples import examples

P = st.floats(0, 1, width=32)


def test_class_weights_by_hand() -> None:
    positives = np.array([1, 4, 16, 0])
    np.testing.assert_allclose(worth.class_weights(positives, 0.0), [1, 1, 1, 1])
    # 1, 1/4, 1/16 have the mean 7/16; a class without a clip weighs what one with a single clip does
    np.testing.assert_allclose(worth.class_weights(positives, 1.0), np.array([16, 4, 1, 16]) / 7)
    # 1, 1/2, 1/4 have the mean 7/12
    np.testing.assert_allclose(worth.class_weights(positives, 0.5), np.array([12, 6, 3, 12]) / 7)
    np.testing.assert_array_equal(worth.class_weights(np.zeros(3, np.int64), 1.0), [1, 1, 1])


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=30), P)
def test_weights_are_one_on_average_and_never_rise_with_the_clips(counts: list[int], rarity: float) -> None:
    positives = np.array(counts)
    weights = worth.class_weights(positives, rarity)
    if positives.any():
        assert weights[positives > 0].mean() == pytest.approx(1)
    by_clips = weights[np.argsort(np.maximum(positives, 1), kind="stable")]
    assert (np.diff(by_clips) <= 1e-9).all()


def test_one_label_moves_a_classs_average_precision_by_about_one_over_its_positives() -> None:
    """The reason for (1/P)^1: a model that ranks all positives first, and one more label that is missed at the end."""
    for positives in (5, 50, 500):
        truth = np.zeros(20_000)
        truth[:positives] = 1
        score = np.linspace(1, 0, len(truth))
        truth[-1] = 1  # the label that was missed: far down
        lost = 1 - average_precision_score(truth, score)
        assert lost == pytest.approx(1 / (positives + 1), rel=0.05)


def test_what_is_heard_by_hand() -> None:
    unlisted, listed = np.array([False]), np.array([True])

    def heard(given: np.ndarray, stretch_s: float, duration_s: float, probability: float) -> float:
        return float(worth.heard_s(given, np.array([stretch_s]), np.array([duration_s]), np.array([probability]))[0])

    assert heard(unlisted, 1.5, 20, 0.9) == pytest.approx(3.5)
    assert heard(unlisted, 19.5, 20, 0.9) == pytest.approx(20), "no more than there is"
    assert heard(unlisted, 1.5, 0, 0.9) == pytest.approx(3.5), "a length that nobody knows"
    assert heard(listed, 2, 20, 0.0) == pytest.approx(4), "surely there: where it is"
    assert heard(listed, 2, 20, 1.0) == pytest.approx(20), "surely absent: all of it"
    assert heard(listed, 2, 20, 0.25) == pytest.approx(4 + 0.25 * 16)
    assert heard(listed, 2, 3600, 1.0) == worth.HEARD_AT_MOST_S
    assert heard(unlisted, 3000, 3600, 1.0) == worth.HEARD_AT_MOST_S


def test_suspects_of_a_clip_share_its_listening() -> None:
    clip = np.array([7, 7, 8, 9, 9])
    probability = np.array([0.5, 0.5, 0.8, 0.9, 0.1])
    cost_s = worth.seconds(np.full(5, 10.0), probability, clip, look_s=3)
    np.testing.assert_allclose(cost_s, [3 + 5, 3 + 5, 3 + 10, 3 + 9, 3 + 1])
    np.testing.assert_allclose(worth.seconds(np.full(2, 10.0), np.zeros(2), np.array([1, 1]), look_s=3), [13, 13])
    assert len(worth.seconds(np.zeros(0), np.zeros(0), np.zeros(0, np.int64), look_s=3)) == 0


@given(st.lists(st.tuples(P, st.floats(0.1, 60), st.integers(1, 4)), min_size=1, max_size=30), st.floats(0.5, 30))
def test_a_clips_listening_is_paid_once(rows: list[tuple[float, float, int]], look_s: float) -> None:
    probability, heard_s, clip = (np.array(column) for column in zip(*rows, strict=True))
    cost_s = worth.seconds(heard_s, probability, clip, look_s)
    assert (cost_s >= look_s).all()
    assert (cost_s <= look_s + heard_s + 1e-9).all()
    for one in np.unique(clip[probability > 0]):
        here = clip == one
        if probability[here].sum() > 1e-6:
            assert (cost_s[here] - look_s).sum() <= heard_s[here].max() + 1e-6


def test_worth_by_hand() -> None:
    brought = worth.worth(np.array([0.5, 0.5, 0.9]), np.array([1.0, 4.0, 1.0]), np.array([5.0, 5.0, 18.0]))
    np.testing.assert_allclose(brought, [0.1, 0.4, 0.05])


@given(P)
def test_entropy_is_scipys(p: float) -> None:
    assert worth.entropy(np.array([p]))[0] == pytest.approx(scipy_entropy([p, 1 - p], base=2), abs=1e-6)


def test_uncertainty_by_hand() -> None:
    # H(0.5) = 1, H(0.25) = 0.811278, H(1/3) = 0.918296
    found = worth.uncertainty(
        np.array([0.5, 0.25, 0.0, 0.5]),
        np.array([0.5, 0.5, 1.0, 0.25]),
        np.array([1, 1, 1, 3], np.uint8),
        np.array([0, 1, 1, 1], np.uint8),
    )
    np.testing.assert_allclose(found, [1, (0.811278 + 1) / 2, 0, (1 + 0.811278 + 0.918296) / 3], atol=1e-6)


@examples(50)
@given(P, P, st.integers(1, 9), st.integers(0, 9))
def test_uncertainty_is_a_share_of_all_there_could_be(p: float, clipwise: float, runs: int, agree: int) -> None:
    def of(*values: float) -> float:
        p, clipwise = values
        votes = np.array([runs], np.uint8), np.array([min(agree, runs)], np.uint8)
        return float(worth.uncertainty(np.array([p]), np.array([clipwise]), *votes)[0])

    assert -1e-9 <= of(p, clipwise) <= 1 + 1e-9
    assert of(0.5, 0.5) >= of(p, clipwise) - 1e-9
    assert of(p, clipwise) == pytest.approx(of(1 - p, 1 - clipwise), abs=1e-6), "known to be so, or known not to be"


def test_the_pace_is_what_is_left_of_the_time() -> None:
    assert worth.measured_look_s(0, 0, 4) == worth.LOOK_S
    assert worth.measured_look_s(500, worth.LEAST_PRESSES - 1, 4) == worth.LOOK_S
    assert worth.measured_look_s(500, 50, 4) == 6
    assert worth.measured_look_s(100, 50, 4) == worth.LEAST_LOOK_S
