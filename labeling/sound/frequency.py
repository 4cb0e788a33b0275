"""Frequency on a picture: the mel, logarithmic and linear axis, and the rows that lie on them."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Axis = Literal["mel", "log", "linear"]
AXES: tuple[Axis, ...] = ("mel", "log", "linear")


def to_axis(hz: float, axis: Axis) -> float:
    """A frequency's place on an axis: Slaney's mel (linear to 1 kHz, logarithmic above), log2, or Hz."""
    if axis == "linear":
        return hz
    if axis == "log":
        return math.log2(hz)
    return hz * 3 / 200 if hz < 1000 else 15 + math.log(hz / 1000) * 27 / math.log(6.4)


def from_axis(value: float, axis: Axis) -> float:
    """The inverse of to_axis, in Hz."""
    if axis == "linear":
        return value
    if axis == "log":
        return float(2.0**value)
    return value * 200 / 3 if value < 15 else 1000 * math.exp((value - 15) * math.log(6.4) / 27)


def row_edges(axis: Axis, low_hz: float, high_hz: float, rows: int) -> NDArray[np.float64]:
    """Part a band of frequencies into equally high rows of a picture.

    Parameters
    ----------
    axis : {"mel", "log", "linear"}
        What is equally high.
    low_hz, high_hz : float
        The band; ``low_hz`` is above 0 on a log axis.
    rows : int
        How many.

    Returns
    -------
    ndarray of float64, shape (rows + 1,)
        Edges in Hz, lowest first.

    Examples
    --------
    >>> from labeling.sound.frequency import row_edges
    >>> row_edges("linear", 0, 8000, 4).tolist()
    [0.0, 2000.0, 4000.0, 6000.0, 8000.0]
    >>> row_edges("log", 500, 8000, 4).tolist()
    [500.0, 1000.0, 2000.0, 4000.0, 8000.0]
    """
    low, high = to_axis(low_hz, axis), to_axis(high_hz, axis)
    return np.array([from_axis(low + (high - low) * k / rows, axis) for k in range(rows + 1)])


@lru_cache(maxsize=64)
def row_bins(
    axis: Axis, low_hz: float, high_hz: float, rows: int, n_fft: int, sample_rate: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which FFT bins each row shows: ``(first, stop)``, each (rows,), lowest row first.

    A row shows every bin whose frequency lies in it, so between ``low_hz`` and ``high_hz`` none is left out; a row
    narrower than a bin shows the bin nearest to its middle.
    """
    edges = row_edges(axis, low_hz, high_hz, rows) * (n_fft / sample_rate)
    first = np.ceil(edges[:-1] - 1e-9).astype(np.int64)
    stop = np.ceil(edges[1:] - 1e-9).astype(np.int64)
    stop[-1] = math.floor(edges[-1] + 1e-9) + 1  # the upper edge itself belongs to the highest row
    nearest = np.rint((edges[:-1] + edges[1:]) / 2).astype(np.int64)
    narrow = stop <= first
    first, stop = np.where(narrow, nearest, first), np.where(narrow, nearest + 1, stop)
    last = n_fft // 2
    return np.clip(first, 0, last), np.clip(stop, 1, last + 1)
