"""The journal: append decisions, take them back, bring the state of cells up to them.

Entries are only ever added. Labels at a position are the imported labels with the entries up to there folded in;
an undo is an entry like any other, and can be undone.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.errors import DataError
from labeling.folding import fold_cell
from labeling.journal import copies, looks
from labeling.journal.reading import all_undone, by_event_ids, clip_states, decisions_where, of_cells, position
from labeling.journal.refusals import check, is_stale, refuse_reused, refuse_stale
from labeling.records import Decision, is_machine
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace

READ_TOGETHER = 500  # entries
_CLASS_IDS = sa.select(tables.classes.c.code, tables.classes.c.id).where(
    tables.classes.c.code.in_(sa.bindparam("codes", expanding=True))
)
_CLIPS = sa.select(tables.clips.c.id, tables.clips.c.filename, tables.clips.c.duration_s).where(
    tables.clips.c.id.in_(sa.bindparam("clip_ids", expanding=True))
)
_ROLES = (
    sa.select(tables.imported_labels.c.clip_id, tables.classes.c.code, tables.imported_labels.c.role)
    .join(tables.classes, tables.classes.c.id == tables.imported_labels.c.class_id)
    .where(
        tables.imported_labels.c.clip_id.in_(sa.bindparam("clip_ids", expanding=True)),
        tables.classes.c.code.in_(sa.bindparam("codes", expanding=True)),
    )
)
_UNLABELLED = sa.select(tables.clips.c.id, tables.clips.c.import_id).where(
    tables.clips.c.id.in_(sa.bindparam("clip_ids", expanding=True)),
    ~sa.exists().where(tables.imported_labels.c.clip_id == tables.clips.c.id),
)
_DROP_CELL = sa.delete(tables.cells).where(
    tables.cells.c.clip_id == sa.bindparam("clip"), tables.cells.c.class_id == sa.bindparam("class")
)
CLIP_END_TOLERANCE_S = 0.05  # a drawn region may end a frame past the sound


def append(workspace: Workspace, decisions: Sequence[Decision]) -> list[Decision]:
    """Store decisions in one transaction; they are on the disk when this returns.

    Parameters
    ----------
    workspace : Workspace
    decisions : sequence of Decision
        By people. Each bears an ``event_id`` of its own: one that is stored already is not stored again, so that a
        request may be repeated.

    Returns
    -------
    list of Decision
        As stored, with ``position`` and ``created_at``, in the order given.

    Raises
    ------
    StaleDecision
        A cell changed after ``seen_position``. Nothing of the call is stored then, nor in the next case.
    DataError
        An unknown clip, class or verdict, no reviewer, a region beyond the end of the clip, or an ``event_id`` that
        stands for another decision already.
    WorkspaceError
        The database cannot take it now; where it broke off at the end, the same call again settles what is stored.

    Examples
    --------
    >>> from labeling import journal
    >>> from labeling.example import example_workspace
    >>> from labeling.records import Decision
    >>> workspace = example_workspace()
    >>> said = Decision(journal.new_event_id(), "ann", clip_id=3, class_code="cangoo", verdict="present")
    >>> (stored,) = journal.append(workspace, [said])
    >>> stored.position
    1
    >>> journal.append(workspace, [said]) == [stored]  # the same event again
    True
    >>> with workspace.read() as connection:
    ...     journal.cell_state(connection, 3, "cangoo").present
    True
    """
    with workspace.write() as connection:
        db.lock_journal(connection)
        return append_within(connection, decisions)


def append_within(connection: Connection, decisions: Sequence[Decision], *, by_machine: bool = False) -> list[Decision]:
    """`append` inside a transaction that holds the journal (database.lock_journal).

    With ``by_machine`` all entries are a machine's (machine_labels.apply_machine_labels), else all are people's.
    """
    for decision in decisions:
        check(decision, by_machine)
    end = position(connection)
    known: dict[str, Decision] = {}
    for first in range(0, len(decisions), READ_TOGETHER):
        part = decisions[first : first + READ_TOGETHER]
        known |= {
            stored_decision.event_id: stored_decision
            for stored_decision in by_event_ids(connection, [stored_decision.event_id for stored_decision in part])
        }
        fresh: dict[str, Decision] = {}
        for decision in part:
            earlier = known.get(decision.event_id) or fresh.setdefault(decision.event_id, decision)
            refuse_reused(earlier, decision)
        stored = _store(connection, list(fresh.values()), end)
        known |= {decision.event_id: decision for decision in stored}
        if stored and not by_machine:
            undos = [entry.undoes for entry in stored if entry.undoes is not None]
            gone = all_undone(connection, min(undos)) if undos else set()
            _store(connection, copies.repeated(connection, list(zip(fresh.values(), stored, strict=True)), gone), end)
    return [known[decision.event_id] for decision in decisions]


def _store(connection: Connection, decisions: Sequence[Decision], end: int) -> list[Decision]:
    """Store entries, ``end`` being where the journal ended before the call, and bring ``cells`` up to them."""
    if not decisions:
        return []
    about = _read_about(connection, decisions)
    stored = [_append_one(connection, decision, about, end) for decision in decisions]
    _project(connection, about)
    return stored


@dataclass(frozen=True)
class _About:
    """What is stored of the clips (id, filename, duration_s) and cells of some decisions.

    ``said`` holds a cell's entries, oldest first. ``bare`` are clips without a label, of tables that name primaries.
    """

    clips: Mapping[int, Any]
    class_ids: Mapping[str, int]
    roles: Mapping[tuple[int, str], str]
    said: Mapping[tuple[int, str], list[Decision]]
    bare: frozenset[int]


def _read_about(connection: Connection, decisions: Sequence[Decision]) -> _About:
    """Raises DataError for an unknown clip or class."""
    clip_ids = list({decision.clip_id for decision in decisions})
    codes = list({decision.class_code for decision in decisions})
    ids = dict(db.fetch(connection, _CLASS_IDS, {"codes": codes}))
    for code in sorted(set(codes) - set(ids)):
        store.class_id(connection, code)  # raises, and names the nearest
    clips = {row.id: row for row in db.fetch(connection, _CLIPS, {"clip_ids": clip_ids})}
    for clip_id in sorted(set(clip_ids) - set(clips)):
        raise DataError(f"no clip {clip_id} in this workspace; it may be from another one")
    rows = db.fetch(connection, _ROLES, {"clip_ids": clip_ids, "codes": codes})
    decisions_of: dict[tuple[int, str], list[Decision]] = {
        (decision.clip_id, decision.class_code): [] for decision in decisions
    }
    for decision in of_cells(connection, clip_ids, list(ids.values())):
        decisions_of.setdefault((decision.clip_id, decision.class_code), []).append(decision)
    roles = {(clip_id, code): role for clip_id, code, role in rows}
    return _About(clips, ids, roles, decisions_of, _bare(connection, clip_ids))


def _bare(connection: Connection, clip_ids: Sequence[int]) -> frozenset[int]:
    """Those of some clips whose row lists no class, though the table that they came in names primaries."""
    labels, clips = tables.imported_labels, tables.clips
    rows = db.fetch(connection, _UNLABELLED, {"clip_ids": clip_ids})
    bare: set[int] = set()
    for import_id in {row.import_id for row in rows}:
        named = sa.select(labels.c.clip_id).join(clips, clips.c.id == labels.c.clip_id)
        primary = (labels.c.role == "primary") & (clips.c.import_id == import_id)
        if connection.scalar(named.where(primary).limit(1)) is not None:
            bare |= {row.id for row in rows if row.import_id == import_id}
    return frozenset(bare)


def _role(connection: Connection, decision: Decision, bare: Collection[int]) -> str:
    """The role of an entry; one that names none makes the first label of a clip without any its primary."""
    if decision.role or decision.verdict != "present" or decision.clip_id not in bare or is_machine(decision.reviewer):
        return decision.role
    return "" if any(state.present for state in clip_states(connection, decision.clip_id)) else "primary"


def _append_one(connection: Connection, decision: Decision, about: _About, end: int) -> Decision:
    """Store one; ``end`` is where the journal ended before this call, whose own entries make nothing stale."""
    cell = (decision.clip_id, decision.class_code)
    clip, region, cell_decisions = about.clips[decision.clip_id], decision.region, about.said[cell]
    if region and clip.duration_s and region.offset_s > clip.duration_s + CLIP_END_TOLERANCE_S:
        raise DataError(
            f"region ends at {region.offset_s:.2f} s, after the end of {clip.filename} ({clip.duration_s:.2f} s)"
        )
    if decision.undoes is not None:
        whose = {entry.position: entry.reviewer for entry in cell_decisions}
        if decision.undoes not in whose:
            _refuse_undo(connection, decision)
        if is_machine(decision.reviewer) and not is_machine(whose[decision.undoes]):
            raise DataError(f"decision {decision.undoes} is {whose[decision.undoes]}'s; a machine never takes one back")
    imported_role, earlier = about.roles.get(cell, ""), [entry for entry in cell_decisions if entry.position <= end]
    before = fold_cell(*cell, imported_role, earlier)
    if is_stale(before, decision.seen_position):
        if looks.is_open_cell(
            earlier, is_listed=bool(imported_role), wanted=looks.needed(connection), reviewer=decision.reviewer
        ):  # who judges by themselves is not told what others said
            before = fold_cell(*cell, imported_role, looks.seen_by(earlier, decision.reviewer))
        refuse_stale(before, decision.seen_position, clip.filename)
    decision = replace(decision, role=_role(connection, decision, about.bare))
    values: dict[str, Any] = {
        "event_id": decision.event_id,
        "batch_id": decision.batch_id,
        "reviewer": decision.reviewer.strip(),
        "created_at": db.now(),
        "clip_id": decision.clip_id,
        "class_id": about.class_ids[decision.class_code],
        "verdict": "undo" if decision.undoes is not None else decision.verdict,
        "role": decision.role,
        "onset_s": region.onset_s if region else None,
        "offset_s": region.offset_s if region else None,
        "low_hz": region.low_hz if region else None,
        "high_hz": region.high_hz if region else None,
        "note": decision.note,
        "run_id": decision.run_id,
        "shown": decision.shown.to_json(),
        "seen_position": decision.seen_position,
        "undoes": decision.undoes,
        "copy_of": decision.copy_of,
    }
    position = db.insert_one(connection, tables.decisions, values)
    stored = replace(decision, position=position, created_at=values["created_at"], verdict=values["verdict"])
    cell_decisions.append(stored)
    return stored


def _refuse_undo(connection: Connection, decision: Decision) -> None:
    """Say why an entry cannot be taken back that is not among those of its cell."""
    targets = decisions_where(connection, tables.decisions.c.position == decision.undoes)
    if not targets:
        raise DataError(f"no decision {decision.undoes} in the journal; nothing was undone")
    raise DataError(
        f"decision {decision.undoes} is on {targets[0].class_code} in clip {targets[0].clip_id}, not on "
        f"{decision.class_code} in clip {decision.clip_id}; undo it there"
    )


def _project(connection: Connection, about: _About) -> None:
    """Keep ``cells`` equal to the fold at the journal's end."""
    states = {
        (clip_id, about.class_ids[code]): fold_cell(clip_id, code, about.roles.get((clip_id, code), ""), cell_decisions)
        for (clip_id, code), cell_decisions in about.said.items()
    }
    keys = [{"clip": clip_id, "class": class_id} for clip_id, class_id in states]
    rows = [
        {"clip_id": clip_id, "class_id": class_id, "verdict": state.verdict, "position": state.position}
        for (clip_id, class_id), state in states.items()
        if state.verdict
    ]
    if keys:
        connection.execute(_DROP_CELL, keys)
    if rows:
        connection.execute(sa.insert(tables.cells), rows)


