"""What the independent verdicts of several people say of them: in all, by class, by pair, over time, and how each errs.

Everything is worked out from `looks.Looks`; the page, the command and the CSV show the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.agreement import error_rates
from labeling.agreement.coefficients import Coefficient, cohen, fleiss, krippendorff
from labeling.agreement.disagreements import adjudicated_cells
from labeling.agreement.looks import Looks, read_looks
from labeling.journal import verdict_entries
from labeling.journal.verdict_entries import Cell
from labeling.quality.intervals import Share
from labeling.records import VERDICTS
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.kept import Kept, engine_key

WORDS = len(VERDICTS)
TRUTHS = 2  # a cell is present or absent; unsure is what people say of it
LEAST_OF_A_BLOCK, MOST_BLOCKS = 20, 10


@dataclass(frozen=True)
class Pair:
    """Two reviewers, the cells on which ``agreed`` of all that both judged, and their kappa."""

    first: str
    second: str
    agreed: Share
    kappa: Coefficient


@dataclass(frozen=True)
class OfClass:
    """One class: on how many cells all ``agreed``, and the coefficients over these."""

    code: str
    agreed: Share
    alpha: Coefficient
    kappa: Coefficient


@dataclass(frozen=True)
class Block:
    """Some cells judged after each other, from a day to a day (ISO), and the agreement on them."""

    first_day: str
    last_day: str
    agreed: Share
    alpha: Coefficient


@dataclass(frozen=True)
class Rate:
    """A share that was estimated, its 95 % interval, and of how many cells (expected, not counted)."""

    value: float
    low: float
    high: float
    of: float


@dataclass(frozen=True)
class ErrorRates:
    """How one reviewer errs on ``cells`` that others judged too: ``misses`` what is there, ``imagines`` what is not,
    and is ``unsure``. ``weights`` are those of a vote *present* and *absent* (rule ``weighted``)."""

    reviewer: str
    cells: int
    misses: Rate
    imagines: Rate
    unsure: Share
    weights: tuple[float, float]


@dataclass(frozen=True)
class Agreement:
    """All of it. ``cells`` have two independent verdicts or more, by ``reviewers``.

    ``errors`` are empty where nothing tells who errs: two people alone, and nobody has adjudicated between them.
    ``adjudicated`` counts the cells whose truth was taken from an adjudication.
    """

    reviewers: tuple[str, ...]
    cells: int
    looks: int
    agreed: Share
    alpha: Coefficient
    kappa: Coefficient
    pairs: tuple[Pair, ...]
    classes: tuple[OfClass, ...]
    blocks: tuple[Block, ...]
    errors: tuple[ErrorRates, ...]
    adjudicated: int

    def pair(self, first: str, second: str) -> Pair | None:
        """The pair of these two, in either order."""
        return next((pair for pair in self.pairs if {pair.first, pair.second} == {first, second}), None)

    def weights(self) -> dict[str, tuple[float, float]]:
        """The weights of votes by reviewer, for `journal.rules.LabelRule`; empty where nothing tells who errs."""
        return {errors.reviewer: errors.weights for errors in self.errors}


_reports: Kept[Agreement] = Kept(4)


def read_agreement(connection: Connection) -> Agreement:
    """The agreement at the journal's end; kept until the next entry.

    Examples
    --------
    >>> from labeling import journal
    >>> from labeling.agreement.report import read_agreement
    >>> from labeling.example import example_workspace
    >>> from labeling.records import Decision
    >>> workspace = example_workspace()
    >>> for who, verdict in (("ann", "present"), ("bob", "absent")):
    ...     _ = journal.append(workspace, [Decision(journal.new_event_id(), who, 3, "cangoo", verdict)])
    >>> with workspace.read() as connection:
    ...     found = read_agreement(connection)
    >>> found.reviewers, found.cells, found.agreed
    (('ann', 'bob'), 1, Share(count=0, of=1))
    """
    position = journal.position(connection)
    key = engine_key(connection), position
    return _reports.get(key, lambda: _report(connection, position))


def _report(connection: Connection, position: int) -> Agreement:
    looks = read_looks(connection, position)
    codes = dict(db.fetch(connection, sa.select(tables.classes.c.id, tables.classes.c.code)))
    settled = adjudicated_cells(verdict_entries.read_entries(connection, position))
    return agreement_of(looks, codes, settled, _days(connection, looks))


def agreement_of(
    looks: Looks, codes: Mapping[int, str], settled: Mapping[Cell, str], days: Mapping[int, str]
) -> Agreement:
    """The agreement of some looks. ``codes`` are the classes' by id, ``settled`` what was adjudicated, ``days`` (ISO)
    the dates of the entries that bound the blocks."""
    errors, known = _errors(looks, settled)
    return Agreement(
        reviewers=looks.reviewers,
        cells=len(looks.said),
        looks=int((looks.said >= 0).sum()),
        agreed=_agreed(looks.said),
        alpha=krippendorff(looks.said, WORDS, looks.clip_id),
        kappa=fleiss(looks.said, WORDS, looks.clip_id),
        pairs=tuple(_pairs(looks)),
        classes=tuple(sorted(_classes(looks, codes), key=lambda one: (-one.agreed.of, one.code))),
        blocks=tuple(_blocks(looks, days)),
        errors=errors,
        adjudicated=known,
    )


def _agreed(said: NDArray[np.int8]) -> Share:
    """Cells on which all who spoke said the same, of those with two verdicts or more."""
    enough = said[(said >= 0).sum(1) >= 2]
    lowest = np.where(enough < 0, WORDS, enough).min(1, initial=WORDS)
    return Share(int((lowest == enough.max(1, initial=-1)).sum()), len(enough))


def _pairs(looks: Looks) -> Iterator[Pair]:
    for first, second in combinations(range(len(looks.reviewers)), 2):
        one, other = looks.said[:, first], looks.said[:, second]
        both = (one >= 0) & (other >= 0)
        if both.any():
            agreed = Share(int((one[both] == other[both]).sum()), int(both.sum()))
            kappa = cohen(one, other, WORDS, looks.clip_id)
            yield Pair(looks.reviewers[first], looks.reviewers[second], agreed, kappa)


def _classes(looks: Looks, codes: Mapping[int, str]) -> Iterator[OfClass]:
    for class_id in np.unique(looks.class_id).tolist():
        its = looks.part(looks.class_id == class_id)
        alpha, kappa = (measure(its.said, WORDS, its.clip_id) for measure in (krippendorff, fleiss))
        yield OfClass(codes[class_id], _agreed(its.said), alpha, kappa)


def _bounds(cells: int) -> list[tuple[int, int]]:
    """The first and the last cell of each block."""
    count = min(MOST_BLOCKS, cells // LEAST_OF_A_BLOCK)
    edges = [round(cells * place / count) for place in range(count + 1)] if count > 1 else []
    return [(first, after - 1) for first, after in pairwise(edges)] if edges else []


def _days(connection: Connection, looks: Looks) -> dict[int, str]:
    wanted = {int(looks.position[place]) for bounds in _bounds(len(looks.position)) for place in bounds}
    entries = tables.decisions.c
    query = sa.select(entries.position, entries.created_at).where(entries.position.in_(wanted))
    return {position: created_at[:10] for position, created_at in db.fetch(connection, query)}


def _blocks(looks: Looks, days: Mapping[int, str]) -> Iterator[Block]:
    for first, last in _bounds(len(looks.position)):
        its = looks.part(slice(first, last + 1))
        from_day, to_day = (days.get(int(looks.position[place]), "") for place in (first, last))
        yield Block(from_day, to_day, _agreed(its.said), krippendorff(its.said, WORDS, its.clip_id))


def _errors(looks: Looks, settled: Mapping[Cell, str]) -> tuple[tuple[ErrorRates, ...], int]:
    """How each errs, and in how many cells the truth is known."""
    truth = np.full(len(looks.said), -1)
    for row, cell in enumerate(looks.cells):
        if settled.get(cell) in VERDICTS[:TRUTHS]:
            truth[row] = VERDICTS.index(settled[cell])
    known = int((truth >= 0).sum())
    if not len(looks.said) or (len(looks.reviewers) < 3 and not known):
        return (), known
    unit, person = np.nonzero(looks.said >= 0)
    word = looks.said[unit, person].astype(np.int64)
    said = error_rates.Said(unit, person, word, truth, len(looks.reviewers), WORDS, TRUTHS)
    found = error_rates.fit(said)
    low, high = error_rates.intervals(said, found, looks.clip_id)
    present, absent = (VERDICTS.index(verdict) for verdict in ("present", "absent"))
    weights = np.log(found.rates)
    errors = []
    for number, name in enumerate(looks.reviewers):
        own = person == number
        of = [float(found.likely[unit[own], place].sum()) for place in (present, absent)]

        def rate(place: int, word_place: int, number: int = number, of: list[float] = of) -> Rate:
            at = number, place, word_place
            return _rate(float(found.rates[at]), float(low[at]), float(high[at]), of[(present, absent).index(place)])

        errors.append(ErrorRates(
            reviewer=name, cells=int(own.sum()), misses=rate(present, absent), imagines=rate(absent, present),
            unsure=Share(int((word[own] == VERDICTS.index("unsure")).sum()), int(own.sum())),
            weights=(
                round(float(weights[number, present, present] - weights[number, absent, present]), 6),
                round(float(weights[number, absent, absent] - weights[number, present, absent]), 6),
            ),
        ))  # fmt: skip
    return tuple(errors), known


def _rate(value: float, low: float, high: float, of: float) -> Rate:
    """A rate with an interval that is at least as wide as that of a share which was counted of as many: where few never
    erred, no draw of them does."""
    counted = Share(round(value * of), max(1, round(of))).interval or (0.0, 1.0)
    return Rate(value, min(low, counted[0]), max(high, counted[1]), of)
