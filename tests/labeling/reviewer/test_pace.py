"""labeling/reviewer/pace.py"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from labeling import journal
from labeling.errors import DataError
from labeling.records import Decision
from labeling.reviewer import pace as pace_module
from labeling.reviewer.pace import Pace, Press, pace, today, worked_between
from labeling.storage import database as db
from labeling.workspace import Workspace
from tests.support.workspaces.making import undo_at

NOON = datetime(2026, 5, 12, 12, 0, tzinfo=UTC)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> object:
    """Call it with seconds after NOON to set the journal's clock."""

    def set_clock(seconds: float) -> None:
        stamp = (NOON + timedelta(seconds=seconds)).isoformat(timespec="microseconds")
        monkeypatch.setattr(db, "now", lambda: stamp)

    return set_clock


def say(workspace: Workspace, clip_id: int, code: str, reviewer: str = "ann", batch: str = "") -> Decision:
    one = Decision(journal.new_event_id(), reviewer, clip_id, code, "present", batch_id=batch)
    return journal.append(workspace, [one])[0]


def press(at_s: float, *clips: int, decisions: int = 1) -> Press:
    return Press(at_s, decisions, frozenset(clips))


def test_of_nothing_there_is_no_pace(any_collection: Workspace) -> None:
    with any_collection.read() as connection:
        found = today(connection, "ann")
    assert found == Pace(0, 0, 0.0, 0, 0)
    assert (found.per_minute, found.seconds_a_clip, found.time_for_s(9)) == (None, None, None)


def test_the_pace_leaves_pauses_out() -> None:
    presses = [press(0, 1), press(10, 1), press(30, 2), press(331, 3), press(341, 3), press(641, 4)]
    found = pace(presses, decisions=6, clips=4)
    # gaps of 10, 20, 301 (a pause), 10, 300 s: 340 s for 4 decisions in clips 1, 2, 3, 4
    assert found == Pace(6, 4, 340.0, 4, 4)
    assert found.per_minute == pytest.approx(60 * 4 / 340)
    assert found.seconds_a_clip == 85.0
    assert found.time_for_s(10) == 850.0


def test_many_clips_at_once_are_no_measure_of_listening() -> None:
    found = pace([press(0, 1), press(60, 2, 3, 4, decisions=300), press(90, 5, decisions=3)], decisions=304, clips=5)
    assert found == Pace(304, 5, 30.0, 3, 1)
    assert found.per_minute == 6.0


def test_one_press_alone_is_no_pace() -> None:
    assert pace([press(0, 1)], decisions=1, clips=1).per_minute is None


def test_today_is_the_reviewers_own_day(any_collection: Workspace, at) -> None:  # type: ignore[no-untyped-def]
    at(-13 * 3600)  # 23:00 the day before, in London
    say(any_collection, 1, "amecro")
    at(0)
    say(any_collection, 2, "amecro")
    say(any_collection, 2, "amecro", reviewer="bob")
    with any_collection.read() as connection:
        counts = [
            today(connection, " ann ", utc_offset_min=offset, now=NOON + timedelta(minutes=1)).decisions
            for offset in (0, 59, 60, 840)
        ]
        assert counts == [1, 1, 2, 1]
        assert today(connection, "ann", now=NOON + timedelta(days=1)).decisions == 0


def test_a_long_day_is_read_in_parts(any_collection: Workspace, at, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(pace_module, "READ_TOGETHER", 2)
    for number in range(7):
        at(-3600 * 13 * (number < 2) + number)
        say(any_collection, 1 + number % 4, ("amecro", "balori")[number // 4])
        with any_collection.read() as connection:
            assert today(connection, "ann", now=NOON).decisions == max(0, number - 1)


def test_what_was_taken_back_is_work_and_no_decision(any_collection: Workspace, at) -> None:  # type: ignore[no-untyped-def]
    at(0)
    say(any_collection, 1, "amecro")
    at(10)
    wrong = say(any_collection, 1, "balori")
    at(20)
    undo_at(any_collection, wrong.position, "ann", "undo")
    at(30)
    say(any_collection, 1, "balori")
    at(40)
    say(any_collection, 1, "balori")  # the same cell
    at(60)
    for clip_id in (2, 3):
        say(any_collection, clip_id, "amecro", batch="sweep")
    at(70)
    for code in ("amecro", "cangoo"):
        say(any_collection, 4, code, batch="rest")
    with any_collection.read() as connection:
        found = today(connection, "ann", now=NOON + timedelta(minutes=5))
    # cells: 2 in clip 1, 1 each in 2 and 3, 2 in clip 4; paced: 30 s and 40 s in clip 1, two cells at 70 s in clip 4
    assert found == Pace(decisions=6, clips=4, working_s=50.0, paced_decisions=4, paced_clips=2)


def test_an_offset_that_cannot_be(collection: Workspace) -> None:
    with collection.read() as connection, pytest.raises(DataError, match="UTC offset 2000 min is beyond 960 min"):
        today(connection, "ann", utc_offset_min=2000)


def test_the_time_between_two_positions_is_of_all_reviewers(any_collection: Workspace, at) -> None:  # type: ignore[no-untyped-def]
    def said(seconds: float, clip_id: int, code: str, reviewer: str = "ann", batch: str = "") -> int:
        at(seconds)
        return say(any_collection, clip_id, code, reviewer, batch).position

    said(0, 1, "amecro")
    start = said(10, 1, "balori")
    said(20, 2, "amecro")  # the first of ann's after the start: no gap before it is known
    said(25, 2, "balori", "bob")
    said(45, 3, "amecro", "bob")  # 20 s
    said(50, 3, "balori")  # 30 s
    for clip_id in (1, 2, 3):
        said(80, clip_id, "cangoo", batch="many")  # of many clips: nobody listened
    end = said(90, 4, "cangoo")  # 10 s
    said(500, 4, "amecro")
    with any_collection.read() as connection:
        assert worked_between(connection, start, end) == pytest.approx(60)
        assert worked_between(connection, end, start) == pytest.approx(60)
        assert worked_between(connection, end, end) == 0
