"""What verdicts may weigh anew: beyond p_wrong, in standard deviations among cells in doubt."""

import numpy as np
import pytest
from scipy.special import expit

from labeling.disagreement.covariates import FARTHEST, highest_other, standardised


def test_what_only_repeats_p_wrong_is_nothing_and_the_rest_has_one_standard_deviation() -> None:
    random = np.random.default_rng(0)
    x, own, given = random.normal(0, 2, 4_000), random.normal(size=4_000), np.arange(4_000) % 2 == 0
    values = np.stack([3 * x + 1, 5 * own + 2 * x, np.full(4_000, 7.0)], axis=1).astype(np.float32)
    p = expit(x).astype(np.float32)
    found = standardised(values, p, given)
    assert not found[:, 2].any()
    np.testing.assert_allclose(found[:, 1], np.clip(own, -FARTHEST, FARTHEST), atol=0.15)
    for kind in (given, ~given):
        weight = (p * (1 - p))[kind]
        assert np.average(found[kind, 1].astype(float) ** 2, weights=weight) == pytest.approx(1, abs=0.02)
        assert abs(np.average(found[kind, 1].astype(float), weights=weight)) < 0.02
        assert abs(np.average(found[kind, 1] * x[kind], weights=weight)) < 0.05


def test_listed_and_unlisted_cells_are_apart_and_a_far_cell_counts_no_more_than_a_near_one() -> None:
    values = np.array([[1], [3], [101], [103], [102]], np.float32)
    p, given = np.array([0.5, 0.5, 0.5, 0.5, 1.0], np.float32), np.array([0, 0, 1, 1, 1], bool)
    assert standardised(values, p, given)[:4, 0] == pytest.approx([-1, 1, -1, 1], abs=1e-2)
    far = np.append(np.zeros(99), 1e4).astype(np.float32)[:, None]
    assert standardised(far, np.full(100, 0.5, np.float32), np.zeros(100, bool)).max() == FARTHEST
    assert standardised(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), np.zeros(0, bool)).shape == (0, 2)


def test_the_highest_of_the_other_classes_of_a_clip() -> None:
    values = np.array([[0.9, 0.2, 0.5], [0.4, 0.4, 0.1]], np.float32)
    np.testing.assert_array_equal(highest_other(values), np.array([[0.5, 0.9, 0.9], [0.4, 0.4, 0.4]], np.float32))
    assert np.isneginf(highest_other(values[:, :1])).all()
