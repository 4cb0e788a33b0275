"""Ray on this machine, as a cluster of several: nodes with a core each, a small store of objects, and no dashboard."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import ROOT

STORE_BYTES = 80 << 20
START_S = 300.0
TRIES = 3
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray's workers stand back for whatever else runs; beside other tests they would wait for minutes
    "RAY_worker_niceness": "0",
    "RAY_prestart_worker_first_driver": "0",  # a worker a core, of which most would get nothing to do
    "RAY_enable_metrics_collection": "0",
}


@contextmanager
def two_nodes(environment: Mapping[str, str]) -> Iterator[Any]:
    """A head and a second node with a core each, both real, in this environment; gives Ray's Cluster.

    Ray gives a node half a minute to start, which a busy machine may not keep: then it is tried again.
    """
    from ray.cluster_utils import Cluster

    for left in reversed(range(TRIES)):
        cluster = Cluster()
        try:
            add_node(cluster, environment)
            add_node(cluster, environment)
            break
        except Exception:
            cluster.shutdown()
            if not left:
                raise
    try:
        yield cluster
    finally:
        cluster.shutdown()


def add_node(cluster: Any, environment: Mapping[str, str]) -> Any:
    """One more node, with a core; the first is the head."""
    return cluster.add_node(
        num_cpus=1, object_store_memory=STORE_BYTES, include_dashboard=False, include_log_monitor=False,
        no_monitor=True, env_vars={**environment, **SETTINGS},
    )  # fmt: skip


class Started:
    """``ray start`` as somebody types it: a head without cores, and a node with one, each a process that is ended by
    itself and takes what it started with it."""

    def __init__(self) -> None:
        import ray

        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.address = f"{ray.util.get_node_ip_address()}:{self.port}"
        self.folder = Path(tempfile.mkdtemp(prefix="ray"))  # short: sockets lie in it
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start both, and wait until the head answers."""
        both = [f"--object-store-memory={STORE_BYTES}", "--include-log-monitor=false"]
        head = ["--head", f"--port={self.port}", "--num-cpus=0", "--include-dashboard=false", "--no-monitor"]
        self._ray(*head, *both, f"--temp-dir={self.folder}")
        until = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection((self.address.partition(":")[0], self.port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < until, "the head did not start"
                time.sleep(0.2)
        self._ray(f"--address={self.address}", "--num-cpus=1", *both)

    def _ray(self, *words: str) -> None:
        log = open(self.folder / "started.log", "ab")  # noqa: SIM115
        self.processes.append(
            subprocess.Popen(
                [str(Path(sys.executable).parent / "ray"), "start", *words, "--block"],
                cwd=ROOT, stdout=log, stderr=log, env=os.environ | SETTINGS,
            )
        )  # fmt: skip

    def end(self) -> None:
        """End both, with all that they started, and nothing else."""
        import psutil

        for process in self.processes:
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.kill()
            process.wait()
            for child in children:
                if child.is_running():
                    child.kill()
            psutil.wait_procs(children, timeout=60)
        self.processes.clear()

    def close(self) -> None:
        """End both and remove their folder."""
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)
