"""Framewise values made coarser and cut into tiles: of a recording of hours only what is on the screen is sent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

POOL = 8  # steps of one level become one of the next: the highest of them
TILE_STEPS = 1024
MOST_STEPS = 4096  # of a clip that is sent whole: 20 min at steps of 0.3 s
FULL = 65_535


def first_level(steps: int) -> int:
    """The finest level at which so many steps are no more than MOST_STEPS; 0 where they are not to begin with."""
    level = 0
    while -(-steps // POOL**level) > MOST_STEPS:
        level += 1
    return level


def pooled(values: NDArray[Any], level: int, *, lowest: bool = False) -> NDArray[Any]:
    """Values (S,) or (S, K) at a level, (ceil(S / POOL ** level), …): the highest of each POOL ** level, or the lowest.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.review.pooling import pooled
    >>> pooled(np.arange(20), 1).tolist(), pooled(np.arange(20), 1, lowest=True).tolist()
    ([7, 15, 19], [0, 8, 16])
    """
    if not level or not len(values):
        return values
    starts = np.arange(0, len(values), POOL**level)
    found: NDArray[Any] = (np.minimum if lowest else np.maximum).reduceat(values, starts, axis=0)
    return found


def whole_numbers(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Probabilities as uint16, FULL for 1; what is not finite as 0, infinity as FULL."""
    finite = np.nan_to_num(np.asarray(values, np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    return np.round(finite.clip(0, 1) * np.float32(FULL)).astype("<u2")
