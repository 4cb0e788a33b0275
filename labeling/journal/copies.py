"""One verdict for all copies: what is decided on a clip is repeated for each clip whose file has the same bytes.

A repeated entry is one like any other, in the name of who decided, so that labels, versions and exports need know
nothing of copies; ``copy_of`` names the entry that it repeats, and whatever counts looks passes it over.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.records import Decision, Shown
from labeling.storage import database as db
from labeling.storage import tables

_ONE, _OTHER = tables.clips.alias("one"), tables.clips.alias("other")  # to make them takes as long as to ask


def repeated(connection: Connection, pairs: Sequence[tuple[Decision, Decision]], undone: set[int]) -> list[Decision]:
    """The entries that repeat some for the copies of their clips.

    ``pairs`` are entries as they were asked for and as they were stored, in order; ``undone`` are the positions that
    were taken back by now. A copy on which the same call decides later is left to that entry.
    """
    copies = _copies(connection, {stored.clip_id for _, stored in pairs})
    entries = [(asked, stored) for asked, stored in pairs if stored.undoes is None and stored.clip_id in copies]
    last = {(stored.clip_id, stored.class_code): place for place, (_, stored) in enumerate(entries)}
    result = []
    for place, (asked, stored) in enumerate(entries):
        for clip_id in copies[stored.clip_id]:
            if last.get((clip_id, stored.class_code), -1) < place:
                result.append(_repeat(asked, stored, clip_id))
    undos = [stored for _, stored in pairs if stored.undoes is not None]
    return result + _undos(connection, undos, undone)


def _repeat(asked: Decision, stored: Decision, clip_id: int) -> Decision:
    return replace(
        asked,
        event_id=_event_id(stored.event_id, clip_id),
        clip_id=clip_id,
        shown=Shown(adjudication=asked.shown.adjudication),
        seen_position=None,
        batch_id="",
        copy_of=stored.position,
    )


def _event_id(event_id: str, clip_id: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"copy\n{event_id}\n{clip_id}"))


def _copies(connection: Connection, clip_ids: Iterable[int]) -> dict[int, list[int]]:
    """Clip id to the ids of its copies, of those that have some."""
    query = (
        sa.select(_ONE.c.id, _OTHER.c.id)
        .join(_OTHER, (_OTHER.c.content_hash == _ONE.c.content_hash) & (_OTHER.c.id != _ONE.c.id))
        .where(_ONE.c.id.in_(set(clip_ids)), _ONE.c.content_hash != "")
        .order_by(_ONE.c.id, _OTHER.c.id)
    )
    copies: dict[int, list[int]] = {}
    for clip_id, copy_id in db.fetch(connection, query):
        copies.setdefault(clip_id, []).append(copy_id)
    return copies


def _undos(connection: Connection, undos: Sequence[Decision], undone: set[int]) -> list[Decision]:
    """What takes back the entries that belong with those that were taken back: the repeated ones, or the first."""
    if not undos:
        return []
    table, classes = tables.decisions, tables.classes
    columns = (table.c.position, table.c.copy_of, table.c.clip_id, classes.c.code)
    query = sa.select(*columns).join(classes, classes.c.id == table.c.class_id)
    targets = [undo.undoes for undo in undos]
    root_of = {
        row.position: row.copy_of or row.position
        for row in db.fetch(connection, query.where(table.c.position.in_(targets)))
    }
    roots = set(root_of.values())
    belong = db.fetch(connection, query.where(table.c.copy_of.in_(roots) | table.c.position.in_(roots)))
    of_root: dict[int, list[Any]] = {}
    for row in belong:
        of_root.setdefault(row.copy_of or row.position, []).append(row)
    result = []
    taken = set(undone)
    for undo in undos:
        for row in of_root.get(root_of.get(undo.undoes or 0, 0), []):
            if row.position not in taken:
                taken.add(row.position)
                result.append(
                    replace(
                        undo,
                        event_id=_event_id(undo.event_id, row.clip_id),
                        clip_id=row.clip_id,
                        class_code=row.code,
                        undoes=row.position,
                        seen_position=None,
                        batch_id="",
                        copy_of=undo.position,
                        position=0,
                    )
                )
    return result
