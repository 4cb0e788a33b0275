"""What a table says beyond labels of whole clips, as entries of the journal: times of labels.

They are a machine's entries (`records.MACHINE`), under the name of TABLE: they never count as reviewed, and give way to
what people say.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.records import MACHINE, Region
from labeling.storage import database as db
from labeling.storage import tables

TABLE = f"{MACHINE}table"
"""Whose entries they are."""


def add_regions(
    connection: Connection,
    import_id: int,
    regions_of: Iterable[tuple[int, Sequence[tuple[str, Region]]]],
    class_ids: Mapping[str, int],
) -> None:
    """Store the regions of clips (clip id, (code, region)…) that an import found; at once, as there may be many."""
    rows = [
        entry(
            f"{import_id}\n{clip_id}\n{code}\n{astuple(region)}",
            clip_id,
            class_ids[code],
            "present",
            batch_id=f"import-{import_id}",
            region=region,
        )
        for clip_id, regions in regions_of
        for code, region in regions
    ]
    add(connection, rows)


def add(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Store entries; the transaction holds the journal from here on."""
    if rows:
        db.lock_journal(connection)
        connection.execute(sa.insert(tables.decisions), rows)


def entry(
    name: str,
    clip_id: int,
    class_id: int,
    verdict: str,
    *,
    batch_id: str,
    role: str = "",
    region: Region | None = None,
) -> dict[str, Any]:
    """The row of one entry; ``name`` makes its event: the same name, the same entry."""
    onset_s, offset_s, low_hz, high_hz = astuple(region) if region else (None,) * 4
    return {
        "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{TABLE}\n{name}")),
        "batch_id": batch_id,
        "reviewer": TABLE,
        "created_at": db.now(),
        "clip_id": clip_id,
        "class_id": class_id,
        "verdict": verdict,
        "role": role,
        "onset_s": onset_s,
        "offset_s": offset_s,
        "low_hz": low_hz,
        "high_hz": high_hz,
        "note": "",
        "run_id": "",
        "shown": {},
        "seen_position": None,
        "undoes": None,
        "copy_of": None,
    }
