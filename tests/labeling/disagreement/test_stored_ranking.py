"""stored_ranking.py: what is stored comes back; what an older scoring did not store has what stands for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labeling.disagreement.stored_ranking import PAST, Ranking, read_ranking
from labeling.workspace import Workspace
from tests.support.workspaces.ranked import finished_run, make_queue, store_ranking


@pytest.fixture
def queued(any_workspace: Workspace) -> Workspace:
    return make_queue(any_workspace)


def read(workspace: Workspace, run_id: str = "001-demo") -> Ranking:
    with workspace.read() as connection:
        return read_ranking(connection, run_id, "earmark")


def test_a_ranking_without_evidence_reads_with_what_stands_for_it(queued: Workspace) -> None:
    """RANKING has no such columns: missing at 0.92, swapped 0.95 and 0.10, missing 0.80, false 0.05 and 0.40, ..."""
    ranking = read(queued)
    np.testing.assert_array_equal(ranking.given, [False, False, True, False, True, True, False])
    np.testing.assert_array_equal(ranking.runs, np.ones(7))
    np.testing.assert_array_equal(ranking.runs_agree, [1, 1, 1, 1, 1, 1, 0])  # 0.20 of a missing label is no doubt
    assert np.isnan(ranking.neighbours).all()
    assert np.isnan(ranking.typical).all()
    assert len(ranking.past) == 0
    assert ranking.left_out is None
    for name, kind in PAST.items():
        assert getattr(ranking.past, name).dtype == kind


def test_past_cells_come_back(queued: Workspace) -> None:
    past: dict[str, Any] = {
        "clip_id": np.array([2, 4]),
        "class_id": np.array([1, 3]),
        "given": np.array([False, True]),
        "p_wrong": np.array([0.25, 0.75], np.float32),
        "wrong": np.array([True, False]),
    }
    run_id = finished_run(queued)
    store_ranking(queued, run_id, past=past)
    found = read(queued, run_id).past
    assert len(found) == 2
    assert found.covariates.shape == (2, 0)  # they were stored without
    for name, values in past.items():
        np.testing.assert_array_equal(getattr(found, name), values)


def test_a_run_that_was_not_scored_has_an_empty_ranking(queued: Workspace) -> None:
    ranking = read(queued, "nope")
    assert len(ranking.clip_id) == len(ranking.given) == len(ranking.past) == len(ranking.place([(1, 1)])) == 0


def test_cells_are_found_and_those_that_are_not_there_left_out(queued: Workspace) -> None:
    ranking = read(queued)
    cells = list(zip(ranking.clip_id.tolist(), ranking.class_id.tolist(), strict=True))
    np.testing.assert_array_equal(ranking.place(cells), np.arange(7))
    assert ranking.place([(99, 1), cells[4], (1, 99)]).tolist() == [4]
    assert ranking.place([]).tolist() == []
