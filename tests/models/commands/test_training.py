"""models/commands/training.py: what cannot be trained is said on stderr, and leaves nothing behind."""

from __future__ import annotations

import pytest

from labeling.workspace import Workspace
from models.__main__ import main
from tests.support.training.refused import REFUSED, run_to_be_like, stored
from tests.support.workspaces.making import add_clips


def said(capsys: pytest.CaptureFixture[str], workspace: Workspace, *words: str, fails: bool = True) -> str:
    assert main(["train", *words, "--workspace", str(workspace.root)]) == fails
    shown = capsys.readouterr()
    return shown.err if fails else shown.out


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_what_cannot_be_trained(
    capsys: pytest.CaptureFixture[str], collection: Workspace, settings: tuple[str, ...], message: str
) -> None:
    flags = [word for setting in settings for word in ("--set", setting)]
    assert message in said(capsys, collection, "demo", *flags)
    assert message in said(capsys, collection, "demo", *flags, "--dry-run")
    assert stored(collection) == ([], [])
    run_id = run_to_be_like(collection, settings)
    before = stored(collection)
    assert message in said(capsys, collection, "--like", run_id)
    assert stored(collection) == before


def test_a_dry_run_says_what_would_be_trained(capsys: pytest.CaptureFixture[str], collection: Workspace) -> None:
    line = said(capsys, collection, "demo", "--folds", "2", "--dry-run", fails=False)
    assert line == "would train demo (Demo (seconds a fold, CPU)), 2 folds\n"
    for words, message in (
        (("--dry-run",), "name a recipe to train"),
        (("demo", "--folds", "1", "--dry-run"), "--folds 1 must be at least 2"),
        (("--like", "001-demo", "--dry-run"), "leave out --resume and --like"),
    ):
        assert message in said(capsys, collection, *words)
    assert stored(collection) == ([], [])


def test_a_selection_of_a_few_clips_is_warned_of_before_it_starts(
    capsys: pytest.CaptureFixture[str], workspace: Workspace
) -> None:
    add_clips(workspace, metadata={"amecro/XC1.ogg": {"set": "curated"}, "cangoo/XC4.ogg": {"set": "curated"}})
    words = ["train", "demo", "--folds", "2", "--dry-run", "--workspace", str(workspace.root)]
    assert main([*words, "--set", "data.clips=set=curated"]) == 0
    warned = capsys.readouterr().err
    assert "warning: data.clips = 'set=curated' takes 2 of 4 clips, so that a fold trains on 1 of them" in warned
    assert main(words) == 0
    assert capsys.readouterr().err == ""
