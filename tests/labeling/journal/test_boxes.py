"""labeling/journal/boxes.py"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling import journal
from labeling.errors import DataError, StaleDecision
from labeling.journal.boxes import BoxChange, change_box
from labeling.records import CellState, Decision, Region
from labeling.workspace import Workspace
from tests.support.examples import examples
from tests.support.workspaces.making import copy_of

FIRST, SECOND, THIRD = Region(0.0, 1.0), Region(2.0, 5.5, 500.0, 8000.0), Region(7.25, 7.5)


def region_decision(region: Region | None, verdict: str = "present", code: str = "cangoo", role: str = "") -> Decision:
    return Decision("", "", 1, code, verdict, role=role, region=region)


def put(workspace: Workspace, region: Region, replaces: int | None = None, verdict: str = "present") -> BoxChange:
    return change_box(
        workspace, region_decision(region, verdict), replaces, reviewer="ann", event_id=journal.new_event_id()
    )


def take(workspace: Workspace, position: int) -> BoxChange:
    return change_box(workspace, None, position, reviewer="ann", event_id=journal.new_event_id())


def undo_last(workspace: Workspace) -> list[Decision]:
    with workspace.read() as connection:
        last = journal.last_undoable(connection, "ann")
    return journal.undo_all(workspace, last, "ann", journal.new_event_id()) if last else []


def state_of(workspace: Workspace, code: str = "cangoo") -> CellState:
    with workspace.read() as connection:
        return journal.cell_state(connection, 1, code)


def test_a_box_is_drawn_moved_and_taken_away(any_collection: Workspace) -> None:
    drawn = put(any_collection, FIRST)
    assert (drawn.left, drawn.state.present, drawn.state.events) == (1, True, (FIRST,))
    assert [(box.position, box.reviewer) for box in drawn.state.boxes] == [(1, "ann")]
    moved = put(any_collection, SECOND, replaces=1)
    assert [(one.verdict, one.undoes, one.region) for one in moved.entries] == [
        ("undo", 1, None),
        ("present", None, SECOND),
    ]
    assert moved.entries[0].batch_id == moved.entries[1].batch_id == moved.entries[1].event_id
    assert (moved.left, moved.state.events, moved.state.boxes[0].position) == (1, (SECOND,), 3)
    taken = take(any_collection, 3)
    assert (taken.left, taken.state.boxes, taken.state.verdict, taken.state.present) == (0, (), "", False)
    assert taken.state == state_of(any_collection)


def test_without_its_last_box_a_cell_is_what_it_was_before(collection: Workspace) -> None:
    journal.append(collection, [Decision("said", "bob", 1, "amecro", "absent")])
    drawn = change_box(
        collection, region_decision(FIRST, code="amecro"), reviewer="ann", event_id="draw", seen_position=1
    )
    assert drawn.state.present
    taken = take(collection, drawn.state.boxes[0].position)
    assert (taken.left, taken.state.verdict, taken.state.reviewer) == (0, "absent", "bob")


def test_a_quiet_stretch_is_a_box_too_and_none_that_is_left(collection: Workspace) -> None:
    put(collection, FIRST)
    quiet = put(collection, THIRD, verdict="absent")
    assert (quiet.left, quiet.state.events, quiet.state.quiet) == (1, (FIRST,), (THIRD,))
    turned = put(collection, THIRD, replaces=2)
    assert (turned.left, turned.state.quiet) == (2, ())


def test_a_moved_box_keeps_its_role(collection: Workspace) -> None:
    first = region_decision(FIRST, role="primary")
    change_box(collection, first, reviewer="ann", event_id="a")
    assert put(collection, SECOND, replaces=1).state.role == "primary"


def test_undo_brings_back_the_box_before_step_by_step(any_collection: Workspace) -> None:
    put(any_collection, FIRST)
    put(any_collection, SECOND, replaces=1)
    put(any_collection, THIRD, replaces=3)
    take(any_collection, 5)
    seen = []
    while undo_last(any_collection):
        seen.append(state_of(any_collection).events)
    assert seen == [(THIRD,), (SECOND,), (FIRST,), ()]


def test_a_retried_change_adds_nothing(any_collection: Workspace) -> None:
    drawn = change_box(any_collection, region_decision(FIRST), reviewer="ann", event_id="draw", seen_position=0)
    again = change_box(any_collection, region_decision(FIRST), reviewer="ann", event_id="draw", seen_position=0)
    assert again == drawn
    moved = change_box(any_collection, region_decision(SECOND), 1, reviewer="ann", event_id="move", seen_position=1)
    assert (
        change_box(any_collection, region_decision(SECOND), 1, reviewer="ann", event_id="move", seen_position=1)
        == moved
    )
    taken = change_box(any_collection, None, 3, reviewer="ann", event_id="take", seen_position=3)
    assert change_box(any_collection, None, 3, reviewer="ann", event_id="take", seen_position=3) == taken
    with any_collection.read() as connection:
        assert journal.position(connection) == 4


def test_a_cell_that_changed_in_the_meantime_is_not_touched(collection: Workspace) -> None:
    put(collection, FIRST)
    put(collection, SECOND, replaces=1)
    with pytest.raises(StaleDecision, match=r"cangoo in amecro/XC1\.ogg was set to present by ann"):
        change_box(collection, region_decision(THIRD), 1, reviewer="bob", event_id="late", seen_position=1)
    with pytest.raises(StaleDecision):
        change_box(collection, None, 1, reviewer="bob", event_id="late", seen_position=1)
    assert state_of(collection).events == (SECOND,)


@pytest.mark.parametrize(
    ("decision", "replaces", "message"),
    [
        (None, None, "no box was given"),
        (None, 99, "no decision 99 in the journal; nothing was changed"),
        (None, 2, "decision 2 is no box that stands on balori in clip 1; look again"),
        (None, 3, "decision 3 is no box that stands on cangoo"),
        (region_decision(THIRD), 3, "decision 3 is no box that stands on cangoo"),
        (region_decision(THIRD), 99, "decision 99 is no box that stands on cangoo"),
        (region_decision(THIRD, code="daejun"), 1, "decision 1 is no box that stands on daejun"),
        (region_decision(None), None, "a box is a region marked present or absent"),
        (region_decision(FIRST, "unsure"), None, "a box is a region marked present or absent, not 'unsure'"),
        (region_decision(Region(19.0, 21.0)), 1, r"region ends at 21\.00 s, after the end"),
    ],
)
def test_what_is_no_box_is_refused_whole(
    collection: Workspace, decision: Decision | None, replaces: int | None, message: str
) -> None:
    put(collection, FIRST)
    journal.append(collection, [Decision("verdict", "ann", 1, "balori", "absent")])
    put(collection, SECOND)
    take(collection, 3)
    with pytest.raises(DataError, match=message):
        change_box(collection, decision, replaces, reviewer="ann", event_id="e")
    assert (state_of(collection).position, state_of(collection).events) == (4, (FIRST,))


REGIONS = st.sampled_from([FIRST, SECOND, THIRD])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("draw"), REGIONS, st.sampled_from(["present", "present", "absent"]), st.booleans()),
        st.tuples(st.just("move"), REGIONS, st.integers(0, 9), st.booleans()),
        st.tuples(st.just("take"), st.integers(0, 9), st.booleans()),
        st.tuples(st.just("decide"), st.sampled_from(["present", "absent", "unsure"])),
        st.tuples(st.just("undo")),
    ),
    max_size=16,
)


@examples(30)
@given(steps=STEPS)
def test_undo_after_any_changes_gives_the_boxes_of_before(blank: Path, steps: list[tuple]) -> None:
    """Against a stack of what was seen: each undo must show the cell as it was before the newest standing act."""
    with copy_of(blank) as workspace:

        def now() -> CellState:
            return replace(state_of(workspace), position=0, reviewer="")

        before: list[CellState] = []
        for number, step in enumerate(steps):
            here, event_id = now(), f"e{number}"
            change: tuple[Decision | None, int | None] | None = None
            if step[0] == "undo":
                undone = undo_last(workspace)
                assert bool(undone) == bool(before)
                assert now() == (before.pop() if before else here)
                continue
            if step[0] == "decide":
                journal.append(workspace, [Decision(event_id, "ann", 1, "cangoo", step[1])])
            elif step[0] == "draw":
                change = region_decision(step[1], step[2]), None
            elif here.boxes:
                box = here.boxes[step[-2] % len(here.boxes)]
                verdict = "present" if box.present else "absent"
                change = (region_decision(step[1], verdict) if step[0] == "move" else None), box.position
            if change is not None:
                made = change_box(workspace, *change, reviewer="ann", event_id=event_id)
                wanted = [box for box in here.boxes if box.position != change[1]]
                assert list(made.state.boxes[: len(wanted)]) == wanted
                assert len(made.state.boxes) == len(wanted) + (change[0] is not None)
                if step[-1]:  # the answer was lost, and the browser asks again
                    assert change_box(workspace, *change, reviewer="ann", event_id=event_id) == made
            if step[0] == "decide" or change is not None:
                before.append(here)
        while before:
            assert undo_last(workspace)
            assert now() == before.pop()
        assert not undo_last(workspace)
