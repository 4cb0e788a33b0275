"""Marks: what a reviewer leaves on a clip beside decisions.

A *note* is a text, a *flag* asks for an expert; both are seen by everybody, and anybody may take them back. The notes
on a clip are a thread: one may answer another, and a name after an @ calls somebody (mentions.py). *later*
puts a clip off (it stays to do) and *skip* takes it out of the to-do list; both are each reviewer's own. Entries are
only ever added: one that takes a mark back names it, and one that puts it back names that one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.errors import DataError
from labeling.records import MOST_ID, Decision
from labeling.registry import unknown_name
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.text import checked, reviewer_name
from labeling.workspace import Workspace

MOST_SIGNS = 2_000
MANY_CLIPS = 1_000

#: name -> what it says on the screen
KINDS = {"flag": "For an expert", "note": "Has a note", "later": "Put off by me", "skip": "Skipped by me"}
OWN = ("later", "skip")
_UNDO = "undo:"  # begins the event_id of an entry that an undo made; no browser makes such a name


@dataclass(frozen=True)
class Mark:
    """One entry. ``removes`` is the id of the entry that it takes back, ``reply_to`` that of the note that it answers.

    ``id`` and ``created_at`` come with storing, as does ``after_position``: the journal's end at that time (None for
    entries of older versions).
    """

    event_id: str
    reviewer: str
    clip_id: int
    kind: str
    text: str = ""
    removes: int | None = None
    id: int = 0
    created_at: str = ""
    after_position: int | None = None
    reply_to: int | None = None

    def is_after(self, decision: Decision) -> bool:
        """Whether it was left after a decision: by the journal's positions, as a clock may be set back."""
        if self.after_position is None:
            return self.created_at > decision.created_at
        return self.after_position >= decision.position


def add(workspace: Workspace, mark: Mark) -> Mark:
    """Store a mark and return it as stored; on the disk when this returns.

    An ``event_id`` that is stored already gives its entry, as does a later or skip that stands already. Raises
    DataError for an unknown clip or kind, an empty note, a text of more than MOST_SIGNS, or a note that answers what is
    no note on this clip.
    """
    if mark.kind not in KINDS:
        raise DataError(unknown_name("kind of mark", mark.kind, list(KINDS)))
    if mark.removes is not None:
        raise DataError(f"a mark that removes {mark.removes} is not added; call marks.remove")
    text = checked(mark.text, f"the {mark.kind}", MOST_SIGNS, least=1 if mark.kind == "note" else 0)
    mark = replace(mark, text=text, reviewer=reviewer_name(mark.reviewer))
    with workspace.write() as connection:
        db.lock_table(connection, tables.marks)
        if known := _by_event_id(connection, mark.event_id):
            return _same(known, mark)
        if not 0 < mark.clip_id <= MOST_ID or store.clip_by_id(connection, mark.clip_id) is None:
            raise DataError(f"no clip {mark.clip_id} in this workspace; it may be from another one")
        if mark.reply_to is not None:
            _check_answer(connection, mark)
        if mark.kind in OWN:
            here = (tables.marks.c.clip_id == mark.clip_id) & (tables.marks.c.kind == mark.kind)
            for stored in _standing(connection, here & (tables.marks.c.reviewer == mark.reviewer)):
                return stored
        return _store(connection, mark)


def _check_answer(connection: Connection, mark: Mark) -> None:
    is_note = (tables.marks.c.id == mark.reply_to) & (tables.marks.c.kind == "note") & tables.marks.c.removes.is_(None)
    answered = _fetch(connection, is_note) if 0 < (mark.reply_to or 0) <= MOST_ID else []
    if mark.kind != "note" or not answered or answered[0].clip_id != mark.clip_id:
        raise DataError(
            f"mark {mark.reply_to} is no note on clip {mark.clip_id} that a {mark.kind} could answer; look again"
        )


