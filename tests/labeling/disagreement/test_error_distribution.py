"""labeling/disagreement/error_distribution.py"""

from __future__ import annotations

import numpy as np
import pytest
from cleanlab.count import calibrate_confident_joint, compute_confident_joint

from labeling.disagreement import error_distribution as ed
from labeling.errors import DataError


def noisy_labels(seed: int, n: int = 300, c: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(c, 0.6), n)
    given = np.where(rng.random(n) < 0.25, rng.integers(0, c, n), p.argmax(axis=1))
    return given, p


@pytest.mark.parametrize("seed", range(4))
def test_the_confident_joint_is_cleanlabs(seed: int) -> None:
    given, p = noisy_labels(seed)
    ours = ed.confident_joint(given, p)
    assert np.abs(ours - compute_confident_joint(given, p)).max() <= 1  # which rounds to whole clips
    counts = compute_confident_joint(given, p, calibrate=False)
    exact = counts * (np.bincount(given) / counts.sum(axis=1))[:, None]
    assert ours == pytest.approx(exact)
    assert ours.sum(axis=1) == pytest.approx(calibrate_confident_joint(counts, given).sum(axis=1))


def test_a_class_that_nobody_is_given_is_never_confident() -> None:
    given, p = noisy_labels(0, c=3)
    wide = np.insert(p, 1, 0.99, axis=1)
    joint = ed.confident_joint(np.where(given > 0, given + 1, 0), wide)
    assert joint[1].sum() == joint[:, 1].sum() == 0
    assert ed.given_if_true(joint)[:, 1].tolist() == [0, 1, 0, 0]


def test_given_if_true_by_hand() -> None:
    joint = np.array([[8.0, 1.0], [2.0, 9.0]])
    assert ed.given_if_true(joint) == pytest.approx(np.array([[0.8, 0.1], [0.2, 0.9]]))
    # ten more clips, of which a person said: truly 0, given 1
    decided = ed.given_if_true(joint, np.ones(10, int), np.zeros(10, int))
    assert decided == pytest.approx(np.array([[0.4, 0.1], [0.6, 0.9]]))


def test_predictions_times_the_distribution_by_hand() -> None:
    distribution = np.array([[0.8, 0.1], [0.2, 0.9]])
    found = ed.times_error_distribution(np.array([[1.0, 0.0], [0.5, 0.5], [1.0, 1.0]]), distribution)
    assert found == pytest.approx(np.array([[0.8, 0.2], [0.45, 0.55], [0.9, 1.0]]))  # 1.1 is no probability


def test_label_rates_by_hand() -> None:
    given = np.array([[1], [1], [1], [1], [0], [0], [0], [0], [0], [0]], bool)
    p_wrong = np.array([[0.5], [0.0], [0.0], [0.5], [0.25], [0.25], [0.25], [0.25], [0.0], [0.0]])
    known = np.ones_like(given)
    rates = ed.label_rates(p_wrong, given, known)
    # present: 3 listed + 1 unlisted; absent: 5 unlisted + 1 listed; one class is the whole, so it borrows itself
    assert (rates.present[0], rates.absent[0]) == (4, 6)
    assert rates.miss[0] == pytest.approx(1 / 4)
    assert rates.spurious[0] == pytest.approx(1 / 6)
    decided = np.zeros_like(given)
    decided[[0, 4]] = True  # the first is right, the fifth was missing
    truth = given.copy()
    truth[4] = True
    said = ed.label_rates(p_wrong, given, known, decided, truth)
    assert said.miss[0] == pytest.approx(1.75 / (3.5 + 1.75))
    assert said.spurious[0] == pytest.approx(0.5 / (0.5 + 4.25))
    assert said.decided.tolist() == [2]
    known[4:] = False
    assert ed.label_rates(p_wrong, given, known).miss[0] == 0


def test_a_rare_class_borrows_from_all() -> None:
    given = np.zeros((100, 2), bool)
    given[:50, 0] = given[0, 1] = True
    p_wrong = np.where(given, 0.1, 0.0)
    p_wrong[0, 1] = 1.0
    rates = ed.label_rates(p_wrong, given, np.ones_like(given))
    assert rates.miss.tolist() == [0, 0]
    whole = (50 * 0.1 + 1) / (55 + 100)  # spurious cells among absent ones
    assert rates.spurious == pytest.approx([(5 + 5 * whole) / (55 + 5), (1 + 5 * whole) / (100 + 5)])


def test_arrays_that_do_not_fit() -> None:
    with pytest.raises(DataError, match="shapes"):
        ed.label_rates(np.zeros((2, 2)), np.zeros((2, 3), bool), np.zeros((2, 2), bool))
    with pytest.raises(DataError, match="one a clip"):
        ed.confident_joint(np.zeros(3, int), np.zeros((2, 2)))
