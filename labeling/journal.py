"""The journal: append decisions, take them back, fold them into the state of cells.

Entries are only ever added. Labels at a position are the imported labels with the entries up to there folded in;
an undo is an entry like any other, and can be undone.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling import database as db
from labeling import store
from labeling.errors import DataError, StaleDecision
from labeling.records import VERDICTS, CellState, Decision, Region
from labeling.workspace import Workspace

CLIP_END_TOLERANCE_S = 0.05  # a drawn region may end a frame past the sound


def append(workspace: Workspace, decisions: Sequence[Decision]) -> list[Decision]:
    """Store decisions in one transaction and return them as stored; on the disk when this returns.

    An ``event_id`` that is stored already is not stored again: its entry is returned as it is. Raises
    StaleDecision where a cell changed after ``seen_position``, DataError for an unknown clip, class or verdict;
    then nothing of the call is stored.
    """
    for decision in decisions:
        _check(decision)
    with workspace.write() as connection:
        db.lock_journal(connection)
        ids = store.class_ids(connection)
        end = position(connection)
        stored = []
        for decision in decisions:
            known = _by_event_id(connection, decision.event_id)
            stored.append(known or _append_one(connection, decision, ids, end))
        return stored


def _check(decision: Decision) -> None:
    if not decision.reviewer.strip():
        raise DataError("a decision needs a reviewer's name; sign in first")
    if not decision.event_id:
        raise DataError("a decision needs an event_id; make one with journal.new_event_id()")
    if decision.undoes is None and decision.verdict not in VERDICTS:
        raise DataError(f"unknown verdict {decision.verdict!r}; choose from {', '.join(VERDICTS)}")
    if decision.role not in ("", "primary", "secondary"):
        raise DataError(f"unknown role {decision.role!r}; choose from primary, secondary")


def _append_one(connection: Connection, decision: Decision, ids: Mapping[str, int], end: int) -> Decision:
    """Store one; ``end`` is where the journal ended before this call, whose own entries make nothing stale."""
    if decision.class_code not in ids:
        store.class_id(connection, decision.class_code)
    class_id = ids[decision.class_code]
    clip = store.clip_by_id(connection, decision.clip_id)
    if clip is None:
        raise DataError(f"no clip {decision.clip_id} in this workspace; it may be from another one")
    region = decision.region
    if region and clip.duration_s and region.offset_s > clip.duration_s + CLIP_END_TOLERANCE_S:
        raise DataError(
            f"region ends at {region.offset_s:.2f} s, after the end of {clip.filename} ({clip.duration_s:.2f} s)"
        )
    if decision.undoes is not None:
        _check_undo(connection, decision)
    before = cell_state(connection, decision.clip_id, decision.class_code, end)
    if decision.seen_position is not None and before.position > decision.seen_position:
        raise StaleDecision(
            f"{decision.class_code} in {clip.filename} was set to {before.verdict or 'undecided'} by "
            f"{before.reviewer} in the meantime; look again",
            before,
        )
    values: dict[str, Any] = {
        "event_id": decision.event_id,
        "batch_id": decision.batch_id,
        "reviewer": decision.reviewer.strip(),
        "created_at": db.now(),
        "clip_id": decision.clip_id,
        "class_id": class_id,
        "verdict": "undo" if decision.undoes is not None else decision.verdict,
        "role": decision.role,
        "onset_s": region.onset_s if region else None,
        "offset_s": region.offset_s if region else None,
        "low_hz": region.low_hz if region else None,
        "high_hz": region.high_hz if region else None,
        "note": decision.note,
        "run_id": decision.run_id,
        "shown": dict(decision.shown),
        "seen_position": decision.seen_position,
        "undoes": decision.undoes,
    }
    position = db.insert_one(connection, db.decisions, values)
    _project(connection, cell_state(connection, decision.clip_id, decision.class_code), class_id)
    return replace(decision, position=position, created_at=values["created_at"], verdict=values["verdict"])


def _check_undo(connection: Connection, decision: Decision) -> None:
    found = decisions_where(connection, db.decisions.c.position == decision.undoes)
    if not found:
        raise DataError(f"no decision {decision.undoes} in the journal; nothing was undone")
    if (found[0].clip_id, found[0].class_code) != (decision.clip_id, decision.class_code):
        raise DataError(
            f"decision {decision.undoes} is on {found[0].class_code} in clip {found[0].clip_id}, not on "
            f"{decision.class_code} in clip {decision.clip_id}; undo it there"
        )


def _project(connection: Connection, state: CellState, class_id: int) -> None:
    """Keep ``cells`` equal to the fold at the journal's end."""
    here = (db.cells.c.clip_id == state.clip_id) & (db.cells.c.class_id == class_id)
    connection.execute(sa.delete(db.cells).where(here))
    if state.verdict:
        connection.execute(
            sa.insert(db.cells).values(
                clip_id=state.clip_id, class_id=class_id, verdict=state.verdict, position=state.position
            )
        )


