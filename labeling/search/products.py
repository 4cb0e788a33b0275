"""The products of all vectors of a space with a few others, straight from where the space lies on disk."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

BLOCK = 65_536
"""Rows a step: what a step reads and writes fits beside whatever else is in memory."""


def products(vectors: NDArray[np.float16], others: NDArray[np.floating]) -> NDArray[np.float32]:
    """Inner products (N, Q) of vectors (N, D) float16 with others (Q, D), summed in float32.

    The others are rounded to float16, as the vectors are. Nothing of the vectors is copied: a million of 512 numbers,
    one gigabyte on disk, need the four megabytes of each column of the answer.
    """
    import numkong

    out = np.empty((len(vectors), len(others)), np.float32)
    if not out.size:
        return out
    packed = numkong.dots_pack(np.ascontiguousarray(others, dtype=np.float16), dtype="f16")

    def some(first: int) -> None:
        rows = vectors[first : first + BLOCK]
        out[first : first + len(rows)] = np.asarray(numkong.dots_packed(np.ascontiguousarray(rows), packed))

    starts = range(0, len(vectors), BLOCK)
    if len(starts) == 1:
        some(0)
    else:
        with ThreadPoolExecutor(min(os.cpu_count() or 1, len(starts))) as pool:
            list(pool.map(some, starts))
    return out


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows (n, D) at length 1; zeros stay."""
    rows = np.asarray(vectors, np.float32)
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1), np.float32)
