"""Which points of a map lie within a drawn outline: a grid says it of most at once, the rest are asked one by one.

All is in whole numbers, so that no point lies on both sides of a line, and none on neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.errors import DataError
from labeling.landscape.projection import SIDE

CELL = 256
"""Units of the map across a cell; 256 cells across the map."""
_ACROSS = (SIDE + 1) // CELL
MOST_CORNERS = 200


@dataclass(frozen=True, eq=False)
class Grid:
    """Points of a map by their cells: ``order`` (N,) puts them in the order of their cells, and those of cell c are
    ``order[starts[c]:starts[c + 1]]``."""

    places: NDArray[np.uint16]
    order: NDArray[np.int32]
    starts: NDArray[np.int64]


def grid_of(places: NDArray[np.uint16]) -> Grid:
    """The grid of points (N, 2) on the square of a map."""
    cell = (places[:, 1].astype(np.int32) // CELL) * _ACROSS + places[:, 0] // CELL
    counts = np.bincount(cell, minlength=_ACROSS * _ACROSS)
    return Grid(places, np.argsort(cell, kind="stable").astype(np.int32), np.r_[0, np.cumsum(counts)].astype(np.int64))


def inside(grid: Grid, outline: NDArray[np.integer]) -> NDArray[np.int64]:
    """The points that lie within an outline.

    Parameters
    ----------
    grid : Grid
    outline : ndarray of int, shape (K, 2)
        Its corners in order; the last is joined with the first. Where it crosses itself, what lies within twice is
        outside, as in a drawing that is filled by the even-odd rule.

    Returns
    -------
    ndarray of int64
        Rows, rising.

    Raises
    ------
    DataError
        It has fewer than 3 or more than MOST_CORNERS corners, or one that is not on the map.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.landscape.grid import grid_of, inside
    >>> grid = grid_of(np.uint16([[100, 100], [900, 900], [5000, 100]]))
    >>> inside(grid, np.array([[0, 0], [1000, 0], [1000, 1000], [0, 1000]])).tolist()
    [0, 1]
    """
    corners: NDArray[np.int64] = np.asarray(outline, np.int64)
    if corners.ndim != 2 or corners.shape[1:] != (2,) or not 3 <= len(corners) <= MOST_CORNERS:
        raise DataError(f"an outline of shape {corners.shape}: give 3 to {MOST_CORNERS} corners of two numbers each")
    if corners.min() < 0 or corners.max() > SIDE:
        raise DataError(f"an outline from {corners.min()} to {corners.max()}: a map is from 0 to {SIDE}")
    crossed = _crossed(corners)
    of_cell = np.indices((_ACROSS, _ACROSS))  # up, across
    middles = np.stack([of_cell[1].ravel(), of_cell[0].ravel()], axis=1) * CELL + CELL // 2
    whole = np.flatnonzero(_is_within(middles, corners) & ~crossed.ravel())
    parts = [grid.order[grid.starts[cell] : grid.starts[cell + 1]] for cell in whole.tolist()]
    edge = [grid.order[grid.starts[cell] : grid.starts[cell + 1]] for cell in np.flatnonzero(crossed).tolist()]
    asked = np.concatenate(edge) if edge else np.zeros(0, np.int32)
    parts.append(asked[_is_within(grid.places[asked].astype(np.int64), corners)])
    return np.sort(np.concatenate(parts)).astype(np.int64)


def _crossed(corners: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The cells (up, across) that an edge may touch: of each edge, in each column, those between its lowest and its
    highest place there."""
    found = np.zeros((_ACROSS, _ACROSS), bool)
    for (x, y), (to_x, to_y) in zip(corners.tolist(), np.roll(corners, -1, axis=0).tolist(), strict=True):
        if x > to_x:
            x, y, to_x, to_y = to_x, to_y, x, y
        for column in range(max(0, x // CELL - 1), min(_ACROSS - 1, to_x // CELL + 1) + 1):
            left, right = (min(max(side, x), to_x) for side in (column * CELL - 1, (column + 1) * CELL))
            steep = (to_y - y) / (to_x - x) if to_x > x else 0.0
            ends = (y + (left - x) * steep, y + (right - x) * steep) if to_x > x else (y, to_y)
            first, last = (int(end // CELL) for end in (min(ends) - 1, max(ends) + 1))
            found[max(0, first) : last + 1, column] = True
    return found


def _is_within(points: NDArray[np.int64], corners: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether points (n, 2) lie within, by the even-odd rule: how many edges lie to the right of each."""
    within = np.zeros(len(points), bool)
    if not len(points):
        return within
    x, y = points[:, 0], points[:, 1]
    for (from_x, from_y), (to_x, to_y) in zip(corners.tolist(), np.roll(corners, -1, axis=0).tolist(), strict=True):
        spans = (from_y > y) != (to_y > y)
        side = (to_x - from_x) * (y - from_y) - (x - from_x) * (to_y - from_y)  # below 2 ** 34
        within ^= spans & ((side > 0) if to_y > from_y else (side < 0))
    return within
