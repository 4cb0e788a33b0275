"""How each reviewer likes it: one JSON value by (reviewer, name), for names that are known here."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.errors import DataError
from labeling.registry import unknown_name
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.text import reviewer_name
from labeling.workspace import Workspace

MOST_SIGNS = 20_000  # of a value as JSON
MOST_LEVELS = 20

#: name -> (what its value is, what it is about)
NAMES: dict[str, tuple[type, str]] = {
    "look": (dict, "colours, contrast, sound and speed of the player"),
    "picture": (dict, "how the spectrogram is computed"),
    "presets": (list, "pictures under a name"),
    "keys": (dict, "action to keys"),
    "queue_columns": (list, "columns of the queue that are hidden"),
    "last_here": (dict, "up to where the overview's digest was read"),
    "second_looks": (dict, "which shares come again, blind or at random"),
}


def get_all(connection: Connection, reviewer: str) -> dict[str, Any]:
    """All values that this reviewer has put, by name."""
    table = tables.preferences
    query = sa.select(table.c.name, table.c.value).where(table.c.reviewer == reviewer.strip())
    return {name: json.loads(value) for name, value in db.fetch(connection, query) if name in NAMES}


def put(workspace: Workspace, reviewer: str, name: str, value: Any) -> None:
    """Keep a value in the place of the one before; on the disk when this returns.

    Raises DataError for a name that is not in NAMES, a value of another type, one that is not JSON, or one of more
    than MOST_SIGNS.
    """
    if name not in NAMES:
        raise DataError(unknown_name("preference", name, list(NAMES)))
    kind = NAMES[name][0]
    if not isinstance(value, kind):
        raise DataError(f"preference {name!r} is a {type(value).__name__}; give a {kind.__name__}")
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as problem:
        raise DataError(
            f"preference {name!r} is not JSON: {problem}; give finite numbers, texts and lists"
        ) from problem
    if _is_deeper(value, MOST_LEVELS):
        raise DataError(f"preference {name!r} has lists in lists beyond {MOST_LEVELS} levels; make it flatter")
    if len(text) > MOST_SIGNS:
        raise DataError(f"preference {name!r} has {len(text):,} signs as JSON; give at most {MOST_SIGNS:,}")
    where = {"reviewer": reviewer_name(reviewer), "name": name}
    with workspace.write() as connection:
        db.put_one(connection, tables.preferences, where, {"value": text, "changed_at": db.now()})


def _is_deeper(value: Any, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return levels < 1 or any(_is_deeper(item, levels - 1) for item in inside)
