"""What a search must know of every clip: whose it is, and whether it is a recording that nobody has labelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.records import USABLE
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.kept import Kept, engine_key

LONG_S = 30.0
"""A clip without imported labels that is longer is a recording: a verdict is then of the stretch, not of all of it."""


@dataclass(frozen=True)
class ClipFacts:
    """Usable clips (M,) by rising id: a number for the ``group`` of each (recordist, site), the clip's own where none
    is known; and whether it is a ``recording`` without labels."""

    clip_id: NDArray[np.int64]
    group: NDArray[np.int64]
    recording: NDArray[np.bool_]

    def place(self, clip_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places of clips, -1 where there is none."""
        if not len(self.clip_id):
            return np.full(len(clip_ids), -1)
        at = np.minimum(np.searchsorted(self.clip_id, clip_ids), len(self.clip_id) - 1)
        return np.where(self.clip_id[at] == clip_ids, at, -1)


_facts: Kept[ClipFacts] = Kept(4)


def clip_facts(connection: Connection) -> ClipFacts:
    """Of all usable clips, kept until an import adds to them or changes one."""
    clips = tables.clips.c
    marks = sa.select(
        sa.select(sa.func.max(tables.imports.c.created_at)).scalar_subquery(),
        sa.select(sa.func.count()).select_from(tables.clips).where(clips.status.in_(USABLE)).scalar_subquery(),
    )
    key = engine_key(connection), *connection.execute(marks).one()
    return _facts.get(key, lambda: _read(connection))


def _read(connection: Connection) -> ClipFacts:
    clips, labels = tables.clips.c, tables.imported_labels.c
    query = sa.select(clips.id, clips.group_name, clips.duration_s).where(clips.status.in_(USABLE)).order_by(clips.id)
    rows = db.fetch(connection, query)
    labelled = np.array(connection.scalars(sa.select(labels.clip_id).distinct()).all(), np.int64)
    ids = np.array([row[0] for row in rows], np.int64)
    duration_s = np.array([row[2] for row in rows], np.float64)
    numbers: dict[str, int] = {}
    group = [-clip_id if not name else numbers.setdefault(name, len(numbers)) for clip_id, name, _ in rows]
    return ClipFacts(ids, np.array(group, np.int64), (duration_s > LONG_S) & ~np.isin(ids, labelled))
