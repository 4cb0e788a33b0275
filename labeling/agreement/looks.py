"""Independent verdicts: what people said of a cell without having seen what others said of it.

A verdict counts where no other person's verdict on the cell was on the screen: nobody had given one before the screen
was drawn, or the screen hid it, as blind, repeat and random looks do, and all where several looks are asked for. A
verdict that no screen asked for, as one of a
table, has seen none. Of several such verdicts of one person the last counts, but what a repeat look says does not, as
it is the same person's again; nor does what settles unlike verdicts, or a batch of many clips that nobody heard one by
one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.journal import verdict_entries
from labeling.journal.verdict_entries import Cell, Entry
from labeling.records import VERDICTS


@dataclass(frozen=True)
class Looks:
    """What each of ``reviewers`` said of ``cells`` with two independent verdicts or more.

    ``said`` (cells, reviewers) is a place in VERDICTS, -1 for nothing. ``position`` (cells,) is the entry by which a
    cell had its last verdict, ``clip_id`` and ``class_id`` (cells,) say which it is, in the order of those.
    """

    reviewers: tuple[str, ...]
    clip_id: NDArray[np.int64]
    class_id: NDArray[np.int64]
    said: NDArray[np.int8]
    position: NDArray[np.int64]

    @property
    def cells(self) -> list[Cell]:
        """Clip id and class id of each."""
        return list(zip(self.clip_id.tolist(), self.class_id.tolist(), strict=True))

    def part(self, some: NDArray[np.bool_] | slice) -> Looks:
        """Some of the cells."""
        return Looks(self.reviewers, self.clip_id[some], self.class_id[some], self.said[some], self.position[some])


def read_looks(connection: Connection, position: int | None = None) -> Looks:
    """The independent verdicts at a position of the journal (default: its end)."""
    return looks_of(verdict_entries.read_entries(connection, position))


def looks_of(entries: Sequence[Entry]) -> Looks:
    """The independent verdicts among entries that stand, oldest first."""
    unheard = verdict_entries.unheard(entries)
    by_cell: dict[Cell, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.decides:
            by_cell[entry.cell].append(entry)
    counting: dict[Cell, dict[str, Entry]] = {}
    for cell, its in by_cell.items():
        if len(its) > 1:
            last = {one.reviewer: one for one in independent(its) if one.position not in unheard}
            if len(last) > 1:
                counting[cell] = last
    cells = sorted(counting, key=lambda cell: max(one.position for one in counting[cell].values()))
    reviewers = sorted({name for last in counting.values() for name in last})
    place = {name: number for number, name in enumerate(reviewers)}
    said = np.full((len(cells), len(reviewers)), -1, np.int8)
    for row, cell in enumerate(cells):
        for name, entry in counting[cell].items():
            said[row, place[name]] = VERDICTS.index(entry.verdict)
    return Looks(
        tuple(reviewers),
        np.array([clip_id for clip_id, _ in cells], np.int64),
        np.array([class_id for _, class_id in cells], np.int64),
        said,
        np.array([max(one.position for one in counting[cell].values()) for cell in cells], np.int64),
    )


def independent(entries: Iterable[Entry]) -> list[Entry]:
    """Of the entries that decide one cell, oldest first, those that count as independent verdicts."""
    result: list[Entry] = []
    first_of: dict[str, int] = {}
    for entry in entries:
        before = [at for name, at in first_of.items() if name != entry.reviewer]
        first_of.setdefault(entry.reviewer, entry.position)
        is_repeat = entry.second_look is not None or entry.doubted_look is not None
        if not (entry.adjudication or is_repeat or _saw(entry, before)):
            result.append(entry)
    return result


def _saw(entry: Entry, before: Iterable[int]) -> bool:
    """Whether a verdict of another, given at one of these positions, was on this one's screen."""
    if entry.blind or entry.drawn or entry.independent or entry.seen_position is None:
        return False
    return any(at <= entry.seen_position for at in before)
