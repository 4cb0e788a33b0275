"""What came in: clips, classes, imported labels. Every query on them is here.

The journal's queries are in labeling/journal, the queue's in labeling/suspects, the runs' in labeling/runs.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.errors import DataError
from labeling.records import USABLE, Clip, LabelClass
from labeling.registry import unknown_name
from labeling.storage import database as db
from labeling.storage import tables

IMPORT = "import"
"""The metadata column that says which table brought a clip: ``train_curated``, ``2022``."""
# asked in each press: to make a statement anew takes three times as long as to have it answered
_CLASSES = sa.select(tables.classes.c.id, tables.classes.c.code, tables.classes.c.name).order_by(tables.classes.c.code)
_CLIP = sa.select(tables.clips).where(tables.clips.c.id == sa.bindparam("clip_id"))


@dataclass(frozen=True)
class KnownClip:
    """A stored clip as an import compares its own with it."""

    id: int
    filename: str
    collection: str
    relative: str
    path: str
    status: str
    duration_s: float
    sample_rate: int
    channels: int
    channel: int
    size_bytes: int
    fingerprint: str
    content_hash: str


@dataclass(frozen=True)
class ImportRecord:
    """One import: whence it came, its table as it was read, its ``name`` for people, its clips' ``collection``."""

    id: int
    format: str
    source: str
    audio_root: str
    options: Mapping[str, Any]
    table_name: str
    report: Mapping[str, Any]
    created_at: str
    name: str = ""
    collection: str = ""
    table_bytes: bytes = b""


def known_filenames(connection: Connection) -> set[str]:
    """Names of all clips in the workspace."""
    return set(connection.scalars(sa.select(tables.clips.c.filename)))


def all_classes(connection: Connection) -> list[LabelClass]:
    """The vocabulary, by code."""
    return [LabelClass(*row) for row in db.fetch(connection, _CLASSES)]


def known_clips(connection: Connection) -> list[KnownClip]:
    """Every clip, by id, as an import compares its own with it."""
    columns = (tables.clips.c[item.name] for item in fields(KnownClip))
    return [KnownClip(*row) for row in db.fetch(connection, sa.select(*columns).order_by(tables.clips.c.id))]


def clips_of_import(connection: Connection, import_id: int) -> dict[str, int]:
    """What an import's table calls its clips, to their ids; the workspace's own names where none were kept."""
    of = tables.import_clips.c
    kept = dict(db.fetch(connection, sa.select(of.name, of.clip_id).where(of.import_id == import_id)))
    return kept or clip_ids_by_filename(connection)


def partial_clips(connection: Connection) -> dict[int, set[int]]:
    """Clips of which only some classes were listened for, with those of them that are not there (class ids)."""
    clips, absences = tables.clips.c, tables.stated_absences.c
    ids: list[int] = list(connection.scalars(sa.select(clips.id).where(clips.partial)))
    absent: dict[int, set[int]] = {clip_id: set() for clip_id in ids}
    for clip_id, class_id in db.fetch(connection, sa.select(absences.clip_id, absences.class_id)) if absent else ():
        absent[clip_id].add(class_id)
    return absent


def class_ids(connection: Connection) -> dict[str, int]:
    """Class code to id."""
    return {label_class.code: label_class.id for label_class in all_classes(connection)}


def class_id(connection: Connection, code: str) -> int:
    """Look up the id of a class.

    Parameters
    ----------
    connection : Connection
        From ``workspace.read()``.
    code : str
        As the collection names it.

    Returns
    -------
    int
        The id that decisions and rankings use for it.

    Raises
    ------
    DataError
        There is no such class; the message names the nearest.

    Examples
    --------
    >>> from labeling.collection import store
    >>> from labeling.example import example_workspace
    >>> workspace = example_workspace()
    >>> with workspace.read() as connection:
    ...     store.class_id(connection, "balori")
    2
    >>> with workspace.read() as connection:
    ...     store.class_id(connection, "balory")
    Traceback (most recent call last):
        ...
    labeling.errors.DataError: unknown class 'balory'; choose from amecro, balori, cangoo. Did you mean 'balori'?
    """
    ids = class_ids(connection)
    if code not in ids:
        raise DataError(unknown_name("class", code, sorted(ids)))
    return ids[code]


def listed_cells(connection: Connection, clip_ids: Collection[int]) -> set[tuple[int, str]]:
    """The cells (clip id, class code) of these clips that the imported table lists."""
    labels, classes = tables.imported_labels, tables.classes
    query = sa.select(labels.c.clip_id, classes.c.code).join(classes, classes.c.id == labels.c.class_id)
    return {tuple(row) for row in db.fetch(connection, query.where(labels.c.clip_id.in_(clip_ids)))}


def usable_clips(connection: Connection) -> list[Clip]:
    """Read all clips that can be listened to and trained on.

    Parameters
    ----------
    connection : Connection
        From ``workspace.read()``.

    Returns
    -------
    list of Clip
        By id; those with status ``ok``, ``silent`` or ``duplicate``.

    Examples
    --------
    >>> from labeling.collection import store
    >>> from labeling.example import example_workspace
    >>> with example_workspace().read() as connection:
    ...     first, *others = store.usable_clips(connection)
    >>> first.id, first.filename, first.duration_s, len(others)
    (1, 'amecro/1.wav', 2.0, 11)
    """
    query = sa.select(tables.clips).where(tables.clips.c.status.in_(USABLE)).order_by(tables.clips.c.id)
    return [clip_of(row) for row in connection.execute(query)]


