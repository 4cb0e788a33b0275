"""Several processes of one machine that train one run together, each on its own device. Imports no torch.

``torchrun`` starts them and tells each its rank. Process 0 owns the run: its row, its folder, its heartbeat. The
networks of the run are dealt out in turn; what each process finishes lies in the folder's checkpoints, where process 0
finds it. In ``ranks/`` each says how it is: alive, done, or why not. A process that ends without a word fails the run,
which is resumed like any other.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from labeling.errors import ArtefactError, ConfigError
from labeling.storage.files import write_atomically

T = TypeVar("T")
POLL_S = 0.2
LOOK_EVERY_S = 1.0
PATIENCE_S = 600.0
"""A process that was not heard of for so long after the start is given up."""
_store: list[Any] = []


@dataclass(frozen=True)
class Part:
    """Process ``rank`` of ``count``, both on one machine."""

    rank: int = 0
    count: int = 1

    def mine(self, items: Sequence[T]) -> list[T]:
        """Every ``count``-th item, from ``rank``."""
        return list(items[self.rank :: self.count])


def part_of_environment() -> Part:
    """Which process this is, by the variables that ``torchrun`` sets; one of one without them. Raises ConfigError."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    if not all(os.environ.get(name) for name in names):
        return Part()
    rank, count, local = (int(os.environ[name]) for name in names[:3])
    if rank != local:
        raise ConfigError(
            f"process {rank} of {count} runs on another machine: a run is trained by processes of one machine; "
            "call torchrun with --nproc-per-node alone"
        )
    return Part(rank, count)


def share_run(part: Part, run_id: str = "") -> str:
    """Process 0 gives the run's id, the others get it. "" says that there is nothing to train."""
    if part.count == 1:
        return run_id
    import torch.distributed as distributed
    from torch.distributed.rendezvous import rendezvous

    if not distributed.is_available():
        raise ConfigError("this PyTorch is built without torch.distributed; train in one process")
    store, _, _ = next(rendezvous("env://"))
    _store.append(store)  # process 0 may be the one that serves it
    if part.rank == 0:
        store.set("earmark/run", run_id)
        return run_id
    return str(store.get("earmark/run").decode())


def lives(pid: int) -> bool:
    """Whether a process of this machine runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return stat.rpartition(")")[2].split()[0] != "Z"  # dead, though its parent has not noticed
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not Path("/proc/self").exists()


class ProcessGroup:
    """How the processes of a run hear of each other. With one process all of it does nothing."""

    def __init__(self, run_dir: Path, part: Part | None = None) -> None:
        self.part = part or Part()
        self.folder = run_dir / "ranks"
        self.began = self.looked = self.told = time.monotonic()
        self.mine: dict[str, Any] = {"pid": os.getpid(), "status": "running", "phase": "", "fraction": 0.0}
        if self.alone:
            return
        if self.part.rank == 0:
            shutil.rmtree(self.folder, ignore_errors=True)  # of an earlier start
        self._write()

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.part.count == 1

    @property
    def leads(self) -> bool:
        """Whether this process owns the run."""
        return self.part.rank == 0

    def tell(self, fraction: float, history: Mapping[str, Any], *, now: bool = False) -> None:
        """Say how far this process is; written every few seconds, or ``now``."""
        self.mine |= {"fraction": fraction, "history": history}
        if not self.alone and (now or time.monotonic() - self.told > LOOK_EVERY_S):
            self._write()

    def reached(self, phase: str) -> None:
        """Process 0 says what the others wait for."""
        self.mine["phase"] = f"{self.mine['phase']} {phase}"
        if not self.alone:
            self._write()

    def end(self, status: str, error: str = "") -> None:
        """Say how this process ended: done, stopped, failed."""
        self.mine |= {"status": status, "error": error}
        if not self.alone:
            self._write()

    def others(self) -> list[dict[str, Any]]:
        """What the other processes said last, by rank; {} of one that has said nothing yet."""
        return [self._read(rank) for rank in range(self.part.count) if rank != self.part.rank]

    def wait_for(self, phase: str, should_stop: Callable[[], bool]) -> bool:
        """Wait until process 0 has reached a phase; False where the wait was stopped."""
        while phase not in str(self._read(0).get("phase", "")).split():
            if should_stop() or self.must_stop():
                return False
            time.sleep(POLL_S)
        return True

    def must_stop(self) -> bool:
        """Process 0: raises ArtefactError where another one failed or died. Others: whether to stop. Looks once a
        second."""
        if self.alone or time.monotonic() - self.looked < LOOK_EVERY_S:
            return False
        self.looked = time.monotonic()
        if self.leads:
            if problem := self.problem():
                raise ArtefactError(problem)
            return False
        leader = self._read(0)
        return leader.get("status") != "running" or not lives(int(leader["pid"]))

    def problem(self) -> str:
        """What went wrong in another process, in words; "" where nothing did."""
        for rank, state in enumerate(self.others(), start=1):
            name = f"process {rank} of 0 to {self.part.count - 1}"
            if state.get("status") == "failed":
                return f"{name} failed: {state.get('error')}"
            if state.get("status") == "running" and not lives(int(state["pid"])):
                return f"{name} (pid {state['pid']}) was killed or died without a word; resume the run to go on"
            if not state and time.monotonic() - self.began > PATIENCE_S:
                return f"{name} was not heard of for {PATIENCE_S:g} s; resume the run to go on"
        return ""

    def wait_for_others(self, should_stop: Callable[[], bool], report: Callable[[], None]) -> bool:
        """Process 0: wait until all others are done; False where the wait was stopped. Raises ArtefactError."""
        while any(state.get("status") != "done" for state in self.others()):
            if should_stop():
                return False
            self.must_stop()
            report()
            time.sleep(POLL_S)
        return True

    def settle(self, timeout_s: float = 10.0) -> str:
        """Process 0, after it stopped or failed: tell the others, wait for their end; returns ``problem``."""
        if self.alone:
            return ""
        self.end("stopped")
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if not any(state.get("status") == "running" and lives(int(state["pid"])) for state in self.others()):
                break
            time.sleep(POLL_S)
        return self.problem()

    def _read(self, rank: int) -> dict[str, Any]:
        try:
            state = json.loads((self.folder / f"rank{rank}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def _write(self) -> None:
        self.told = time.monotonic()
        write_atomically(self.folder / f"rank{self.part.rank}.json", json.dumps(self.mine).encode())
