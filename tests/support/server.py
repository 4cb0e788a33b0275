"""The real app on a port of its own, for tests in a browser and for the screenshots."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT


@dataclass
class Server:
    """A running app."""

    process: subprocess.Popen[bytes]
    url: str

    def kill(self) -> None:
        """As the power cut does: no goodbye."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(workspace: Path, reviewer: str = "rita") -> Iterator[Server]:
    """Start the app on a workspace, as a user would, and stop it at the end."""
    port = free_port()
    log = open(workspace / "server.log", "ab")  # noqa: SIM115
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--"]
    process = subprocess.Popen(
        [*command, "--workspace", str(workspace)],
        cwd=ROOT,
        stdout=log,
        stderr=log,
        env={**os.environ, "EARMARK_REVIEWER": reviewer, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    server = Server(process, f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=2).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((workspace / "server.log").read_text()) from None
                time.sleep(0.1)
        yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
        log.close()
