"""Boxes drawn on a cell: add, move, resize and take away. Each is a decision like all others.

A box is the journal entry that drew it. To move it is to undo that entry and to draw another, in one batch; to take
it away is to undo it. Such a batch bears the name of its own event, by which journal.last_undoable knows it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from labeling import journal
from labeling.collection import store
from labeling.errors import DataError
from labeling.journal import looks
from labeling.records import CellState, Decision
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace


@dataclass(frozen=True)
class BoxChange:
    """What was stored, oldest first, and the cell after it. ``left`` counts the boxes still marked present."""

    entries: tuple[Decision, ...]
    state: CellState
    left: int


def change_box(
    workspace: Workspace,
    decision: Decision | None,
    replaces: int | None = None,
    *,
    reviewer: str,
    event_id: str,
    seen_position: int | None = None,
) -> BoxChange:
    """Draw a box (``decision``), put it in the place of the box at position ``replaces``, or take that one away.

    ``decision`` has a region, and the verdict present or absent; its event, batch, reviewer and seen position are
    set here. A box that replaces one keeps its role unless it names another. A retried ``event_id`` adds nothing.
    When its last box is taken away a cell falls back to what it was before. Raises StaleDecision where the cell
    changed after ``seen_position``, DataError where ``replaces`` is no standing box of the cell, and as
    journal.append does.
    """
    if decision is not None and (decision.region is None or decision.verdict not in ("present", "absent")):
        raise DataError(f"a box is a region marked present or absent, not {decision.verdict!r}; give both")
    if decision is None and replaces is None:
        raise DataError("no box was given, neither a new one nor one to take away; give either")
    undo_id = event_id if decision is None else str(uuid.uuid5(uuid.NAMESPACE_OID, event_id))
    with workspace.write() as connection:
        db.lock_journal(connection)
        known = journal.by_event_ids(connection, [undo_id, event_id])
        if known:
            _refuse_another(known, decision, replaces, reviewer)
            return _change(known, journal.cell_state(connection, known[0].clip_id, known[0].class_code))
        batch = []
        if replaces is not None:
            replaced = journal.decisions_where(connection, tables.decisions.c.position == replaces)
            cell = decision or (replaced[0] if replaced else None)
            if cell is None:
                raise DataError(f"no decision {replaces} in the journal; nothing was changed")
            state = journal.cell_state(connection, cell.clip_id, cell.class_code)
            clip = store.clip_by_id(connection, cell.clip_id)
            if not looks.is_open_to(connection, cell.clip_id, cell.class_code, reviewer):  # else it is no news for them
                journal.refuse_stale(state, seen_position, clip.filename if clip else f"clip {cell.clip_id}")
            if replaces not in {box.position for box in state.boxes}:
                raise DataError(
                    f"decision {replaces} is no box that stands on {cell.class_code} in clip {cell.clip_id}; look again"
                )
            batch.append(journal.undo_of(replaced[0], reviewer, undo_id, seen_position))
            if decision is not None and not decision.role and decision.verdict == replaced[0].verdict:
                decision = replace(decision, role=replaced[0].role)
        if decision is not None:
            batch.append(replace(decision, event_id=event_id, reviewer=reviewer, seen_position=seen_position))
        stored = journal.append_within(connection, [replace(entry, batch_id=event_id) for entry in batch])
        return _change(stored, journal.cell_state(connection, stored[0].clip_id, stored[0].class_code))


def _refuse_another(known: list[Decision], decision: Decision | None, replaces: int | None, reviewer: str) -> None:
    """Raise DataError where what is stored under an event id is another change than the one asked for."""
    drawn = next((entry for entry in known if entry.undoes is None), None)
    taken = next((entry.undoes for entry in known if entry.undoes is not None), None)
    if taken != replaces or (drawn is None) != (decision is None) or known[0].reviewer != reviewer.strip():
        raise DataError(
            f"this event is stored already as another change of {known[0].class_code} in clip {known[0].clip_id}; "
            "give each change an event id of its own"
        )
    if drawn is not None and decision is not None:
        journal.refuse_reused(drawn, replace(decision, reviewer=reviewer))


def _change(entries: list[Decision], state: CellState) -> BoxChange:
    return BoxChange(tuple(entries), state, len(state.events))
