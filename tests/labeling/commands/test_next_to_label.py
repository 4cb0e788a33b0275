"""next: what to label next, on a terminal."""

from __future__ import annotations

import pytest

from labeling.__main__ import main
from labeling.workspace import Workspace
from tests.support.workspaces.several_sounds import CLASSES, plant_sounds


def test_cells_are_listed_with_their_reasons(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["next", "-w", str(workspace.root)]
    assert main(words) == 1
    assert "there is no space to learn on" in capsys.readouterr().err
    plant_sounds(workspace, clips=20, labelled=10)
    assert main([*words, "--limit", "5"]) == 0
    *rows, last = capsys.readouterr().out.splitlines()
    assert last == "5 of 30 cells to ask; learned from 30 known ones in ears"
    assert {row.split()[0] for row in rows} <= set(CLASSES)
    assert all("likely;" in row for row in rows)
