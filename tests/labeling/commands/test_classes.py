"""labeling/commands/classes.py"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from labeling.__main__ import main
from labeling.workspace import open_workspace
from tests.support.workspaces.making import add_clips


@pytest.fixture
def root(tmp_path: Path) -> str:
    with closing(open_workspace(tmp_path / "w", create=True)) as workspace:
        add_clips(workspace)
    return str(tmp_path / "w")


def test_a_class_is_added_and_listed_as_new(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classes", "add", "--name", "Eastern Towhee", "eastow", "--workspace", root]) == 0
    assert capsys.readouterr().out.startswith("class eastow (Eastern Towhee) is there, without a label yet")
    assert main(["classes", "list", "-w", root]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "eastow  Eastern Towhee  new" in lines
    assert "amecro  American Crow" in lines
    assert len(lines) == 5


def test_a_class_that_has_labels_is_not_called_new(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classes", "add", "amecro", "--workspace", root]) == 0
    assert capsys.readouterr().out == "class amecro (American Crow) was there already\n"


def test_another_spelling_is_refused(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classes", "add", "american crow", "--workspace", root]) == 1
    said = capsys.readouterr().err
    assert said == (
        "error: class 'american crow' is class 'amecro' (American Crow) but for its spelling; use that one, or another "
        "code\n"
    )


def test_what_is_to_be_done_with_classes_must_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["classes"])
    assert end.value.code == 2
    assert "ACTION" in capsys.readouterr().err