def undo(
    workspace: Workspace, position: int, reviewer: str, event_id: str, seen_position: int | None = None
) -> Decision:
    """Take back the entry at ``position`` by a new entry; raises DataError where there is none."""
    with workspace.read() as connection:
        found = decisions_where(connection, db.decisions.c.position == position)
    if not found:
        raise DataError(f"no decision {position} in the journal; nothing was undone")
    return append(workspace, [_undo_of(found[0], reviewer, event_id, seen_position)])[0]


def undo_all(workspace: Workspace, decisions: Iterable[Decision], reviewer: str, batch_id: str) -> list[Decision]:
    """Take back many entries as one batch, newest first. Entry ids follow from ``batch_id``: a retry adds nothing."""
    newest_first = sorted(decisions, key=lambda one: -one.position)
    space = uuid.uuid5(uuid.NAMESPACE_OID, batch_id)
    return append(
        workspace,
        [
            replace(_undo_of(one, reviewer, str(uuid.uuid5(space, str(one.position))), None), batch_id=batch_id)
            for one in newest_first
        ],
    )


def _undo_of(decision: Decision, reviewer: str, event_id: str, seen_position: int | None) -> Decision:
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

    Undo entries themselves are passed over, so that pressing undo again goes further back.
    """
    gone = undone(decisions_where(connection, db.decisions.c.undoes.is_not(None)))
    mine = (db.decisions.c.reviewer == reviewer.strip()) & db.decisions.c.undoes.is_(None)
    query = sa.select(db.decisions.c.position, db.decisions.c.batch_id).where(mine)
    for row in connection.execute(query.order_by(db.decisions.c.position.desc())):
        if row.position not in gone:
            same = db.decisions.c.position == row.position
            if row.batch_id:
                same = (db.decisions.c.batch_id == row.batch_id) & db.decisions.c.undoes.is_(None)
            return [one for one in decisions_where(connection, same) if one.position not in gone]
    return []


def has_decided(connection: Connection, reviewer: str) -> bool:
    """Whether this reviewer has any entry, so that an undo button makes sense."""
    mine = sa.select(db.decisions.c.position).where(db.decisions.c.reviewer == reviewer.strip()).limit(1)
    return connection.scalar(mine) is not None


def position(connection: Connection) -> int:
    """The journal's end: the position of its newest entry, 0 for an empty one."""
    return connection.scalar(sa.select(sa.func.coalesce(sa.func.max(db.decisions.c.position), 0))) or 0


def undone(decisions: Iterable[Decision]) -> set[int]:
    """Positions that do not count, because an undo that itself counts takes them back."""
    gone: set[int] = set()
    for one in sorted(decisions, key=lambda one: -one.position):
        if one.undoes is not None and one.position not in gone:
            gone.add(one.undoes)
    return gone


