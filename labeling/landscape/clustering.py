"""Clusters of a map: where stretches lie close together (HDBSCAN), found once, when the map is made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_POINTS = 30_000
"""So many are clustered, at even distances of a larger map; the others go with the nearest of them. The algorithm
compares each pair."""
LEAST, SHARE, MOST_LEAST = 8, 0.004, 200
"""The smallest cluster: a share of the points that are clustered, within bounds."""


def clusters_of(positions: NDArray[np.floating]) -> NDArray[np.int32]:
    """Which cluster each point of a map is in.

    Parameters
    ----------
    positions : ndarray, shape (N, 2)

    Returns
    -------
    ndarray of int32, shape (N,)
        Numbers from 0, the largest cluster first; -1 where a point lies in none.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.landscape.clustering import clusters_of
    >>> at = np.random.default_rng(0).normal(0, 0.1, (90, 2))
    >>> at[60:] += 10
    >>> found = clusters_of(at)
    >>> int(np.bincount(found[found >= 0]).argmax()), len(set(found[60:].tolist()) - {-1})
    (0, 1)
    """
    from scipy.spatial import cKDTree
    from sklearn.cluster import HDBSCAN

    if len(positions) < 2 * LEAST:
        return np.full(len(positions), -1, np.int32)
    every = -(-len(positions) // MOST_POINTS)
    some = np.asarray(positions[::every], np.float64)
    least = int(np.clip(round(SHARE * len(some)), LEAST, MOST_LEAST))
    found = HDBSCAN(min_cluster_size=least, algorithm="kd_tree", copy=True).fit_predict(some)
    if every > 1:
        _, nearest = cKDTree(some).query(np.asarray(positions, np.float64))
        found = found[nearest]
    counts = np.bincount(found[found >= 0])
    rank = np.empty(len(counts), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.where(found >= 0, rank[found] if len(rank) else -1, -1).astype(np.int32)
