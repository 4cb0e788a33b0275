"""Clips that come in as copies of ones that people decided on: the verdicts are theirs too.

What is decided from then on is repeated by labeling/journal/copies.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.folding import undone
from labeling.records import MACHINE
from labeling.storage import database as db
from labeling.storage import tables


def repeat_decisions(connection: Connection, clip_ids: Iterable[int]) -> int:
    """Repeat for these clips what people decided on their copies; returns how many entries that are.

    A clip on which somebody decided keeps what they said.
    """
    clips, decisions, cells = tables.clips, tables.decisions, tables.cells
    stored = 0
    for clip_id in clip_ids:
        own = sa.select(clips.c.content_hash).where(clips.c.id == clip_id).scalar_subquery()
        others = sa.select(clips.c.id).where(clips.c.content_hash == own, clips.c.id != clip_id, own != "")
        by_people = sa.func.substr(decisions.c.reviewer, 1, len(MACHINE)) != MACHINE
        mine = sa.select(decisions.c.position).where(decisions.c.clip_id == clip_id, by_people).limit(1)
        theirs = sa.select(decisions).where(decisions.c.clip_id.in_(others), by_people, decisions.c.copy_of.is_(None))
        entries = db.fetch(connection, theirs.order_by(decisions.c.position))
        if not entries or connection.scalar(mine) is not None:
            continue
        db.lock_journal(connection)
        gone = undone(entries)
        last: dict[int, tuple[int, int]] = {}  # class id -> (new position, clip it was decided on)
        for entry in entries:
            if entry.undoes is None and entry.position not in gone:
                values = dict(entry._mapping)
                del values["position"]
                name = f"copy\n{entry.event_id}\n{clip_id}"
                values |= {
                    "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
                    "batch_id": "",
                    "created_at": db.now(),
                    "clip_id": clip_id,
                    "shown": {},
                    "seen_position": None,
                    "copy_of": entry.position,
                }
                last[entry.class_id] = db.insert_one(connection, decisions, values), entry.clip_id
                stored += 1
        for class_id, (position, heard_in) in last.items():
            here = (cells.c.clip_id == heard_in) & (cells.c.class_id == class_id)
            verdict = connection.scalar(sa.select(cells.c.verdict).where(here))
            if verdict:
                row = {"clip_id": clip_id, "class_id": class_id, "verdict": verdict, "position": position}
                connection.execute(sa.insert(cells).values(**row))
    return stored
