"""labeling/suspects/bulk.py"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from labeling import journal
from labeling.errors import DataError, StaleDecision
from labeling.suspects import bulk, queue
from labeling.suspects.bulk import Bulk
from labeling.suspects.filter import QueueFilter
from labeling.suspects.queue import QueueRow
from labeling.workspace import Workspace
from tests.support.workspaces.ranked import ALL, decide, demo, make_queue, ranks

RUN = ("001-demo", "earmark")


@pytest.fixture
def queued(any_workspace: Workspace) -> Workspace:
    return make_queue(any_workspace)


def read(workspace: Workspace, wanted: QueueFilter = ALL) -> tuple[Sequence[QueueRow], int]:
    with workspace.read() as connection:
        return queue.rows(connection, demo(connection), wanted), journal.position(connection)


def plan(workspace: Workspace, rows: Sequence[QueueRow], choice: str, seen: int, batch_id: str = "b") -> Bulk:
    with workspace.read() as connection:
        return bulk.plan(
            connection, rows, choice, reviewer="ann", scorer="earmark", batch_id=batch_id, seen_position=seen
        )


def test_each_choice_says_what_it_means_of_each_cell(queued: Workspace) -> None:
    """By hand, from RANKING and the labels of CLIPS."""
    rows, seen = read(queued)
    listed = [False, False, True, False, True, True, False]
    for choice in bulk.CHOICES:
        planned = plan(queued, rows, choice, seen)
        verdicts = [one.verdict for one in planned.decisions]
        if choice == "suggested":
            assert verdicts == ["absent" if one else "present" for one in listed]
            assert planned.verdicts == "4 present, 3 absent"
            assert [one.role for one in planned.decisions] == ["", "primary", "", "", "", "", ""]  # the swap's new one
        elif choice == "labelled":
            assert verdicts == ["present" if one else "absent" for one in listed]
        else:
            assert verdicts == [choice] * 7
            assert planned.verdicts == f"7 {choice}"
        assert planned.cells_and_clips == "7 cells in 4 clips"
    assert [bulk.cells_and_clips(n, 1) for n in (1, 1200)] == ["1 cell in 1 clip", "1,200 cells in 1 clip"]


def test_a_batch_is_stored_once_shown_as_it_was_and_undone_whole(queued: Workspace) -> None:
    rows, seen = read(queued, QueueFilter(classes=("amecro",)))
    planned = plan(queued, rows, "suggested", seen)
    stored = journal.append(queued, planned.decisions)
    again = plan(queued, rows, "suggested", seen)  # the button pressed twice
    assert journal.append(queued, again.decisions) == stored
    assert [one.verdict for one in stored] == ["present", "absent", "absent"]
    assert stored[0].shown == queue.as_shown(rows[0], "earmark")
    assert stored[0].shown.p_wrong == 0.95
    assert ranks(queued, QueueFilter()) == [2, 4, 5, 7]
    with queued.read() as connection:
        last = journal.last_undoable(connection, "ann")
    assert last == stored
    for _ in range(2):
        journal.undo_all(queued, last, "ann", "undo")
    assert ranks(queued, QueueFilter()) == [1, 2, 3, 4, 5, 6, 7]
    with queued.read() as connection:
        assert len(journal.decisions_where(connection)) == 6


def test_cells_that_had_a_verdict_are_counted(queued: Workspace) -> None:
    decide(queued, 3, "amecro", "present")
    rows, seen = read(queued)
    planned = plan(queued, rows, "absent", seen)
    assert planned.decided == 1
    journal.append(queued, planned.decisions)
    assert ranks(queued, QueueFilter(status="decided")) == [1, 2, 3, 4, 5, 6, 7]


def test_a_cell_that_changed_since_the_rows_were_read_stops_all_of_it(queued: Workspace) -> None:
    rows, seen = read(queued)
    decide(queued, 2, "daejun", "unsure")
    with pytest.raises(StaleDecision, match=r"daejun in b/two_50%.ogg was set to unsure by ann"):
        journal.append(queued, plan(queued, rows, "present", seen).decisions)
    assert ranks(queued, QueueFilter(status="decided")) == [4]


def test_too_many_or_an_unknown_choice_is_refused(queued: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, seen = read(queued)
    with pytest.raises(DataError, match="unknown choice 'yes'; choose from suggested, labelled"):
        plan(queued, rows, "yes", seen)
    monkeypatch.setattr(bulk, "MOST_CELLS", 6)
    with pytest.raises(DataError, match="7 cells are to be decided at once; at most 6 can be, filter further"):
        plan(queued, rows, "absent", seen)
    assert plan(queued, [], "absent", seen).decisions == ()
