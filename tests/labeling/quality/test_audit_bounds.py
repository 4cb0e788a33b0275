"""labeling/quality/audit_bounds.py"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from labeling.quality.audit_bounds import Looks, at_most, interval, looks_of


def looks(wrong: str, drawn: str = "", open_cells: int = 0) -> Looks:
    """Decided cells as signs: x wrong, . right; d drawn (default: all)."""
    is_drawn = [sign == "d" for sign in drawn or "d" * len(wrong)]
    return looks_of(open_cells, np.array([sign == "x" for sign in wrong], bool), np.array(is_drawn, bool))


def random_looks(cells: int, wrong: int, number: int) -> Looks:
    """``number`` looks among so many cells, ``wrong`` of them found first."""
    return looks("x" * wrong + "." * (number - wrong), open_cells=cells - number)


def test_what_is_known_before_each_look() -> None:
    made = looks("x.x.x", "dqdqd", open_cells=10)  # drawn: the first, third and last
    assert made.wrong.tolist() == [True, True, True]
    assert made.pool.tolist() == [15, 13, 11]
    assert made.pool_wrong.tolist() == [3, 2, 1]
    assert (made.open_cells, made.decided, made.found, made.cells, len(made)) == (10, 5, 3, 15, 3)


def test_the_likelihood_of_looks_without_a_queue_is_hypergeometric() -> None:
    """P(the looks) = C(r, x) C(u - r, n - x) / C(N, n), up to the order of the looks."""
    from labeling.quality.audit_bounds import _log_likelihood

    made = looks(".x..x.", open_cells=24)
    for left in (0, 3, 24):
        exact = stats.hypergeom.logpmf(2, 30, left + 2, 6) - math.log(math.comb(6, 2))
        assert _log_likelihood(made, left) == pytest.approx(exact)


def test_the_likelihood_with_a_queue_in_between_by_hand() -> None:
    """Six cells; drawn: right; the queue then finds two wrong; drawn: right. Two are open, r of them wrong."""
    from labeling.quality.audit_bounds import _log_likelihood

    made = looks(".xx.", "dqqd", open_cells=2)
    for left in (0, 1, 2):
        by_hand = (1 - Fraction(left + 2, 6)) * (1 - Fraction(left, 3))
        assert math.exp(_log_likelihood(made, left)) == pytest.approx(float(by_hand))


@pytest.mark.parametrize(("number", "hits"), [(60, 0), (60, 3), (10, 10), (200, 41)])
def test_the_interval_of_few_looks_among_many_is_that_of_clopper_and_pearson(number: int, hits: int) -> None:
    cells = 10**9
    exact = stats.binomtest(hits, number).proportion_ci(0.95, method="exact")
    low, high = interval(random_looks(cells, hits, number))
    assert low / cells == pytest.approx(exact.low, abs=1e-6)
    assert high / cells == pytest.approx(exact.high, abs=1e-6)


def test_what_the_queue_found_between_two_looks_counts_by_hand() -> None:
    """Two looks of ten cells: p1 = (r + 3) / 10 and p2 = (r + 0) / 7 whose mean is the share in question."""
    made = looks(".xxx.", "dqqqd", open_cells=6)
    made = Looks(made.wrong, np.array([10, 7]), np.array([3, 0]), 6, 4, 3)
    share = 1 - 0.025 ** (1 / 2)
    by_hand = (2 * share - 3 / 10) / (1 / 10 + 1 / 7)
    assert interval(made) == (0.0, pytest.approx(min(by_hand, 6)))


def test_nothing_looked_at_is_nothing_known() -> None:
    nothing = looks("", open_cells=1_000)
    assert interval(nothing) == (0.0, 1_000.0)
    assert at_most([nothing]) == 1_000
    only_queue = looks("x" * 50, "q" * 50, open_cells=1_000)
    assert (interval(only_queue), at_most([only_queue])) == ((0.0, 1_000.0), 1_000)
    assert at_most([]) == 0


def test_the_bound_of_looks_that_found_nothing_by_hand() -> None:
    """Forecasts 1 - 0.25 / (1.25 + i); the bound is where (1 - r / u ...) is a twentieth of their product."""
    number, cells = 40, 10_000
    forecast = math.prod(1 - 0.25 / (1.25 + before) for before in range(number))

    def likelihood(left: int) -> float:
        return math.prod(1 - left / (cells - before) for before in range(number))

    bound = at_most([random_looks(cells, 0, number)])
    assert likelihood(bound) >= forecast / 20 > likelihood(bound + 1)


def test_a_bound_of_two_groups_is_the_worst_pair_that_is_not_ruled_out() -> None:
    from labeling.quality.audit_bounds import _forecast, _log_likelihood

    first, second = random_looks(60, 1, 20), random_looks(90, 0, 15)
    least = _forecast(first) + _forecast(second) + math.log(0.05)
    pairs = [
        a + b
        for a in range(first.open_cells + 1)
        for b in range(second.open_cells + 1)
        if _log_likelihood(first, a) + _log_likelihood(second, b) >= least
    ]
    assert max(pairs) <= at_most([first, second]) <= max(pairs) + 1  # between whole numbers there may be a better pair
    unheard = looks("", open_cells=7)
    assert at_most([first, unheard]) == at_most([first]) + 7


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60),
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=20),
    st.integers(0, 10**6),
    st.integers(0, 50),
)
def test_bounds_stay_within_what_is_open(
    first: list[tuple[bool, bool]], second: list[tuple[bool, bool]], many: int, few: int
) -> None:
    groups = []
    for rows, open_cells in ((first, many), (second, few)):
        wrong, drawn = np.array(rows, bool).reshape(-1, 2).T
        groups.append(looks_of(open_cells, wrong, drawn))
    for one in groups:
        low, high = interval(one)
        assert 0 <= low <= high + 1e-9 <= one.open_cells + 1e-6
        assert 0 <= at_most([one]) <= one.open_cells
    assert 0 <= at_most(groups) <= many + few
    if groups[0].open_cells == 0:
        assert at_most(groups[:1]) == 0


def test_whoever_stops_at_the_lowest_bound_is_wrong_less_than_one_time_in_twenty() -> None:
    """Of 400 wrong ones in 2,000 cells, after each of 60 looks: a fixed bound would be broken far more often."""
    random = np.random.default_rng(0)
    broken = fixed = 0
    for _ in range(120):
        outcome = random.permutation(np.arange(2_000) < 400)[:60]
        broken_here = fixed_here = False
        for number in range(5, 61, 5):
            made = looks_of(2_000 - number, outcome[:number], np.ones(number, bool))
            left = 400 - int(outcome[:number].sum())
            broken_here |= at_most([made]) < left
            fixed_here |= interval(made, above=0.05)[1] < left
        broken += broken_here
        fixed += fixed_here
    assert broken <= 6
    assert fixed > 6
