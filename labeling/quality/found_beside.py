"""What was found wrong beside a cell: where labels were swapped, one half of a swap tells of the other.

In a clip where an unlisted class was found to be missing, a listed one has perhaps taken its place; and where a listed
one was found false, another is perhaps missing. How much that is worth differs by collection, and is nothing where
labels were not swapped, so it is one more covariate (disagreement/covariates.py), and verdicts give it its weight. To
a verdict counts what was found before it, as to a cell that is still open: then the likelihood of all verdicts is that
of each given the earlier ones, and none explains itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.covariates import FARTHEST

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class FoundWrong:
    """By whether a label says present (0, 1) and clip id, ``first`` (2, K): the place of the first verdict that found
    such a label of the clip wrong, NEVER where none did. The last clip stands for all that are beyond."""

    first: NDArray[np.int64]

    def beside(
        self, clip_id: NDArray[np.int64], given: NDArray[np.bool_], until: NDArray[np.int64] | int = NEVER
    ) -> NDArray[np.float16]:
        """The covariate (n,) of cells: FARTHEST where, before the verdict at ``until``, a label of the same clip was
        found wrong that says the opposite of theirs, else 0."""
        first = self.first[np.where(given, 0, 1), np.minimum(clip_id, self.first.shape[1] - 1)]
        return np.where(first < until, FARTHEST, 0.0).astype(np.float16)


def found_wrong(clip_id: NDArray[np.int64], given: NDArray[np.bool_], wrong: NDArray[np.bool_]) -> FoundWrong:
    """What verdicts (n,), in their order, found wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.quality.found_beside import found_wrong
    >>> found = found_wrong(np.array([4]), np.array([False]), np.array([True]))  # in clip 4 a class was missing
    >>> found.beside(np.array([4, 4, 5]), np.array([True, False, True])).tolist()
    [3.0, 0.0, 0.0]
    """
    first = np.full((2, int(clip_id.max(initial=0)) + 2), NEVER)
    at = np.flatnonzero(wrong)
    np.minimum.at(first, (given[at].astype(int), clip_id[at]), at)
    return FoundWrong(first)