def _same(stored: Mark, said: Mark) -> Mark:
    """``stored``; raises DataError where its event id now comes for something else, which would be lost."""
    set_by_storing = {name: getattr(stored, name) for name in ("event_id", "id", "created_at", "after_position")}
    if replace(said, **set_by_storing) != stored:
        raise DataError(
            f"event {stored.event_id} is stored already as a {stored.kind} on clip {stored.clip_id}; give each mark an "
            "event id of its own"
        )
    return stored


def remove(workspace: Workspace, mark_id: int, reviewer: str, event_id: str) -> Mark:
    """Take a mark back, and return the entry that did so; one that is gone already stays as it is.

    Raises DataError for a mark that is unknown, or that is another reviewer's own.
    """
    reviewer = reviewer_name(reviewer)
    with workspace.write() as connection:
        db.lock_table(connection, tables.marks)
        if known := _by_event_id(connection, event_id):
            return _same(known, replace(known, reviewer=reviewer, removes=mark_id))
        is_mark = (tables.marks.c.id == mark_id) & tables.marks.c.removes.is_(None)
        stored = _fetch(connection, is_mark) if 0 < mark_id <= MOST_ID else []
        if not stored:
            raise DataError(f"no mark {mark_id} in this workspace; nothing was taken back")
        mark = stored[0]
        if mark.kind in OWN and mark.reviewer != reviewer:
            raise DataError(f"mark {mark_id} ({mark.kind}) belongs to {mark.reviewer!r}; only they can take it back")
        for removal in _fetch(connection, (tables.marks.c.removes == mark_id) & _counts()):
            return removal
        return _store(
            connection, replace(mark, event_id=event_id, reviewer=reviewer, text="", removes=mark_id, reply_to=None)
        )


def of_clip(connection: Connection, clip_id: int, reviewer: str, *, only_own: bool = False) -> list[Mark]:
    """The marks that stand on a clip, as this reviewer sees them, oldest first; with ``only_own`` theirs alone."""
    where = (tables.marks.c.clip_id == clip_id) & _seen_by(reviewer)
    return _standing(connection, where & (tables.marks.c.reviewer == reviewer.strip()) if only_own else where)


def last_undoable(connection: Connection, reviewer: str) -> Mark | None:
    """What `undo` would take back: this reviewer's newest entry that counts, a mark or one that took a mark back.

    Entries that only undo are passed over, so that pressing undo again goes further back.
    """
    mine = (tables.marks.c.reviewer == reviewer.strip()) & ~tables.marks.c.event_id.startswith(_UNDO)
    query = sa.select(tables.marks).where(mine, _counts()).order_by(tables.marks.c.id.desc()).limit(1)
    return next((Mark(**row._mapping) for row in connection.execute(query)), None)


def undo(workspace: Workspace, entry: Mark, event_id: str) -> Mark:
    """Take back an entry that `last_undoable` gave, in its reviewer's name; returns the entry that does so.

    Raises DataError where it was taken back meanwhile. A retried ``event_id`` adds nothing.
    """
    with workspace.write() as connection:
        db.lock_table(connection, tables.marks)
        if known := _by_event_id(connection, _UNDO + event_id):
            return known
        if not _fetch(connection, (tables.marks.c.id == entry.id) & _counts()):
            raise DataError(f"the {entry.kind} was taken back already; nothing was undone")
        return _store(connection, replace(entry, event_id=_UNDO + event_id, text="", removes=entry.id, reply_to=None))


def undone_by(connection: Connection, event_id: str) -> Mark | None:
    """The entry that the undo of this name took back; None where there was no such undo."""
    taken = sa.select(tables.marks.c.removes).where(tables.marks.c.event_id == _UNDO + event_id)
    return next(iter(_fetch(connection, tables.marks.c.id.in_(taken))), None)


