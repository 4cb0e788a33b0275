"""The points of a map as a browser gets them: four bytes each, in an order in which the first so many, however many,
are spread over all of the map. A browser that cannot draw all of them in time draws the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.errors import DataError
from labeling.landscape.grid import Grid, grid_of, inside
from labeling.landscape.projection import Projection
from labeling.storage.kept import Kept

SEED = 20


@dataclass(frozen=True, eq=False)
class Points:
    """``rows`` (N,) int32 are the rows of the space in the order of the points, ``number_of`` (N,) the other way
    round; ``grid`` finds those that lie somewhere."""

    rows: NDArray[np.int32]
    number_of: NDArray[np.int32]
    places: NDArray[np.uint16]
    grid: Grid

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def data(self) -> bytes:
        """Across and up of each point, as little-endian uint16."""
        return self.places[self.rows].astype("<u2").tobytes()


_points: Kept[Points] = Kept(4)


def points_of(projection: Projection) -> Points:
    """The points of a map; the same order each time."""
    return _points.get((projection.name, len(projection)), lambda: _shuffled(projection))


def _shuffled(projection: Projection) -> Points:
    rows = np.random.default_rng(SEED).permutation(len(projection)).astype(np.int32)
    number_of = np.empty_like(rows)
    number_of[rows] = np.arange(len(rows), dtype=np.int32)
    return Points(rows, number_of, projection.places, grid_of(projection.places))


@dataclass(frozen=True)
class Area:
    """A part of a map: what lies within an ``outline`` of corners on its square, or one ``cluster``."""

    outline: tuple[tuple[int, int], ...] = ()
    cluster: int = -1

    def __post_init__(self) -> None:
        if bool(self.outline) == (self.cluster >= 0):
            raise DataError("a part of the map is an outline or a cluster, one of both; draw it again")


def rows_in(projection: Projection, area: Area) -> NDArray[np.int64]:
    """The rows of the space that lie in a part of its map, rising. Raises DataError for an outline that is none, or a
    cluster that there is not.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.landscape.points import Area, rows_in
    >>> from labeling.landscape.projection import Projection
    >>> at = Projection("", "UMAP", {}, np.uint16([[10, 10], [900, 900]]), np.int32([-1, 0]))
    >>> rows_in(at, Area(((0, 0), (50, 0), (0, 50)))).tolist(), rows_in(at, Area(cluster=0)).tolist()
    ([0], [1])
    """
    if area.outline:
        return inside(points_of(projection).grid, np.array(area.outline, np.int64))
    if area.cluster >= projection.clusters:
        raise DataError(f"there is no cluster {area.cluster + 1} on this map, which has {projection.clusters}")
    return np.flatnonzero(projection.cluster == area.cluster).astype(np.int64)
