"""Leases: a clip is handed to one person for a while, so that no two spend time on it by chance.

There is one lease a clip at most, by the table's key, and one statement with a condition takes it: where it is free,
has run out, or is the same person's already. It is stored, so that it holds for all servers of a workspace. A window
that takes another clip gives back the one before; one that is closed without a word (a laptop's lid) does by time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.errors import DataError
from labeling.records import MOST_ID
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.text import checked, reviewer_name

LIFE = timedelta(minutes=5)  # of a lease that nobody renews; the player does while its reviewer moves

_TAKE = sa.text(
    "INSERT INTO leases (clip_id, reviewer, holder, expires_at) VALUES (:clip_id, :reviewer, :holder, :expires_at) "
    "ON CONFLICT (clip_id) DO UPDATE SET reviewer = excluded.reviewer, holder = excluded.holder, "
    "expires_at = excluded.expires_at WHERE leases.reviewer = excluded.reviewer OR leases.expires_at <= :now"
)
_FORGET = sa.delete(tables.leases).where(
    ((tables.leases.c.holder == sa.bindparam("own")) & (tables.leases.c.clip_id != sa.bindparam("taken")))
    | (tables.leases.c.expires_at <= sa.bindparam("moment"))
)
_HELD = sa.select(tables.leases).where(
    tables.leases.c.clip_id.in_(sa.bindparam("clip_ids", expanding=True)),
    tables.leases.c.expires_at > sa.bindparam("moment"),
)


@dataclass(frozen=True)
class Lease:
    """Who is at a clip, until when (UTC, ISO 8601)."""

    clip_id: int
    reviewer: str
    expires_at: str


def take_first(
    connection: Connection, clip_ids: Iterable[int], reviewer: str, holder: str, *, now: datetime | None = None
) -> int | None:
    """Lease the first of some clips that is free to a reviewer, and give back what their window held.

    Parameters
    ----------
    connection : Connection
        From ``workspace.write()``. Where the journal is locked in the same transaction, it was locked before.
    clip_ids : iterable of int
        Of clips that are there, the one wanted most first.
    reviewer : str
    holder : str
        The window that shows the clip: it holds one lease at a time.
    now : datetime, optional
        In place of the clock.

    Returns
    -------
    int or None
        The clip. None where all of them are other people's: what the window held, it holds still.

    Examples
    --------
    >>> from labeling.example import example_workspace
    >>> from labeling.team import leases
    >>> workspace = example_workspace()
    >>> with workspace.write() as connection:
    ...     [leases.take_first(connection, [1, 2], name, f"{name}'s window") for name in ("ann", "bob", "cem")]
    [1, 2, None]
    """
    reviewer, holder = reviewer_name(reviewer), checked(holder, "the window's name", 100, least=1)
    lock(connection)
    moment = now or datetime.now(UTC)
    given = {
        "reviewer": reviewer, "holder": holder, "now": _text(moment), "expires_at": _text(moment + LIFE),
    }  # fmt: skip
    for clip_id in clip_ids:
        if connection.execute(_TAKE, {**given, "clip_id": clip_id}).rowcount:
            connection.execute(_FORGET, {"own": holder, "taken": clip_id, "moment": given["now"]})
            return clip_id
    return None


def lock(connection: Connection) -> None:
    """Be the only one who takes clips until the transaction ends. Two that take one and give one back at once would
    else wait for each other."""
    db.lock_table(connection, tables.leases)


def give_back(connection: Connection, reviewer: str, holder: str) -> None:
    """End what a window of a reviewer's holds."""
    own = (tables.leases.c.holder == holder) & (tables.leases.c.reviewer == reviewer.strip())
    connection.execute(sa.delete(tables.leases).where(own))


def of_clips(connection: Connection, clip_ids: Sequence[int], *, now: datetime | None = None) -> dict[int, Lease]:
    """The leases on these clips that hold now, by clip."""
    if not all(0 < clip_id <= MOST_ID for clip_id in clip_ids):
        raise DataError(f"a clip has a number from 1 to {MOST_ID}; reload the page")
    rows = db.fetch(connection, _HELD, {"clip_ids": list(clip_ids), "moment": _text(now or datetime.now(UTC))})
    return {row.clip_id: Lease(row.clip_id, row.reviewer, row.expires_at) for row in rows}


def all_leases(connection: Connection, *, now: datetime | None = None) -> list[Lease]:
    """Every lease that holds now, by the reviewer's name."""
    table = tables.leases.c
    query = sa.select(table.clip_id, table.reviewer, table.expires_at)
    query = query.where(table.expires_at > _text(now or datetime.now(UTC))).order_by(table.reviewer, table.clip_id)
    return [Lease(*row) for row in db.fetch(connection, query)]


def _text(moment: datetime) -> str:
    """As database.now() writes it, so that texts compare as moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
