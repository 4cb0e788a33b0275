"""Suspects that need no model: copies with unlike labels, and tables that contradict each other."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from labeling.collection import contested, store
from labeling.disagreement.scoring import score_run
from labeling.example import example_workspace
from labeling.quality.scored_run import read_scored_run
from labeling.records import WORTH_HEARING
from labeling.review.clip_view import clip_view
from labeling.storage import tables
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import CACHE, Workspace

RUN = ("001-demo", "earmark")


@pytest.fixture
def workspace() -> Workspace:
    return example_workspace()


def rows(workspace: Workspace, clip_id: int) -> dict[str, queue.QueueRow]:
    with workspace.read() as connection:
        run = read_scored_run(connection, *RUN)
        wanted = QueueFilter(min_p_wrong=WORTH_HEARING)
        return {
            row.suspect.class_code: row
            for row in queue.rows(connection, run, wanted, limit=None)
            if row.suspect.clip_id == clip_id
        }


def pair(workspace: Workspace) -> tuple[int, int]:
    """Two clips whose labels differ and that the model does not doubt."""
    with workspace.read() as connection:
        ids = store.clip_ids_by_filename(connection)
    return ids["amecro/1.wav"], ids["balori/1.wav"]


def test_copies_with_unlike_labels_are_suspects_with_a_reason_of_their_own(workspace: Workspace) -> None:
    one, other = pair(workspace)
    assert "amecro" not in rows(workspace, one)
    with workspace.write() as connection:
        here = tables.clips.c.id.in_([one, other])
        connection.execute(sa.update(tables.clips).where(here).values(content_hash="same"))
        contested.renew_copies(connection)
    found = rows(workspace, one)
    assert {"amecro", "balori"} <= set(found)
    assert found["amecro"].probability >= contested.LIKELY_WRONG
    assert "; labelled amecro here, balori in balori/1.wav (the same file); " in found["amecro"].why
    assert "; labelled amecro here, balori in balori/1.wav (the same file); " in found["balori"].why
    view = clip_view(workspace, one, RUN, min_p_wrong=WORTH_HEARING, reviewer="ann")
    assert view is not None
    assert "(the same file)" in next(cell.support for cell in view.cells if cell.class_code == "amecro")


def test_near_copies_offer_theirs_when_a_run_is_scored(workspace: Workspace) -> None:
    one, other = pair(workspace)
    (workspace.root / CACHE).mkdir(exist_ok=True)
    known = {"clip_ids": [one, other], "pairs": [[one, other, 0.0, 1.9, 1.0]]}
    (workspace.root / CACHE / "copies.json").write_text(json.dumps(known))
    score_run(workspace, RUN[0])
    assert "(the same recording)" in rows(workspace, one)["amecro"].why
    known["pairs"] = [[one, other, 0.0, 0.9, 1.0]]  # a cut of it need not have all of its labels
    (workspace.root / CACHE / "copies.json").write_text(json.dumps(known))
    score_run(workspace, RUN[0])
    assert "amecro" not in rows(workspace, one)


def test_what_a_later_table_says_otherwise_is_a_suspect(workspace: Workspace) -> None:
    one, _ = pair(workspace)
    with workspace.write() as connection:
        ids = store.class_ids(connection)
        (record,) = store.all_imports(connection)
        row = {"clip_id": one, "reason": "table", "import_id": record.id}
        cells = [row | {"class_id": ids[code]} for code in ("amecro", "cangoo")]
        connection.execute(sa.insert(tables.contested_cells), cells)
    found = rows(workspace, one)
    assert f"the table {record.name} does not list it" in found["amecro"].why
    assert f"the table {record.name} lists it" in found["cangoo"].why
