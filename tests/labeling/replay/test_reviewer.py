"""labeling/replay/reviewer.py: mistakes as often as asked, the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from labeling.cells import SALT, mixed
from labeling.errors import DataError
from labeling.replay.reviewer import SimulatedReviewer, _uniform, listened_s

CLIPS, CLASSES = (grid.ravel() for grid in np.meshgrid(np.arange(1, 201), np.arange(1, 101), indexing="ij"))
WRONG = (CLIPS + CLASSES) % 4 == 0


def test_mistakes_and_doubts_are_as_frequent_as_asked() -> None:
    reviewer = SimulatedReviewer(miss=0.2, false_alarm=0.03, unsure=0.1, seed=7)
    calls = reviewer.finds_wrong(CLIPS, CLASSES, WRONG)
    for cells, mistakes, share in (
        (WRONG, ~calls[WRONG], 0.2),
        (~WRONG, calls[~WRONG], 0.03),
        (WRONG | True, reviewer.is_unsure(CLIPS, CLASSES), 0.1),
    ):
        low, high = stats.binom.interval(0.9999, int(cells.sum()), share)
        assert low <= mistakes.sum() <= high


def test_they_say_the_same_of_a_cell_in_any_order_and_another_seed_is_another_reviewer() -> None:
    reviewer = SimulatedReviewer(0.3, 0.3, 0.2, seed=1)
    calls, unsure = reviewer.finds_wrong(CLIPS, CLASSES, WRONG), reviewer.is_unsure(CLIPS, CLASSES)
    order = np.random.default_rng(0).permutation(len(CLIPS))
    assert (reviewer.finds_wrong(CLIPS[order], CLASSES[order], WRONG[order]) == calls[order]).all()
    assert (reviewer.is_unsure(CLIPS[order], CLASSES[order]) == unsure[order]).all()
    other = SimulatedReviewer(0.3, 0.3, 0.2, seed=2)
    agree = (other.finds_wrong(CLIPS, CLASSES, WRONG) == calls).mean()
    assert agree == pytest.approx(0.3**2 + 0.7**2, abs=0.02)  # independent of each other
    assert np.corrcoef(calls ^ WRONG, unsure)[0, 1] == pytest.approx(0, abs=0.03)


def test_asked_again_they_slip_anew() -> None:
    reviewer = SimulatedReviewer(0.3, 0.3, seed=1)
    first, second = (reviewer.finds_wrong(CLIPS, CLASSES, WRONG, again=again) ^ WRONG for again in (False, True))
    assert second.mean() == pytest.approx(0.3, abs=0.02)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0, abs=0.03)


def test_a_perfect_reviewer_and_numbers_that_are_uniform() -> None:
    assert (SimulatedReviewer(0, 0).finds_wrong(CLIPS, CLASSES, WRONG) == WRONG).all()
    assert not SimulatedReviewer().is_unsure(CLIPS, CLASSES).any()
    assert int(mixed(np.zeros(1, np.uint64), SALT)[0]) == 0xE220A8397B1DCDAF  # splitmix64's first from seed 0
    assert stats.kstest(_uniform(CLIPS, CLASSES, -3, 1), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("name", ["miss", "false_alarm", "unsure"])
@pytest.mark.parametrize("value", [-0.1, 0.51, float("nan")])
def test_shares_out_of_bounds(name: str, value: float) -> None:
    with pytest.raises(DataError, match=rf"{name.replace('_', ' ')} {value:g} is outside 0 to 0.5"):
        SimulatedReviewer(**{name: value})


def test_a_listed_label_found_wrong_costs_the_whole_clip() -> None:
    given, wrong = np.array([False, True, True, True]), np.array([True, False, True, True])
    seconds = listened_s(given, wrong, np.array([1.0, 1.0, 1.0, 1.0]), np.array([20.0, 20.0, 20.0, 3600.0]))
    assert seconds.tolist() == [6.0, 6.0, 23.0, 63.0]  # 3 s to look; a second before and behind; at most 60 s
