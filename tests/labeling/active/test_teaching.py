"""teaching.py: the queue's order "next" is that of the head, stays where it was drawn, and learns by whole batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from labeling import journal
from labeling.active import teaching
from labeling.active.questions import next_to_label
from labeling.active.teaching import FIRST, LEARNS_EVERY, in_turn
from labeling.errors import DataError, UnknownName
from labeling.quality.scored_run import ScoredRun, read_scored_run
from labeling.records import Decision
from labeling.suspects import queue
from labeling.suspects.filter import TAUGHT, QueueFilter
from labeling.workspace import Workspace
from tests.support.workspaces.making import add_clips
from tests.support.workspaces.ranked import finished_run, store_ranking
from tests.support.workspaces.several_sounds import CLASSES, plant_sounds

Cell = tuple[int, str]


def planted(workspace: Workspace, clips: int = 60) -> NDArray[np.bool_]:
    """Sounds in a space, 40 of the clips with labels; all cells are suspects, ranked clip by clip."""
    holds = plant_sounds(workspace, clips, labelled=40)
    cells = [(clip, code) for clip in range(1, clips + 1) for code in CLASSES]
    rank(workspace, cells)
    return holds


def rank(workspace: Workspace, cells: Sequence[Cell]) -> None:
    rows = [(at, clip, code, "missing", 0.9 - at / 1000, 0.5, 0.5, 0) for at, (clip, code) in enumerate(cells)]
    store_ranking(workspace, finished_run(workspace), rows=rows)


def listed(workspace: Workspace, wanted: QueueFilter | None = None, position: int | None = None) -> list[Cell]:
    wanted = wanted or QueueFilter(order="next")
    with workspace.read() as connection:
        run = in_turn(workspace, connection, read_scored_run(connection, "001-demo", "earmark", position), wanted)
        rows = queue.rows(connection, run, wanted, limit=None)
    return [(row.suspect.clip_id, row.suspect.class_code) for row in rows]


def turned(workspace: Workspace, position: int | None = None, **wanted: str) -> ScoredRun:
    with workspace.read() as connection:
        run = read_scored_run(connection, "001-demo", "earmark", position)
        return in_turn(workspace, connection, run, QueueFilter(order="next", **wanted))  # type: ignore[arg-type]


def decide(workspace: Workspace, cells: Sequence[Cell], holds: NDArray[np.bool_]) -> None:
    journal.append(workspace, [
        Decision(journal.new_event_id(), "ann", clip, code,
                 "present" if holds[clip - 1, CLASSES.index(code)] else "absent")
        for clip, code in cells
    ])  # fmt: skip


@pytest.mark.parametrize("taught", TAUGHT)
def test_where_each_cell_is_a_suspect_the_order_is_that_of_what_to_label_next(
    workspace: Workspace, taught: str
) -> None:
    planted(workspace)
    order = listed(workspace, QueueFilter(order="next", taught=taught))
    assert len(order) == len(set(order)) == 180
    with workspace.read() as connection:
        asked = next_to_label(workspace, connection, "ears", taught, "all", 100).questions
    chance = {(one.clip_id, one.class_code) for one in asked if one.at_random}
    own = [(one.clip_id, one.class_code) for one in asked if not one.at_random]
    assert [cell for cell in order if cell not in chance][: len(own)] == own


def test_a_filter_and_a_page_keep_the_order(workspace: Workspace) -> None:
    planted(workspace)
    everything = listed(workspace)
    assert listed(workspace, QueueFilter(order="next", classes=("horn",))) == [
        cell for cell in everything if cell[1] == "horn"
    ]
    wanted = QueueFilter(order="next")
    with workspace.read() as connection:
        run = in_turn(workspace, connection, read_scored_run(connection, "001-demo", "earmark"), wanted)
        page = queue.page(connection, run, wanted, size=30)
        clips = queue.worklist(connection, run, wanted)
    assert [(row.suspect.clip_id, row.suspect.class_code) for row in page.rows] == everything[:30]
    assert clips == list(dict.fromkeys(clip for clip, _ in everything))


def test_verdicts_move_no_row_until_the_order_is_drawn_anew_and_then_by_whole_batches(workspace: Workspace) -> None:
    holds = planted(workspace)
    with workspace.read() as connection:
        drawn = journal.position(connection)
    before = listed(workspace)
    decide(workspace, before[: LEARNS_EVERY - 1], holds)
    assert listed(workspace, position=drawn) == before[LEARNS_EVERY - 1 :]
    assert listed(workspace) == before[LEARNS_EVERY - 1 :]  # drawn anew, before a whole batch is there
    decide(workspace, before[LEARNS_EVERY - 1 : LEARNS_EVERY], holds)
    assert listed(workspace, position=drawn) == before[LEARNS_EVERY:]
    learned = listed(workspace)
    assert learned != before[LEARNS_EVERY:]
    assert sorted(learned) == sorted(before[LEARNS_EVERY:])


def test_the_order_is_the_same_in_each_process_whatever_was_asked_before(workspace: Workspace) -> None:
    holds = planted(workspace)
    once = listed(workspace)
    decide(workspace, once[:LEARNS_EVERY], holds)
    then = listed(workspace)
    teaching._heads.clear()
    teaching._turns.clear()
    teaching._runs.clear()
    assert listed(workspace) == then
    assert turned(workspace) is turned(workspace)  # kept, as the listing of a screen that scrolls goes by it


def test_what_the_space_does_not_hold_comes_last_and_is_counted(workspace: Workspace) -> None:
    plant_sounds(workspace, 30, labelled=20)
    add_clips(workspace, (("late.ogg", ("horn",)), ("later.ogg", ("horn",))))
    rank(workspace, [(32, "bell"), (31, "horn"), *((clip, "drum") for clip in range(1, 31))])
    order = listed(workspace)
    assert order[-2:] == [(32, "bell"), (31, "horn")]
    turns = turned(workspace).turns
    assert turns is not None
    assert (turns.space, turns.missing) == ("ears", 2)


def test_more_suspects_than_are_weighed_against_each_other(workspace: Workspace) -> None:
    planted(workspace, clips=2 * FIRST // 3 + 40)
    order = listed(workspace)
    assert len(order) == len(set(order)) > 2 * FIRST


def test_what_is_decided_is_listed_last_as_it_is_ranked(workspace: Workspace) -> None:
    holds = planted(workspace)
    some = [(7, "drum"), (3, "bell"), *((clip, "horn") for clip in range(20, 38))]
    decide(workspace, some, holds)
    assert listed(workspace, QueueFilter(order="next", status="all"))[-20:] == [(3, "bell"), (7, "drum"), *some[2:]]


def test_a_head_of_many_clips_learns_from_those_that_were_heard_and_some_by_chance(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teaching, "LEARNS_FROM", 10)
    known, undecided = np.ones((30, 2), bool), np.ones((30, 2), bool)
    undecided[4, 1] = undecided[9, 0] = False
    known[20:] = False
    some = teaching._some_of(np.arange(1, 31), known, undecided)
    assert some.sum() == 10
    assert some[[4, 9]].all()
    assert not some[20:].any()


def test_what_cannot_be_asked_is_said(workspace: Workspace) -> None:
    add_clips(workspace, (("one.ogg", ("horn",)),))
    rank(workspace, [(1, "horn")])
    with pytest.raises(DataError, match="no space to learn on"):
        turned(workspace)
    with workspace.read() as connection, pytest.raises(DataError, match="choose another order"):
        queue.rows(connection, read_scored_run(connection, "001-demo", "earmark"), QueueFilter(order="next"))
    with pytest.raises(DataError, match="best"):
        QueueFilter(order="next", taught="best")
    with pytest.raises(UnknownName):
        turned(workspace, space="eyes")
