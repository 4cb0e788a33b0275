"""labeling/commands/team.py: the same as the Team page, without the app."""

from __future__ import annotations

import pytest

from labeling.__main__ import main
from labeling.workspace import Workspace
from tests.support.workspaces.ranked import decide, make_queue


def test_looks_and_assignments_are_set_listed_and_ended(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> tuple[int, str]:
        status = main(["team", *words, "--workspace", str(workspace.root)])
        told = capsys.readouterr()
        return status, told.out + told.err

    assert run("list")[1].endswith("no run is scored yet, so that nothing is to do\n")
    make_queue(workspace)
    assert run("looks", "--kind", "false", "--looks", "2") == (
        0, "each false cell is asked of 2 people, blind to each other, from now on\n",
    )  # fmt: skip
    status, said = run("looks", "--kind", "false", "--looks", "9")
    assert (status, "1 to 5" in said) == (1, True)
    assert run("assign", "bob", "--class", "amecro") == (0, "bob has class amecro (assignment 1)\n")
    assert run("assign", "cem", "--share", "50")[1] == "cem has 50 % of all clips (0 to 50) (assignment 2)\n"
    status, said = run("assign", "bob", "--class", "amecr")
    assert (status, "amecro" in said) == (1, True)
    decide(workspace, 4, "amecro")  # ann's: it needs another look

    listed = run("list")[1].splitlines()
    assert listed[0] == "looks at a cell: 1 where a label is missing, 2 false, 1 at random"
    assert listed[1:3] == ["1  bob: class amecro", "2  cem: 50 % of all clips (0 to 50)"]
    assert listed[3].startswith("ann: 1 decided today")
    assert listed[4].startswith("bob: 3 cells in 3 clips left")
    assert listed[-1] == "in all 6 cells in 4 clips are left, 8 looks"

    assert run("unassign", "1") == (0, "class amecro is bob's no longer\n")
    assert run("unassign", "1")[0] == 1
