"""A reviewer who is simulated: what they say of a cell whose truth is known, and how long they listen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.cells import SALT, cell_keys, mixed
from labeling.errors import DataError
from labeling.suspects import worth

Bools = NDArray[np.bool_]

USUAL_ERROR = 0.05
MOST_ERROR = 0.5  # beyond it, the reviewer's opposite would be the better one


@dataclass(frozen=True)
class SimulatedReviewer:
    """``miss``: share of wrong labels that they let stand; ``false_alarm``: of right ones that they change.

    ``unsure``: share of cells of which they say neither. All 0..0.5. With the same ``seed`` they say the same of the
    same cell in every order, so that orders are compared on equal terms.
    """

    miss: float = USUAL_ERROR
    false_alarm: float = USUAL_ERROR
    unsure: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("miss", "false_alarm", "unsure"):
            value = getattr(self, name)
            if not 0 <= value <= MOST_ERROR:
                words = name.replace("_", " ")
                raise DataError(f"{words} {value:g} is outside 0 to {MOST_ERROR:g}; give a share of the answers")

    def finds_wrong(
        self, clip_id: NDArray[np.int64], class_id: NDArray[np.int64], wrong: Bools, *, again: bool = False
    ) -> Bools:
        """Whether they would call the label of each cell (n,) wrong, if they are sure; ``again`` they slip anew."""
        drawn = _uniform(clip_id, class_id, self.seed, 3 if again else 1)
        mistaken = drawn < np.where(wrong, self.miss, self.false_alarm)
        return np.asarray(wrong ^ mistaken)

    def is_unsure(self, clip_id: NDArray[np.int64], class_id: NDArray[np.int64]) -> Bools:
        """Of which cells (n,) they say ``unsure``."""
        return np.asarray(_uniform(clip_id, class_id, self.seed, 2) < self.unsure)


def listened_s(
    given: Bools, calls_wrong: Bools, stretch_s: NDArray[np.float64], duration_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Estimated seconds of each decision (n,), its cell heard alone: `worth.heard_s` and a look at it."""
    return worth.LOOK_S + worth.heard_s(given, stretch_s, duration_s, calls_wrong.astype(np.float64))


def _uniform(clip_id: NDArray[np.int64], class_id: NDArray[np.int64], seed: int, purpose: int) -> NDArray[np.float64]:
    """A number in 0..1 for each cell that depends on nothing else, by the hash of `labeling.cells`."""
    with np.errstate(over="ignore"):
        salt = mixed(np.array([seed], np.int64).view(np.uint64) * np.uint64(4) + np.uint64(purpose), SALT)
        drawn = mixed(mixed(cell_keys(clip_id, class_id), SALT) ^ salt, SALT)
    return np.asarray((drawn >> np.uint64(11)) * 2.0**-53)
