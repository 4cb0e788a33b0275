"""Which cells with a verdict are open to a reviewer still, in all of a workspace: what looks.py says, in arrays."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.cells import cell_keys, find_cells
from labeling.journal import looks, verdict_entries
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.kept import Kept, engine_key

FEW_CLIPS = 200


@dataclass(frozen=True)
class _Given:
    """The looks that were given by a position of the journal: cells (n,) by their sorted ``keys``, how many people
    looked at each, whether an adjudication settled it, whether the first look was drawn, whether any was asked for, and
    the keys of each reviewer."""

    keys: NDArray[np.int64]
    count: NDArray[np.int64]
    settled: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    listed: NDArray[np.bool_]
    of: dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Open:
    """Cells with a verdict that are open to a reviewer still, by their sorted ``keys`` (labeling.cells), and the clips
    (sorted ids) on which what others left is hidden from them. ``drawn`` are the keys of those that chance drew."""

    keys: NDArray[np.int64]
    clips: NDArray[np.int64]
    drawn: NDArray[np.int64]

    def holds(self, clip_id: int, class_id: int) -> bool:
        """Whether one cell is open."""
        key = (clip_id << 24) | class_id
        at = int(np.searchsorted(self.keys, key))
        return at < len(self.keys) and int(self.keys[at]) == key

    def hides(self, clip_id: int) -> bool:
        """Whether what others left on a clip is hidden."""
        at = int(np.searchsorted(self.clips, clip_id))
        return at < len(self.clips) and int(self.clips[at]) == clip_id


_none = np.zeros(0, np.int64)
NOTHING_OPEN = Open(_none, _none, _none)
_given: Kept[_Given] = Kept(4)


def open_to(connection: Connection, reviewer: str, clip_ids: Collection[int] | None = None) -> Open:
    """The cells with a verdict that this reviewer is asked about still; of "" those that lack any look.

    Where no more than some clips matter, ``clip_ids`` names them: then the rest of the journal need not be read.

    Examples
    --------
    >>> from labeling import journal
    >>> from labeling.example import example_workspace
    >>> from labeling.journal import looks
    >>> from labeling.journal.open_cells import open_to
    >>> from labeling.records import Decision, Shown
    >>> workspace = example_workspace()
    >>> with workspace.write() as connection:
    ...     looks.set_needed(connection, "missing", 2)
    Needed(missing=2, false=1, audit=1)
    >>> shown = Shown(kind="missing", asked=True)
    >>> _ = journal.append(workspace, [Decision("e1", "ann", 3, "cangoo", "present", shown=shown)])
    >>> with workspace.read() as connection:
    ...     [open_to(connection, name).clips.tolist() for name in ("ann", "bob")]
    [[], [3]]
    """
    wanted = looks.needed(connection)
    return _open_to(_read(connection, clip_ids), wanted, reviewer.strip()) if wanted.is_several else NOTHING_OPEN


def judged_alone(connection: Connection, reviewer: str, cells: Iterable[tuple[int, str]]) -> frozenset[tuple[int, str]]:
    """Of some cells (clip id, class code), all of kinds that need several looks, those on which a reviewer decides now
    without knowing what others said: nobody has said anything, or it is hidden from them."""
    wanted = looks.needed(connection)
    if not wanted.is_several:
        return frozenset()
    ids = dict(db.fetch(connection, sa.select(tables.classes.c.code, tables.classes.c.id)))
    known = {(clip_id << 24) | ids[code]: (clip_id, code) for clip_id, code in cells if code in ids}
    keys = np.array(sorted(known), np.int64)
    given = _read(connection, {clip_id for clip_id, _ in known.values()})
    alone = ~np.isin(keys, given.keys) | np.isin(keys, _open_to(given, wanted, reviewer.strip()).keys)
    return frozenset(known[key] for key in keys[alone].tolist())


def looks_lacking(connection: Connection, keys: NDArray[np.int64], listed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many looks each of some cells (n,) lacks. ``keys`` are labeling.cells'; ``listed`` tells the kind of those
    that nobody has looked at."""
    wanted, given = looks.needed(connection), _read(connection)
    needs = np.where(listed, wanted.false, wanted.missing)
    places = find_cells(given.keys, np.arange(len(given.keys)), keys)
    there = places >= 0
    needs[there] = _lacking(given, wanted)[places[there]]
    return needs.astype(np.int64)


