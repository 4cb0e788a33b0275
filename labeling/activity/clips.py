"""Which clips of the collection the recordings of a prediction are: those whose files lie where theirs do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.activity.windows import Recording, Windows
from labeling.records import USABLE
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.kept import Kept, engine_key
from labeling.storage.remote import is_url


@dataclass(frozen=True)
class _Clip:
    id: int
    duration_s: float
    group: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class _Clips:
    by_path: Mapping[str, _Clip]
    by_id: Mapping[int, _Clip]


_clips: Kept[_Clips] = Kept(2)


def state(connection: Connection) -> tuple[object, ...]:
    """What changes with the clips of the collection."""
    clips = tables.clips.c
    marks = sa.select(
        sa.select(sa.func.max(tables.imports.c.created_at)).scalar_subquery(),
        sa.select(sa.func.count()).select_from(tables.clips).where(clips.status.in_(USABLE)).scalar_subquery(),
    )
    return engine_key(connection), *connection.execute(marks).one()


def durations(connection: Connection) -> dict[int, float]:
    """How long each clip is that can be listened to."""
    return {clip_id: clip.duration_s for clip_id, clip in _read(connection).by_id.items()}


def with_clips(connection: Connection, windows: Windows) -> Windows:
    """The windows, with the clips that their recordings are, and what the collection knows of these."""
    known = _read(connection)

    def found(one: Recording) -> Recording:
        clip = known.by_id.get(one.clip_id) if one.clip_id else known.by_path.get(one.path)
        if clip is None:
            return replace(one, clip_id=0)
        return replace(one, clip_id=clip.id, group=clip.group, metadata=clip.metadata)

    return replace(windows, recordings=tuple(map(found, windows.recordings)))


def _read(connection: Connection) -> _Clips:
    def read() -> _Clips:
        c = tables.clips.c
        query = sa.select(c.id, c.path, c.duration_s, c.group_name, c.metadata).where(c.status.in_(USABLE))
        folders: dict[str, str] = {}
        by_path, by_id = {}, {}
        for clip_id, path, duration_s, group, metadata in db.fetch(connection, query.order_by(c.id.desc())):
            by_id[clip_id] = _Clip(clip_id, float(duration_s), group, metadata or {})
            by_path[_real(path, folders)] = by_id[clip_id]  # of two channels of one file, the first
        return _Clips(by_path, by_id)

    return _clips.get(state(connection), read)


def _real(path: str, folders: dict[str, str]) -> str:
    """Where a path leads; of each folder the disk is asked once."""
    if is_url(path):
        return path
    folder, name = os.path.split(path)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    return os.path.join(folders[folder], name)
