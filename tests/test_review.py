"""labeling/review.py"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from labeling import database as db
from labeling import journal, suspects
from labeling.records import Decision
from labeling.review import ClipView, clip_view
from labeling.workspace import Workspace, open_workspace


def view(workspace: Workspace, clip_id: int, scored: tuple[str, str] | None = None, p: float = 0.0) -> ClipView:
    found = clip_view(workspace, clip_id, scored, min_p_wrong=p, reviewer="rita")
    assert found is not None
    return found


def decide(workspace: Workspace, clip_id: int, code: str, verdict: str, role: str = "") -> None:
    journal.append(workspace, [Decision(journal.new_event_id(), "rita", clip_id, code, verdict, role=role)])


@pytest.fixture
def birds(own_copy: Path) -> tuple[Workspace, tuple[str, str]]:
    workspace = open_workspace(own_copy)
    with workspace.read() as connection:
        scored = suspects.current(connection)
    assert scored is not None
    return workspace, scored


def test_before_any_run(collection: Workspace) -> None:
    found = view(collection, 1)
    assert [(cell.class_code, cell.role) for cell in found.cells] == [("amecro", "primary"), ("balori", "secondary")]
    assert found.cells[0].name == "American Crow"
    assert found.grid is None
    assert (found.clipwise, found.candidates, found.run_id, found.fold) == ((), (), "", None)
    assert (found.n_classes, found.position, found.can_undo) == (4, 0, False)
    assert clip_view(collection, 99, None, min_p_wrong=0, reviewer="rita") is None


def test_roles_after_a_swap(collection: Workspace) -> None:
    decide(collection, 1, "amecro", "absent")
    decide(collection, 1, "daejun", "present", "primary")
    found = view(collection, 1)
    roles = {cell.class_code: cell.role for cell in found.cells}
    assert roles == {"amecro": "", "balori": "secondary", "daejun": "primary"}
    assert [one.verdict for one in found.history] == ["absent", "present"]
    assert (found.position, found.can_undo) == (2, True)


def test_suspects_come_first_with_what_the_model_heard(birds: tuple[Workspace, tuple[str, str]]) -> None:
    workspace, scored = birds
    with workspace.read() as connection:
        clip_id = suspects.worklist(connection, *scored, suspects.QueueFilter())[0]
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
    assert not shown & {code for code, _ in found.candidates}
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
        connection.execute(sa.update(db.clips).where(db.clips.c.id == 1).values(row))
    found = view(workspace, 1, scored)
    assert (found.clip.status, found.clip.reason) == ("unreadable", "cut short")
