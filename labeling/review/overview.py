"""Where the collection stands: one call that gathers what the overview and ``status`` show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from labeling import journal, runs
from labeling.collection import store
from labeling.journal import versions
from labeling.quality.scored_run import read_scored_run
from labeling.records import MACHINE, WORTH_HEARING
from labeling.review import second_looks
from labeling.reviewer import marks, pace
from labeling.storage import database as db
from labeling.storage import tables
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace


@dataclass(frozen=True)
class ReviewerFacts:
    """A reviewer's day, what their second looks say, and how many clips are flagged for an expert, by anybody."""

    today: pace.Pace
    looks: second_looks.Findings
    flagged: int


def of_reviewer(workspace: Workspace, reviewer: str, utc_offset_min: int) -> ReviewerFacts:
    """What the overview shows a reviewer whose clock is so many minutes east of UTC."""
    with workspace.read() as connection:
        return ReviewerFacts(
            today=pace.today(connection, reviewer, utc_offset_min=utc_offset_min),
            looks=second_looks.findings(connection, reviewer),
            flagged=len(marks.standing(connection, ["flag"], reviewer)),
        )


def overview(workspace: Workspace) -> dict[str, Any]:
    """Counts of clips, labels, decisions, versions, runs and suspects; JSON-able.

    ``decisions`` and ``decided_cells`` are people's; ``machine_cells`` counts, by verdict, what machines changed where
    nobody decided.
    """
    with workspace.read() as connection:
        facts = store.collection_counts(connection)
        frozen = versions.all_versions(connection)
        every_run = runs.all_runs(connection)
        current = queue.current(connection)
        open_suspects: dict[str, int] = {}
        if current:
            open_suspects = queue.count(
                connection, read_scored_run(connection, *current), QueueFilter(min_p_wrong=WORTH_HEARING)
            )
        entries = sa.select(sa.func.count()).select_from(tables.decisions)
        of_people = sa.func.substr(tables.decisions.c.reviewer, 1, len(MACHINE)) != MACHINE
        of_people &= tables.decisions.c.copy_of.is_(None)
        since = tables.decisions.c.position > (frozen[-1].position if frozen else 0)
        by_machine = Counter(journal.machine_cells(connection).values())
        verdicts = sa.select(tables.cells.c.verdict, sa.func.count()).group_by(tables.cells.c.verdict)
        return facts | {
            "decisions": connection.scalar(entries.where(of_people)),
            "decided_cells": dict(db.fetch(connection, verdicts)),
            "machine_cells": dict(by_machine),
            "label_version": frozen[-1].number if frozen else 0,
            "decisions_since_version": connection.scalar(entries.where(of_people, since)),
            "runs": {
                status: sum(run.status == status for run in every_run) for status in {r.status for r in every_run}
            },
            "scored_run": current[0] if current else "",
            "scorer": current[1] if current else "",
            "suspects": open_suspects,
        }
