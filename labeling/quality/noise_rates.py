"""What share of the labels is wrong, and how many wrong ones are still to be found. Pure functions over cells.

Two sources are added up. Of the cells that people decided it is known whether the label was wrong. Of all others the
calibrated probabilities are summed, so that totals, the next suspects and each cell's number say the same; verdicts on
cells that chance had picked are in them like any others. How far off that may be is told by those random looks alone
(audit_bounds.py), whatever the scorer. A decision ``unsure`` counts there as a look that found no wrong label.
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
    """The share of some labels that is wrong, with its 95 % interval.

    ``kind`` names the labels: ``false`` (the listed ones; wrong where the class is not heard), its two parts
    ``primary`` and ``secondary``, or ``missing`` (the unlisted cells; wrong where the class is heard). ``class_id`` is
    the one class that is meant, None for all. There are ``cells`` such labels, and ``audited`` of them were looked at
    because chance picked them. ``value`` is by the calibrated probabilities; ``low`` and ``high`` are by those looks
    alone, and lie far apart where they are few.
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
    """How many wrong labels are still to be found among the cells that nobody decided.

    ``kind`` is ``false`` (listed labels), ``missing`` (unlisted cells), or ``all``. Of the ``among`` undecided cells at
    most ``at_most`` are wrong, with 95 % certainty, however often one looks at this number and whenever one stops
    (audit_bounds.at_most), by ``audited`` random looks. ``expected`` is the sum of the calibrated probabilities.
    """

    kind: str
    expected: float
    at_most: int
    among: int
    audited: int

    @property
    def known(self) -> bool:
        """Whether the bound is of use; it is not where half of the cells may be wrong, as before the first look."""
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
    """All cells of a scored run: U that nobody decided, then D that people decided, in the order of their decisions.

    ``class_id``, ``given`` (the label says present) and ``primary`` (it is the clip's main class) are of all, (U + D,).
    ``guess`` (U,) is the calibrated probability that the label is wrong. ``wrong`` (D,): people found it wrong.
    ``drawn`` (D,): chance had picked the cell when it was first decided, so that it counts as a random look. A stored
    ranking may have no room for every unlisted cell: ``left_out`` counts those by class id, and each of them is taken
    to be wrong with the probability ``left_out_guess``.
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
        """Which cells a kind of Rate is about, bool (U + D,)."""
        if kind == "missing":
            return ~self.given
        if kind == "false":
            return self.given
        return self.given & (self.primary if kind == "primary" else ~self.primary)

    def beside(self, kind: str) -> int:
        """How many undecided cells of a kind the ranking had no room for."""
        return int(self.left_out.sum()) if kind == "missing" else 0

    def looks(self, kind: str) -> Looks:
        """The random looks at the cells of a kind, as audit_bounds needs them."""
        keep = self.of_kind(kind)
        open_cells, decided = int(np.count_nonzero(keep[: len(self.guess)])), keep[len(self.guess) :]
        return audit_bounds.looks_of(open_cells + self.beside(kind), self.wrong[decided], self.drawn[decided])

    def guessed(self, kind: str) -> float:
        """How many undecided cells of a kind are wrong by the calibrated probabilities alone."""
        known = self.guess[self.of_kind(kind)[: len(self.guess)]].sum(dtype=np.float64)
        return float(known) + self.beside(kind) * self.left_out_guess


def rates_of(cells: Cells) -> list[Rate]:
    """The rates of some cells, each with its interval.

    Parameters
    ----------
    cells : Cells

    Returns
    -------
    list of Rate
        First of all classes: ``missing``, ``false``, ``primary``, ``secondary``; then ``missing`` and ``false`` of each
        class. What has no cells is left out. No class can have more wrong labels than all classes together.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.quality.noise_rates import Cells, rates_of
    >>> listed = np.ones(100, bool)
    >>> wrong, drawn = np.arange(20) < 2, np.ones(20, bool)  # of 100 labels 20 were drawn, and 2 of these are wrong
    >>> guess = np.full(80, 0.1, np.float32)
    >>> false = rates_of(Cells(np.ones(100, int), listed, listed, guess, wrong, drawn))[0]
    >>> false.kind, round(false.value, 2), round(false.low, 2), round(false.high, 2), false.audited
    ('false', 0.1, 0.03, 0.3, 20)
    """
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
    most = audit_bounds.interval(looks, above=0.0125)[1]  # half of the upper side's 2.5 %; the class's own is the other
    undecided = len(cells.guess)
    decided_class, decided = cells.class_id[undecided:], keep[undecided:]
    most_id = max(int(cells.class_id.max(initial=0)), len(cells.left_out) - 1)
    open_class, guess = cells.class_id[:undecided][keep[:undecided]], cells.guess[keep[:undecided]]
    open_cells = np.bincount(open_class, minlength=most_id + 1)
    guessed = np.asarray(np.bincount(open_class, guess, minlength=most_id + 1), float)
    if cells.beside(kind):
        open_cells[: len(cells.left_out)] += cells.left_out
        guessed[: len(cells.left_out)] += cells.left_out * cells.left_out_guess
    rates = []
    for class_id in np.flatnonzero(open_cells + np.bincount(decided_class[decided], minlength=most_id + 1)).tolist():
        here = decided & (decided_class == class_id)
        own = audit_bounds.looks_of(int(open_cells[class_id]), cells.wrong[here], cells.drawn[here])
        rates.append(_rate(kind, class_id, own, float(guessed[class_id]), most))
    return rates


def _rate(kind: str, class_id: int | None, looks: Looks, guess: float, most: float = math.inf) -> Rate:
    low, high = audit_bounds.interval(looks, above=0.025 if most == math.inf else 0.0125)
    high = max(low, min(high, most))
    value = min(max(guess, low), high)
    share = [(looks.found + number) / max(1, looks.cells) for number in (value, low, high)]
    return Rate(kind, class_id, share[0], share[1], share[2], len(looks), looks.cells)


def remaining_of(cells: Cells) -> list[Remaining]:
    """How many wrong labels are still to be found among some cells.

    Parameters
    ----------
    cells : Cells

    Returns
    -------
    list of Remaining
        Of ``false``, of ``missing``, and of ``all`` together.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.quality.noise_rates import Cells, remaining_of
    >>> listed, none = np.ones(400, bool), np.zeros(100, bool)
    >>> guess = np.full(300, 0.01, np.float32)
    >>> cells = Cells(np.ones(400, int), listed, listed, guess, wrong=none, drawn=~none)
    >>> false, missing, together = remaining_of(cells)
    >>> false.among, false.at_most, round(false.expected), false.known
    (300, 14, 3, True)
    """
    looks = {kind: cells.looks(kind) for kind in ("false", "missing")}
    guesses = {kind: _within_looks(cells.guessed(kind), looks[kind]) for kind in looks}
    by_kind = [_remaining(kind, [looks[kind]], guesses[kind]) for kind in looks]
    return [*by_kind, _remaining("all", list(looks.values()), sum(guesses.values()))]


def _within_looks(guess: float, looks: Looks) -> float:
    low, high = audit_bounds.interval(looks)
    return min(max(guess, low), high)


def _remaining(kind: str, groups: Sequence[Looks], expected: float) -> Remaining:
    at_most = audit_bounds.at_most(groups)
    return Remaining(
        kind, min(expected, at_most), at_most, sum(group.open_cells for group in groups), sum(map(len, groups))
    )
