"""models/worker.py on a collection of twelve tones; in processes of its own where they are what is promised."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labeling import runs
from labeling.predictions.oof import read_oof
from labeling.records import Run
from labeling.runs import execution
from labeling.storage.shared import trees
from labeling.workspace import Workspace, open_workspace
from models import worker
from models.__main__ import main
from models.runfolder.folder import networks_of
from tests.support import ROOT
from tests.support.servers.faults import Faults
from tests.support.training.tiny import SETTINGS, tiny_workspace
from tests.support.workspaces.making import copy_workspace

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
    return open_workspace(copy_workspace(tones, tmp_path / "w"))


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


def wait_for_worker(workspace: Workspace, process: subprocess.Popen[str]) -> None:
    """Until it looks for jobs."""
    live: dict[str, str] = {}
    while not any(name.endswith(f":{process.pid}") for name in live):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
        with workspace.read() as connection:
            live = runs.live_workers(connection)


def test_once_ends_when_the_queue_is_empty(own: Workspace, signals: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert get(own, "001-demo").status == "done"
    assert main(command(own.root)[3:]) == 0
    assert capsys.readouterr().out == "0 jobs done\n"
    with own.read() as connection:
        assert runs.live_workers(connection) == {}


def test_a_worker_is_asked_to_stop_a_run_and_killed_in_the_next_and_two_others_share_no_run(
    own: Workspace, signals: None, capsys: pytest.CaptureFixture[str]
) -> None:
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
    other = subprocess.Popen(command(own.root), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for_worker(own, other)
    assert main(command(own.root)[3:]) == 0
    theirs, ours = other.communicate(timeout=LONG_S), capsys.readouterr()
    assert (other.returncode, theirs[1], ours.err) == (0, "", "")
    assert sorted(said.splitlines()[-1] for said in (theirs[0], ours.out)) == ["0 jobs done", "1 job done"]
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


def test_a_worker_is_started_only_when_needed(own: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "NICE", 1)  # behind all the tests beside it by 10 it would wait for minutes
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
    name = ""
    while not name:  # on a busy machine its sign of life may be late
        assert time.monotonic() < deadline, "the worker waits for more to do, and says so"
        with own.read() as connection:
            name = next(iter(runs.live_workers(connection)), "")
    pid = int(name.rpartition(":")[2])
    assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + worker.NICE)
    if (group := Path(f"/proc/{pid}/autogroup")).exists():
        assert group.read_text().split()[-1] == str(os.getpriority(os.PRIO_PROCESS, pid)), "its session goes behind too"
    os.kill(pid, signal.SIGTERM)
    while exists(pid):
        assert time.monotonic() < deadline, "it has ended and was not waited for: a zombie"
        time.sleep(0.05)


# ------------------------------------------------------------------------------------------- machines with a store


@pytest.mark.postgres
def test_machines_that_share_a_store_and_a_database_go_on_with_each_other_s_runs(
    s3: Faults, postgres_server: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres_server()
    monkeypatch.setattr(execution, "PUBLISH_S", 0.0)
    monkeypatch.setattr(trees, "FRESH_S", 0.0)

    def machine(name: str) -> Workspace:
        root = tmp_path / name
        root.mkdir()
        (root / "earmark.toml").write_text(f'database_url = "{database}"\nstore_url = "s3://birds/team"\n')
        return open_workspace(root, create=True)

    app = machine("app")
    tiny_workspace(app.root)
    run = runs.enqueue(app, "demo", 1, settings=SETTINGS, device="cpu")
    killed = machine("killed")

    def dies(progress: Mapping[str, Any]) -> None:
        if (killed.root / "runs" / run.id / "checkpoints" / "fold0.m0.json").exists():
            raise KeyboardInterrupt  # as by kill -9: nothing more is sent

    claimed = runs.claim(killed, "killed:1")
    assert claimed is not None
    with pytest.raises(KeyboardInterrupt):
        worker.run_job(killed, claimed, "killed:1", report=dies)
    assert (app.run_dir(run.id, whole=True) / "checkpoints" / "fold0.m0.resume.safetensors").exists()
    runs.requeue(app, run.id)

    other = machine("other")
    claimed = runs.claim(other, "other:1")
    assert claimed is not None
    assert worker.run_job(other, claimed, "other:1").status == "done"
    assert "fold0.m0: resumed after epoch" in (other.run_dir(run.id) / "log.txt").read_text()
    # what it predicts is what one machine alone gives, bit for bit, and the app has it
    local = open_workspace(tiny_workspace(tmp_path / "local"))
    alone = runs.enqueue(local, "demo", 1, settings=SETTINGS, device="cpu", worker="w")
    worker.run_job(local, alone, "w")
    shown, expected = (read_oof(one.run_dir(run.id) / "oof.zarr") for one in (app, local))
    np.testing.assert_array_equal(shown.clipwise, expected.clipwise)
    for row in range(len(shown)):
        np.testing.assert_array_equal(shown.frames(row), expected.frames(row))
    fresh = machine("fresh")
    assert not list(fresh.run_dir(run.id).glob("checkpoints/*"))  # not needed to look at it
    assert len(networks_of(fresh.run_dir(run.id, whole=True))[3]) == 2
    for one in (app, killed, other, fresh, local):
        one.close()
