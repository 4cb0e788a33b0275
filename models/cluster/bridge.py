"""The process that speaks with Ray: it hands the pieces out, a bounded number at a time, and passes on what comes back.

A process of its own, since Ray ends the process that it is connected from when the cluster's head is gone for a while;
the machine that leads then starts another one (spreading.py). What nodes have to say they tell.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from labeling.errors import Stopped
from models.cluster.node import Order
from models.cluster.work import Connected, Died, Done, Failed, Lost, Piece, Told, Work, versions

AHEAD = 2
"""So many pieces are in flight for each that the cluster can work on at a time, and no more."""
SILENT_S = 60.0
"""Where Ray says nothing for so long it is taken to be gone."""
STOPPING_S = 20.0
"""Pieces that were asked to stop are ended after so long."""


def bridge(pipe: Connection, address: str, work: Work, pieces: list[Piece]) -> None:
    """Send Connected, Told, Done (its value still pickled) and Died, and at last None; or Failed, Lost, Stopped.
    "stop" in the pipe stops it."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)  # Ray ends the tasks of a driver that is gone

    threading.Thread(target=end_with_parent, daemon=True, name="end with the parent").start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent says when to stop
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # a piece without a GPU sees none
    import ray

    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
    except Exception as problem:  # Ray has no class for it: of another version, no node on this machine, no answer
        pipe.send(_not_connected(address, str(problem)))
        return
    try:
        pipe.send(Connected())
        _Handing(pipe, work, pieces).all()
    except _NoGpu:
        pipe.send(Failed("ClusterError", f"device {work.device!r}: no node of the cluster at {address} has a GPU; give "
                         "--device cpu or auto, or start Ray on one that has (ray start finds its GPUs)"))  # fmt: skip
    except (BrokenPipeError, EOFError):  # whoever asked is gone
        pass
    except Exception as problem:
        pipe.send(Lost(f"{type(problem).__name__}: {str(problem).splitlines()[0] if str(problem) else ''}"))
    finally:
        pipe.close()
        ray.shutdown()


def _not_connected(address: str, problem: str) -> Failed | Lost:
    """Ray's reason in words that help."""
    first = problem.strip().splitlines()[0] if problem.strip() else "no reason given"
    if "Version mismatch" in problem or "version mismatch" in problem:
        told = " ".join(line.strip() for line in problem.splitlines() if line.strip())[:400]
        return Failed("ClusterError", f"the cluster at {address} has another Ray or Python than this machine: {told}")
    if "node" in problem and ("raylet" in problem.lower() or "Can't find" in problem or "node_ip_address" in problem):
        return Lost(
            f"no Ray node of the cluster at {address} runs on this machine ({first[:200]}); start one here, without "
            f"GPUs if it has none to give: ray start --address={address}"
        )
    return Lost(f"the cluster at {address} does not answer: {first[:300]}")