def undo_all(workspace: Workspace, decisions: Iterable[Decision], reviewer: str, batch_id: str) -> list[Decision]:
    """Take back many entries as one batch, newest first; those that are gone by now are passed over.

    Entry ids follow from ``batch_id``: a retry adds nothing. Raises DataError where all of them are gone.
    """
    newest_first = sorted(decisions, key=lambda decision: -decision.position)
    space = uuid.uuid5(uuid.NAMESPACE_OID, batch_id)
    batch = [
        replace(undo_of(decision, reviewer, str(uuid.uuid5(space, str(decision.position))), None), batch_id=batch_id)
        for decision in newest_first
    ]
    with workspace.write() as connection:
        db.lock_journal(connection)
        undone_positions = all_undone(connection, newest_first[-1].position) if newest_first else set()
        undone_positions -= {decision.position for decision in undone_by(connection, batch_id)}
        batch = [decision for decision in batch if decision.undoes not in undone_positions]
        if newest_first and not batch:
            raise DataError(f"decision {newest_first[0].position} was taken back already; nothing was undone")
        return append_within(connection, batch)


def undo_of(decision: Decision, reviewer: str, event_id: str, seen_position: int | None) -> Decision:
    """The entry that would take ``decision`` back."""
    return Decision(
        event_id=event_id,
        reviewer=reviewer,
        clip_id=decision.clip_id,
        class_code=decision.class_code,
        verdict="undo",
        undoes=decision.position,
        seen_position=seen_position,
    )


