"""People's entries in the journal, in memory: what learns from verdicts reads them again and again, whole.

The journal only grows: what was read is kept, and what came since is read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from sys import intern
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
    """An entry on a cell, or one that takes another back (``undoes``), with what statistics take of its `Shown`.

    ``kind`` is the suspect's, "" for none. ``asked``: a screen asked of the cell, in whatever way (`Shown.was_asked`);
    ``blind``: it did with labels and scores hidden; ``drawn``: it did as chance had picked the cell (`Shown.audit`);
    ``second_look``: the position of the same reviewer's first look, which chance had chosen; ``doubted_look``: that of
    one which the evidence spoke against; ``one_by_one``: heard by itself, though its batch is of many clips.
    ``adjudication``: it settles unlike verdicts. ``independent``: others' were kept from its screen.
    ``seen_position``: where the journal ended when its screen was drawn, None where no screen showed the cell.
    ``copy_of``: the entry that it repeats for a copy of its clip.
    """

    position: int
    event_id: str
    reviewer: str
    clip_id: int
    class_id: int
    verdict: str
    in_region: bool
    run_id: str
    batch_id: str
    undoes: int | None
    kind: str
    asked: bool
    blind: bool
    drawn: bool
    second_look: int | None
    doubted_look: int | None
    one_by_one: bool
    adjudication: bool
    independent: bool
    seen_position: int | None
    copy_of: int | None

    @property
    def cell(self) -> Cell:
        """Clip id and class id."""
        return self.clip_id, self.class_id

    @property
    def decides(self) -> bool:
        """Whether it gives its cell a verdict: a stretch that is marked absent does not (folding.fold_cell)."""
        return not self.in_region or self.verdict == "present"


def read_entries(
    connection: Connection, position: int | None = None, *, copies: bool = False, clip_id: int | None = None
) -> list[Entry]:
    """The entries up to a position of the journal (default: its end) that were not taken back by then, oldest first.

    What is repeated for copies of a clip (journal/copies.py) is no look of anybody, and left out but with ``copies``.
    Of one clip alone (``clip_id``) the database is asked: nothing of the rest is read.
    """
    end = journal.position(connection) if position is None else position
    entries = _up_to(connection, end) if clip_id is None else _read(connection, 0, end, clip_id)
    undone_positions = journal.undone(entry for entry in entries if entry.undoes is not None)
    return [
        entry
        for entry in entries
        if entry.undoes is None and entry.position not in undone_positions and (copies or entry.copy_of is None)
    ]


def deciding(entries: Iterable[Entry]) -> dict[Cell, Entry]:
    """The entry whose verdict holds in each cell, in the journal's order."""
    newest: dict[Cell, Entry] = {}
    for entry in entries:
        if entry.decides:
            newest.pop(entry.cell, None)  # so that they stay in the journal's order
            newest[entry.cell] = entry
    return newest


def unheard(entries: Sequence[Entry]) -> set[int]:
    """The positions of entries that decided many clips at once: nobody listened to each."""
    clip_of: dict[str, int] = {}
    of_many = {
        entry.batch_id
        for entry in entries
        if entry.batch_id and clip_of.setdefault(entry.batch_id, entry.clip_id) != entry.clip_id
    }
    return {entry.position for entry in entries if entry.batch_id in of_many and not entry.one_by_one}


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


def _read(connection: Connection, after: int, position: int, clip_id: int | None = None) -> list[Entry]:
    column = tables.decisions.c
    query = (
        sa.select(
            column.position, column.event_id, column.reviewer, column.clip_id, column.class_id, column.verdict,
            column.onset_s, column.run_id, column.batch_id, column.undoes, column.shown,
            column.seen_position, column.copy_of,
        )
        .where(column.position > after, column.position <= position)
        .where(sa.func.substr(column.reviewer, 1, len(MACHINE)) != MACHINE)
        .order_by(column.position)
    )  # fmt: skip
    if clip_id is not None:
        query = query.where(column.clip_id == clip_id)
    entries = []
    for (
        at, event_id, reviewer, clip_id, class_id, verdict, onset_s, run_id, batch_id, undoes, stored, seen, copy_of,
    ) in db.fetch(connection, query):  # fmt: skip
        shown = Shown.from_json(stored)
        entries.append(Entry(
            at, event_id, intern(reviewer), clip_id, class_id, intern(verdict), onset_s is not None, intern(run_id),
            batch_id, undoes, intern(shown.kind), shown.was_asked, shown.blind, shown.audit, shown.second_look,
            shown.doubted_look, shown.one_by_one, shown.adjudication, shown.independent, seen,
            copy_of,
        ))  # fmt: skip
    return entries
