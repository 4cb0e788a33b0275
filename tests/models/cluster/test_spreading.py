"""spreading.py with two `ray start` processes, as somebody types them: the head is started anew, and the run goes on;
and what is said where there is no cluster."""

from __future__ import annotations

import importlib.util
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from labeling import runs
from labeling.errors import ClusterError, ConfigError
from labeling.workspace import open_workspace
from models import worker
from models.__main__ import main
from models.cluster import spreading
from models.training.resume import load_training
from tests.support.cluster.machines import Started
from tests.support.training.tiny import SETTINGS, same_oof, tiny_workspace

LONG_S = 600  # only a failure waits so long, on a machine however busy
EPOCHS = 30


def wait_for(what: str, found: Any) -> Any:
    until = time.monotonic() + LONG_S
    while not (value := found()):
        assert time.monotonic() < until, what
        time.sleep(0.05)
    return value


def test_the_head_is_started_anew_and_the_worker_s_run_goes_on(tmp_path: Path) -> None:
    """The whole cluster is killed in the midst of a fold and started again; the worker's job goes on by itself."""
    root = tiny_workspace(tmp_path / "w")
    settings = (*SETTINGS, f"epochs={EPOCHS}")
    workspace = open_workspace(root)
    alone = runs.enqueue(workspace, "demo", 1, settings=settings, device="cpu", worker="w")
    worker.run_job(workspace, alone, "w")
    run = runs.enqueue(workspace, "demo", 1, settings=settings, device="cpu", worker="w")
    folder, seen, started = workspace.run_dir(run.id), dict[str, int](), Started()

    def start_anew() -> None:
        states = folder / "checkpoints"
        wait_for("no epoch ends", lambda: list(states.glob("fold*.resume.safetensors")))
        started.end()
        (state,) = states.glob("fold*.resume.safetensors")
        seen[state.name.partition(".")[0]] = load_training(state).state.epoch
        started.start()

    try:
        started.start()
        starting = threading.Thread(target=start_anew, daemon=True)
        starting.start()
        assert worker.run_job(workspace, run, "w", cluster=started.address).status == "done"
        starting.join()
    finally:
        started.close()
    log = (folder / "log.txt").read_text()
    ((fold, epoch),) = seen.items()
    assert "the cluster broke off" in log
    assert "the cluster answers again" in log
    resumed = re.search(rf"{fold}\.m0: resumed after epoch (\d+)", log)
    assert resumed, log
    assert int(resumed.group(1)) >= epoch >= 1
    assert same_oof(workspace.run_dir(alone.id), folder)
    workspace.close()


@pytest.mark.parametrize("address", ["auto", "ray://head:10001", "head", "head:", ":6379", "head:0", "head:70000"])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(ConfigError, match=r"is no address; give HOST:PORT of the cluster's head"):
        spreading.check_cluster(address)


def test_a_cluster_that_does_not_answer_is_said_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tiny_workspace(tmp_path / "w")
    address = Started().address  # a port at which nobody listens
    assert main(["train", "demo", "--workspace", str(root), "--cluster", address]) == 1
    said = capsys.readouterr().err
    assert f"no Ray cluster answers at {address}" in said
    assert "start its head with `ray start --head" in said
    assert main(["work", "--once", "--workspace", str(root), "--cluster", address]) == 1
    workspace = open_workspace(root)
    with workspace.read() as connection:
        assert not runs.all_runs(connection)
    workspace.close()


def test_without_ray_it_is_said_how_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'pip install "earmark\[cluster\]"'):
        spreading.check_cluster("127.0.0.1:6379")


def test_a_cluster_that_stays_away_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "PATIENCE_S", 0.0)
    monkeypatch.setattr(spreading, "AGAIN_S", 0.0)
    with pytest.raises(ClusterError, match=r"gone; waited .* start the cluster again, and resume"):
        spreading._wait("127.0.0.1:1", "gone", time.monotonic() - 1, lambda: False)