def _lacking(given: _Given, wanted: looks.Needed) -> NDArray[np.int64]:
    """How many looks each cell with a verdict lacks."""
    of_kind = np.where(given.drawn, wanted.audit, np.where(given.listed, wanted.false, wanted.missing))
    return np.where(given.settled, 0, np.maximum(0, of_kind - given.count)).astype(np.int64)


def _open_to(given: _Given, wanted: looks.Needed, reviewer: str) -> Open:
    is_open = (_lacking(given, wanted) > 0) & ~np.isin(given.keys, given.of.get(reviewer, _none))
    return Open(
        given.keys[is_open], np.unique(given.keys[is_open & given.asked] >> 24), given.keys[is_open & given.drawn]
    )


def _read(connection: Connection, clip_ids: Collection[int] | None = None) -> _Given:
    if clip_ids is not None and len(clip_ids) <= FEW_CLIPS:
        return _read_given_of(connection, sorted(clip_ids))
    labels = connection.scalar(sa.select(sa.func.count()).select_from(tables.imported_labels))
    end = journal.position(connection)
    newest = connection.scalar(sa.select(tables.decisions.c.event_id).where(tables.decisions.c.position == end))
    key = engine_key(connection), end, newest, labels
    return _given.get(key, lambda: _read_given(connection))


def _read_given(connection: Connection) -> _Given:
    """All of the workspace."""
    entries = {entry.position: entry for entry in verdict_entries.read_entries(connection) if entry.decides}
    given = [(entry.clip_id, entry.class_id, entry) for entry in entries.values()]
    column = tables.decisions.c
    repeated = sa.select(column.clip_id, column.class_id, column.copy_of).where(column.copy_of.is_not(None))
    for clip_id, class_id, origin in db.fetch(connection, repeated.where(column.undoes.is_(None))):
        if origin in entries:
            given.append((clip_id, class_id, entries[origin]))
    labels = tables.imported_labels.c
    rows = db.fetch(connection, sa.select(labels.clip_id, labels.class_id))
    return _gathered(
        [
            (clip_id << 24 | class_id, entry.reviewer, entry.drawn, entry.asked or bool(entry.kind), entry.adjudication)
            for clip_id, class_id, entry in given
        ],
        rows,
    )


def _read_given_of(connection: Connection, clip_ids: Sequence[int]) -> _Given:
    """Those of a few clips alone: what a press asks, which must not read the whole journal."""
    history = journal.decisions_where(connection, tables.decisions.c.clip_id.in_(clip_ids))
    ids = dict(db.fetch(connection, sa.select(tables.classes.c.code, tables.classes.c.id))) if history else {}
    labels = tables.imported_labels.c
    listed = sa.select(labels.clip_id, labels.class_id).where(labels.clip_id.in_(clip_ids))
    return _gathered(
        [
            (
                entry.clip_id << 24 | ids[entry.class_code], entry.reviewer, entry.shown.audit,
                entry.shown.was_asked or bool(entry.shown.kind), entry.shown.adjudication,
            )
            for entry in looks.standing_looks(history)
        ],
        db.fetch(connection, listed) if history else [],
    )  # fmt: skip


def _gathered(given: Sequence[tuple[int, str, bool, bool, bool]], labels: Sequence[Any]) -> _Given:
    """Of looks (the cell's key, who; whether drawn, asked for, an adjudication), oldest first, and what is listed."""
    people: dict[int, set[str]] = {}
    first: dict[int, bool] = {}
    asked: set[int] = set()
    settled: set[int] = set()
    of: dict[str, set[int]] = {}
    for key, reviewer, drawn, was_asked, adjudicates in given:
        people.setdefault(key, set()).add(reviewer)
        first.setdefault(key, drawn)
        of.setdefault(reviewer, set()).add(key)
        if was_asked:
            asked.add(key)
        if adjudicates:
            settled.add(key)
    in_order = sorted(people)
    keys = np.array(in_order, np.int64)
    return _Given(
        keys,
        np.array([len(people[key]) for key in in_order], np.int64),
        np.array([key in settled for key in in_order], bool),
        np.array([first[key] for key in in_order], bool),
        np.array([key in asked for key in in_order], bool),
        np.isin(keys, cell_keys(*np.array([tuple(row) for row in labels], np.int64).reshape(-1, 2).T)),
        {name: np.array(sorted(known), np.int64) for name, known in of.items()},
    )