def fold_cell(clip_id: int, class_code: str, imported_role: str, decisions: Sequence[Decision]) -> CellState:
    """The state of one cell: its imported label, then its decisions in order.

    A decision without a region sets the verdict, and absent or unsure clears the regions before it. A region
    marked present makes the class present in the clip; a region marked absent says so of that stretch alone.
    """
    listed = imported_role != ""
    role, verdict, reviewer = imported_role, "", ""
    events: list[Region] = []
    quiet: list[Region] = []
    gone = undone(decisions)
    for one in sorted(decisions, key=lambda one: one.position):
        if one.undoes is not None or one.position in gone:
            continue
        if one.region is None:
            verdict = one.verdict
            if verdict != "present":
                events, quiet = [], []
        elif one.verdict == "present":
            events.append(one.region)
            verdict = "present"
        elif one.verdict == "absent":
            quiet.append(one.region)
            continue
        else:
            continue
        reviewer = one.reviewer
        if verdict == "present":
            role = one.role or role or "secondary"
    last = max((one.position for one in decisions), default=0)
    newest = max(decisions, key=lambda one: one.position, default=None)
    return CellState(
        clip_id=clip_id,
        class_code=class_code,
        imported_role=imported_role,
        present=verdict == "present" or (not verdict and listed),
        unsure=verdict == "unsure",
        role=role,
        verdict=verdict,
        events=tuple(events),
        quiet=tuple(quiet),
        position=last,
        reviewer=reviewer or (newest.reviewer if newest else ""),
    )


def cell_state(connection: Connection, clip_id: int, class_code: str, position: int | None = None) -> CellState:
    """One cell at a position of the journal (default: its end)."""
    for state in clip_states(connection, clip_id, class_code, position):
        return state
    return fold_cell(clip_id, class_code, "", [])


def clip_states(
    connection: Connection, clip_id: int, class_code: str | None = None, position: int | None = None
) -> list[CellState]:
    """All cells of a clip that are listed or were decided: listed ones in the row's order, then the added."""
    labels, classes = db.imported_labels, db.classes
    query = (
        sa.select(classes.c.code, labels.c.role)
        .join(classes, classes.c.id == labels.c.class_id)
        .where(labels.c.clip_id == clip_id)
        .order_by(labels.c.place)
    )
    where = db.decisions.c.clip_id == clip_id
    if class_code is not None:
        query = query.where(classes.c.code == class_code)
        where &= classes.c.code == class_code
    if position is not None:
        where &= db.decisions.c.position <= position
    roles = dict(db.fetch(connection, query))
    by_class: dict[str, list[Decision]] = defaultdict(list)
    for one in decisions_where(connection, where):
        by_class[one.class_code].append(one)
    codes = list(roles) + [code for code in by_class if code not in roles]
    return [fold_cell(clip_id, code, roles.get(code, ""), by_class[code]) for code in codes]


def clip_history(connection: Connection, clip_id: int) -> list[Decision]:
    """All decisions on a clip, oldest first."""
    return decisions_where(connection, db.decisions.c.clip_id == clip_id)


def resolve(states: Sequence[CellState]) -> tuple[str, tuple[str, ...]]:
    """A clip's primary class ("" for none) and all its labels, primary first.

    A cell that is unsure stays as it was imported. Where the primary was found absent, the class that a reviewer
    named primary takes its place; else the first class that a reviewer added; else the first one still listed.
    """
    stays = [one for one in states if one.present or (one.unsure and one.listed)]
    named = [one for one in stays if one.role == "primary"]
    named.sort(key=lambda one: -one.position if one.verdict else 0)
    added = sorted((one for one in stays if not one.listed), key=lambda one: one.position)
    had_primary = any(one.role == "primary" for one in states)
    primary = ""
    if named:
        primary = named[0].class_code
    elif had_primary and (added or stays):
        primary = (added or stays)[0].class_code
    codes = [one.class_code for one in stays]
    if primary:
        codes = [primary] + [code for code in codes if code != primary]
    return primary, tuple(codes)


def decisions_where(connection: Connection, *where: Any, limit: int | None = None) -> list[Decision]:
    """Decisions that meet the conditions, oldest first; with ``limit``, the newest so many."""
    query = sa.select(db.decisions, db.classes.c.code).join(db.classes, db.classes.c.id == db.decisions.c.class_id)
    query = query.where(*where).order_by(db.decisions.c.position.desc()).limit(limit)
    return [_decision(row) for row in reversed(connection.execute(query).all())]


def _by_event_id(connection: Connection, event_id: str) -> Decision | None:
    found = decisions_where(connection, db.decisions.c.event_id == event_id)
    return found[0] if found else None


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
        shown=row.shown,
        seen_position=row.seen_position,
        batch_id=row.batch_id,
        undoes=row.undoes,
        position=row.position,
        created_at=row.created_at,
    )


def new_event_id() -> str:
    """A fresh id for one decision."""
    return str(uuid.uuid4())
