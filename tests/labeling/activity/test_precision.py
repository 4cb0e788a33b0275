"""The precision of a band: counts, and intervals as another library has them."""

import numpy as np
import pytest
from scipy import stats

from labeling.activity.draws import Draw
from labeling.activity.precision import Band, bands


def band(present: int, absent: int, unsure: int = 0, passed_over: int = 0, windows: int = 10_000) -> Band:
    return Band(0.5, 0.7, windows, 20, present, absent, unsure, passed_over)


@pytest.mark.parametrize(("present", "absent"), [(0, 5), (5, 0), (7, 13), (1, 99)])
def test_the_interval_is_that_of_clopper_and_pearson(present: int, absent: int) -> None:
    exact = stats.binomtest(present, present + absent).proportion_ci(0.95, "exact")
    assert band(present, absent).interval == pytest.approx((exact.low, exact.high))


def test_unsure_counts_as_not_it_and_what_was_passed_over_as_either() -> None:
    assert band(6, 2, 2).precision == 0.6
    low = stats.binomtest(6, 13).proportion_ci(0.95, "exact").low
    high = stats.binomtest(9, 13).proportion_ci(0.95, "exact").high
    assert band(6, 2, 2, passed_over=3).interval == pytest.approx((low, high))


def test_a_band_that_was_heard_whole_is_known() -> None:
    assert band(3, 1, windows=4).interval == (0.75, 0.75)
    assert band(2, 1, passed_over=1, windows=4).interval == (0.5, 0.75)
    assert band(0, 0).interval is None
    assert band(0, 0).precision is None


def test_what_was_passed_over_lies_before_the_last_that_was_heard() -> None:
    drawn = Draw((0.1, 0.5, 1.0), (9, 9), (np.arange(4), np.arange(3)))
    said = [np.array(["", "present", "", "unsure"]), np.array(["absent", "present", ""])]
    assert [(one.heard, one.passed_over) for one in bands(drawn, said)] == [(2, 2), (2, 0)]
