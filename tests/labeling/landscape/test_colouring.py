"""colouring.py: each stretch has what is known of its clip, and what nobody knows has no colour."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.embeddings.space import ClipVectors, SpaceFacts, append
from labeling.errors import DataError
from labeling.example import example_workspace
from labeling.landscape import colouring as module
from labeling.landscape.colouring import NONE, choices, colouring
from labeling.landscape.projection import read_projection
from labeling.quality.scored_run import read_scored_run
from labeling.workspace import Workspace
from tests.support.workspaces.making import add_clips

FACTS = SpaceFacts("toy", "imported:toy", "CC0", "", 8000, 1.0, 1.0, 4)


def add_space(workspace: Workspace, clips: range) -> None:
    """Two stretches of each clip."""
    made = [
        ClipVectors(clip, "", np.eye(4)[[clip % 4] * 2], np.array([0.0, 1.0]), np.array([1.0, 2.0])) for clip in clips
    ]
    append(workspace, FACTS, made)


def shown(workspace: Workspace, by: str, run_id: str = "") -> list[str]:
    with workspace.read() as connection:
        run = read_scored_run(connection, run_id, "earmark") if run_id else None
        found = colouring(workspace, connection, *read_projection(workspace, "toy"), by, run=run)
    assert sum(found.counts) == (found.codes != NONE).sum()
    assert found.counts == sorted(found.counts, reverse=True)
    return [found.names[code] if code != NONE else "" for code in found.codes.tolist()]


def test_a_stretch_has_what_the_run_and_the_labels_say_of_its_clip() -> None:
    workspace = example_workspace()
    add_space(workspace, range(1, 14))  # the last clip is not there any more
    for by in ("class", "prediction"):
        said = shown(workspace, by, "001-demo")
        assert said[-2:] == ["", ""]
        assert said[:2] == ["amecro"] * 2
        assert set(said[:-2]) <= {"amecro", "balori", "cangoo"}
    with workspace.read() as connection:
        known = choices(connection, scored=True, clusters=False)
        assert "cluster" not in known
        assert "kind" not in choices(connection, scored=False, clusters=True)


def test_any_column_of_the_table_and_the_rare_values_together(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites = ["b", "b", "b", "a", "a", "", "c", "d"]
    clips = tuple((f"{place}.wav", ("x",)) for place in range(len(sites)))
    add_clips(workspace, clips, metadata={f"{place}.wav": {"site": site} for place, site in enumerate(sites)})
    add_space(workspace, range(1, 9))
    assert shown(workspace, "metadata:site")[::2] == sites
    assert shown(workspace, "recordist")[:6:2] == ["recordist-0", "recordist-1", "recordist-2"]
    monkeypatch.setattr(module, "MOST_NAMES", 2)
    assert set(shown(workspace, "metadata:site")) == {"b", "a", "", "2 others"}
    with workspace.read() as connection, pytest.raises(DataError, match="unknown colour 'kind'"):
        colouring(workspace, connection, *read_projection(workspace, "toy"), "kind")
