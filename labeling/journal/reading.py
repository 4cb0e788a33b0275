"""What the journal says: its entries, and the state of cells that they fold into.

What each press asks is one statement, made once: to make one anew takes three times as long as to have it answered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.folding import fold_cell, undone
from labeling.records import CellState, Decision, Region, Shown
from labeling.storage import database as db
from labeling.storage import tables

_END = sa.select(sa.func.coalesce(sa.func.max(tables.decisions.c.position), 0))
_ENTRIES = (
    sa.select(tables.decisions, tables.classes.c.code)
    .join(tables.classes, tables.classes.c.id == tables.decisions.c.class_id)
    .order_by(tables.decisions.c.position)
)
_OF_CLIP = _ENTRIES.where(tables.decisions.c.clip_id == sa.bindparam("clip_id"))
_OF_CELLS = _ENTRIES.where(
    tables.decisions.c.clip_id.in_(sa.bindparam("clip_ids", expanding=True)),
    tables.decisions.c.class_id.in_(sa.bindparam("class_ids", expanding=True)),
)
_BY_EVENT_IDS = _ENTRIES.where(tables.decisions.c.event_id.in_(sa.bindparam("event_ids", expanding=True)))


def has_decided(connection: Connection, reviewer: str) -> bool:
    """Whether this reviewer has any entry, so that an undo button makes sense."""
    mine = sa.select(tables.decisions.c.position).where(tables.decisions.c.reviewer == reviewer.strip()).limit(1)
    return connection.scalar(mine) is not None


def position(connection: Connection) -> int:
    """The journal's end: the position of its newest entry, 0 for an empty one."""
    return connection.scalar(_END) or 0


def all_undone(connection: Connection, since: int = 0) -> set[int]:
    """Positions of all entries that do not count, of those from position ``since`` on."""
    table = tables.decisions
    undos = sa.select(table.c.position, table.c.undoes).where(table.c.undoes.is_not(None), table.c.position >= since)
    return undone(connection.execute(undos))  # what takes an entry back comes after it


def cell_state(connection: Connection, clip_id: int, class_code: str, position: int | None = None) -> CellState:
    """One cell at a position of the journal (default: its end)."""
    for state in clip_states(connection, clip_id, class_code, position):
        return state
    return fold_cell(clip_id, class_code, "", [])


def clip_states(
    connection: Connection, clip_id: int, class_code: str | None = None, position: int | None = None
) -> list[CellState]:
    """All cells of a clip that are listed or were decided: listed ones in the row's order, then the added."""
    labels, classes = tables.imported_labels, tables.classes
    query = (
        sa.select(classes.c.code, labels.c.role)
        .join(classes, classes.c.id == labels.c.class_id)
        .where(labels.c.clip_id == clip_id)
        .order_by(labels.c.place)
    )
    where = tables.decisions.c.clip_id == clip_id
    if class_code is not None:
        query = query.where(classes.c.code == class_code)
        where &= classes.c.code == class_code
    if position is not None:
        where &= tables.decisions.c.position <= position
    roles = dict(db.fetch(connection, query))
    by_class: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions_where(connection, where):
        by_class[decision.class_code].append(decision)
    codes = list(roles) + [code for code in by_class if code not in roles]
    return [fold_cell(clip_id, code, roles.get(code, ""), by_class[code]) for code in codes]


def clip_history(connection: Connection, clip_id: int) -> list[Decision]:
    """All decisions on a clip, oldest first."""
    return _read(connection, _OF_CLIP, clip_id=clip_id)


def decisions_where(connection: Connection, *where: Any, limit: int | None = None) -> list[Decision]:
    """Decisions that meet the conditions, oldest first; with ``limit``, the newest so many."""
    if limit is None:
        return _read(connection, _ENTRIES.where(*where))
    newest = _ENTRIES.where(*where).order_by(None).order_by(tables.decisions.c.position.desc()).limit(limit)
    return _read(connection, newest)[::-1]


def of_cells(connection: Connection, clip_ids: Sequence[int], class_ids: Sequence[int]) -> list[Decision]:
    """The entries on any of these classes in any of these clips, oldest first."""
    return _read(connection, _OF_CELLS, clip_ids=clip_ids, class_ids=class_ids)


def by_event_ids(connection: Connection, event_ids: Sequence[str]) -> list[Decision]:
    """The entries that are stored under these event ids, oldest first."""
    return _read(connection, _BY_EVENT_IDS, event_ids=event_ids)


def _read(connection: Connection, query: sa.Select[Any], **given: Any) -> list[Decision]:
    return [_decision(row) for row in connection.execute(query, given)]


def _decision(row: Any) -> Decision:
    region = None
    if row.onset_s is not None:
        region = Region(row.onset_s, row.offset_s, row.low_hz, row.high_hz)
    return Decision(
        event_id=row.event_id,
        reviewer=row.reviewer,
        clip_id=row.clip_id,
        class_code=row.code,
        verdict=row.verdict,
        role=row.role,
        region=region,
        note=row.note,
        run_id=row.run_id,
        shown=Shown.from_json(row.shown),
        seen_position=row.seen_position,
        batch_id=row.batch_id,
        undoes=row.undoes,
        copy_of=row.copy_of,
        position=row.position,
        created_at=row.created_at,
    )
