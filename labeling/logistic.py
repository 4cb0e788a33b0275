"""Log odds to probabilities, and the loss of a label that is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 80.0
"""Log odds beyond which nothing changes; float32's exponential ends near 88."""


def sigmoid(log_odds: NDArray[Any]) -> NDArray[Any]:
    """1 / (1 + exp(-x)), of the type given.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.logistic import sigmoid
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).round(3).tolist()
    [0.0, 0.5, 1.0]
    """
    out = np.asarray(np.clip(log_odds, -MOST, MOST))
    np.exp(np.negative(out, out=out), out=out)  # in place: tables of cells are large
    out += 1
    return np.asarray(np.reciprocal(out, out=out))


def softplus(log_odds: NDArray[Any]) -> NDArray[Any]:
    """log(1 + exp(x)): less ``y * x`` it is the loss of a label y of 0 or 1. As np.logaddexp(0, x), in a tenth of its
    time.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.logistic import softplus
    >>> softplus(np.array([-1000.0, 0.0, 1000.0])).round(3).tolist()
    [0.0, 0.693, 1000.0]
    """
    return np.asarray(np.maximum(log_odds, 0) + np.log1p(np.exp(-np.abs(log_odds))))