def last_undoable(connection: Connection, reviewer: str) -> list[Decision]:
    """What `undo` would take back for this reviewer: their newest standing entry, with the rest of its batch.

    Entries that only undo are passed over, so that pressing undo again goes further back. A change of a box counts
    as a decision (boxes.change_box): its batch bears the name of its own event.
    """
    table = tables.decisions
    mine = (table.c.reviewer == reviewer.strip()) & (table.c.undoes.is_(None) | (table.c.batch_id == table.c.event_id))
    mine &= table.c.copy_of.is_(None)
    query = sa.select(table.c.position).where(mine).order_by(table.c.position.desc()).limit(READ_TOGETHER)
    part: list[int] = list(connection.scalars(query))
    while part:
        undone_positions = all_undone(connection, part[-1])
        standing = next((undoable for undoable in part if undoable not in undone_positions), None)
        if standing is not None:
            return batch_of(connection, standing, reviewer)
        part = list(connection.scalars(query.where(table.c.position < part[-1])))
    return []


def batch_of(connection: Connection, position: int, reviewer: str) -> list[Decision]:
    """This reviewer's entry at ``position`` with the rest of its batch, those that stand, oldest first.

    Raises DataError where there is none, it belongs to another reviewer, or it was taken back already.
    """
    table = tables.decisions
    batch = decisions_where(connection, table.c.position == position)
    if not batch:
        raise DataError(f"no decision {position} in the journal; nothing was undone")
    if is_machine(batch[0].reviewer):
        raise DataError(
            f"decision {position} is part of what {batch[0].reviewer!r} changed; take back that whole batch, or say "
            "yourself whether the class is there"
        )
    if batch[0].reviewer != reviewer.strip():
        raise DataError(f"decision {position} belongs to {batch[0].reviewer!r}; only they can take it back")
    if batch[0].batch_id:
        mine = table.c.reviewer == batch[0].reviewer
        batch = decisions_where(connection, mine, table.c.batch_id == batch[0].batch_id)
    undone_positions = all_undone(connection, batch[0].position)
    if position in undone_positions:
        raise DataError(f"decision {position} was taken back already; nothing was undone")
    return [decision for decision in batch if decision.position not in undone_positions]


def undone_by(connection: Connection, batch_id: str) -> list[Decision]:
    """The entries that the undo of this name took back, oldest first; none where there was no such undo."""
    table = tables.decisions
    taken = sa.select(table.c.undoes).where(table.c.batch_id == batch_id, table.c.undoes.is_not(None))
    return decisions_where(connection, table.c.position.in_(taken))


def new_event_id() -> str:
    """A fresh id for one decision."""
    return str(uuid.uuid4())
