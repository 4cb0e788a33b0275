"""grid.py: what lies within an outline, against a count of crossings in whole numbers, point by point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labeling.errors import DataError
from labeling.landscape.grid import grid_of, inside

WHOLE = st.integers(0, 65_535)
CORNERS = st.lists(st.tuples(WHOLE, WHOLE), min_size=3, max_size=12)


def within(x: int, y: int, corners: list[tuple[int, int]]) -> bool:
    """How often a ray to the right crosses the outline, in Python's whole numbers."""
    crossings = 0
    for place, (ax, ay) in enumerate(corners):
        bx, by = corners[(place + 1) % len(corners)]
        if (ay > y) == (by > y):
            continue
        # the crossing's x is ax + (y - ay) * (bx - ax) / (by - ay)
        above = (ax - x) * (by - ay) + (y - ay) * (bx - ax)
        crossings += above > 0 if by > ay else above < 0
    return crossings % 2 == 1


def points(seed: int = 0, count: int = 400) -> np.ndarray:
    rng = np.random.default_rng(seed)
    somewhere = rng.integers(0, 65_536, (count, 2))
    heaps = rng.integers(0, 256, (count, 2)) * 256 + rng.integers(-1, 2, (count, 2))  # at the borders of cells
    return np.clip(np.concatenate([somewhere, heaps]), 0, 65_535).astype(np.uint16)


PLACES = points()
GRID = grid_of(PLACES)


@given(CORNERS)
@example([(0, 0), (65_535, 0), (65_535, 65_535), (0, 65_535)])
@example([(256, 256), (512, 256), (512, 512), (256, 512)])  # just one cell
@example([(100, 100), (60_000, 100), (30_000, 100)])  # of no height
@example([(0, 0), (65_535, 65_535), (65_535, 0), (0, 65_535)])  # crosses itself
def test_it_is_what_counting_crossings_says(corners: list[tuple[int, int]]) -> None:
    found = inside(GRID, np.array(corners))
    expected = [row for row, (x, y) in enumerate(PLACES.tolist()) if within(x, y, corners)]
    assert found.tolist() == expected


def test_a_triangle_worked_by_hand() -> None:
    """Corners (0, 0), (100, 0), (0, 100): x + y < 100 is within; of what lies on an edge the lower left counts."""
    places = np.uint16([[10, 10], [60, 30], [60, 60], [200, 10], [0, 0], [50, 50], [0, 50]])
    found = inside(grid_of(places), np.array([[0, 0], [100, 0], [0, 100]]))
    assert found.tolist() == [0, 1, 4, 6]


def test_neighbouring_outlines_share_no_point_and_lose_none() -> None:
    left = np.array([[0, 0], [30_000, 0], [20_000, 65_535], [0, 65_535]])
    right = np.array([[30_000, 0], [65_535, 0], [65_535, 65_535], [20_000, 65_535]])
    both = np.concatenate([inside(GRID, left), inside(GRID, right)])
    assert len(np.unique(both)) == len(both)
    inner = (PLACES < 65_535).all(axis=1)
    assert set(np.flatnonzero(inner).tolist()) <= set(both.tolist())


def test_what_is_no_outline_is_refused() -> None:
    for corners, said in (
        ([[0, 0], [1, 1]], "give 3 to 200 corners"),
        ([[0, 0]] * 201, "give 3 to 200 corners"),
        ([[0, 0], [1, 1], [-1, 4]], "from -1 to 4"),
        ([[0, 0], [1, 1], [70_000, 4]], "from 0 to 70000"),
    ):
        with pytest.raises(DataError, match=said):
            inside(GRID, np.array(corners))


def test_an_empty_map_holds_nothing() -> None:
    assert inside(grid_of(np.zeros((0, 2), np.uint16)), np.array([[0, 0], [9, 0], [0, 9]])).tolist() == []
