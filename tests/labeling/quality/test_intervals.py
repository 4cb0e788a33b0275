"""labeling/quality/intervals.py"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from labeling.quality.intervals import Share, difference


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(count: int, of: int, low: float, high: float) -> None:
    """Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3."""
    assert Share(count, of).interval == pytest.approx((low, high), abs=5e-5)


@given(of=st.integers(1, 500), data=st.data())
def test_wilson_as_scipy_has_it(of: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, of))
    known = binomtest(count, of).proportion_ci(method="wilson")
    assert Share(count, of).interval == pytest.approx((known.low, known.high), abs=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
    ],
)
def test_newcombe_as_published(first: tuple[int, int], second: tuple[int, int], low: float, high: float) -> None:
    """Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10."""
    found = difference(Share(*first), Share(*second))
    assert found is not None
    assert found.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_there_is_no_share() -> None:
    assert (Share().value, Share().interval) == (None, None)
    assert difference(Share(), Share(1, 2)) is None
    assert difference(Share(1, 2), Share()) is None
    assert Share(3, 4).value == 0.75
