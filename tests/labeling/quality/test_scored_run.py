"""labeling/quality/scored_run.py"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from labeling import journal
from labeling.quality import scored_run
from labeling.quality.calibration import next_yield, reliability
from labeling.quality.scored_run import read_scored_run
from labeling.records import Decision, Shown
from labeling.workspace import Workspace
from tests.support.workspaces.ranked import demo, make_queue, store_ranking


def say(workspace: Workspace, clip_id: int, code: str, verdict: str) -> int:
    decision = Decision(journal.new_event_id(), "ann", clip_id, code, verdict, shown=Shown(asked=True))
    return journal.append(workspace, [decision])[0].position


def test_a_run_is_calibrated_by_the_verdicts_up_to_a_position(any_workspace: Workspace) -> None:
    make_queue(any_workspace)
    first = say(any_workspace, 3, "amecro", "present")
    say(any_workspace, 1, "amecro", "present")
    with any_workspace.read() as connection:
        now, then = demo(connection), demo(connection, first)
        nowhere = read_scored_run(connection, "nowhere", "earmark")
    assert (now.position, dict(now.calibration.decided)) == (first + 1, {"missing": 1, "false": 1})
    assert (then.position, dict(then.calibration.decided)) == (first, {"missing": 1, "false": 0})
    assert now.probability[5] < then.probability[5] == pytest.approx(0.30)
    assert (len(now), len(nowhere), nowhere.scored_at) == (7, 0, "")
    assert dict(nowhere.calibration.decided) == {"missing": 0, "false": 0}


def test_what_is_handed_on_fits_together(any_workspace: Workspace) -> None:
    make_queue(any_workspace)
    say(any_workspace, 3, "amecro", "present")
    with any_workspace.read() as connection:
        run = demo(connection)
    assert (run.run_id, run.scorer, len(run.judged)) == ("001-demo", "earmark", 1)
    np.testing.assert_array_equal(run.probability, run.calibration.probability(run.ranking))
    with pytest.raises(ValueError, match="read-only"):
        run.probability[0] = 0
    places = np.arange(3)
    assert run.next_yield(places) == next_yield(run.calibration, run.ranking, places)


def test_a_screen_keeps_its_numbers_while_decisions_come(workspace: Workspace) -> None:
    make_queue(workspace)
    with workspace.read() as connection:
        before = demo(connection)
        assert demo(connection) is before
    say(workspace, 1, "balori", "present")
    with workspace.read() as connection:
        assert demo(connection, before.position) is before
        assert demo(connection) is not before
        assert demo(connection).ranking is before.ranking


def test_a_new_scoring_is_calibrated_anew_and_few_are_kept(workspace: Workspace) -> None:
    make_queue(workspace)
    position = say(workspace, 3, "amecro", "absent")
    with workspace.read() as connection:
        before = demo(connection, position)
    store_ranking(workspace, "001-demo")
    with workspace.read() as connection:
        assert demo(connection, position) is not before
        for number in range(2 * scored_run._runs.count):
            demo(connection, number)
    assert len(scored_run._runs) == scored_run._runs.count


def test_many_threads_get_the_same(workspace: Workspace) -> None:
    make_queue(workspace)
    ends = [say(workspace, 3, "amecro", verdict) for verdict in ("present", "absent") * 10]

    def first_probability(end: int) -> float:
        with workspace.read() as connection:
            return float(demo(connection, end).probability[0])

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(first_probability, ends * 3))
    assert len(set(found)) == 2
    assert found == [found[0], found[1]] * 30


def test_reliability_of_a_run(workspace: Workspace) -> None:
    make_queue(workspace)
    with workspace.read() as connection:
        assert reliability(demo(connection).judged) == []
        assert reliability(read_scored_run(connection, "nowhere", "earmark").judged) == []
    say(workspace, 3, "amecro", "present")
    with workspace.read() as connection:
        assert reliability(demo(connection).judged) == []  # what was said of it was a guess
