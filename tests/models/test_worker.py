"""models/worker.py on a collection of twelve tones; in processes of its own where they are what is promised."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from labeling import runs
from labeling.predictions.oof import read_oof
from labeling.records import Run
from labeling.workspace import Workspace, open_workspace
from models import worker
from models.__main__ import main
from tests.support import ROOT
from tests.support.tiny_training import SETTINGS, tiny_workspace

LONGER = (*SETTINGS, "train.epochs=12")
ENDLESS = (*SETTINGS, "train.epochs=4000")
LONG_S = 600  # only a failure waits so long, on a machine however busy


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed workspace with a label version and one finished run."""
    root = tmp_path_factory.mktemp("tones") / "w"
    workspace = open_workspace(tiny_workspace(root))
    run = runs.enqueue(workspace, "demo", 1, settings=LONGER, device="cpu", worker="w")
    worker.run_job(workspace, run, "w")
    workspace.close()
    return root


@pytest.fixture
def signals() -> Iterator[None]:
    """A worker in this process takes its signals; afterwards as before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def own(tones: Path, tmp_path: Path) -> Workspace:
    return open_workspace(shutil.copytree(tones, tmp_path / "w"))


def command(root: Path) -> list[str]:
    return [sys.executable, "-m", "models", "work", "--once", "--workspace", str(root)]


def start(workspace: Workspace) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(workspace.root), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=open(workspace.root / "err.log", "ab")
    )


def exists(pid: int) -> bool:
    """Whether there is such a process, be it a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def get(workspace: Workspace, run_id: str) -> Run:
    with workspace.read() as connection:
        return runs.get_run(connection, run_id)


def wait_for_epoch(workspace: Workspace, run_id: str) -> None:
    """Until the run has something on the disk to resume from."""
    deadline = time.monotonic() + LONG_S
    while not (workspace.run_dir(run_id) / "history.csv").exists():
        assert time.monotonic() < deadline, [path.read_text() for path in workspace.root.glob("*.log")]
        time.sleep(0.05)


def test_once_ends_when_the_queue_is_empty(own: Workspace) -> None:
    assert get(own, "001-demo").status == "done"
    done = subprocess.run(command(own.root), cwd=ROOT, capture_output=True, text=True, timeout=LONG_S)
    assert (done.returncode, done.stdout) == (0, "0 jobs done\n")
    with own.read() as connection:
        assert runs.live_workers(connection) == {}


def test_a_worker_is_asked_to_stop_a_run_and_killed_in_the_next_and_two_others_share_no_run(own: Workspace) -> None:
    endless = runs.enqueue(own, "demo", 1, settings=ENDLESS, device="cpu")
    run = runs.enqueue(own, "demo", 1, settings=LONGER, device="cpu")
    process = start(own)
    wait_for_epoch(own, endless.id)
    runs.request_stop(own, endless.id)
    wait_for_epoch(own, run.id)
    process.kill()
    process.wait()
    assert get(own, endless.id).status == "stopped"
    assert get(own, run.id).status == "running"
    others = [
        subprocess.Popen(command(own.root), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [other.communicate(timeout=LONG_S) for other in others]
    assert [(other.returncode, said[1]) for other, said in zip(others, ended, strict=True)] == [(0, "")] * 2
    assert sorted(said[0].splitlines()[-1] for said in ended) == ["0 jobs done", "1 job done"]
    assert get(own, run.id).status == "done"
    first, second = (read_oof(own.run_dir(name) / "oof.zarr") for name in ("001-demo", run.id))
    np.testing.assert_array_equal(first.clipwise, second.clipwise)
    for index in range(len(first)):
        np.testing.assert_array_equal(first.frames(index), second.frames(index))
    runs.requeue(own, endless.id)
    assert get(own, endless.id).status == "queued"


def test_a_signal_gives_the_run_back_to_the_queue(own: Workspace, signals: None) -> None:
    run = runs.enqueue(own, "demo", 1, settings=ENDLESS, device="cpu")

    def signal_in_mid_training() -> None:
        wait_for_epoch(own, run.id)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=signal_in_mid_training, daemon=True).start()
    assert main(command(own.root)[3:]) == 0
    assert get(own, run.id).status == "queued"


def test_a_training_without_sound_fails_with_a_reason(
    own: Workspace, signals: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with own.write() as connection:
        connection.exec_driver_sql("UPDATE clips SET path = '/nowhere/' || filename")
    run = runs.enqueue(own, "demo", 1, settings=SETTINGS, device="cpu")
    assert main(command(own.root)[3:]) == 0
    assert "Traceback" not in capsys.readouterr().err
    assert get(own, run.id).status == "failed"
    assert "reasons" in get(own, run.id).error
    assert "/nowhere/" in (own.run_dir(run.id) / "log.txt").read_text()


def test_a_worker_is_started_only_when_needed(own: Workspace) -> None:
    assert not worker.ensure_worker(own), "there is nothing to do"
    run = runs.enqueue(own, "demo", 1, settings=SETTINGS, device="cpu")
    runs.worker_seen(own, "elsewhere:1", "CPU")
    assert not worker.ensure_worker(own), "another one waits for jobs"
    runs.worker_gone(own, "elsewhere:1")
    assert worker.ensure_worker(own)
    assert not worker.ensure_worker(own), "it is starting"
    deadline = time.monotonic() + LONG_S
    while get(own, run.id).status != "done":
        if get(own, run.id).status == "running":
            assert not worker.ensure_worker(own), "it is being trained"
        assert time.monotonic() < deadline, (own.root / "worker.log").read_text()
        time.sleep(0.2)
    with own.read() as connection:
        (name,) = runs.live_workers(connection)
    pid = int(name.rpartition(":")[2])
    os.kill(pid, signal.SIGTERM)
    while exists(pid):
        assert time.monotonic() < deadline, "it has ended and was not waited for: a zombie"
        time.sleep(0.05)
