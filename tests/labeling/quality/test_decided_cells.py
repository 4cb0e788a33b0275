"""labeling/quality/decided_cells.py"""

from __future__ import annotations

from labeling.collection import store
from labeling.quality.decided_cells import decided_cells
from labeling.records import Region
from labeling.workspace import Workspace
from tests.support.workspaces.deciding import say
from tests.support.workspaces.making import undo_at


def rows(workspace: Workspace) -> list[tuple[int, str, bool, bool, bool]]:
    with workspace.read() as connection:
        found = decided_cells(connection)
        code_of = {class_id: code for code, class_id in store.class_ids(connection).items()}
    columns = (found.clip_id, found.class_id, found.present, found.unsure, found.drawn)
    return [
        (clip_id, code_of[class_id], present, unsure, drawn)
        for clip_id, class_id, present, unsure, drawn in zip(*(column.tolist() for column in columns), strict=True)
    ]


def test_cells_come_in_the_order_of_their_first_decision_with_the_verdict_of_now(any_collection: Workspace) -> None:
    assert rows(any_collection) == []
    say(any_collection, 2, "balori", "absent", audit=True)
    say(any_collection, 1, "amecro", "present")
    say(any_collection, 1, "balori", "unsure", audit=True)
    expected = [(2, "balori", False, False, True), (1, "amecro", True, False, False), (1, "balori", False, True, True)]
    assert rows(any_collection) == expected
    say(any_collection, 1, "amecro", "absent", audit=True)  # chance came second
    say(any_collection, 2, "balori", "present")
    expected[:2] = [(2, "balori", True, False, True), (1, "amecro", False, False, False)]
    assert rows(any_collection) == expected


def test_what_was_taken_back_was_not_said(any_collection: Workspace) -> None:
    first = say(any_collection, 1, "amecro", "absent", audit=True)
    assert rows(any_collection) == [(1, "amecro", False, False, True)]
    undo_at(any_collection, first, "ann", "u1")
    assert rows(any_collection) == []
    say(any_collection, 1, "amecro", "absent")
    assert rows(any_collection) == [(1, "amecro", False, False, False)]


def test_a_stretch_marked_absent_decides_nothing(collection: Workspace) -> None:
    say(collection, 1, "amecro", "absent", region=Region(1.0, 2.0))
    assert rows(collection) == []
    say(collection, 1, "amecro", "present", region=Region(1.0, 2.0), audit=True)
    assert rows(collection) == [(1, "amecro", True, False, True)]
