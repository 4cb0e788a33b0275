"""points.py: the points come in an order in which the first ones lie everywhere, and lead back to their rows."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.errors import DataError
from labeling.landscape.points import Area, points_of, rows_in
from labeling.landscape.projection import Projection


def made(count: int = 4_000) -> Projection:
    across = np.linspace(0, 65_535, count).astype(np.uint16)
    cluster = np.where(np.arange(count) < count // 4, 0, -1).astype(np.int32)
    return Projection(f"of {count}", "UMAP", {}, np.stack([across, across[::-1]], axis=1), cluster)


def test_each_point_leads_to_its_row_and_back() -> None:
    projection = made()
    points = points_of(projection)
    np.testing.assert_array_equal(points.number_of[points.rows], np.arange(len(points)))
    sent = np.frombuffer(points.data, "<u2").reshape(-1, 2)
    assert sent.nbytes == 4 * len(points)
    np.testing.assert_array_equal(sent, projection.places[points.rows])
    assert points_of(projection) is points


def test_the_first_points_lie_all_over_the_map() -> None:
    points = points_of(made())
    first = np.frombuffer(points.data, "<u2").reshape(-1, 2)[:400, 0]
    share, _ = np.histogram(first, bins=8, range=(0, 65_536))
    assert share.min() > 25  # 50 expected


def test_an_area_is_an_outline_or_a_cluster() -> None:
    projection = made(100)
    assert rows_in(projection, Area(cluster=0)).tolist() == list(range(25))
    outline = Area(((0, 0), (20_000, 0), (20_000, 65_535), (0, 65_535)))
    expected = np.flatnonzero(projection.places[:, 0] < 20_000)[1:]  # the first lies on the edge
    assert rows_in(projection, outline).tolist() == expected.tolist()
    with pytest.raises(DataError, match="there is no cluster 2 on this map, which has 1"):
        rows_in(projection, Area(cluster=1))
    for given in ({}, {"outline": ((0, 0), (1, 1), (2, 0)), "cluster": 0}):
        with pytest.raises(DataError, match="one of both"):
            Area(**given)
