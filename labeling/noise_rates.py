"""What share of the labels is wrong, and how many wrong ones nobody has found yet: from cells and random looks; pure.

Found ones are known; of the others the random looks tell (audit_bounds.py). ``unsure`` is a look that found no wrong
label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling import audit_bounds
from labeling.audit_bounds import Looks

LISTED_KINDS = ("false", "primary", "secondary")


@dataclass(frozen=True)
class Rate:
    """A share of labels that are wrong, with its 95 % interval.

    ``kind`` is ``false`` (of listed labels those that are wrong), its parts ``primary`` and ``secondary``, or
    ``missing`` (of unlisted cells those where the class is heard); of one class, or of all where ``class_id`` is None.
    ``cells`` are meant, of which ``audited`` were looked at by chance. ``value`` borrows from the whole where there
    are few looks; the interval does not, and says so by its width.
    """

    kind: str
    class_id: int | None
    value: float
    low: float
    high: float
    audited: int
    cells: int


@dataclass(frozen=True)
class Remaining:
    """Wrong labels that nobody has found yet: of a kind, ``false`` or ``missing``, or ``all``.

    ``at_most`` so many are wrong ``among`` the cells that are undecided, with 95 %, whenever one looks and stops
    (audit_bounds.at_most). ``expected`` rests on the calibration alone where none were ``audited``.
    """

    kind: str
    expected: float
    at_most: int
    among: int
    audited: int

    @property
    def sentence(self) -> str:
        """In plain words, with what to do where nothing is known."""
        what = {"false": "listed labels", "missing": "unlisted cells"}.get(self.kind, "cells")
        if not self.among:
            return f"All {what} are decided: none is left to be wrong."
        if self.at_most >= self.among:
            more = "more of them" if self.audited else "a share of them"
            return (
                f"Nothing is known yet of the {self.among:,} {what} that nobody decided. Listen to {more} at random: "
                "set Random above 0 % under Second looks."
            )
        return (
            f"At most {self.at_most:,} wrong remain among {self.among:,} {what} that nobody decided, with 95 % "
            f"certainty; about {self.expected:,.0f} are likely."
        )


@dataclass(frozen=True)
class Cells:
    """All cells that a ranking speaks of. Undecided ones (U,), and decided ones (D,) in the order of their decisions.

    ``given`` (the label says present) and ``primary`` are of all, the undecided first (U + D,), as is ``class_id``.
    ``guess`` (U,) is the calibrated probability of being wrong. ``wrong`` (D,) is what people found, and ``drawn`` (D,)
    which cells were first decided as chance had picked them.
    """

    class_id: NDArray[np.int64]
    given: NDArray[np.bool_]
    primary: NDArray[np.bool_]
    guess: NDArray[np.float32]
    wrong: NDArray[np.bool_]
    drawn: NDArray[np.bool_]

    def of_kind(self, kind: str) -> NDArray[np.bool_]:
        """Which cells (U + D,) a kind is of."""
        if kind == "missing":
            return ~self.given
        if kind == "false":
            return self.given
        return self.given & (self.primary if kind == "primary" else ~self.primary)

    def looks(self, keep: NDArray[np.bool_]) -> Looks:
        """The random looks at some of the cells, ``keep`` (U + D,)."""
        decided = keep[len(self.guess) :]
        return audit_bounds.looks_of(
            int(np.count_nonzero(keep[: len(self.guess)])), self.wrong[decided], self.drawn[decided]
        )

    def guessed(self, keep: NDArray[np.bool_]) -> float:
        """How many of the undecided ones among ``keep`` are wrong as far as the calibration knows."""
        return float(self.guess[keep[: len(self.guess)]].sum(dtype=np.float64))


def rates_of(cells: Cells) -> list[Rate]:
    """`noise_rates` of cells as they are."""
    rates: list[Rate] = []
    by_class: list[Rate] = []
    for kind in ("missing", *LISTED_KINDS):
        keep = cells.of_kind(kind)
        if not keep.any():
            continue
        looks = cells.looks(keep)
        rates.append(_rate(kind, None, looks, cells.guessed(keep)))
        if kind in ("missing", "false"):
            by_class += _rates_by_class(cells, kind, keep, looks)
    return rates + by_class


def _rates_by_class(cells: Cells, kind: str, keep: NDArray[np.bool_], looks: Looks) -> list[Rate]:
    """Of each class of a kind; ``keep`` (U + D,) and ``looks`` are the whole kind's."""
    usual = audit_bounds.estimate(looks, cells.guessed(keep)) / max(1, looks.open_cells)
    most = audit_bounds.interval(looks, above=0.0125)[1]  # half of the upper side's 2.5 %; the class's own is the other
    undecided = len(cells.guess)
    decided_class, decided = cells.class_id[undecided:], keep[undecided:]
    open_cells = np.bincount(cells.class_id[:undecided][keep[:undecided]])
    rates = []
    for class_id in np.flatnonzero(np.bincount(cells.class_id[keep])).tolist():
        here = decided & (decided_class == class_id)
        count = int(open_cells[class_id]) if class_id < len(open_cells) else 0
        own = audit_bounds.looks_of(count, cells.wrong[here], cells.drawn[here])
        rates.append(_rate(kind, class_id, own, usual * own.open_cells, most))
    return rates


def _rate(kind: str, class_id: int | None, looks: Looks, guess: float, most: float = math.inf) -> Rate:
    low, high = audit_bounds.interval(looks, above=0.025 if most == math.inf else 0.0125)
    high = max(low, min(high, most))
    value = min(max(audit_bounds.estimate(looks, guess), low), high)
    share = [(looks.found + number) / max(1, looks.cells) for number in (value, low, high)]
    return Rate(kind, class_id, share[0], share[1], share[2], len(looks), looks.cells)


def remaining_of(cells: Cells) -> list[Remaining]:
    """`remaining` of cells as they are."""
    kept = {kind: cells.of_kind(kind) for kind in ("false", "missing")}
    looks = {kind: cells.looks(keep) for kind, keep in kept.items()}
    guesses = {kind: audit_bounds.estimate(looks[kind], cells.guessed(keep)) for kind, keep in kept.items()}
    found = [_remaining(kind, [looks[kind]], guesses[kind]) for kind in kept]
    return [*found, _remaining("all", list(looks.values()), sum(guesses.values()))]


def _remaining(kind: str, groups: Sequence[Looks], expected: float) -> Remaining:
    at_most = audit_bounds.at_most(groups)
    return Remaining(
        kind, min(expected, at_most), at_most, sum(one.open_cells for one in groups), sum(map(len, groups))
    )
