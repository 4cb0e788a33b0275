"""models/worker.py: real worker processes on a collection of twelve tones."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from labeling import runs
from labeling.predictions.oof import read_oof
from labeling.records import Run
from labeling.workspace import Workspace, open_workspace
from models import worker
from tests.support import ROOT
from tests.support.tiny_training import SETTINGS, tiny_workspace

LONGER = (*SETTINGS, "train.epochs=12")
LONG_S = 600  # only a failure waits so long, on a machine however busy


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed workspace with a label version and one finished run."""
    root = tmp_path_factory.mktemp("tones") / "w"
    workspace = open_workspace(tiny_workspace(root))
    runs.enqueue(workspace, "demo", 1, settings=LONGER, device="cpu")
    done = subprocess.run(command(root), cwd=ROOT, capture_output=True, text=True, timeout=LONG_S)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.endswith("1 job done\n")
    workspace.close()
    return root


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
        assert time.monotonic() < deadline, (workspace.root / "err.log").read_text()
        time.sleep(0.05)


def test_once_ends_when_the_queue_is_empty(own: Workspace) -> None:
    assert get(own, "001-demo").status == "done"
    done = subprocess.run(command(own.root), cwd=ROOT, capture_output=True, text=True, timeout=LONG_S)
    assert (done.returncode, done.stdout) == (0, "0 jobs done\n")
    with own.read() as connection:
        assert runs.live_workers(connection) == {}


def test_a_killed_worker_loses_nothing_and_two_others_share_no_run(own: Workspace) -> None:
    run = runs.enqueue(own, "demo", 1, settings=LONGER, device="cpu")
    process = start(own)
    wait_for_epoch(own, run.id)
    process.kill()
    process.wait()
    assert get(own, run.id).status == "running"
    others = [subprocess.Popen(command(own.root), cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [other.communicate(timeout=LONG_S)[0].splitlines()[-1] for other in others]
    assert sorted(ended) == ["0 jobs done", "1 job done"]
    assert get(own, run.id).status == "done"
    first, second = (read_oof(own.run_dir(name) / "oof.zarr") for name in ("001-demo", run.id))
    np.testing.assert_array_equal(first.clipwise, second.clipwise)
    for index in range(len(first)):
        np.testing.assert_array_equal(first.frames(index), second.frames(index))


@pytest.mark.parametrize("how", ["signal", "request"])
def test_a_worker_that_is_asked_to_end(own: Workspace, how: str) -> None:
    run = runs.enqueue(own, "demo", 1, settings=(*SETTINGS, "epochs=4000"), device="cpu")
    process = start(own)
    wait_for_epoch(own, run.id)
    if how == "signal":
        process.send_signal(signal.SIGTERM)
    else:
        runs.request_stop(own, run.id)
    assert process.wait(timeout=LONG_S) == 0
    assert get(own, run.id).status == ("queued" if how == "signal" else "stopped")
    if how == "request":
        runs.requeue(own, run.id)
        assert get(own, run.id).status == "queued"


def test_a_training_without_sound_fails_with_a_reason(own: Workspace) -> None:
    with own.write() as connection:
        connection.exec_driver_sql("UPDATE clips SET path = '/nowhere/' || filename")
    run = runs.enqueue(own, "demo", 1, settings=SETTINGS, device="cpu")
    done = subprocess.run(command(own.root), cwd=ROOT, capture_output=True, text=True, timeout=LONG_S)
    assert "Traceback" not in done.stderr
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
