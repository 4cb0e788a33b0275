"""Verdicts that a collection came with: what its table says of a cell beyond a label, as "listened, nothing there"."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.storage import database as db
from labeling.storage import tables


def stated_positions(connection: Connection) -> frozenset[int]:
    """Positions of the verdicts that a collection came with."""
    decisions = tables.decisions.c
    query = sa.select(decisions.position).where(decisions.batch_id.like("import-%-verdicts"))
    return frozenset(connection.scalars(query))


def stated_doubts(connection: Connection) -> frozenset[tuple[int, str]]:
    """The cells (clip id, class code) that a collection came with as unsure."""
    decisions, classes = tables.decisions.c, tables.classes.c
    query = (
        sa.select(decisions.clip_id, classes.code)
        .join_from(tables.decisions, tables.classes, decisions.class_id == classes.id)
        .where(decisions.batch_id.like("import-%-verdicts"), decisions.verdict == "unsure")
    )
    return frozenset((int(clip_id), str(code)) for clip_id, code in db.fetch(connection, query))
