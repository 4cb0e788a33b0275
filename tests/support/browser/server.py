"""The real app on a port of its own, for tests in a browser and for the screenshots.

A Streamlit that starts costs more than most of what it is asked, so tests share one: it is shown one workspace after
another (`Server.show`), each a folder of its own. All that a server remembers goes by the workspace's path.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

from tests.support import ROOT

SWITCH = "EARMARK_TEST_SWITCH"
"""Path of the socket on which the server is told the workspace to show."""


@dataclass
class Server:
    """A running app."""

    process: subprocess.Popen[bytes]
    url: str
    switch: Connection
    shown: Path

    def show(self, workspace: Path) -> None:
        """From the next request on, be the app of another workspace."""
        self.shown = workspace
        self.switch.send(str(workspace))
        self.switch.recv()

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
def serve(
    workspace: Path, reviewer: str = "rita", streamlit: Sequence[str] = (), app: Sequence[str] = ()
) -> Iterator[Server]:
    """Start the app on a workspace, as a user would, and stop it at the end.

    Pages may use the folder around the workspace. ``streamlit`` and ``app`` are more options of Streamlit's and ours.
    """
    port = free_port()
    ours = ["--workspace", str(workspace), "--allow", str(workspace.parent), *app]
    options = ["--server.port", str(port), *streamlit, "--", *ours]
    with tempfile.TemporaryDirectory(prefix="earmark-app-") as folder, open(Path(folder) / "log", "w+b") as log:
        address = os.path.join(folder, "switch")
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.browser.server", "run", "app.py", *options],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env={**os.environ, "EARMARK_REVIEWER": reviewer, "PYTHONUNBUFFERED": "1", SWITCH: address},
            start_new_session=True,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 120
            while True:
                try:
                    urllib.request.urlopen(f"{url}/_stcore/health", timeout=10).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        log.seek(0)
                        raise RuntimeError(log.read().decode()) from None
                    time.sleep(0.1)
            with Client(address) as switch:
                yield Server(process, url, switch, workspace)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def _follow(listener: Listener) -> None:
    """In the server's process: take the workspaces to show from whoever started it."""
    from labeling.collection import allowed
    from pages.ui import session

    with listener.accept() as told:
        while True:
            try:
                shown = told.recv()
                os.environ[session.WORKSPACE], os.environ[allowed.ALLOW] = shown, os.path.dirname(shown)
            except EOFError:  # nobody is left to stop it
                os.kill(os.getpid(), signal.SIGTERM)
                return
            told.send(None)


if __name__ == "__main__":  # in the place of `python -m streamlit`
    from streamlit.web.cli import main

    from models import worker

    worker.NICE = 0  # the workers that it starts: behind the tests beside them they would wait for minutes
    threading.Thread(target=_follow, args=(Listener(os.environ.pop(SWITCH)),), daemon=True).start()
    main(prog_name="streamlit")
