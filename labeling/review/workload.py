"""Who has what to do: each one's work, what is left of it, how fast it goes, and the same of the team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.cells import cell_keys
from labeling.journal.open_cells import looks_lacking
from labeling.people import users
from labeling.quality.scored_run import ScoredRun
from labeling.records import MACHINE
from labeling.reviewer import pace
from labeling.reviewer.pace import Pace
from labeling.storage import database as db
from labeling.storage import tables
from labeling.suspects.filter import QueueFilter, select
from labeling.team import assignments, leases
from labeling.team.assignments import Assignment

RECENT = timedelta(days=7)
LEAST_WORK_S = 60.0
"""Work of today from which on there is a pace to speak of: what a script stores in an instant has none."""


@dataclass(frozen=True)
class Work:
    """One person's. ``cells`` and ``clips`` are left of what is assigned to them, None where nothing is; ``recent`` are
    the decisions of the last RECENT; ``is_here``: they are at a clip now."""

    name: str
    assigned: Sequence[Assignment]
    cells: int | None
    clips: int | None
    today: Pace
    recent: int
    is_here: bool

    @property
    def pace(self) -> Pace | None:
        """Today's, once it is known."""
        return self.today if self.today.working_s >= LEAST_WORK_S else None


@dataclass(frozen=True)
class TeamWork:
    """Everybody's, by name. ``cells`` in ``clips`` lack a look still, ``looks`` altogether."""

    people: Sequence[Work]
    cells: int
    clips: int
    looks: int

    @property
    def per_hour(self) -> float:
        """Decisions in an hour in which all work at today's pace who worked today; 0 before there is any."""
        return sum(60 * (work.pace.per_minute or 0.0) for work in self.people if work.pace)

    @property
    def hours_left(self) -> float | None:
        """Hours for what is left at that pace; None where there is no pace yet."""
        return self.looks / self.per_hour if self.per_hour else None


def team_work(
    connection: Connection,
    run: ScoredRun,
    *,
    min_p_wrong: float,
    also: str = "",
    utc_offset_min: int = 0,
    now: datetime | None = None,
) -> TeamWork:
    """The work of all who are known: users, those who have decided, and those to whom something is assigned.

    Parameters
    ----------
    connection : Connection
    run : ScoredRun
        Whose suspects are to do.
    min_p_wrong : float
        Likelihood from which on a suspect is to do.
    also : str
        Somebody who is listed in any case: who looks.
    utc_offset_min : int
        How far east of UTC the clock is by which "today" is meant.
    now : datetime, optional
        In place of the clock.

    Returns
    -------
    TeamWork

    Examples
    --------
    >>> from labeling.example import example_workspace
    >>> from labeling.quality.scored_run import read_scored_run
    >>> from labeling.review.workload import team_work
    >>> from labeling.team import assignments
    >>> with example_workspace().write() as connection:
    ...     assignments.assign(connection, "ann", "class", "cangoo").words
    ...     team = team_work(connection, read_scored_run(connection, "001-demo", "earmark"), min_p_wrong=0.3)
    'class cangoo'
    >>> [(work.name, work.cells) for work in team.people], team.cells == team.looks
    ([('ann', 2)], True)
    """
    moment = now or datetime.now(UTC)
    since = (moment - RECENT).astimezone(UTC).isoformat(timespec="microseconds")
    decisions = tables.decisions.c
    counted = (
        sa.select(decisions.reviewer, sa.func.count())
        .where(decisions.created_at >= since, decisions.undoes.is_(None), decisions.copy_of.is_(None))
        .where(~decisions.reviewer.startswith(MACHINE))
        .group_by(decisions.reviewer)
    )
    recent = {str(name): int(count) for name, count in db.fetch(connection, counted)}
    assigned: dict[str, list[Assignment]] = {}
    for assignment in assignments.all_assignments(connection):
        assigned.setdefault(assignment.reviewer, []).append(assignment)
    known = {user.name for user in users.all_users(connection) if user.role != "nobody"}
    here = {lease.reviewer for lease in leases.all_leases(connection, now=moment)}
    names = sorted(known | recent.keys() | assigned.keys() | here | ({also} - {""}), key=str.casefold)
    people = []
    for name in names:
        own = assigned.get(name, [])
        cells, clips = left(connection, run, name, min_p_wrong) if own else (None, None)
        today = pace.today(connection, name, utc_offset_min=utc_offset_min, now=moment)
        people.append(Work(name, own, cells, clips, today, recent.get(name, 0), name in here))
    places = select(connection, run, QueueFilter(min_p_wrong=min_p_wrong)).index()
    clip_id, class_id = run.ranking.clip_id[places], run.ranking.class_id[places]
    lacking = looks_lacking(connection, cell_keys(clip_id, class_id), np.asarray(run.ranking.given, bool)[places])
    return TeamWork(people, len(places), len(np.unique(clip_id)), int(lacking.sum()))


def left(connection: Connection, run: ScoredRun, reviewer: str, min_p_wrong: float) -> tuple[int, int]:
    """Cells to do, and clips that they are in, of what is assigned to a person."""
    wanted = QueueFilter(reviewer=reviewer, mine=True, min_p_wrong=min_p_wrong)
    places = select(connection, run, wanted).index()
    return len(places), len(np.unique(run.ranking.clip_id[places]))
