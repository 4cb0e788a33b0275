"""Cells of which two sources say unlike things: suspects without any model.

Copies of one file with unlike labels (``file``), near-copies of one recording (``sound``), and a later table that says
otherwise (``table``). Of two that contradict each other one is wrong, whatever a model thinks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.storage import database as db
from labeling.storage import tables

TABLE, FILE, SOUND = "table", "file", "sound"
WORDS = {FILE: "the same file", SOUND: "the same recording"}
LIKELY_WRONG = 0.5
"""At least how likely the label of a contested cell is wrong: one of two is, and nobody knows which."""
_COUNT_AND_NEWEST: list[Any] = [sa.func.count(), sa.func.max(tables.contested_cells.c.id)]
_COUNTED = sa.select(*_COUNT_AND_NEWEST)


def renew_copies(connection: Connection) -> None:
    """Find the cells anew in which copies have unlike labels."""
    clips = tables.clips
    shared = (sa.select(clips.c.content_hash).where(clips.c.content_hash != "").group_by(clips.c.content_hash)).having(
        sa.func.count() > 1
    )
    query = sa.select(clips.c.content_hash, clips.c.id).where(clips.c.content_hash.in_(shared)).order_by(clips.c.id)
    groups: dict[str, list[int]] = {}
    for content_hash, clip_id in db.fetch(connection, query):
        groups.setdefault(content_hash, []).append(clip_id)
    _replace(connection, FILE, groups.values())


def renew_near_copies(connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Find the cells anew in which near-copies (pairs of clip ids) have unlike labels."""
    clips = tables.clips
    hashes = dict(db.fetch(connection, sa.select(clips.c.id, clips.c.content_hash)))
    others = [pair for pair in pairs if not (hashes.get(pair[0]) and hashes.get(pair[0]) == hashes.get(pair[1]))]
    _replace(connection, SOUND, others)


def _replace(connection: Connection, reason: str, groups: Iterable[Sequence[int]]) -> None:
    contested, labels = tables.contested_cells, tables.imported_labels
    groups = [tuple(group) for group in groups]
    listed: dict[int, set[int]] = {}
    members = {clip_id for group in groups for clip_id in group}
    if members:
        for clip_id, class_id in db.fetch(connection, sa.select(labels.c.clip_id, labels.c.class_id)):
            if clip_id in members:
                listed.setdefault(clip_id, set()).add(class_id)
    cells: dict[tuple[int, int], int] = {}
    for group in groups:
        own = [listed.get(clip_id, set()) for clip_id in group]
        listed_by_some, by_all = set[int]().union(*own), own[0].intersection(*own)
        for class_id in sorted(listed_by_some - by_all):
            for clip_id, classes in zip(group, own, strict=True):
                unlike = (class_id in classes) is False
                other = next(o for o, its in zip(group, own, strict=True) if (class_id in its) is unlike)
                cells.setdefault((clip_id, class_id), other)
    connection.execute(sa.delete(contested).where(contested.c.reason == reason))
    rows = [
        {"clip_id": clip_id, "class_id": class_id, "reason": reason, "other_clip_id": other}
        for (clip_id, class_id), other in cells.items()
    ]
    if rows:
        connection.execute(sa.insert(contested), rows)


def version(connection: Connection) -> tuple[int, int]:
    """Changes whenever contested cells do."""
    ((count, newest),) = db.fetch(connection, _COUNTED)
    return count, newest or 0


def cells(connection: Connection) -> list[tuple[int, int]]:
    """All contested cells, as (clip id, class id)."""
    contested = tables.contested_cells
    return [tuple(row) for row in db.fetch(connection, sa.select(contested.c.clip_id, contested.c.class_id).distinct())]


def of_clips(connection: Connection, clip_ids: Collection[int]) -> dict[tuple[int, int], str]:
    """Of contested cells of some clips what contradicts their label, in words, by (clip id, class id)."""
    contested, clips, imports = tables.contested_cells, tables.clips, tables.imports
    other = clips.alias("other")
    query = (
        sa.select(contested, other.c.filename, imports.c.name)
        .join(other, other.c.id == contested.c.other_clip_id, isouter=True)
        .join(imports, imports.c.id == contested.c.import_id, isouter=True)
        .where(contested.c.clip_id.in_(clip_ids))
        .order_by(contested.c.id.desc())
    )
    rows: list[Any] = db.fetch(connection, query)
    if not rows:
        return {}
    involved = {row.clip_id for row in rows} | {row.other_clip_id for row in rows if row.other_clip_id}
    named = _labels(connection, involved)
    words = {}
    for row in rows:
        here = named.get(row.clip_id, {})
        if row.reason == TABLE:
            says = "does not list it" if row.class_id in here else "lists it"
            words[row.clip_id, row.class_id] = f"the table {row.name} {says}"
        else:
            there = _list(named.get(row.other_clip_id, {}))
            words[row.clip_id, row.class_id] = (
                f"labelled {_list(here)} here, {there} in {row.filename} ({WORDS[row.reason]})"
            )
    return words


def _labels(connection: Connection, clip_ids: Collection[int]) -> dict[int, dict[int, str]]:
    labels, classes = tables.imported_labels, tables.classes
    query = sa.select(labels.c.clip_id, labels.c.class_id, classes.c.name)
    query = query.join(classes, classes.c.id == labels.c.class_id).where(labels.c.clip_id.in_(clip_ids))
    named: dict[int, dict[int, str]] = {}
    for clip_id, class_id, name in db.fetch(connection, query.order_by(labels.c.clip_id, labels.c.place)):
        named.setdefault(clip_id, {})[class_id] = name
    return named


def _list(names: dict[int, str]) -> str:
    return ", ".join(names.values()) or "nothing"