def clip_by_id(connection: Connection, clip_id: int) -> Clip | None:
    """One clip, or None."""
    row = connection.execute(_CLIP, {"clip_id": clip_id}).first()
    return clip_of(row) if row else None


def clip_ids_by_filename(connection: Connection) -> dict[str, int]:
    """Every clip's name to its id."""
    return dict(db.fetch(connection, sa.select(tables.clips.c.filename, tables.clips.c.id)))


def lengths_and_rates(connection: Connection) -> dict[int, tuple[float, int]]:
    """Every clip's id to its duration in seconds and its sample rate, 0 where nothing could be read."""
    clips = tables.clips.c
    query = sa.select(clips.id, clips.duration_s, clips.sample_rate)
    return {clip_id: (duration_s, rate) for clip_id, duration_s, rate in db.fetch(connection, query)}


def skipped_clips(connection: Connection, limit: int = 1000) -> list[Clip]:
    """Clips that cannot be used, with their reasons."""
    query = sa.select(tables.clips).where(tables.clips.c.status.not_in(USABLE)).order_by(tables.clips.c.id).limit(limit)
    return [clip_of(row) for row in connection.execute(query)]


def status_counts(connection: Connection) -> dict[str, int]:
    """How many clips have each status."""
    query = sa.select(tables.clips.c.status, sa.func.count()).group_by(tables.clips.c.status)
    return dict(db.fetch(connection, query))


def collection_counts(connection: Connection) -> dict[str, Any]:
    """Numbers for the overview: clips, classes, hours, labels by role, clips without secondary labels."""
    labelled = sa.select(tables.imported_labels.c.clip_id).where(tables.imported_labels.c.role == "secondary")
    counted = sa.select(tables.imported_labels.c.role, sa.func.count()).group_by(tables.imported_labels.c.role)
    by_role = dict(db.fetch(connection, counted))
    totals = sa.select(
        sa.func.count(),
        sa.func.coalesce(sa.func.sum(tables.clips.c.duration_s), 0.0),
        sa.func.count(sa.distinct(sa.func.nullif(tables.clips.c.group_name, ""))),
    )
    clips, seconds, groups = db.fetch(connection, totals)[0]
    return {
        "clips": clips,
        "hours": seconds / 3600,
        "groups": groups,
        "classes": connection.scalar(sa.select(sa.func.count()).select_from(tables.classes)),
        "labels": sum(by_role.values()),
        "primary_labels": by_role.get("primary", 0),
        "secondary_labels": by_role.get("secondary", 0),
        "without_secondary": connection.scalar(
            sa.select(sa.func.count()).select_from(tables.clips).where(tables.clips.c.id.not_in(labelled))
        ),
        "status": status_counts(connection),
    }


def all_imports(connection: Connection) -> list[ImportRecord]:
    """Every import, oldest first, without its table."""
    columns = [column for column in tables.imports.c if column.name != "table_bytes"]
    rows = connection.execute(sa.select(*columns).order_by(tables.imports.c.id))
    return [ImportRecord(**row._mapping) for row in rows]


def import_table(connection: Connection, import_id: int) -> bytes:
    """The table of an import, byte for byte as it was read."""
    packed = connection.scalar(sa.select(tables.imports.c.table_bytes).where(tables.imports.c.id == import_id))
    if packed is None:
        raise DataError(f"no import {import_id}; see `python -m labeling status`")
    return zlib.decompress(packed)


def metadata_columns(connection: Connection) -> list[str]:
    """Names of the metadata columns, IMPORT first, then in the newest import's order."""
    clips = tables.clips
    newest = sa.select(clips.c.metadata, clips.c.import_name).order_by(clips.c.id.desc()).limit(1)
    named = [({IMPORT: its} if its else {}) | own for own, its in db.fetch(connection, newest)]
    return list(named[0]) if named else []


def metadata_value(connection: Connection, column: str) -> sa.ColumnElement[Any]:
    """The SQL of one metadata column of a clip, as text; the column may have any name."""
    if column == IMPORT:  # a table's own column of that name goes before the table's name
        return sa.func.coalesce(tables.clips.c.metadata[column].as_string(), tables.clips.c.import_name)
    if connection.dialect.name == "sqlite" and (not column.isprintable() or '"' in column or "\\" in column):
        each = sa.func.json_each(tables.clips.c.metadata).table_valued("key", "value")  # SQLite's paths know no escapes
        return sa.select(each.c.value).where(each.c.key == column).correlate(tables.clips).scalar_subquery()
    value: sa.ColumnElement[Any] = tables.clips.c.metadata[column].as_string()
    return value


def metadata_values(connection: Connection, column: str, limit: int = 200) -> list[str]:
    """The commonest values of one metadata column, for a filter."""
    value = metadata_value(connection, column)
    query = (
        sa.select(value, sa.func.count())
        .select_from(tables.clips)
        .group_by(value)
        .order_by(sa.func.count().desc())
        .limit(limit)
    )
    return [str(text) for text, _ in connection.execute(query) if text not in (None, "")]


def clip_of(row: Any) -> Clip:
    """The clip of a row of the table ``clips``."""
    return Clip(
        id=row.id,
        filename=row.filename,
        path=row.path,
        duration_s=row.duration_s,
        sample_rate=row.sample_rate,
        channels=row.channels,
        group=row.group_name,
        fold=row.fold_name,
        status=row.status,
        reason=row.reason,
        content_hash=row.content_hash,
        metadata=({IMPORT: row.import_name} if row.import_name else {}) | row._mapping[tables.clips.c.metadata],
        channel=row.channel,
    )
