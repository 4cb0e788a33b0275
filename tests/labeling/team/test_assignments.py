"""labeling/team/assignments.py: what is whose, and what cannot be assigned."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.errors import DataError
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.team import assignments
from labeling.workspace import Workspace
from tests.support.workspaces.ranked import demo, make_queue


def assign(workspace: Workspace, name: str, kind: str, part: str) -> assignments.Assignment:
    with workspace.write() as connection:
        return assignments.assign(connection, name, kind, part, "olga")


def mine(workspace: Workspace, name: str) -> list[tuple[int, str]]:
    with workspace.read() as connection:
        rows = queue.rows(connection, demo(connection), QueueFilter(mine=True, reviewer=name, order="rank"))
        return [(row.suspect.clip_id, row.suspect.class_code) for row in rows]


def test_mine_is_all_that_is_assigned_to_me_together(any_workspace: Workspace) -> None:
    make_queue(any_workspace)
    assert mine(any_workspace, "ann") == []
    one = assign(any_workspace, "ann", "class", "cangoo")
    assert mine(any_workspace, "ann") == [(1, "cangoo")]
    assert assign(any_workspace, "ann", "class", "cangoo") == one
    assign(any_workspace, "ann", "folder", "/b/")
    assert mine(any_workspace, "ann") == [(1, "cangoo"), (2, "daejun")]
    everything = assign(any_workspace, "bob", "import", "1")
    assert len(mine(any_workspace, "bob")) == 7
    with any_workspace.write() as connection:
        assert assignments.take_away(connection, everything.id) == everything
        with pytest.raises(DataError, match="no assignment has the number"):
            assignments.take_away(connection, everything.id)
    assert mine(any_workspace, "bob") == []


def test_shares_are_dealt_until_none_is_left_and_hold_each_clip_once(workspace: Workspace) -> None:
    make_queue(workspace)
    assert [assign(workspace, name, "share", part).part for name, part in (("ann", "30"), ("bob", "45 %"))] == [
        "0-30", "30-75",
    ]  # fmt: skip
    with pytest.raises(DataError, match="26 percent in one piece are not left, 25 are in all"):
        assign(workspace, "cem", "share", "26")
    assert assign(workspace, "cem", "share", "25").words == "25 % of all clips (75 to 100)"
    owned = [cell for name in ("ann", "bob", "cem") for cell in mine(workspace, name)]
    assert len(owned) == len(set(owned)) == 7
    assert assign(workspace, "dan", "share", "0-50").part == "0-50"  # said so: two people may have the same

    counts = np.bincount(assignments.percent_of(np.arange(1, 100_001)), minlength=100)
    assert 850 < counts.min() <= counts.max() < 1150


@pytest.mark.parametrize(("kind", "part", "said"), [
    ("odd", "x", "kind of assignment"), ("class", "amecr", "amecro"), ("import", "7", "'1'"),
    ("share", "0", "1 to 100"), ("share", "101", "1 to 100"), ("share", "50-20", "from and to"),
    ("folder", "zz", "'a', 'b'"), ("class", " ", "0 signs"), ("folder", "/", "no clip lies"),
])  # fmt: skip
def test_what_cannot_be_assigned_says_why(workspace: Workspace, kind: str, part: str, said: str) -> None:
    make_queue(workspace)
    with pytest.raises(DataError, match=said):
        assign(workspace, "ann", kind, part)


def test_folders_are_those_above_too(workspace: Workspace) -> None:
    make_queue(workspace)
    with workspace.read() as connection:
        assert assignments.folders(connection) == ["a", "b", "c", "d"]
