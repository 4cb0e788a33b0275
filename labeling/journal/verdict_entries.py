"""People's entries in the journal, in memory: what learns from verdicts reads them again and again, whole.

The journal only grows: what was read is kept, and what came since is read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.records import MACHINE, Shown
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.kept import Kept, engine_key

Cell = tuple[int, int]  # clip id, class id


class Entry(NamedTuple):
    """An entry on a cell, or one that takes another back (``undoes``). ``asked``: a screen asked of the cell, in
    whatever way; ``drawn``: it did as chance had picked it."""

    position: int
    clip_id: int
    class_id: int
    verdict: str
    in_region: bool
    batch_id: str
    undoes: int | None
    asked: bool
    drawn: bool
    event_id: str

    @property
    def cell(self) -> Cell:
        """Clip id and class id."""
        return self.clip_id, self.class_id

    @property
    def decides(self) -> bool:
        """Whether it gives its cell a verdict: a stretch that is marked absent does not (folding.fold_cell)."""
        return not self.in_region or self.verdict == "present"


def standing(connection: Connection, position: int | None = None) -> list[Entry]:
    """The entries up to a position of the journal (default: its end) that were not taken back by then, oldest first."""
    known = _up_to(connection, journal.position(connection) if position is None else position)
    gone = journal.undone(one for one in known if one.undoes is not None)
    return [one for one in known if one.undoes is None and one.position not in gone]


def deciding(entries: Iterable[Entry]) -> dict[Cell, Entry]:
    """The entry whose verdict holds in each cell, in the journal's order."""
    found: dict[Cell, Entry] = {}
    for one in entries:
        if one.decides:
            found.pop(one.cell, None)  # so that they stay in the journal's order
            found[one.cell] = one
    return found


_journals: Kept[list[Entry]] = Kept(4)  # each about 25 MB a hundred thousand entries


def _up_to(connection: Connection, position: int) -> list[Entry]:
    def continued(known: list[Entry] | None) -> list[Entry]:
        last = known[-1].position if known else 0
        newest = sa.select(tables.decisions.c.event_id).where(tables.decisions.c.position == last)
        if known and connection.scalar(newest) != known[-1].event_id:
            known, last = [], 0  # another journal in the place of the one that was read
        return (known or []) + _read(connection, last, position) if position > last else known or []

    entries = _journals.renew(engine_key(connection), continued)
    return entries[: bisect_right(entries, position, key=lambda entry: entry.position)]


def _read(connection: Connection, after: int, position: int) -> list[Entry]:
    table = tables.decisions
    columns = (table.c.position, table.c.clip_id, table.c.class_id, table.c.verdict, table.c.onset_s, table.c.batch_id)
    query = (
        sa.select(*columns, table.c.undoes, table.c.shown, table.c.event_id)
        .where(table.c.position > after, table.c.position <= position)
        .where(sa.func.substr(table.c.reviewer, 1, len(MACHINE)) != MACHINE)
        .order_by(table.c.position)
    )
    return [
        Entry(at, clip_id, class_id, verdict, onset_s is not None, batch_id, undoes, shown.was_asked,
              shown.audit, event_id)
        for at, clip_id, class_id, verdict, onset_s, batch_id, undoes, stored, event_id in db.fetch(connection, query)
        for shown in [Shown.from_json(stored)]
    ]  # fmt: skip
