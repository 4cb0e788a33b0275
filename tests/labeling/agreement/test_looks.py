"""labeling/agreement/looks.py: which verdicts are independent of each other."""

from __future__ import annotations

import pytest

from labeling import journal
from labeling.agreement.looks import Looks, read_looks
from labeling.records import VERDICTS, Decision, Region, Shown
from labeling.workspace import Workspace
from tests.support.workspaces.deciding import says
from tests.support.workspaces.making import undo_at


def said(workspace: Workspace) -> dict[tuple[int, str], str]:
    """By clip and reviewer."""
    looks = looks_of(workspace)
    return {
        (int(looks.clip_id[row]), name): VERDICTS[looks.said[row, place]]
        for row in range(len(looks.said))
        for place, name in enumerate(looks.reviewers)
        if looks.said[row, place] >= 0
    }


def looks_of(workspace: Workspace) -> Looks:
    with workspace.read() as connection:
        return read_looks(connection)


def test_two_who_had_not_seen_each_other(any_collection: Workspace) -> None:
    says(any_collection, "ann", "present", seen_position=0)
    says(any_collection, "bob", "absent", shown=Shown(blind=True), seen_position=1)
    says(any_collection, "ann", "present", clip_id=2)
    looks = looks_of(any_collection)
    assert looks.reviewers == ("ann", "bob")
    assert looks.cells == [(1, 1)], "a cell of which one spoke compares nobody"
    assert looks.said.tolist() == [[0, 1]]
    assert looks.position.tolist() == [2]


def test_who_saw_the_others_verdict_does_not_count(any_collection: Workspace) -> None:
    says(any_collection, "ann", "present", seen_position=0)
    says(any_collection, "bob", "present", seen_position=1)
    assert said(any_collection) == {}


@pytest.mark.parametrize("hidden", [Shown(blind=True), Shown(audit=True), Shown(independent=True)])
def test_a_screen_that_hid_it_showed_nothing(any_collection: Workspace, hidden: Shown) -> None:
    says(any_collection, "ann", "present", seen_position=0)
    says(any_collection, "bob", "unsure", shown=hidden, seen_position=1)
    assert said(any_collection) == {(1, "ann"): "present", (1, "bob"): "unsure"}


def test_verdicts_of_a_table_saw_none(any_collection: Workspace) -> None:
    says(any_collection, "ann", "present")
    says(any_collection, "bob", "absent")
    assert said(any_collection) == {(1, "ann"): "present", (1, "bob"): "absent"}


def test_the_last_independent_verdict_of_a_person_counts_and_no_repeat_look(any_collection: Workspace) -> None:
    first = says(any_collection, "ann", "absent", seen_position=0)
    says(any_collection, "ann", "present", seen_position=1)
    says(any_collection, "bob", "absent", seen_position=2, shown=Shown(blind=True))
    says(any_collection, "ann", "absent", seen_position=3)  # changed her mind, having seen bob's
    says(any_collection, "ann", "unsure", shown=Shown(second_look=first))
    says(any_collection, "ann", "unsure", shown=Shown(blind=True, doubted_look=first))
    assert said(any_collection) == {(1, "ann"): "present", (1, "bob"): "absent"}


def test_what_was_taken_back_settles_or_was_not_heard_does_not_count(any_collection: Workspace) -> None:
    for clip_id in (1, 2, 3):
        says(any_collection, "ann", "present", clip_id)
    gone = says(any_collection, "bob", "absent", 1)
    undo_at(any_collection, gone, "bob", "back")
    says(any_collection, "zoe", "absent", 2, shown=Shown(adjudication=True))
    batch = [Decision(journal.new_event_id(), "cleo", n, "amecro", "absent", batch_id="many") for n in (1, 2, 3)]
    journal.append(any_collection, batch)
    says(any_collection, "dan", "absent", 3, region=Region(1.0, 2.0))  # says nothing of the clip
    assert said(any_collection) == {}
    says(any_collection, "dan", "present", 3, region=Region(1.0, 2.0))
    assert said(any_collection) == {(3, "ann"): "present", (3, "dan"): "present"}
