"""labeling/people/at_terminal.py: whose command it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling.errors import NotAllowed
from labeling.people import at_terminal, tokens, users
from labeling.workspace import Workspace


def test_a_token_says_who_runs_a_command(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(workspace.root)
    assert at_terminal.check_command(root, "train") == ""
    with workspace.write() as connection:
        users.add_user(connection, "rita", "reviewer")
        token = tokens.make(connection, "rita")
    assert at_terminal.check_command(root, "train") == "", "whose folder it is may all"
    monkeypatch.setenv(at_terminal.TOKEN, token)
    assert at_terminal.check_command(root, "decide") == "rita"
    with pytest.raises(NotAllowed, match="this needs the role owner, and rita is a reviewer"):
        at_terminal.check_command(root, "train")
    monkeypatch.setenv(at_terminal.TOKEN, "em_guessed")
    with pytest.raises(NotAllowed, match="no token of this workspace"):
        at_terminal.check_command(root, "status")


def test_who_does_not_own_the_folder_says_who_they_are(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: workspace.root.stat().st_uid + 1)
    assert at_terminal.check_command(str(workspace.root), "train") == "", "without users it is as it was"
    with workspace.write() as connection:
        users.add_user(connection, "rita", "reviewer")
    with pytest.raises(NotAllowed, match="belongs to somebody else; say who you are with a token"):
        at_terminal.check_command(str(workspace.root), "status")


def test_a_workspace_that_is_still_to_be_made_is_for_everybody(tmp_path: Path) -> None:
    assert at_terminal.check_command(str(tmp_path / "new"), "import") == ""
    assert at_terminal.check_command("", "import") == ""
    assert not (tmp_path / "new").exists()
