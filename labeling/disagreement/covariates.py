"""What verdicts may weigh anew of a cell, beside the probability that a scorer made of all evidence.

A scorer learns from labels that may be wrong how much each piece of evidence tells; people's verdicts say it better.
Here each piece is made comparable: what it says beyond the probability, so that verdicts which merely move the
probability do not move it, in standard deviations among cells that are in doubt.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.evidence import Floats

FARTHEST = 3.0  # standard deviations; one cell beyond says no more than one there
SUREST = 1e-6  # p_wrong is kept this far from 0 and 1 in log odds


def standardised(values: Floats, p_wrong: Floats, given: NDArray[np.bool_]) -> NDArray[np.float16]:
    """Covariates (M, F) of cells: what ``values`` say beyond p_wrong.

    Of listed and of unlisted cells apart, each value is taken less the line that it follows in the log odds of
    p_wrong, and in standard deviations about it; both weigh a cell by p (1 - p), which is what a verdict on it tells.

    Parameters
    ----------
    values : ndarray of float32, shape (M, F)
        Evidence on any scale, finite. A value that never varies comes out as 0.
    p_wrong : ndarray of float32, shape (M,)
    given : ndarray of bool, shape (M,)
        Whether the doubted label says present.

    Returns
    -------
    ndarray of float16, shape (M, F)
        From -FARTHEST to FARTHEST.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.disagreement.covariates import standardised
    >>> values = np.array([[1], [3], [1], [3]], np.float32)
    >>> standardised(values, np.full(4, 0.5, np.float32), np.zeros(4, bool)).ravel().tolist()
    [-1.0, 1.0, -1.0, 1.0]
    """
    out = np.zeros(values.shape, np.float16)
    p = np.clip(np.asarray(p_wrong, np.float64), SUREST, 1 - SUREST)
    x = np.log(p / (1 - p))
    for kind in (given, ~given):
        cells = np.flatnonzero(kind)
        if not len(cells):
            continue
        weight = p[cells] * (1 - p[cells])
        weight /= weight.sum()
        line = np.stack([np.ones(len(cells)), x[cells]], axis=1)
        squares = (line * weight[:, None]).T @ line + 1e-9 * np.eye(2)
        for column in range(values.shape[1]):  # one at a time: a million cells of ten pieces are large
            y = values[cells, column].astype(np.float64)
            apart = y - line @ np.linalg.solve(squares, line.T @ (weight * y))
            spread = float(np.sqrt(weight @ apart**2))
            if spread > 1e-5:
                out[cells, column] = np.clip(apart / spread, -FARTHEST, FARTHEST)
    return out


def highest_other(values: Floats) -> Floats:
    """The highest value of the other classes of each cell's clip, (N, C); -inf where there is no other.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.disagreement.covariates import highest_other
    >>> highest_other(np.array([[0.9, 0.2, 0.5]], np.float32)).round(1).tolist()
    [[0.5, 0.8999999761581421, 0.8999999761581421]]
    """
    if values.shape[1] < 2:
        return np.full(values.shape, -np.inf, np.float32)
    second, first = np.partition(values, -2, axis=1)[:, -2:].T[:, :, None]
    return np.asarray(np.where(values == first, second, first), np.float32)