class _Handing:
    """All pieces handed out, until they are done."""

    def __init__(self, pipe: Connection, work: Work, pieces: list[Piece]) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self.pipe, self.work = pipe, work
        self.left, self.flying = deque(pieces), dict[Any, Piece]()
        self.of = uuid.uuid4().hex
        self.gpus, self.cpus = self._asked()
        self.common = ray.put(work.common)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.board: Any = ray.remote(_board()).options(num_cpus=0, scheduling_strategy=here).remote()
        self.task = ray.remote(_piece()).options(
            num_cpus=self.cpus, num_gpus=self.gpus, max_retries=work.retries, retry_exceptions=False
        )
        self.heard_at = time.monotonic()
        self.stopped_at: float | None = None
        self.failed: Failed | None = None

    def _asked(self) -> tuple[float, float]:
        """GPUs and cores that a piece asks for. Raises _NoGpu where there is none."""
        import ray

        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        has_gpu = any(resources.get("GPU", 0) >= 1 for resources in alive)
        if self.work.device.startswith("cuda") and not has_gpu:
            raise _NoGpu
        if has_gpu and self.work.device != "cpu":
            return 1.0, 1.0
        most = max((resources.get("CPU", 0) for resources in alive), default=0)
        return 0.0, float(max(1, min(self.work.threads, most)))

    def all(self) -> None:
        import ray

        while self.left or self.flying:
            self._hand_out()
            ready, _ = ray.wait(list(self.flying), timeout=0.3) if self.flying else ([], [])
            self._pass_on()
            for ref in ready:
                self._ended(ref, self.flying.pop(ref))
            if self.pipe.poll() and self.pipe.recv() == "stop":
                self._stop()
            if self.stopped_at is not None and time.monotonic() - self.stopped_at > STOPPING_S:
                for ref in self.flying:
                    ray.cancel(ref, force=True)
                break
        self._pass_on()
        if self.failed is not None:
            self.pipe.send(self.failed)
        elif self.stopped_at is not None:
            self.pipe.send(Stopped("stopped on the cluster"))
        else:
            self.pipe.send(None)

    def _hand_out(self) -> None:
        import ray

        if self.stopped_at is not None:
            self.left.clear()
        total = ray.cluster_resources()
        slots = total.get("GPU", 0) / self.gpus if self.gpus else total.get("CPU", 0) / self.cpus
        while self.left and len(self.flying) < AHEAD * max(1, int(slots)):
            piece = self.left.popleft()
            order = Order(
                self.of, self.work.function, piece.name, "cuda" if self.gpus else "cpu", self.work.threads, "",
                versions(),
            )  # fmt: skip
            self.flying[self.task.remote(vars(order), self.common, piece.what, self.board)] = piece

    def _pass_on(self) -> None:
        """What nodes have told. Raises where the board, which runs beside this process, is silent for long."""
        import ray

        try:
            told = ray.get(self.board.drain.remote(), timeout=5.0)
        except ray.exceptions.GetTimeoutError:
            if time.monotonic() - self.heard_at > SILENT_S:
                raise
            return
        self.heard_at = time.monotonic()
        for name, message in told:
            self.pipe.send(Told(name, message))

    def _ended(self, ref: Any, piece: Piece) -> None:
        import ray

        try:
            value = ray.get(ref)
        except (ray.exceptions.TaskCancelledError, ray.exceptions.RayTaskError) as problem:
            value = Failed("ClusterError", f"{piece.name}: {str(problem).strip().splitlines()[-1][:400]}")
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError,
                ray.exceptions.ObjectLostError) as problem:  # fmt: skip
            if self.stopped_at is None:
                self.pipe.send(Died(piece.name, f"{type(problem).__name__}, {1 + self.work.retries} times"))
            return
        if isinstance(value, dict):
            value = Failed(
                "ClusterError", f"{value['no_earmark']}; install there what this machine has, or start its Ray in a "
                "virtual environment that has it"
            )  # fmt: skip
        if isinstance(value, Stopped):
            if self.stopped_at is None:  # it was taken for one whose leader is gone
                self.left.append(piece)
        elif isinstance(value, Failed):
            self.failed = self.failed or value
            self._stop()
        else:
            self.pipe.send(Done(piece.name, value))

    def _stop(self) -> None:
        if self.stopped_at is None:
            self.stopped_at = time.monotonic()
            self.board.stop_all.remote()


class _NoGpu(Exception):
    pass


def _piece() -> Callable[..., Any]:
    """What Ray runs on a node. It goes there as it stands, by value, so that a node without Earmark can say so."""

    def work_on(order: dict[str, Any], common: bytes, what: Any, board: Any) -> Any:
        import ray

        node = ray.util.get_node_ip_address() + " " + ray.get_runtime_context().get_node_id()[:6]
        try:
            from models.cluster import node as here
        except ImportError as problem:
            return {"no_earmark": f"node {node} cannot load Earmark ({problem})"}
        name = order["name"]

        def tell(message: dict[str, Any]) -> None:
            board.tell.remote(name, message)

        def stopping() -> bool:
            try:
                return bool(ray.get(board.stopping.remote(), timeout=30.0))
            except ray.exceptions.GetTimeoutError:
                return False
            except ray.exceptions.RayError:
                return True  # whoever leads is gone

        return here.do(here.Order(**{**order, "node": node}), common, what, tell, stopping)

    return work_on


def _board() -> type:
    """Where nodes leave what they have to tell, and ask whether to stop; by value, as above."""

    class Board:
        def __init__(self) -> None:
            self.messages: list[tuple[str, dict[str, Any]]] = []
            self.stop = False

        def tell(self, name: str, message: dict[str, Any]) -> None:
            self.messages.append((name, message))

        def drain(self) -> list[tuple[str, dict[str, Any]]]:
            told, self.messages = self.messages, []
            return told

        def stop_all(self) -> None:
            self.stop = True

        def stopping(self) -> bool:
            return self.stop

    return Board
