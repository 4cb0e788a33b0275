"""labeling/review/workload.py: what is left for whom, and how fast it goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from labeling import journal
from labeling.journal import looks
from labeling.records import Decision
from labeling.review.workload import TeamWork, team_work
from labeling.team import assignments, leases
from labeling.workspace import Workspace
from tests.support.workspaces.ranked import demo, make_queue


def team_of(workspace: Workspace, also: str = "") -> TeamWork:
    with workspace.read() as connection:
        return team_work(connection, demo(connection), min_p_wrong=0.0, also=also)


def test_everybody_who_is_known_has_a_line_with_what_is_left_of_theirs(any_workspace: Workspace) -> None:
    make_queue(any_workspace)
    with any_workspace.write() as connection:
        assignments.assign(connection, "bob", "class", "amecro")
        leases.take_first(connection, [1], "cem", "c")
    journal.append(any_workspace, [Decision(f"e{clip}", "ann", clip, "amecro", "absent") for clip in (1, 4)])
    team = team_of(any_workspace, also="dan")
    assert [(work.name, work.cells, work.clips) for work in team.people] == [
        ("ann", None, None), ("bob", 1, 1), ("cem", None, None), ("dan", None, None),
    ]  # fmt: skip
    assert [(work.today.decisions, work.recent, work.is_here) for work in team.people[:3]] == [
        (2, 2, False), (0, 0, False), (0, 0, True),
    ]  # fmt: skip
    assert (team.cells, team.clips, team.looks) == (5, 3, 5)

    with any_workspace.write() as connection:
        looks.set_needed(connection, "false", 3)
    team = team_of(any_workspace)
    assert (team.cells, team.looks) == (7, 11)  # listed: three, two of which ann has looked at
    assert [(work.name, work.cells) for work in team.people][:2] == [("ann", None), ("bob", 3)]


def test_time_is_told_only_where_there_is_a_pace(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    make_queue(workspace)
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)

    def team_at_five_past() -> TeamWork:
        with workspace.read() as connection:
            return team_work(connection, demo(connection), min_p_wrong=0.0, now=noon + timedelta(minutes=5))

    def say(clip: int, at_s: float) -> None:
        at = (noon + timedelta(seconds=at_s)).isoformat("T", "microseconds")
        monkeypatch.setattr("labeling.storage.database.now", lambda: at)
        journal.append(workspace, [Decision(f"e{clip}", "ann", clip, "amecro", "absent")])

    assert team_at_five_past().hours_left is None
    for clip, at_s in ((1, 0), (3, 20), (4, 59)):
        say(clip, at_s)
    assert team_at_five_past().hours_left is None  # less than a minute of work
    say(2, 90)
    team = team_at_five_past()
    assert team.per_hour == 3600 * 3 / 90
    assert team.hours_left == team.looks / team.per_hour
