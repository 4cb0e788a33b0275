"""Which verdicts may teach what a scorer's numbers mean, and how they stand against a ranking.

A verdict counts where a person was asked of a cell as a suspect, shown, blind, again or by chance, and the journal's
fold at the position makes it present or absent. What is not asked does not count: a reviewer speaks unasked of a cell
because of how it is. Nor do batches that decided many clips at once: nobody listened to each.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import database as db
from labeling import journal
from labeling.queue_filter import WORTH_HEARING
from labeling.records import MACHINE
from labeling.stored_ranking import Ranking, cell_keys

KEPT_JOURNALS = 4  # of so many workspaces, about 15 MB a hundred thousand entries


@dataclass(frozen=True)
class Verdicts:
    """Decided cells (n,) in the order of the entries that decided them; ``present``: what people said."""

    clip_id: NDArray[np.int64]
    class_id: NDArray[np.int64]
    present: NDArray[np.bool_]
    position: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.clip_id)


@dataclass(frozen=True)
class Judged:
    """Cells of a ranking (n,), with those decided before it (``past``), and whether people found the label ``wrong``.

    ``given``: the label says present, so that the doubt is a false label; else it is a missing one.
    """

    given: NDArray[np.bool_]
    class_id: NDArray[np.int64]
    p_wrong: NDArray[np.float32]
    wrong: NDArray[np.bool_]
    past: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.given)

    def part(self, some: slice) -> Judged:
        """Some of them."""
        return Judged(self.given[some], self.class_id[some], self.p_wrong[some], self.wrong[some], self.past[some])


class _Entry(NamedTuple):
    position: int
    clip_id: int
    class_id: int
    verdict: str
    in_region: bool
    batch_id: str
    undoes: int | None
    asked: bool


def counted(connection: Connection, position: int | None = None) -> Verdicts:
    """The verdicts that count at a position of the journal (default: its end)."""
    entries = _entries(connection, journal.position(connection) if position is None else position)
    gone, at_once = journal.undone(one for one in entries if one.undoes is not None), _of_many_clips(entries)
    deciding: dict[tuple[int, int], _Entry] = {}
    asked: set[tuple[int, int]] = set()
    for one in entries:
        if one.undoes is not None or one.position in gone:
            continue
        cell = one.clip_id, one.class_id
        if one.asked and one.batch_id not in at_once:
            asked.add(cell)
        if not one.in_region or one.verdict == "present":  # as folding.fold_cell has it
            deciding.pop(cell, None)  # so that they stay in the journal's order
            deciding[cell] = one
    found = [
        one
        for cell, one in deciding.items()
        if cell in asked and one.verdict != "unsure" and one.batch_id not in at_once
    ]
    return Verdicts(
        np.array([one.clip_id for one in found], np.int64),
        np.array([one.class_id for one in found], np.int64),
        np.array([one.verdict == "present" for one in found], bool),
        np.array([one.position for one in found], np.int64),
    )


def judged(ranking: Ranking, verdicts: Verdicts) -> Judged:
    """These verdicts against the labels that a ranking doubts, in their order; cells it never scored are left out."""
    past, wanted = ranking.past, cell_keys(verdicts.clip_id, verdicts.class_id)
    before = cell_keys(past.clip_id, past.class_id)
    order = np.argsort(before, kind="stable")
    here, place = _find(ranking.sorted_cells, ranking.sorted_index, wanted)
    then, place_then = _find(before[order], order, wanted)
    then &= ~here
    found = here | then

    def pick(name: str) -> NDArray[Any]:
        now = getattr(ranking, name)
        out = np.zeros(len(wanted), now.dtype)
        out[here], out[then] = now[place[here]], getattr(past, name)[place_then[then]]
        return out[found]

    given = np.asarray(pick("given"), bool)
    return Judged(given, pick("class_id"), pick("p_wrong"), verdicts.present[found] != given, then[found])


def _find(
    keys: NDArray[np.int64], places: NDArray[Any], wanted: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which of ``wanted`` are among the sorted ``keys``, and their ``places`` (0 where they are not)."""
    if not len(keys):
        return np.zeros(len(wanted), bool), np.zeros(len(wanted), np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    there = keys[at] == wanted
    return there, np.where(there, places[at], 0).astype(np.int64)


def _of_many_clips(entries: Sequence[_Entry]) -> set[str]:
    """The batches that decided many clips at once."""
    clip_of: dict[str, int] = {}
    many = set()
    for one in entries:
        if one.batch_id and one.undoes is None and clip_of.setdefault(one.batch_id, one.clip_id) != one.clip_id:
            many.add(one.batch_id)
    return many


_journals: OrderedDict[str, list[_Entry]] = OrderedDict()
_reading = threading.Lock()


def _entries(connection: Connection, position: int) -> list[_Entry]:
    """People's entries up to a position, oldest first. The journal only grows: what was read is kept."""
    url = connection.engine.url.render_as_string(hide_password=False)
    with _reading:
        known = _journals.get(url, [])
        last = known[-1].position if known else 0
        if position > last:
            known = known + _read(connection, last, position)
            _journals[url] = known
            while len(_journals) > KEPT_JOURNALS:
                _journals.popitem(last=False)
        if url in _journals:
            _journals.move_to_end(url)
    return known[: bisect_right(known, position, key=lambda one: one.position)]


def _read(connection: Connection, after: int, position: int) -> list[_Entry]:
    table = db.decisions
    query = (
        sa.select(
            table.c.position,
            table.c.clip_id,
            table.c.class_id,
            table.c.verdict,
            table.c.onset_s,
            table.c.batch_id,
            table.c.undoes,
            table.c.shown,
        )
        .where(table.c.position > after, table.c.position <= position)
        .where(sa.func.substr(table.c.reviewer, 1, len(MACHINE)) != MACHINE)
        .order_by(table.c.position)
    )
    return [
        _Entry(position, clip_id, class_id, verdict, onset_s is not None, batch_id, undoes, _was_asked(shown))
        for position, clip_id, class_id, verdict, onset_s, batch_id, undoes, shown in db.fetch(connection, query)
    ]


def _was_asked(shown: Any) -> bool:
    """Whether a screen asked of the cell; entries of before that was kept: whether the usual screen would have."""
    if not isinstance(shown, dict):
        return False
    if any(shown.get(name) for name in ("blind", "second_look", "audit")):
        return True
    if "asked" in shown:
        return bool(shown["asked"])
    p_wrong = shown.get("p_wrong")
    return bool(shown.get("kind")) and isinstance(p_wrong, int | float) and p_wrong >= WORTH_HEARING
