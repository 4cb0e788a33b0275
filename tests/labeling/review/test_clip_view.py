"""labeling/review/clip_view.py"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from labeling import journal
from labeling.collection import classes
from labeling.journal.boxes import change_box
from labeling.quality.scored_run import read_scored_run
from labeling.records import Box, Decision, FrameGrid, Region, Shown
from labeling.review.clip_view import ClipView, clip_view, history_rows
from labeling.reviewer import marks
from labeling.storage import tables
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace, open_workspace
from tests.support.workspaces.curves import add_run
from tests.support.workspaces.making import undo_at


def view(
    workspace: Workspace, clip_id: int, scored: tuple[str, str] | None = None, p: float = 0.0, compare: str = ""
) -> ClipView:
    found = clip_view(workspace, clip_id, scored, min_p_wrong=p, reviewer="rita", compare=compare)
    assert found is not None
    return found


def decide(workspace: Workspace, clip_id: int, code: str, verdict: str, role: str = "") -> None:
    journal.append(workspace, [Decision(journal.new_event_id(), "rita", clip_id, code, verdict, role=role)])


@pytest.fixture
def birds(own_copy: Path) -> tuple[Workspace, tuple[str, str]]:
    workspace = open_workspace(own_copy)
    with workspace.read() as connection:
        scored = queue.current(connection)
    assert scored is not None
    return workspace, scored


def test_before_any_run(collection: Workspace) -> None:
    found = view(collection, 1)
    assert [(cell.class_code, cell.role) for cell in found.cells] == [("amecro", "primary"), ("balori", "secondary")]
    assert found.cells[0].name == "American Crow"
    assert found.grid is None
    assert (found.clipwise, found.run_id, found.fold) == ((), "", None)
    assert (found.n_classes, found.position, found.can_undo) == (4, 0, False)
    assert found.offers == (("cangoo", None, "with Baltimore Oriole in 1 clip"), ("daejun", None, ""))
    assert clip_view(collection, 99, None, min_p_wrong=0, reviewer="rita") is None


def test_roles_after_a_swap(collection: Workspace) -> None:
    decide(collection, 1, "amecro", "absent")
    decide(collection, 1, "daejun", "present", "primary")
    found = view(collection, 1)
    roles = {cell.class_code: cell.role for cell in found.cells}
    assert roles == {"amecro": "", "balori": "secondary", "daejun": "primary"}
    assert [one.verdict for one in found.history] == ["absent", "present"]
    assert (found.position, found.can_undo) == (2, True)


def test_a_mark_can_be_undone_too(collection: Workspace) -> None:
    skip = marks.add(collection, marks.Mark("m1", "rita", 1, "skip"))
    assert view(collection, 2).can_undo
    marks.undo(collection, skip, "u1")
    assert not view(collection, 2).can_undo


def test_suspects_come_first_with_what_the_model_heard(birds: tuple[Workspace, tuple[str, str]]) -> None:
    workspace, scored = birds
    with workspace.read() as connection:
        clip_id = queue.worklist(connection, read_scored_run(connection, *scored), QueueFilter())[0]
    found = view(workspace, clip_id, scored)
    doubts = [cell.suspect for cell in found.cells if cell.suspect]
    assert doubts
    assert [cell.suspect for cell in found.cells[: len(doubts)]] == doubts
    assert [one.rank for one in doubts] == sorted(one.rank for one in doubts)
    assert found.grid is not None
    first = found.cells[0]
    assert len(first.framewise) > 0
    assert float(first.framewise.max()) == pytest.approx(doubts[0].framewise_max, abs=2e-3)
    assert first.clipwise == pytest.approx(doubts[0].clipwise, abs=2e-3)
    assert found.fold == doubts[0].fold
    shown = {cell.class_code for cell in found.cells}
    assert not shown & {code for code, *_ in found.offers}
    assert not [cell for cell in view(workspace, clip_id, scored, p=1.01).cells if cell.suspect]


def test_a_run_whose_predictions_are_gone(birds: tuple[Workspace, tuple[str, str]]) -> None:
    workspace, scored = birds
    folder = workspace.run_dir(scored[0]) / "oof.zarr"
    for damage in (lambda: (folder / "zarr.json").write_text(""), lambda: shutil.rmtree(folder)):
        damage()
        found = view(workspace, 1, scored)
        assert found.grid is None
        assert found.cells
        assert all(cell.clipwise is None and np.size(cell.framewise) == 0 for cell in found.cells)


def test_a_clip_that_cannot_be_used(birds: tuple[Workspace, tuple[str, str]]) -> None:
    workspace, scored = birds
    with workspace.write() as connection:
        row = {"status": "unreadable", "reason": "cut short"}
        connection.execute(sa.update(tables.clips).where(tables.clips.c.id == 1).values(row))
    found = view(workspace, 1, scored)
    assert (found.clip.status, found.clip.reason) == ("unreadable", "cut short")


def test_a_second_run_the_spread_and_the_threshold(collection: Workspace) -> None:
    coarse, fine = FrameGrid(0.0, 1.0, 1.0), FrameGrid(0.0, 0.5, 0.5)
    add_run(collection, "001-a", np.array([[0.5, 0.25], [0.25, 0.125]], np.float32), coarse)
    scored = ("001-a", "earmark")
    alone = view(collection, 1, scored)
    assert (alone.compare_run, alone.compare_grid) == ("", None)
    assert [cell.spread for cell in alone.cells] == [None, None]
    second = np.array([[0.125], [0.75], [0.5], [0.0]], np.float32)
    add_run(collection, "002-b", second, fine, classes=("amecro",))
    found = view(collection, 1, scored, compare="002-b")
    assert (found.run_id, found.compare_run, found.grid, found.compare_grid) == ("001-a", "002-b", coarse, fine)
    crow, oriole = found.cells
    assert crow.compare.tolist() == second[:, 0].tolist()
    assert oriole.compare.size == 0
    assert crow.spread is not None
    assert (crow.spread.low.tolist(), crow.spread.high.tolist()) == ([0.5, 0.25], [0.75, 0.5])
    assert crow.threshold == pytest.approx((0.5 + (0.5 + 0.25) / 2) / 2 / 2)  # one clip lists each; half is borrowed
    assert view(collection, 1, scored, compare="009-none").compare_run == ""


def test_boxes_come_with_their_positions(collection: Workspace) -> None:
    change_box(collection, Decision("", "", 1, "amecro", "present", region=Region(1, 2)), reviewer="rita", event_id="e")
    boxes = {cell.class_code: cell.state.boxes for cell in view(collection, 1).cells}
    assert boxes == {"amecro": (Box(1, Region(1, 2), "rita"),), "balori": ()}


def test_a_class_added_meanwhile_has_its_name(any_collection: Workspace) -> None:
    assert view(any_collection, 1).n_classes == 4
    with any_collection.write() as connection:
        classes.add_class(connection, "easpho", "Eastern Phoebe")
    decide(any_collection, 1, "easpho", "present")
    found = view(any_collection, 1)
    assert (found.n_classes, found.cells[-1].name) == (5, "Eastern Phoebe")


def test_the_history_of_a_clip(collection: Workspace) -> None:
    shown = Shown(kind="false", p_wrong=0.734, rank=3)
    first = Decision("e1", "rita", 1, "amecro", "absent", note="a wren", run_id="001", shown=shown)
    journal.append(collection, [first])
    change_box(
        collection,
        Decision("", "", 1, "balori", "present", region=Region(1, 2, 500, 900)),
        reviewer="bob",
        event_id="a",
    )
    change_box(
        collection, Decision("", "", 1, "balori", "present", region=Region(1, 3)), 2, reviewer="bob", event_id="b"
    )
    change_box(collection, None, 4, reviewer="rita", event_id="c")
    undo_at(collection, 1, "rita", "d")
    blind = Decision("e2", "rita", 1, "amecro", "present", shown=replace(shown, blind=True, second_look=1))
    journal.append(collection, [blind])
    rows = history_rows(view(collection, 1))
    assert [(one["position"], one["reviewer"], one["class"], one["what"], one["standing"]) for one in rows] == [
        (7, "rita", "amecro", "present", True),
        (6, "rita", "amecro", "undo of 1", True),
        (5, "rita", "balori", "box 4 taken away", True),
        (4, "bob", "balori", "box marked present", False),
        (3, "bob", "balori", "box 2 moved", True),
        (2, "bob", "balori", "box marked present", False),
        (1, "rita", "amecro", "absent", False),
    ]
    assert [one["screen"] for one in rows if one["screen"]] == [
        "asked blind, second look at 1",
        "suspect: false, 0.73 likely wrong",
    ]
    assert rows[-1]["note"] == "a wren"
    assert rows[-1]["created_at"].endswith("+00:00")
    json.dumps(rows)
    assert history_rows(view(collection, 2)) == []
