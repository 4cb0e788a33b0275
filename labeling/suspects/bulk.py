"""Bulk decisions: many suspects of the queue decided at once, as one batch of the journal that is undone whole."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.errors import DataError
from labeling.records import VERDICTS, Decision, doubts_present
from labeling.registry import unknown_name
from labeling.suspects.queue import QueueRow, as_shown

MOST_CELLS = 2_000

#: name -> what it says on the screen
CHOICES = {
    "suggested": "As suggested",
    "labelled": "As labelled",
    "present": "Present",
    "absent": "Absent",
    "unsure": "Unsure",
}


@dataclass(frozen=True)
class Bulk:
    """Decisions to append together. ``decided`` of their cells had a verdict already."""

    decisions: tuple[Decision, ...]
    decided: int

    @property
    def cells_and_clips(self) -> str:
        """How many of each, in words."""
        return cells_and_clips(len(self.decisions), len({decision.clip_id for decision in self.decisions}))

    @property
    def verdicts(self) -> str:
        """How many cells get which verdict, in words."""
        counts = Counter(decision.verdict for decision in self.decisions)
        return ", ".join(f"{counts[verdict]:,} {verdict}" for verdict in VERDICTS if counts[verdict])


def cells_and_clips(cells: int, clips: int) -> str:
    """``12 cells in 9 clips``."""
    return f"{cells:,} {'cell' if cells == 1 else 'cells'} in {clips:,} {'clip' if clips == 1 else 'clips'}"


def plan(
    connection: Connection,
    rows: Sequence[QueueRow],
    choice: str,
    *,
    reviewer: str,
    scorer: str,
    batch_id: str,
    seen_position: int,
) -> Bulk:
    """The decisions that ``choice`` means for these suspects; `journal.append` stores them.

    The label as it was scored is what a suspect doubts: ``suggested`` says the other, ``labelled`` the same. Event ids
    follow from ``batch_id`` and the cell, so that a second press adds nothing. ``seen_position`` is the journal's end
    when the rows were read. Raises DataError for an unknown choice, and for more than MOST_CELLS.
    """
    if choice not in CHOICES:
        raise DataError(unknown_name("choice", choice, list(CHOICES)))
    if len(rows) > MOST_CELLS:
        raise DataError(f"{len(rows):,} cells are to be decided at once; at most {MOST_CELLS:,} can be, filter further")
    listed = store.listed_cells(connection, {row.suspect.clip_id for row in rows})
    space = uuid.uuid5(uuid.NAMESPACE_OID, batch_id)
    decisions = []
    for row in rows:
        suspect = row.suspect
        cell = (suspect.clip_id, suspect.class_code)
        verdict = choice
        if choice in ("suggested", "labelled"):
            doubted = doubts_present(suspect.kind, cell in listed)
            verdict = "present" if doubted == (choice == "labelled") else "absent"
        takes_primary = suspect.kind == "swapped" and verdict == "present" and cell not in listed
        decisions.append(
            Decision(
                event_id=str(uuid.uuid5(space, f"{suspect.clip_id} {suspect.class_code}")),
                reviewer=reviewer,
                clip_id=suspect.clip_id,
                class_code=suspect.class_code,
                verdict=verdict,
                role="primary" if takes_primary else "",
                run_id=suspect.run_id,
                shown=as_shown(row, scorer),
                seen_position=seen_position,
                batch_id=batch_id,
            )
        )
    return Bulk(tuple(decisions), sum(bool(row.verdict) for row in rows))
