"""What changed since somebody was last here: verdicts of others on cells that they decided, what was adjudicated of
these, notes that call or answer them, and new label versions.

Nothing is told of a cell on which they have not spoken, so that a verdict which they still owe stays their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store
from labeling.journal import verdict_entries, versions
from labeling.journal.verdict_entries import Cell, Entry
from labeling.reviewer import marks, mentions, preferences
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace

LAST_HERE = "last_here"
"""The preference that keeps it."""
TOGETHER = 500
MOST = 200  # changes that are told one by one; of more there is a count
ADJUDICATION, MENTION, ANSWER, VERDICT, VERSION = "adjudication", "mention", "answer", "verdict", "version"
#: kind -> one and several of it, on the screen; in the order in which they are told
KINDS = {
    MENTION: ("note calls you", "notes call you"),
    ANSWER: ("answer to a note of yours", "answers to notes of yours"),
    ADJUDICATION: ("adjudication of a cell that you decided", "adjudications of cells that you decided"),
    VERDICT: ("verdict of others on a cell that you decided", "verdicts of others on cells that you decided"),
    VERSION: ("new label version", "new label versions"),
}


@dataclass(frozen=True)
class Here:
    """Up to where somebody knows: the journal's position, the newest mark, the newest label version."""

    position: int = 0
    mark: int = 0
    version: int = 0


@dataclass(frozen=True)
class Change:
    """One of KINDS. ``who`` did it ``at`` (ISO); of which clip and class, 0 and "" for none; ``text`` says what."""

    kind: str
    who: str
    at: str
    text: str
    clip_id: int = 0
    filename: str = ""
    class_code: str = ""


@dataclass(frozen=True)
class Digest:
    """What changed, by kind and the newest first: at most MOST of it, ``counts`` of all by kind. ``here`` is what is
    known once it was read (`read_until`)."""

    changes: tuple[Change, ...]
    counts: dict[str, int]
    here: Here


def digest(connection: Connection, reviewer: str) -> Digest:
    """What changed for a reviewer.

    Examples
    --------
    >>> from labeling import journal
    >>> from labeling.example import example_workspace
    >>> from labeling.records import Decision
    >>> from labeling.review.digest import digest
    >>> workspace = example_workspace()
    >>> for who, verdict in (("ann", "present"), ("bob", "absent")):
    ...     _ = journal.append(workspace, [Decision(journal.new_event_id(), who, 3, "cangoo", verdict)])
    >>> with workspace.read() as connection:
    ...     [(one.kind, one.who, one.text) for one in digest(connection, "ann").changes]
    [('verdict', 'bob', 'absent; you said present')]
    """
    reviewer = reviewer.strip()
    now, since = _now(connection), last_here(connection, reviewer)
    found = [*_notes(connection, reviewer, since), *_verdicts(connection, reviewer, since)]
    for version in versions.all_versions(connection):
        if version.number > since.version and version.created_by != reviewer:
            rule = "" if version.rule == "latest" else f", by the rule {version.rule}"
            note = f": {version.note}" if version.note else ""
            text = f"version {version.number}{rule}{note}"
            found.append(Change(VERSION, version.created_by, version.created_at, text))
    counts = {kind: sum(one.kind == kind for one in found) for kind in KINDS}
    found.sort(key=lambda one: one.at, reverse=True)
    found.sort(key=lambda one: list(KINDS).index(one.kind))
    return Digest(tuple(found[:MOST]), {kind: count for kind, count in counts.items() if count}, now)


def read_until(workspace: Workspace, reviewer: str, here: Here) -> None:
    """Keep that somebody has read all up to there."""
    preferences.put(workspace, reviewer, LAST_HERE, asdict(here))


def last_here(connection: Connection, reviewer: str) -> Here:
    """Up to where somebody knows: as they said, else where they last decided or left a mark, else now."""
    kept = preferences.get_all(connection, reviewer).get(LAST_HERE)
    if isinstance(kept, dict):
        return Here(*(value if type(value := kept.get(name)) is int else 0 for name in ("position", "mark", "version")))
    decided, left = tables.decisions.c, tables.marks.c
    position = connection.scalar(sa.select(sa.func.max(decided.position)).where(decided.reviewer == reviewer))
    mark = connection.scalar(sa.select(sa.func.max(left.id)).where(left.reviewer == reviewer))
    if position is None and mark is None:
        return _now(connection)
    before = sa.select(sa.func.max(left.id)).where(left.after_position < (position or 0))
    known = [one.number for one in versions.all_versions(connection) if one.position <= (position or 0)]
    return Here(position or 0, max(mark or 0, connection.scalar(before) or 0), max(known, default=0))


def _now(connection: Connection) -> Here:
    mark = connection.scalar(sa.select(sa.func.max(tables.marks.c.id)))
    newest = connection.scalar(sa.select(sa.func.max(tables.label_versions.c.number)))
    return Here(journal.position(connection), mark or 0, newest or 0)


def _verdicts(connection: Connection, reviewer: str, since: Here) -> Iterator[Change]:
    """The last verdict of each other person on each cell that the reviewer had decided before."""
    mine: dict[Cell, str] = {}
    newest: dict[tuple[Cell, str], tuple[Entry, str]] = {}
    for entry in verdict_entries.read_entries(connection):
        if not entry.decides:
            continue
        if entry.reviewer == reviewer:
            mine[entry.cell] = entry.verdict
        elif entry.position > since.position and entry.cell in mine:
            newest[entry.cell, entry.reviewer] = entry, mine[entry.cell]
    about = _about(connection, [entry for entry, _ in newest.values()])
    for entry, own in newest.values():
        created_at, filename, code = about[entry.position]
        text = f"{entry.verdict}, as you said" if entry.verdict == own else f"{entry.verdict}; you said {own}"
        kind = ADJUDICATION if entry.adjudication else VERDICT
        yield Change(kind, entry.reviewer, created_at, text, entry.clip_id, filename, code)


def _about(connection: Connection, entries: list[Entry]) -> dict[int, tuple[str, str, str]]:
    """When each was made, of which file, and of which class."""
    codes = dict(db.fetch(connection, sa.select(tables.classes.c.id, tables.classes.c.code)))
    names = {clip_id: name for name, clip_id in store.clip_ids_by_filename(connection).items()} if entries else {}
    times: dict[int, str] = {}
    for first in range(0, len(entries), TOGETHER):
        positions = [entry.position for entry in entries[first : first + TOGETHER]]
        decided = tables.decisions.c
        query = sa.select(decided.position, decided.created_at).where(decided.position.in_(positions))
        times |= dict(db.fetch(connection, query))
    return {one.position: (times[one.position], names[one.clip_id], codes[one.class_id]) for one in entries}


def _notes(connection: Connection, reviewer: str, since: Here) -> Iterator[Change]:
    """Notes of others that call the reviewer, or answer one of theirs."""
    notes = marks.notes_since(connection, since.mark)
    names = mentions.known_names(connection) if notes else []
    mine = marks.ids_of(connection, reviewer) if notes else set()
    for note, filename in notes:
        if note.reviewer == reviewer:
            continue
        is_call = reviewer in {name for _, _, name in mentions.mentioned(note.text, [*names, reviewer])}
        if is_call or note.reply_to in mine:
            kind = MENTION if is_call else ANSWER
            yield Change(kind, note.reviewer, note.created_at, note.text, note.clip_id, filename)


def as_rows(found: Digest) -> list[tuple[Any, ...]]:
    """The changes for a table: kind, who, time, file, class, text."""
    return [(one.kind, one.who, one.at, one.filename, one.class_code, one.text) for one in found.changes]
