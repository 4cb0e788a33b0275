"""What an import brings, stored: clips that are new, their labels, their classes, and the table that they came in."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.collection import store, table_entries
from labeling.collection.annotation.base import Attribution, StatedVerdict
from labeling.records import Region
from labeling.storage import database as db
from labeling.storage import tables


@dataclass(frozen=True)
class NewClip:
    """A clip as an import found it. ``labels`` are (code, role) in the row's order, primary first.

    ``regions`` say where some are heard. ``relative`` is what its table calls it ("": as the workspace does).
    """

    filename: str
    path: str
    row: int
    labels: tuple[tuple[str, str], ...] = ()
    group: str = ""
    fold: str = ""
    duration_s: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    size_bytes: int = 0
    content_hash: str = ""
    status: str = "ok"
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    regions: tuple[tuple[str, Region], ...] = ()
    relative: str = ""
    fingerprint: str = ""
    channel: int = 0
    said_by: Mapping[tuple[str, Region | None], Attribution] = field(default_factory=dict)
    partial: bool = False
    absent: tuple[str, ...] = ()
    verdicts: tuple[StatedVerdict, ...] = ()


def add_collection(
    connection: Connection,
    *,
    format: str,
    source: str,
    audio_root: str,
    options: Mapping[str, Any],
    table_name: str,
    table_bytes: bytes,
    clips: Sequence[NewClip],
    class_names: Mapping[str, str],
    report: Mapping[str, Any] | None = None,
    name: str = "",
    collection: str = "",
    known_as: Mapping[str, int] | None = None,
) -> int:
    """Store an import and its new clips; clips whose filename is known are left as they are. Returns its id.

    ``known_as``: of clips that were there, what this table calls them, to their ids.
    """
    db.lock_table(connection, tables.imports)  # an import that commits later has the higher id: versions rely on it
    import_id = db.insert_one(
        connection,
        tables.imports,
        {
            "format": format,
            "source": source,
            "audio_root": audio_root,
            "options": dict(options),
            "table_name": table_name,
            "table_bytes": zlib.compress(table_bytes, 6),
            "report": dict(report or {}),
            "created_at": db.now(),
            "name": name,
            "collection": collection,
        },
    )
    known = store.known_filenames(connection)
    by_name: dict[str, NewClip] = {}
    for clip in clips:
        if clip.filename not in known:
            by_name.setdefault(clip.filename, clip)
    fresh = list(by_name.values())
    class_ids = _add_classes(connection, fresh, class_names)
    next_id = (connection.scalar(sa.select(sa.func.max(tables.clips.c.id))) or 0) + 1
    clip_rows, label_rows = [], []
    for clip_id, clip in enumerate(fresh, start=next_id):
        clip_rows.append(_clip_row(clip_id, import_id, clip) | {"collection": collection, "import_name": name})
        roles: dict[str, str] = {}
        for code, role in clip.labels:  # a primary repeated among the secondaries stays the primary
            roles.setdefault(code, role)
        for place, (code, role) in enumerate(roles.items()):
            said = clip.said_by.get((code, None), Attribution())
            own = {"who": said.who, "confidence": said.confidence}
            label_rows.append({"clip_id": clip_id, "class_id": class_ids[code], "role": role, "place": place} | own)
    _insert(connection, tables.clips, clip_rows)
    _insert(connection, tables.imported_labels, label_rows)
    _insert(
        connection,
        tables.stated_absences,
        [
            {"clip_id": clip_id, "class_id": class_ids[code]}
            for clip_id, clip in enumerate(fresh, start=next_id)
            if clip.partial
            for code in dict.fromkeys(clip.absent)
            if code not in dict(clip.labels)
        ],
    )
    called = {clip.relative or clip.filename: clip_id for clip_id, clip in enumerate(fresh, start=next_id)}
    called = dict(known_as or {}) | called
    _insert(
        connection,
        tables.import_clips,
        [{"import_id": import_id, "name": its_name, "clip_id": clip_id} for its_name, clip_id in called.items()],
    )
    added = list(enumerate(fresh, start=next_id))
    regions_of = [(clip_id, clip.regions, clip.said_by) for clip_id, clip in added]
    table_entries.add_regions(connection, import_id, regions_of, class_ids)
    table_entries.add_verdicts(connection, import_id, [(clip_id, clip.verdicts) for clip_id, clip in added], class_ids)
    return import_id


def _clip_row(clip_id: int, import_id: int, clip: NewClip) -> dict[str, Any]:
    return {
        "id": clip_id,
        "import_id": import_id,
        "row": clip.row,
        "filename": clip.filename,
        "path": clip.path,
        "group_name": clip.group,
        "fold_name": clip.fold,
        "duration_s": clip.duration_s,
        "sample_rate": clip.sample_rate,
        "channels": clip.channels,
        "size_bytes": clip.size_bytes,
        "content_hash": clip.content_hash,
        "status": clip.status,
        "reason": clip.reason,
        "relative": clip.relative or clip.filename,
        "fingerprint": clip.fingerprint,
        "rating": _number(clip.metadata.get("rating", "")),
        "metadata": dict(clip.metadata),
        "channel": clip.channel,
        "partial": clip.partial,
    }


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None


def _add_classes(connection: Connection, clips: Sequence[NewClip], names: Mapping[str, str]) -> dict[str, int]:
    db.lock_table(connection, tables.classes)
    known = {label_class.code: label_class.id for label_class in store.all_classes(connection)}
    codes = {code for clip in clips for code, _ in clip.labels} | set(names)
    codes |= {code for clip in clips for code in (*clip.absent, *(stated.code for stated in clip.verdicts))}
    first = max(known.values(), default=0) + 1
    fresh = {code: number for number, code in enumerate(sorted(codes - set(known)), start=first)}
    _insert(
        connection,
        tables.classes,
        [{"id": i, "code": code, "name": names.get(code) or code} for code, i in fresh.items()],
    )
    return known | fresh


def _insert(connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(sa.insert(table), rows)
