"""labeling/suspects/variety.py"""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labeling.suspects.variety import BATCH, BATCH_FROM, NEARLY, TOGETHER, bands, batched, dealt

ROWS = st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(0, 4)), max_size=60)


def test_bands_by_hand() -> None:
    # of 1.0, NEARLY is 0.8: 1.0 and 0.81 are of one band, 0.79 and 0.65 (above 0.64) of the next, 0.63 of a third
    np.testing.assert_array_equal(bands(np.array([1.0, 0.81, 0.79, 0.65, 0.63])), [0, 0, 1, 1, 2])
    np.testing.assert_array_equal(bands(np.array([0.5, 0.41, 0.39])), [0, 0, 1])  # beside the best there is
    assert bands(np.array([1.0, 0.0]))[1] == 1_000
    np.testing.assert_array_equal(bands(np.zeros(2)), [0, 0])


def test_one_recordists_clips_make_room_by_hand() -> None:
    # eight of recordist 1 from 1.00 on, two of recordist 2 at 0.9, one of recordist 3 at 0.5: not nearly as good
    values = np.array([1.00, 0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.93, 0.90, 0.89, 0.50])
    group = np.array([1] * 8 + [2, 2] + [3])
    np.testing.assert_array_equal(dealt(values, group), [0, 1, 2, 3, 4, 8, 9, 5, 6, 7, 10])
    np.testing.assert_array_equal(dealt(values, np.arange(11)), np.arange(11))  # no groups: by value alone


def test_equals_stay_as_they_were() -> None:
    np.testing.assert_array_equal(dealt(np.full(4, 0.7), np.arange(4)), [0, 1, 2, 3])
    assert len(dealt(np.zeros(0), np.zeros(0, np.int64))) == 0


@given(ROWS)
def test_none_is_dropped_repeated_or_passed_by_what_is_much_less_worth(rows: list[tuple[float, int]]) -> None:
    values = np.array([value for value, _ in rows], np.float64)
    group = np.array([one for _, one in rows], np.int64)
    order = dealt(values, group)
    assert sorted(order.tolist()) == list(range(len(rows)))
    sorted_values = values[order]
    best_behind = np.maximum.accumulate(sorted_values[::-1])[::-1] if len(rows) else sorted_values
    far_down = 0.8**999  # beyond the last band
    assert ((sorted_values >= NEARLY * best_behind * (1 - 1e-6)) | (best_behind < far_down)).all()


@given(ROWS)
def test_no_group_gives_more_before_the_others_had_their_turn(rows: list[tuple[float, int]]) -> None:
    values = np.array([value for value, _ in rows], np.float64)
    group = np.array([one for _, one in rows], np.int64)
    order, band = dealt(values, group), bands(values)
    for one in np.unique(band):
        left = Counter(group[band == one].tolist())
        given_so_far: Counter[int] = Counter()
        for place in order[band[order] == one].tolist():
            behind = [given_so_far[other] // TOGETHER for other in left if given_so_far[other] < left[other]]
            assert given_so_far[int(group[place])] // TOGETHER == min(behind)
            given_so_far[int(group[place])] += 1


@given(ROWS, st.integers(0, 70))
def test_the_first_are_the_first_of_all(rows: list[tuple[float, int]], first: int) -> None:
    values = np.array([value for value, _ in rows], np.float64)
    group = np.array([one for _, one in rows], np.int64)
    np.testing.assert_array_equal(dealt(values, group, first), dealt(values, group)[:first])


def test_batches_by_hand() -> None:
    # 12 of class 5 and 3 of class 9 in turns, then one of class 5: ten of 5, the three of 9, what is left of 5
    classes = np.array([5, 9] * 3 + [5] * 9 + [5])
    fives, nines = np.flatnonzero(classes == 5).tolist(), np.flatnonzero(classes == 9).tolist()
    assert len(fives) == 13
    assert batched(classes).tolist() == fives[:BATCH] + nines + fives[BATCH:]


@given(st.lists(st.integers(1, 4), max_size=BATCH_FROM + 60))
def test_batches_only_change_the_order_within_their_part(classes: list[int]) -> None:
    class_id = np.array(classes, np.int64)
    order = batched(class_id)
    assert sorted(order.tolist()) == list(range(len(classes)))
    np.testing.assert_array_equal(order // BATCH_FROM, np.arange(len(classes)) // BATCH_FROM)
    for part in range(0, len(classes), BATCH_FROM):
        dealt_out = class_id[order[part : part + BATCH_FROM]]
        runs = np.split(dealt_out, np.flatnonzero(np.diff(dealt_out)) + 1) if len(dealt_out) else []
        left = Counter(dealt_out.tolist())
        for run in runs:  # a run is shorter than a batch only where the class has no more
            assert len(run) >= min(BATCH, left[int(run[0])])
            left[int(run[0])] -= len(run)
