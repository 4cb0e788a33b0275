"""What share of the labels is wrong, and how many wrong ones nobody has found yet: from cells and random looks; pure.

Found ones are known; of the others the random looks tell (audit_bounds.py). ``unsure`` is a look that found no wrong
label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from labeling.quality import audit_bounds
from labeling.quality.audit_bounds import Looks

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
    def known(self) -> bool:
        """Whether the bound tells anything: where half may be wrong, or one kind was never looked at, it does not."""
        return 2 * self.at_most <= self.among

    @property
    def sentence(self) -> str:
        """In plain words, with what to do where nothing is known."""
        what = {"false": "listed labels", "missing": "unlisted cells"}.get(self.kind, "cells")
        if not self.among:
            return f"All {what} are decided: none is left to be wrong."
        if not self.known:
            looks = "More random looks" if self.audited else "Random looks"
            return (
                f"Not known yet of the {self.among:,} {what} that nobody decided. {looks} will tell: they come by "
                "themselves while you review; “Second looks” on the Review page says how often."
            )
        return (
            f"At most {self.at_most:,} wrong ones are left among the {self.among:,} {what} that nobody decided, with "
            f"95 % certainty; probably about {self.expected:,.0f}."
        )


@dataclass(frozen=True)
class Cells:
    """All cells that a ranking speaks of. Undecided ones (U,), and decided ones (D,) in the order of their decisions.

    ``given`` (the label says present) and ``primary`` are of all, the undecided first (U + D,), as is ``class_id``.
    ``guess`` (U,) is the calibrated probability of being wrong. ``wrong`` (D,) is what people found, and ``drawn`` (D,)
    which cells were first decided as chance had picked them. ``left_out`` counts, by class id, undecided unlisted cells
    beside all these, each of them wrong with ``left_out_guess``.
    """

    class_id: NDArray[np.int64]
    given: NDArray[np.bool_]
    primary: NDArray[np.bool_]
    guess: NDArray[np.float32]
    wrong: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    left_out: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    left_out_guess: float = 0.0

    def of_kind(self, kind: str) -> NDArray[np.bool_]:
        """Which cells (U + D,) a kind is of."""
        if kind == "missing":
            return ~self.given
        if kind == "false":
            return self.given
        return self.given & (self.primary if kind == "primary" else ~self.primary)

    def beside(self, kind: str) -> int:
        """How many cells of a kind there are beside those with a row."""
        return int(self.left_out.sum()) if kind == "missing" else 0

    def looks(self, kind: str) -> Looks:
        """The random looks at the cells of a kind."""
        keep = self.of_kind(kind)
        open_cells, decided = int(np.count_nonzero(keep[: len(self.guess)])), keep[len(self.guess) :]
        return audit_bounds.looks_of(open_cells + self.beside(kind), self.wrong[decided], self.drawn[decided])

    def guessed(self, kind: str) -> float:
        """How many of a kind's undecided ones are wrong as far as the calibration knows."""
        known = self.guess[self.of_kind(kind)[: len(self.guess)]].sum(dtype=np.float64)
        return float(known) + self.beside(kind) * self.left_out_guess


def rates_of(cells: Cells) -> list[Rate]:
    """`noise_rates` of cells as they are."""
    rates: list[Rate] = []
    by_class: list[Rate] = []
    for kind in ("missing", *LISTED_KINDS):
        keep = cells.of_kind(kind)
        if not keep.any():
            continue
        looks = cells.looks(kind)
        rates.append(_rate(kind, None, looks, cells.guessed(kind)))
        if kind in ("missing", "false"):
            by_class += _rates_by_class(cells, kind, keep, looks)
    return rates + by_class


def _rates_by_class(cells: Cells, kind: str, keep: NDArray[np.bool_], looks: Looks) -> list[Rate]:
    """Of each class of a kind; ``keep`` (U + D,) and ``looks`` are the whole kind's."""
    usual = audit_bounds.estimate(looks, cells.guessed(kind)) / max(1, looks.open_cells)
    most = audit_bounds.interval(looks, above=0.0125)[1]  # half of the upper side's 2.5 %; the class's own is the other
    undecided = len(cells.guess)
    decided_class, decided = cells.class_id[undecided:], keep[undecided:]
    most_id = max(int(cells.class_id.max(initial=0)), len(cells.left_out) - 1)
    open_cells = np.bincount(cells.class_id[:undecided][keep[:undecided]], minlength=most_id + 1)
    if cells.beside(kind):
        open_cells[: len(cells.left_out)] += cells.left_out
    rates = []
    for class_id in np.flatnonzero(open_cells + np.bincount(decided_class[decided], minlength=most_id + 1)).tolist():
        here = decided & (decided_class == class_id)
        own = audit_bounds.looks_of(int(open_cells[class_id]), cells.wrong[here], cells.drawn[here])
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
    looks = {kind: cells.looks(kind) for kind in ("false", "missing")}
    guesses = {kind: audit_bounds.estimate(looks[kind], cells.guessed(kind)) for kind in looks}
    found = [_remaining(kind, [looks[kind]], guesses[kind]) for kind in looks]
    return [*found, _remaining("all", list(looks.values()), sum(guesses.values()))]


def _remaining(kind: str, groups: Sequence[Looks], expected: float) -> Remaining:
    at_most = audit_bounds.at_most(groups)
    return Remaining(
        kind, min(expected, at_most), at_most, sum(one.open_cells for one in groups), sum(map(len, groups))
    )
