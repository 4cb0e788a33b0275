"""labeling/__main__.py, models/__main__.py: what a shell sees."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.__main__ import OWN
from labeling import journal
from labeling.__main__ import main
from labeling.__main__ import parser as labels_parser
from labeling.collection import store
from labeling.commands.ending import ended_tidily, run_command
from labeling.journal import versions
from labeling.people import tokens, users
from labeling.people.at_terminal import TOKEN
from labeling.people.roles import NEEDS, ROLES
from labeling.workspace import Workspace, open_workspace
from models.__main__ import main as models
from models.__main__ import parser as models_parser
from tests.support import ROOT
from tests.support.browser.reviewing import rows
from tests.support.workspaces.making import copy_workspace


def call(*words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, input=stdin)
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("package", ["labeling", "models"])
def test_wrong_usage_ends_with_2(package: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = call(package, "nope")
    assert done.returncode == 2
    assert "usage:" in done.stderr
    for words in ((), ("work", "--nope"), ("export",)):
        with pytest.raises(SystemExit) as end:
            {"labeling": main, "models": models}[package](words)
        assert end.value.code == 2
        assert "usage:" in capsys.readouterr().err


def every_command() -> Iterator[str]:
    """The names of all commands, with the second word of those that share a first one."""

    def names(parser: argparse.ArgumentParser) -> Iterator[str]:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, own in action.choices.items():
                    yield from [f"{name} {more}" for more in names(own)] or [name]

    yield from names(labels_parser())
    yield from names(models_parser())
    yield from OWN


def test_each_command_is_for_those_whose_role_the_table_says(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = set(every_command())
    assert {f"earmark {name}" for name in commands} == {what for what in NEEDS if what.startswith("earmark ")}
    with workspace.write() as connection:
        made = {role: tokens.make(connection, users.add_user(connection, role, role).name) for role in ROLES}
    ran = []
    for role, token in made.items():
        monkeypatch.setenv(TOKEN, token)
        for name in sorted(commands):
            command, _, second = name.partition(" ")
            args = argparse.Namespace(
                command=command, action_name=second, workspace=str(workspace.root),
                action=lambda args: ran.append((args.command, args.signed_in)),
            )  # fmt: skip
            may = ROLES.index(role) >= ROLES.index(NEEDS[f"earmark {name}"])
            assert run_command(args) == (0 if may else 1), (role, name)
            who = "" if NEEDS[f"earmark {name}"] == "nobody" else role
            assert ran == ([(command, who)] if may else [])
            ran.clear()
    assert "this needs the role owner, and viewer is a viewer; ask an owner" in capsys.readouterr().err


def test_a_token_decides_in_the_name_of_its_user_alone(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copy_workspace(trained, tmp_path / "w")
    with closing(open_workspace(root)) as workspace, workspace.write() as connection:
        users.add_user(connection, "rita", "adjudicator")
        monkeypatch.setenv(TOKEN, tokens.make(connection, "rita"))
    (tmp_path / "d.csv").write_text("filename,class,verdict\n")
    assert main(["decide", str(tmp_path / "d.csv"), "--reviewer", "ann", "-w", str(root)]) == 1
    assert "the token is of 'rita', who cannot decide as 'ann'" in capsys.readouterr().err
    assert main(["classes", "add", "owl", "-w", str(root)]) == 0
    assert rows(root, "select added_by from classes where code = 'owl'") == [("rita",)]


def test_a_failure_ends_with_1_and_is_silent_on_stdout(tmp_path: Path) -> None:
    done = call("labeling", "status", "--workspace", str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no workspace at")


def test_import_has_no_bar_without_a_terminal(trained: Path, tmp_path: Path) -> None:
    done = call("labeling", "import", str(trained / "demo"), "--workspace", str(tmp_path / "w"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "48" in done.stdout


def test_suspects_on_a_screen_and_into_a_pipe_that_closes(trained: Path) -> None:
    words = ("labeling", "suspects", "--workspace", str(trained))
    done = call(*words, "--limit", "3")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    assert all(line.split()[1] in ("missing", "false", "swapped") for line in lines)
    piped = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "{sys.executable}" -m {" ".join(words)} | head -n 1 >/dev/null'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert piped.stderr == ""


def test_an_end_from_outside_is_tidy() -> None:
    before = signal.getsignal(signal.SIGTERM)
    for sign in (signal.SIGTERM, signal.SIGHUP):
        with pytest.raises(KeyboardInterrupt), ended_tidily():
            signal.raise_signal(sign)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_run_that_is_not_scored_is_named(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suspects", "--workspace", str(trained), "--run", "zzz", "--scorer", "margin"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: run zzz is not scored; scored are ")
    assert main(["suspects", "--workspace", str(trained), "--scorer", "margin"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: nothing is scored by margin; there is earmark")


def test_decisions_that_cannot_be_used(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "d.csv"
    with open_workspace(trained).read() as connection:
        name, before = versions.labels_at(connection).filenames[0], journal.position(connection)
    path.write_text(f"filename,class,verdict,high_hz\n{name},ambfin1,present,1000\n", encoding="utf-8")
    words = ["decide", "--workspace", str(trained), str(path), "--reviewer"]
    assert main([*words, "ann"]) == 1
    assert "row 2: a region needs both onset_s and offset_s" in capsys.readouterr().err
    with open_workspace(trained).read() as connection:
        assert journal.position(connection) == before


def test_a_format_is_given_its_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split in ("a", "b"):
        for name in ("dog", "cat"):
            (tmp_path / "in" / split / name).mkdir(parents=True)
            sound = np.full(8000, 0.1 * (1 + len(split + name)))
            soundfile.write(tmp_path / "in" / split / name / f"{split}{name}.wav", sound, 8000)
    words = ["import", str(tmp_path / "in"), "--format", "folders", "-w", str(tmp_path / "w")]
    assert main([*words, "--option", "level"]) == 1
    assert "--option 'level' is no setting; write NAME=VALUE" in capsys.readouterr().err
    assert main([*words, "--option", "level=2"]) == 0
    workspace = open_workspace(tmp_path / "w")
    with workspace.read() as connection:
        assert {known.code for known in store.all_classes(connection)} == {"dog", "cat"}
    workspace.close()
