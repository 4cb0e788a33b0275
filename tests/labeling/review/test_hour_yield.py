"""labeling/review/hour_yield.py"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from labeling.review.hour_yield import HourYield, ahead_share, next_hour
from labeling.review.second_looks import Shares
from labeling.reviewer import preferences
from labeling.storage import database as db
from labeling.workspace import Workspace
from tests.support.workspaces.deciding import say
from tests.support.workspaces.ranked import demo, make_queue


def hour(workspace: Workspace, places: int, reviewer: str = "ann") -> HourYield | None:
    with workspace.read() as connection:
        return next_hour(connection, demo(connection), reviewer, np.arange(places))


def work(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, gap_min: int) -> None:
    """Three decisions of ann's, in a clip each."""
    first = datetime(2026, 1, 5, 9, tzinfo=UTC)
    for number, (clip_id, code) in enumerate([(1, "balori"), (2, "daejun"), (3, "amecro")]):
        at = (first + timedelta(minutes=gap_min * number)).isoformat(timespec="microseconds")
        monkeypatch.setattr(db, "now", lambda at=at: at)
        say(workspace, clip_id, code, "absent")


def told(workspace: Workspace, places: int) -> tuple[float, float, float]:
    with workspace.read() as connection:
        found = demo(connection).next_yield(np.arange(places))
    return found.expected, found.low, found.high


def test_the_next_hour_at_this_reviewers_pace(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    make_queue(workspace)
    assert hour(workspace, 7) is None
    work(workspace, monkeypatch, gap_min=4)
    preferences.put(workspace, "ann", "second_looks", {"blind": 0.5, "again": 0, "audit": 0})
    assert hour(workspace, 7, "bob") is None
    found = hour(workspace, 7)
    assert found is not None  # two presses in 8 min: 15 an hour, more than the 7 that are left
    assert (found.decisions, found.clips) == (7.0, 7.0)
    assert (found.found, found.low, found.high) == told(workspace, 7)
    assert hour(workspace, 0) is None


def test_looks_at_random_and_second_looks_take_their_part_of_the_hour(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """15 decisions an hour; where half the looks are random and each other one comes again half the time, 1 of 2.5
    decisions is on a suspect that is new: 6."""
    make_queue(workspace)
    work(workspace, monkeypatch, gap_min=4)
    preferences.put(workspace, "ann", "second_looks", {"blind": 0, "again": 0.5, "audit": 0.5})
    found = hour(workspace, 7)
    assert found is not None
    assert (found.decisions, found.clips) == (15.0, 15.0)
    assert (found.found, found.low, found.high) == told(workspace, 6)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [(Shares(0.5, 0, 0), 1.0), (Shares(0, 0, 0.1), 0.9), (Shares(0, 0.05, 0), 1 / 1.05), (Shares(0, 0.5, 0.5), 0.4)],
)
def test_the_share_of_decisions_that_go_on_with_the_queue(shares: Shares, expected: float) -> None:
    assert ahead_share(shares) == pytest.approx(expected)
