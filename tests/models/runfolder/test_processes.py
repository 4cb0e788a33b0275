"""models/runfolder/processes.py: two processes train one run."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest
import torch

from labeling import runs
from labeling.errors import ArtefactError, ConfigError
from labeling.workspace import Workspace, open_workspace
from models.__main__ import main
from models.runfolder import processes
from models.runfolder.processes import Part, ProcessGroup, lives, part_of_environment
from tests.support.training.tiny import SETTINGS, same_oof, tiny_workspace
from tests.support.workspaces.making import copy_workspace

TWO = (*SETTINGS, "members=2", "all_data=true", "epochs=2")


def test_networks_are_dealt_out_in_turn():
    assert [Part(rank, 3).mine(list("abcdefg")) for rank in range(3)] == [list("adg"), list("be"), list("cf")]
    assert Part().mine([1, 2]) == [1, 2]


def test_which_process_this_is(monkeypatch):
    assert part_of_environment() == Part(0, 1)
    given = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert part_of_environment() == Part(1, 2)
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(ConfigError, match="one machine"):
        part_of_environment()


@pytest.fixture
def eager(monkeypatch):
    monkeypatch.setattr(processes, "LOOK_EVERY_S", 0.0)


def test_processes_hear_of_each_other(tmp_path, eager):
    (tmp_path / "ranks").mkdir()
    (tmp_path / "ranks" / "rank1.json").write_text('{"status": "failed", "error": "of an earlier start"}')
    first, second = ProcessGroup(tmp_path, Part(0, 2)), ProcessGroup(tmp_path, Part(1, 2))
    assert not second.wait_for("begun", lambda: True)
    first.reached("begun")
    first.reached("planned")
    assert second.wait_for("begun", lambda: False)
    assert second.wait_for("planned", lambda: False)
    assert not first.must_stop()
    assert not second.must_stop()
    second.tell(0.5, {"fold1.m0": [{"epoch": 1}]}, now=True)
    assert first.others()[0]["fraction"] == 0.5
    assert not first.wait_for_others(lambda: True, lambda: None)
    second.end("done")
    assert first.wait_for_others(lambda: False, lambda: None)
    first.end("stopped")
    assert second.must_stop()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"status": "failed", "error": "the disk is full"}, "process 1 of 0 to 1 failed: the disk is full"),
        ({"status": "running", "pid": 2**22 + 1}, "was killed or died without a word; resume the run"),
    ],
)
def test_a_process_that_ends_badly_fails_the_run_in_words(tmp_path, eager, said, words):
    first = ProcessGroup(tmp_path, Part(0, 2))
    assert first.problem() == ""
    (tmp_path / "ranks" / "rank1.json").write_text(json.dumps(said))
    with pytest.raises(ArtefactError, match=words):
        first.must_stop()
    assert words in first.settle(0)


def test_a_zombie_does_not_live():
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.DEVNULL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not lives(child.pid)
    child.wait()
    assert lives(os.getpid())


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed workspace with a label version."""
    return tiny_workspace(tmp_path_factory.mktemp("tones") / "w")


@pytest.fixture
def one_thread():
    """Forked processes must not meet a pool of threads that the fork left behind."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def train(root: Path, *words: str) -> int:
    return main(["train", *words, "--workspace", str(root), "--device", "cpu"])


def process(root: Path, rank: int, port: int, said: Path, *words: str) -> None:
    """Process ``rank`` of two, as torchrun starts it."""
    with open(said, "w") as output, redirect_stdout(output), redirect_stderr(output):
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        status = train(root, *words)
    os._exit(status)


def two(workspace: Workspace, *words: str) -> list[ForkProcess]:
    port, fork = free_port(), multiprocessing.get_context("fork")
    started = []
    for rank in range(2):
        said = workspace.root / f"said{rank}.txt"
        started.append(fork.Process(target=process, args=(workspace.root, rank, port, said, *words)))
        started[-1].start()
    return started


def ended(workspace: Workspace, started: list[ForkProcess]) -> list[int | None]:
    for one in started:
        one.join(60)
        if one.exitcode is None:
            one.kill()
    said = [(workspace.root / f"said{rank}.txt").read_text() for rank in range(2)]
    assert not any("Traceback" in one for one in said), said
    return [one.exitcode for one in started]


def test_two_processes_give_what_one_gives_even_after_one_was_killed(
    tones: Path, tmp_path: Path, one_thread: None
) -> None:
    workspace = open_workspace(copy_workspace(tones, tmp_path / "w"))
    settings = [word for one in TWO for word in ("--set", one)]
    assert train(workspace.root, "demo", "--version", "1", *settings) == 0
    workspace.close()
    together = two(workspace, "demo", "--version", "1", *settings)
    folder = workspace.run_dir("002-demo")
    second = folder / "ranks" / "rank1.json"
    deadline = time.monotonic() + 60
    while "fold0.m1" not in (second.read_text() if second.exists() else ""):
        assert time.monotonic() < deadline, ended(workspace, together)
        time.sleep(0.005)
    together[1].kill()
    assert ended(workspace, together) == [1, -signal.SIGKILL]
    with workspace.read() as connection:
        run = runs.get_run(connection, "002-demo")
    assert run.status == "failed"
    assert "process 1 of 0 to 1" in run.error
    assert "resume the run" in run.error
    assert not (folder / "oof.zarr").exists()
    workspace.close()
    assert ended(workspace, two(workspace, "--resume", "002-demo")) == [0, 0]
    assert same_oof(workspace.run_dir("001-demo"), folder)
    networks = [f"{place}.m{m}.s0.safetensors" for place in ("all", "fold0", "fold1") for m in (0, 1)]
    assert [path.name for path in sorted((folder / "checkpoints").glob("*.s0.safetensors"))] == networks
    for name in networks:
        one, other = (workspace.run_dir(run) / "checkpoints" / name for run in ("001-demo", "002-demo"))
        assert one.read_bytes() == other.read_bytes(), name
    history = [(workspace.run_dir(run) / "history.csv").read_text().splitlines() for run in ("001-demo", "002-demo")]
    assert len(history[0]) == 1 + 6 * 2
    assert [line.rpartition(",")[0] for line in history[0]] == [line.rpartition(",")[0] for line in history[1]]
    log = (folder / "log.txt").read_text()
    assert "process 0: fold0.m0" in log
    assert "process 1: fold0.m1" in log
