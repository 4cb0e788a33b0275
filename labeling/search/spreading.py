"""Deal an order out so that no recordist, and no recording, fills the wall."""

from __future__ import annotations

from collections import Counter, deque

import numpy as np
from numpy.typing import NDArray

PAGE = 24
"""About as many as a screen shows."""
CAP = 4
"""Of one group a page, while others wait."""
AHEAD = PAGE
"""None comes sooner by more places than this: what is much less alike does not come in the place of what is."""


def spread(
    group: NDArray[np.int64], count: int, *, page: int = PAGE, cap: int = CAP, ahead: int = AHEAD
) -> NDArray[np.int64]:
    """Places of an ordered list, the first ``count`` of them, with at most ``cap`` of a group in each ``page``.

    What is over the cap waits for the next page, where it comes first. Where no other group is near, ``ahead`` places
    on, it is taken all the same, and nothing is lost.

    Parameters
    ----------
    group : ndarray of int64, shape (M,)
        In the order to be dealt out.
    count : int

    Returns
    -------
    ndarray of int64, shape (min(count, M),)

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.search.spreading import spread
    >>> spread(np.array([1, 1, 1, 1, 2, 3]), 6, page=3, cap=1).tolist()
    [0, 4, 5, 1, 2, 3]
    """
    groups = group.tolist()
    taken: list[int] = []
    waiting: deque[int] = deque()
    following = 0
    while len(taken) < count and (waiting or following < len(groups)):
        here: Counter[int] = Counter()
        room = min(page, count - len(taken))
        passed: list[int] = []
        last = min(len(groups), len(taken) + room + ahead)
        while room and (waiting or following < last):
            if waiting:
                place = waiting.popleft()
            else:
                place, following = following, following + 1
            if here[groups[place]] >= cap:
                passed.append(place)
                continue
            here[groups[place]] += 1
            taken.append(place)
            room -= 1
        if room:  # all that is left is of groups that are full
            taken += passed[:room]
            passed = passed[room:]
        waiting.extendleft(reversed(passed))
    return np.array(taken, np.int64)
