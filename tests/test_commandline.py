"""labeling/__main__.py, models/__main__.py: what a shell sees."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from server import ROOT

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
def test_wrong_usage_ends_with_2(package: str) -> None:
    for words in ((), ("nope",), ("work", "--nope"), ("export",)):
        done = call(package, *words)
        assert done.returncode == 2
        assert "usage:" in done.stderr


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
