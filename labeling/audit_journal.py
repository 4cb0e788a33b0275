"""Decided cells in the order in which they were first decided, and which of them chance had picked."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import database as db
from labeling import journal
from labeling.records import MACHINE

KEPT = 4  # workspaces


@dataclass(frozen=True)
class DecidedCells:
    """Cells (D,) that people decided, by the first entry that still stands; the verdict is the one that holds now.

    ``drawn``: that first entry answered a look that was asked at random.
    """

    clip_id: NDArray[np.int64]
    class_id: NDArray[np.int64]
    present: NDArray[np.bool_]
    unsure: NDArray[np.bool_]
    drawn: NDArray[np.bool_]


def decided_cells(connection: Connection) -> DecidedCells:
    """All of the workspace, at the journal's end."""
    entries = _entries(connection)
    gone = np.fromiter(journal.all_undone(connection), np.int64)
    entries = entries[~np.isin(entries[:, 0], gone)]
    cells = sa.select(db.cells.c.clip_id, db.cells.c.class_id, db.cells.c.verdict)
    verdict_of = {(clip_id, class_id): verdict for clip_id, class_id, verdict in db.fetch(connection, cells)}
    first: dict[tuple[int, int], int] = {}
    for _, clip_id, class_id, drawn in entries.tolist():
        first.setdefault((clip_id, class_id), drawn)
    found = [(*cell, verdict_of[cell], drawn) for cell, drawn in first.items() if cell in verdict_of]
    clip_ids, class_ids, verdicts, drawn = zip(*found, strict=True) if found else ((), (), (), ())
    said = np.array(verdicts, dtype="U8")
    return DecidedCells(
        np.array(clip_ids, np.int64),
        np.array(class_ids, np.int64),
        said == "present",
        said == "unsure",
        np.array(drawn, bool),
    )


_read: OrderedDict[str, tuple[str, NDArray[np.int64]]] = OrderedDict()
_reading = threading.Lock()


def _entries(connection: Connection) -> NDArray[np.int64]:
    """People's entries that decide a cell, (position, clip id, class id, drawn), oldest first.

    The journal only grows: what was read is kept under its newest entry's event id, and what came since is read.
    """
    url = connection.engine.url.render_as_string(hide_password=False)
    table = db.decisions
    drawn = sa.func.coalesce(table.c.shown["audit"].as_boolean(), sa.false())
    with _reading:
        newest, known = _read.get(url, ("", np.zeros((0, 4), np.int64)))
        last = int(known[-1, 0]) if len(known) else 0
        if last and connection.scalar(sa.select(table.c.event_id).where(table.c.position == last)) != newest:
            last, known = 0, known[:0]  # another journal under the same name
        query = (
            sa.select(table.c.position, table.c.clip_id, table.c.class_id, drawn, table.c.event_id)
            .where(table.c.position > last, table.c.undoes.is_(None))
            .where(table.c.onset_s.is_(None) | (table.c.verdict == "present"))  # as folding.fold_cell has it
            .where(sa.func.substr(table.c.reviewer, 1, len(MACHINE)) != MACHINE)
            .order_by(table.c.position)
        )
        rows = connection.execute(query).all()
        if rows:
            newest = rows[-1].event_id
            known = np.concatenate([known, np.array([tuple(row)[:4] for row in rows], np.int64)])
        _read[url] = newest, known
        _read.move_to_end(url)
        while len(_read) > KEPT:
            _read.popitem(last=False)
    return known
