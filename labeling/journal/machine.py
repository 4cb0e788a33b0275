"""What machines make of cells that nobody decided."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.journal.reading import all_undone
from labeling.records import MACHINE
from labeling.storage import database as db
from labeling.storage import tables


def machine_cells(connection: Connection) -> dict[tuple[int, int], str]:
    """What machines make of cells that nobody decided: (clip id, class id) to ``present`` or ``absent``."""
    table = tables.decisions
    columns = (table.c.position, table.c.clip_id, table.c.class_id, table.c.verdict)
    theirs = (sa.func.substr(table.c.reviewer, 1, len(MACHINE)) == MACHINE) & table.c.undoes.is_(None)
    theirs &= table.c.onset_s.is_(None)
    rows = db.fetch(connection, sa.select(*columns).where(theirs).order_by(table.c.position))
    if not rows:
        return {}
    undone_positions = all_undone(connection, rows[0].position)
    verdicts = {(row.clip_id, row.class_id): row.verdict for row in rows if row.position not in undone_positions}
    for cell in db.fetch(connection, sa.select(tables.cells.c.clip_id, tables.cells.c.class_id)):
        verdicts.pop(tuple(cell), None)
    return verdicts
