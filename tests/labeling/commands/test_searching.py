"""search: what sounds like a stretch, on a terminal."""

from __future__ import annotations

import pytest

from labeling.__main__ import main
from labeling.workspace import Workspace
from tests.support.workspaces.planted import plant


def test_the_most_alike_are_listed_and_a_wrong_stretch_is_said(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = plant(workspace)
    one = planted.example()
    like = f"{one.clip_id - 1:03d}.wav@{one.onset_s:g}-{one.offset_s:g}"
    words = ["search", "-w", str(workspace.root), "--class", "rare", "--among", "labelled"]
    assert main([*words, "--like", like, "--limit", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[5] == "5 of 119 that nobody decided, in space toy"
    names = {f"{clip - 1:03d}.wav@{at:.2f}-{at + 2:.2f}" for clip, at in planted.clips.items()}
    assert {line.split()[-1] for line in lines[:5]} <= names
    for wrong, says in (
        (["--like", "x"], "write FILE@FROM-TO"),
        (["--like", "0000.wav@0-1"], "000.wav"),
        ([], "example"),
    ):
        assert main([*words, *wrong]) == 1
        assert says in capsys.readouterr().err
