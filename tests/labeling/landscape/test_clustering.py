"""clustering.py: three heaps are three clusters, the largest first, in a small map and in a large one."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.landscape import clustering
from labeling.landscape.clustering import clusters_of


def heaps(sizes: tuple[int, ...] = (50, 200, 100), apart: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    of = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return rng.normal(0, 0.3, (len(of), 2)) + apart * of[:, None], of


@pytest.mark.parametrize("most", [30_000, 180])
def test_heaps_are_clusters_the_largest_first(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(clustering, "MOST_POINTS", most)
    at, of = heaps()
    found = clusters_of(at)
    for heap, number in ((1, 0), (2, 1), (0, 2)):
        inside = found[of == heap]
        assert (inside[inside >= 0] == number).all()
        assert (inside >= 0).mean() > 0.8


def test_a_handful_of_points_has_none() -> None:
    assert clusters_of(np.zeros((5, 2))).tolist() == [-1] * 5
    assert clusters_of(np.zeros((0, 2))).shape == (0,)
