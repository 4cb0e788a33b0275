"""A reviewer's day: how much is decided, how fast, and how long the rest would take."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.errors import DataError
from labeling.records import is_machine
from labeling.storage import database as db
from labeling.storage import tables

LONGEST_PAUSE_S = 300.0  # a longer gap between two presses is no work
MOST_OFFSET_MIN = 16 * 60
READ_TOGETHER = 500


@dataclass(frozen=True)
class Press:
    """One press of a key: when (s, of any clock), how many cells it decided, and in which clips."""

    at_s: float
    decisions: int
    clips: frozenset[int]


@dataclass(frozen=True)
class Pace:
    """What a reviewer did: cells decided and clips they are in; and the pace, from the time spent working.

    ``working_s`` is the time before each press on one clip that came within LONGEST_PAUSE_S of the press before;
    ``paced_decisions`` and ``paced_clips`` are what those presses decided.
    """

    decisions: int
    clips: int
    working_s: float
    paced_decisions: int
    paced_clips: int

    @property
    def per_minute(self) -> float | None:
        """Decisions a minute of work; None before there is any."""
        return 60 * self.paced_decisions / self.working_s if self.working_s and self.paced_decisions else None

    @property
    def seconds_a_clip(self) -> float | None:
        """Seconds of work a clip; None before there is any."""
        return self.working_s / self.paced_clips if self.working_s and self.paced_clips else None

    def time_for_s(self, clips: int) -> float | None:
        """How long so many clips would take at this pace; None where there is no pace yet."""
        return None if self.seconds_a_clip is None else clips * self.seconds_a_clip


def today(connection: Connection, reviewer: str, *, utc_offset_min: int = 0, now: datetime | None = None) -> Pace:
    """What a reviewer decided since their local midnight; ``utc_offset_min`` is how far east of UTC their clock is.

    Entries that were taken back do not count as decisions, and count as work. Raises DataError for an offset that
    no place on earth has.
    """
    if not -MOST_OFFSET_MIN <= utc_offset_min <= MOST_OFFSET_MIN:
        raise DataError(f"UTC offset {utc_offset_min} min is beyond {MOST_OFFSET_MIN} min; check the computer's clock")
    local = (now or datetime.now(UTC)).astimezone(timezone(timedelta(minutes=utc_offset_min)))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    rows = _since(connection, reviewer.strip(), midnight.isoformat(timespec="microseconds"))
    undone_positions = journal.all_undone(connection, rows[0].position) if rows else set()
    standing = [row for row in rows if row.undoes is None and row.position not in undone_positions]
    cells = {(row.clip_id, row.class_id) for row in standing}
    return pace(_presses(rows, undone_positions), decisions=len(cells), clips=len({clip_id for clip_id, _ in cells}))


def worked_between(connection: Connection, older: int, newer: int) -> float:
    """Seconds that people worked from one position of the journal to another, all reviewers together, as `pace` has it.

    0 where nothing says how long it took: decisions from a file, or of many clips at once.
    """
    low, high = sorted((older, newer))
    table = tables.decisions
    columns = (*_columns(), table.c.reviewer)
    between = (table.c.position > low, table.c.position <= high, table.c.copy_of.is_(None))
    query = sa.select(*columns).where(*between).order_by(table.c.position)
    of_reviewer: dict[str, list[Any]] = {}
    for row in db.fetch(connection, query):
        if not is_machine(row.reviewer):
            of_reviewer.setdefault(row.reviewer, []).append(row)
    return sum(pace(_presses(rows, set()), decisions=0, clips=0).working_s for rows in of_reviewer.values())


def _presses(rows: Iterable[Any], undone_positions: Collection[int]) -> list[Press]:
    """A reviewer's entries in order of time as presses; those of one batch that follow each other are one."""
    presses: list[Press] = []
    batch = ""
    for row in rows:
        counts = row.undoes is None and row.position not in undone_positions
        clip = frozenset([row.clip_id])
        if row.batch_id and row.batch_id == batch:
            before = presses.pop()
            presses.append(Press(before.at_s, before.decisions + counts, before.clips | clip))
        else:
            presses.append(Press(datetime.fromisoformat(row.created_at).timestamp(), int(counts), clip))
        batch = row.batch_id
    return presses


def _columns() -> tuple[sa.Column[Any], ...]:
    table = tables.decisions
    return (
        table.c.position,
        table.c.created_at,
        table.c.clip_id,
        table.c.class_id,
        table.c.batch_id,
        table.c.undoes,
    )


def _since(connection: Connection, reviewer: str, moment: str) -> list[Any]:
    """A reviewer's entries since a moment, oldest first. Read backwards in parts, for no index knows the time."""
    table = tables.decisions
    query = sa.select(*_columns()).where(table.c.reviewer == reviewer, table.c.copy_of.is_(None))
    mine = query.order_by(table.c.position.desc()).limit(READ_TOGETHER)
    newest_first: list[Any] = []
    part = db.fetch(connection, mine)
    while part:
        newest_first += part
        if part[-1].created_at < moment:
            break
        part = db.fetch(connection, mine.where(table.c.position < part[-1].position))
    return [row for row in reversed(newest_first) if row.created_at >= moment]


def pace(presses: Iterable[Press], *, decisions: int, clips: int) -> Pace:
    """The pace of presses in order of time; one that decided many clips at once says nothing of listening."""
    working_s, paced_decisions, seen, last_s = 0.0, 0, set[int](), None
    for press in presses:
        if last_s is not None and press.at_s - last_s <= LONGEST_PAUSE_S and len(press.clips) == 1:
            working_s += press.at_s - last_s
            paced_decisions += press.decisions
            seen |= press.clips if press.decisions else set()
        last_s = press.at_s
    return Pace(decisions, clips, working_s, paced_decisions, len(seen))
