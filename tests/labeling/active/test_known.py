"""known.py: labels that came in and verdicts are known, and nothing else is."""

from __future__ import annotations

import numpy as np

from labeling import journal
from labeling.active.known import known_labels
from labeling.records import Decision
from labeling.workspace import Workspace
from tests.support.workspaces.planted import plant
from tests.support.workspaces.several_sounds import plant_sounds


def test_labels_and_verdicts_are_known_at_each_position(workspace: Workspace) -> None:
    holds = plant_sounds(workspace, clips=20, labelled=5)
    journal.append(workspace, [
        Decision("a", "ann", 8, "horn", "present"),
        Decision("b", "ann", 9, "horn", "absent"),
        Decision("c", "ann", 10, "horn", "unsure"),
        Decision("d", "ann", 1, "bell", "absent"),
    ])  # fmt: skip
    with workspace.read() as connection:
        now, before = known_labels(connection), known_labels(connection, 0)
    assert before.unlabelled.tolist() == [False] * 5 + [True] * 15
    assert np.array_equal(before.known, np.repeat(~before.unlabelled[:, None], 3, axis=1))
    assert np.array_equal(before.present[:5], holds[:5])
    assert before.undecided.all()
    assert np.argwhere(now.known != before.known).tolist() == [[7, 2], [8, 2]]  # unsure is not known
    assert (now.present[7, 2], now.present[8, 2], now.present[0, 0]) == (True, False, False)
    assert np.argwhere(~now.undecided).tolist() == [[0, 0], [7, 2], [8, 2], [9, 2]]


def test_recordings_without_labels_are_left_out(workspace: Workspace) -> None:
    planted = plant(workspace, clips=6)
    with workspace.read() as connection:
        assert not set(known_labels(connection).clip_id.tolist()) & set(planted.recorded)