def notes_since(connection: Connection, mark_id: int) -> list[tuple[Mark, str]]:
    """The notes that stand and were left after a mark, oldest first, each with its clip's file name."""
    clips = tables.clips
    query = sa.select(tables.marks, clips.c.filename).join(clips, clips.c.id == tables.marks.c.clip_id)
    wanted = (tables.marks.c.kind == "note") & (tables.marks.c.id > mark_id) & _stands()
    found = []
    for row in connection.execute(query.where(wanted).order_by(tables.marks.c.id)):
        values = dict(row._mapping)
        filename = values.pop("filename")
        found.append((Mark(**values), filename))
    return found


def ids_of(connection: Connection, reviewer: str) -> set[int]:
    """The ids of all marks that a reviewer left."""
    return set(connection.scalars(sa.select(tables.marks.c.id).where(tables.marks.c.reviewer == reviewer.strip())))


def kinds_of(
    connection: Connection, clip_ids: Sequence[int], reviewer: str, hidden: Collection[int] = ()
) -> dict[int, tuple[str, ...]]:
    """The kinds of the marks that stand on each of these clips, in the order of KINDS; clips without are left out.

    On ``hidden`` clips the reviewer's own marks alone count.
    """
    where = _seen_by(reviewer)
    if len(clip_ids) <= MANY_CLIPS:
        where &= tables.marks.c.clip_id.in_(clip_ids)
    marks, kept = tables.marks.c, set(hidden)
    rows = db.fetch(connection, sa.select(marks.clip_id, marks.kind, marks.reviewer).where(where, _stands()))
    pairs = {row[:2] for row in rows if row.clip_id not in kept or row.reviewer == reviewer.strip()}
    wanted = set(clip_ids)
    kinds: dict[int, tuple[str, ...]] = {}
    for kind in KINDS:
        for clip_id in {marked_id for marked_id, its in pairs if its == kind} & wanted:
            kinds[clip_id] = (*kinds.get(clip_id, ()), kind)
    return kinds


def standing(connection: Connection, kinds: Iterable[str], reviewer: str, hidden: Collection[int] = ()) -> list[int]:
    """Ids of the clips that carry a mark of any of these kinds; later and skip count where they are the reviewer's.

    On ``hidden`` clips the reviewer's own marks alone count (labeling/journal/looks.py).
    """
    marks = tables.marks.c
    query = sa.select(marks.clip_id, marks.reviewer).where(marks.kind.in_(list(kinds)), _seen_by(reviewer), _stands())
    kept = set(hidden)
    rows = db.fetch(connection, query.distinct())
    return sorted({row.clip_id for row in rows if row.clip_id not in kept or row.reviewer == reviewer.strip()})


def _seen_by(reviewer: str) -> Any:
    return tables.marks.c.kind.not_in(OWN) | (tables.marks.c.reviewer == reviewer.strip())


@cache  # to make its two tables takes longer than to ask
def _counts() -> Any:
    """Whether an entry was not taken back, or was and that was undone."""
    removal, undoing = tables.marks.alias(), tables.marks.alias()
    restored = sa.exists().where(undoing.c.removes == removal.c.id)
    return ~sa.exists().where(removal.c.removes == tables.marks.c.id, ~restored)


def _stands() -> Any:
    return tables.marks.c.removes.is_(None) & _counts()


def _standing(connection: Connection, where: Any) -> list[Mark]:
    return _fetch(connection, where & _stands())


def _fetch(connection: Connection, where: Any) -> list[Mark]:
    rows = connection.execute(sa.select(tables.marks).where(where).order_by(tables.marks.c.id))
    return [Mark(**row._mapping) for row in rows]


def _by_event_id(connection: Connection, event_id: str) -> Mark | None:
    return next(iter(_fetch(connection, tables.marks.c.event_id == event_id)), None)


def _store(connection: Connection, mark: Mark) -> Mark:
    event_id = checked(mark.event_id, "the event_id", 200, least=1)
    end = connection.scalar(sa.select(sa.func.coalesce(sa.func.max(tables.decisions.c.position), 0)))
    stored = replace(mark, event_id=event_id, created_at=db.now(), after_position=end)
    values = {name: value for name, value in asdict(stored).items() if name != "id"}
    return replace(stored, id=db.insert_one(connection, tables.marks, values))
