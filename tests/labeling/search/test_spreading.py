"""spreading.py: no group fills a page, none is lost, and none comes much sooner than it should."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labeling.search.spreading import spread

GROUPS = st.lists(st.integers(0, 4), max_size=60)


@given(GROUPS, st.integers(1, 60))
def test_all_come_once_and_few_of_a_group_on_a_page(groups: list[int], count: int) -> None:
    group = np.array(groups, np.int64)
    order = spread(group, count, page=6, cap=2, ahead=12)
    assert len(set(order.tolist())) == len(order) == min(count, len(groups))
    for at, place in enumerate(order.tolist()):
        assert place < at + 6 + 12
    for one in range(5):  # within a group the order stays
        own = [place for place in order.tolist() if groups[place] == one]
        assert own == sorted(own)


def test_what_is_over_the_cap_comes_on_the_next_page() -> None:
    assert spread(np.array([1, 1, 1, 2, 3, 4, 5]), 7, page=3, cap=1).tolist() == [0, 3, 4, 1, 5, 6, 2]
    assert spread(np.array([1, 1, 1, 1]), 4, page=2, cap=1).tolist() == [0, 1, 2, 3]  # there is no other
