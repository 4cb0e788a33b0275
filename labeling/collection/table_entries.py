"""What a table says beyond labels of whole clips, as entries of the journal: times of labels, and people's verdicts.

Times are a machine's entries (`records.MACHINE`), under the name of TABLE: they never count as reviewed, and give way
to what people say. Verdicts are the entries of whom the table names.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.collection.annotation.base import Attribution, StatedVerdict
from labeling.records import MACHINE, Region
from labeling.storage import database as db
from labeling.storage import tables

TABLE = f"{MACHINE}table"
"""Whose entries they are."""


def add_regions(
    connection: Connection,
    import_id: int,
    regions_of: Iterable[tuple[int, Sequence[tuple[str, Region]], Mapping[tuple[str, Region | None], Attribution]]],
    class_ids: Mapping[str, int],
) -> None:
    """Store the regions of clips that an import found, and who says so: (clip id, (code, region)…, by whom)."""
    rows = [
        entry(
            f"{import_id}\n{clip_id}\n{code}\n{astuple(region)}",
            clip_id,
            class_ids[code],
            "present",
            batch_id=f"import-{import_id}",
            region=region,
            said=said_by.get((code, region), Attribution()),
        )
        for clip_id, regions, said_by in regions_of
        for code, region in regions
    ]
    add(connection, rows)


def add_verdicts(
    connection: Connection,
    import_id: int,
    verdicts_of: Iterable[tuple[int, Sequence[StatedVerdict]]],
    class_ids: Mapping[str, int],
) -> None:
    """Store people's verdicts on clips that are new, (clip id, verdicts); nobody else has decided on these yet."""
    rows = [
        entry(
            f"{import_id}\n{clip_id}\n{place}",
            clip_id,
            class_ids[stated.code],
            stated.verdict,
            batch_id=f"import-{import_id}-verdicts",
            region=stated.region,
            who=stated.who,
        )
        for clip_id, verdicts in verdicts_of
        for place, stated in enumerate(verdicts)
    ]
    add(connection, rows)
    if rows:  # what the journal makes of each cell: the last verdict on it
        decisions = tables.decisions.c
        query = sa.select(decisions.clip_id, decisions.class_id, decisions.verdict, decisions.position)
        query = query.where(decisions.batch_id == rows[0]["batch_id"])
        query = query.where(decisions.onset_s.is_(None) | (decisions.verdict == "present")).order_by(decisions.position)
        states = {(row.clip_id, row.class_id): row._asdict() for row in connection.execute(query)}
        connection.execute(sa.insert(tables.cells), list(states.values()))


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
    who: str = TABLE,
    said: Attribution = Attribution(),  # noqa: B008 (it is frozen)
) -> dict[str, Any]:
    """The row of one entry; ``name`` makes its event: the same name, the same entry."""
    onset_s, offset_s, low_hz, high_hz = astuple(region) if region else (None,) * 4
    return {
        "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{TABLE}\n{name}")),
        "batch_id": batch_id,
        "reviewer": who,
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
        "shown": said_to_json(said),
        "seen_position": None,
        "undoes": None,
        "copy_of": None,
    }


def said_to_json(said: Attribution) -> dict[str, Any]:
    """What an entry keeps of who says so, under names that no screen uses (`records.Shown.other`)."""
    kept = {"said_by": said.who, "confidence": said.confidence}
    return {name: value for name, value in kept.items() if value not in ("", None)}


def said_from_json(other: Mapping[str, Any]) -> Attribution:
    """What `said_to_json` kept."""
    return Attribution(str(other.get("said_by", "")), other.get("confidence"))
