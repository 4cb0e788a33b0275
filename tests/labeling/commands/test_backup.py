"""labeling/commands/backup.py"""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from labeling.__main__ import main
from labeling.workspace import open_workspace
from tests.support.workspaces.making import add_clips


def test_backed_up_restored_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(open_workspace(tmp_path / "w", create=True)) as workspace:
        add_clips(workspace)
    assert main(["backup", str(tmp_path / "kept"), "-w", str(tmp_path / "w")]) == 0
    first = capsys.readouterr().out
    assert re.search(r"kept: 0 decisions, 1 files; journal 0{16}\nsound files are not part of a backup", first)
    assert main(["restore", str(tmp_path / "kept"), "-w", str(tmp_path / "again")]) == 0
    assert "relink --audio DIR" in capsys.readouterr().out
    assert main(["status", "-w", str(tmp_path / "again")]) == 0
    assert "clips                    4" in capsys.readouterr().out
    assert main(["database", "move", "--to", "mysql://u:secret@h/d", "-w", str(tmp_path / "again")]) == 1
    said = capsys.readouterr().err
    assert "neither sqlite nor postgresql" in said
    assert "secret" not in said
