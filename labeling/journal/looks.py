"""Independent looks: how many people a cell is asked of, and what one of them may see before they have answered.

A cell needs one look, unless an owner asks for more of its kind: ``false`` for one that the imported table lists,
``missing`` for one that it does not, ``audit`` for one whose first look was drawn at random. A look is a verdict that
stands, one a person and cell.

Until it has its looks a cell is *open* to everybody who has given none: it stays on their list, and what others said of
it is hidden from them. Nobody is told either what others left beside it on such a clip: notes, flags, boxes, classes
that they added. With one look each, which is the default, no cell with a verdict is open and nothing is hidden.

What is open among all cells says open_cells.py.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.errors import DataError
from labeling.folding import undone
from labeling.journal.reading import cell_state, decisions_where
from labeling.records import Decision, is_machine
from labeling.registry import unknown_name
from labeling.storage import database as db
from labeling.storage import tables

MOST_LOOKS = 5


@dataclass(frozen=True)
class Needed:
    """How many people each cell of a kind is asked of, 1 to MOST_LOOKS."""

    missing: int = 1
    false: int = 1
    audit: int = 1

    @property
    def is_several(self) -> bool:
        """Whether any cell is asked of more than one."""
        return self != Needed()

    def of(self, *, listed: bool, drawn: bool) -> int:
        """The looks that a cell needs whose class the table lists or not, and whose first look was drawn or not."""
        return self.audit if drawn else self.false if listed else self.missing


KINDS = tuple(column.name for column in fields(Needed))
_NEEDED = sa.select(tables.needed_looks.c.kind, tables.needed_looks.c.looks)


def needed(connection: Connection) -> Needed:
    """As an owner has set it."""
    return Needed(**{row.kind: row.looks for row in connection.execute(_NEEDED)})


def set_needed(connection: Connection, kind: str, count: int) -> Needed:
    """Ask every cell of a kind of so many people, from now on; returns what all kinds need.

    Verdicts that were given before count. Raises DataError for another kind or number.
    """
    if kind not in KINDS:
        raise DataError(unknown_name("kind of look", kind, list(KINDS)))
    if not 1 <= count <= MOST_LOOKS:
        raise DataError(f"{count} looks at a cell are outside 1 to {MOST_LOOKS}; give a number between")
    db.put_one(connection, tables.needed_looks, {"kind": kind}, {"looks": count})
    return needed(connection)


# ------------------------------------------------------------------------------------------------ one clip


@dataclass(frozen=True)
class Hidden:
    """What is hidden from a reviewer on one clip: classes of which they may not know what others said; and, with
    ``beside``, all else that others left there."""

    codes: frozenset[str] = frozenset()
    beside: bool = False


NOTHING_HIDDEN = Hidden()


def hidden_from(
    entries: Sequence[Decision], listed: Collection[str], wanted: Needed, reviewer: str, doubted: Collection[str] = ()
) -> Hidden:
    """What a reviewer may not see of a clip.

    Parameters
    ----------
    entries : sequence of Decision
        All of the clip.
    listed : collection of str
        The classes that the imported table lists.
    wanted : Needed
    reviewer : str
    doubted : collection of str
        The classes that the screen asks about.

    Returns
    -------
    Hidden
    """
    if not wanted.is_several or not entries:
        return NOTHING_HIDDEN
    of: dict[str, list[Decision]] = {}
    for entry in standing_looks(entries):
        of.setdefault(entry.class_code, []).append(entry)
    is_open = {code for code, given in of.items() if _is_open(given, code in listed, wanted, reviewer)}
    asked = {
        code
        for code in is_open
        if code in doubted or any(entry.shown.was_asked or entry.shown.kind for entry in of[code])
    }
    return Hidden(frozenset(is_open), beside=True) if asked else NOTHING_HIDDEN


def seen_by(entries: Sequence[Decision], reviewer: str) -> list[Decision]:
    """Of some entries those that a reviewer may know who is to judge by themselves: their own, and machines'."""
    name = reviewer.strip()
    own = [entry for entry in entries if entry.reviewer == name or is_machine(entry.reviewer)]
    positions = {entry.position for entry in own}
    return [entry for entry in entries if entry.position in positions or entry.undoes in positions]


def is_open_cell(entries: Sequence[Decision], *, is_listed: bool, wanted: Needed, reviewer: str) -> bool:
    """Whether one cell, which has these entries, is open to a reviewer."""
    return wanted.is_several and _is_open(standing_looks(entries), is_listed, wanted, reviewer)


def is_open_to(connection: Connection, clip_id: int, class_code: str, reviewer: str) -> bool:
    """`is_open_cell`, of a cell as it is stored."""
    wanted = needed(connection)
    if not wanted.is_several:
        return False
    cell = (tables.decisions.c.clip_id == clip_id) & (tables.classes.c.code == class_code)
    is_listed = cell_state(connection, clip_id, class_code).listed
    return is_open_cell(decisions_where(connection, cell), is_listed=is_listed, wanted=wanted, reviewer=reviewer)


def standing_looks(entries: Sequence[Decision]) -> list[Decision]:
    """People's verdicts that stand, oldest first."""
    taken_back = undone(entries)
    return [
        entry
        for entry in entries
        if entry.undoes is None
        and entry.position not in taken_back
        and not is_machine(entry.reviewer)
        and (entry.region is None or entry.verdict == "present")
    ]


def _is_open(given: Sequence[Decision], is_listed: bool, wanted: Needed, reviewer: str) -> bool:
    """Whether a cell with these looks lacks some, and this reviewer's. One that was adjudicated lacks none."""
    if any(entry.shown.adjudication for entry in given):
        return False
    people = {entry.reviewer for entry in given}
    drawn = bool(given) and given[0].shown.audit
    return reviewer.strip() not in people and len(people) < wanted.of(listed=is_listed, drawn=drawn)
