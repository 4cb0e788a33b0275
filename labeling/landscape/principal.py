"""The first principal components of a space: what a map shows until a better one is made, and what it begins with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labeling.search.products import products

MOST_ROWS = 8_000
"""The axes of a larger space are those of so many of its rows, taken at even distances."""


def principal_components(vectors: NDArray[np.float16], count: int = 2) -> NDArray[np.float32]:
    """Where unit vectors lie along the axes on which they differ most.

    Parameters
    ----------
    vectors : ndarray of float16, shape (N, D)
        As a space holds them.
    count : int
        How many axes, at most D.

    Returns
    -------
    ndarray of float32, shape (N, count)
        Centred; the sign of each axis is such that its largest weight is positive, so that a map does not flip.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.landscape.principal import principal_components
    >>> vectors = np.float16([[0, 0.1], [0, -0.1], [1, 0], [-1, 0]])
    >>> principal_components(vectors, 1).ravel().tolist()
    [0.0, 0.0, 1.0, -1.0]
    """
    if not len(vectors):
        return np.zeros((0, count), np.float32)
    every = -(-len(vectors) // MOST_ROWS)
    some = np.asarray(vectors[::every], np.float32)
    mean = some.mean(axis=0, dtype=np.float64)
    centred = some - mean.astype(np.float32)
    _, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))  # by rising eigenvalue
    axes = axes[:, ::-1][:, :count]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    along = products(vectors, axes.T) - (mean @ axes).astype(np.float32)
    if along.shape[1] < count:  # fewer numbers a vector than axes
        along = np.pad(along, ((0, 0), (0, count - along.shape[1])))
    return np.asarray(along, np.float32)
