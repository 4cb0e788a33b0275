"""labeling/__main__.py, models/__main__.py: what a shell sees."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labeling import journal
from labeling.__main__ import main
from labeling.commands.ending import ended_tidily
from labeling.journal import versions
from labeling.workspace import open_workspace
from models.__main__ import main as models
from tests.support import ROOT

NO_HEAVY = """
import runpy, sys
sys.argv = [sys.argv[1], "--help"]
try:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=False)
except SystemExit as end:
    assert not end.code
heavy = {"torch", "pandas", "librosa", "sklearn", "cleanlab", "streamlit", "timm"} & set(sys.modules)
assert not heavy, heavy
"""


def call(*words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, input=stdin)
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("package", ["labeling", "models"])
def test_help_is_light(package: str) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", NO_HEAVY, package], cwd=ROOT, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert "--help" in done.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0


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
