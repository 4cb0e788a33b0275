"""Segments of a table's rows, each made one: its highest, its lowest, its sum, or softly its highest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SHORT = 256
"""Values of a segment that are taken one by one, of all segments at once; the rest of a longer one by itself."""


def reduced(
    operation: np.ufunc, values: NDArray[Any], first: NDArray[np.int64], stop: NDArray[np.int64], axis: int = 0
) -> NDArray[Any]:
    """What an operation makes of each segment ``first`` to ``stop`` (exclusive, of one value or more) along an axis.

    As ``operation.reduceat``, which takes 5 to 30 times as long where segments are short. They may overlap.

    Parameters
    ----------
    operation : ufunc
        Such as np.maximum, np.minimum, np.add.
    values : ndarray, shape (n, C)
        Or (R, n) along axis 1, or (n,).
    first, stop : ndarray of int64, shape (S,)
    axis : int

    Returns
    -------
    ndarray, shape (S, C)
        Or (R, S), or (S,).

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.segments import reduced
    >>> reduced(np.maximum, np.array([[1, 9], [4, 2], [3, 5]]), np.array([0, 2]), np.array([2, 3])).tolist()
    [[4, 9], [3, 5]]
    """
    lengths = stop - first
    found = np.take(values, first, axis)
    for step in range(1, min(int(lengths.max(initial=0)), SHORT)):
        longer = np.flatnonzero(lengths > step)
        at = _along(axis, longer)
        found[at] = operation(found[at], np.take(values, first[longer] + step, axis))
    for long in np.flatnonzero(lengths > SHORT).tolist():
        at = _along(axis, long)
        rest = values[_along(axis, slice(int(first[long]) + SHORT, int(stop[long])))]
        found[at] = operation(found[at], operation.reduce(rest, axis=axis))
    return found


def soft_highest(
    values: NDArray[np.float32], first: NDArray[np.int64], sharpness: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """``log(mean(exp(sharpness * x))) / sharpness`` of each segment: near its highest value, and with a derivative.

    Parameters
    ----------
    values : ndarray of float32, shape (n, C)
    first : ndarray of int64, shape (S + 1,)
        Segment i is the rows ``first[i]`` to ``first[i + 1]``, one at least.
    sharpness : float
        Above 0.

    Returns
    -------
    soft : ndarray of float32, shape (S, C)
    share : ndarray of float32, shape (n, C)
        Each value's share in its segment's, which is the derivative.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.segments import soft_highest
    >>> soft, share = soft_highest(np.float32([[0], [4], [1]]), np.array([0, 2, 3]), 3.0)
    >>> [f"{x:.2f}" for x in soft[:, 0]], [f"{x:.2f}" for x in share[:, 0]]
    (['3.77', '1.00'], ['0.00', '1.00', '1.00'])
    """
    each = np.diff(first)
    top = reduced(np.maximum, values, first[:-1], first[1:])
    power = np.exp(np.float32(sharpness) * (values - np.repeat(top, each, axis=0)))
    total = reduced(np.add, power, first[:-1], first[1:])
    soft = top + np.log(total / each[:, None]) / np.float32(sharpness)
    return soft.astype(np.float32), power / np.repeat(total, each, axis=0)


def _along(axis: int, places: Any) -> Any:
    return places if axis == 0 else (slice(None), places)
