"""Small pieces of work for a cluster: what a node does with them is what the tests look at."""

from __future__ import annotations

import os
import time
from pathlib import Path

from labeling.errors import DataError, Stopped
from models.cluster.work import Desk

LONG_S = 600


def small(folder: str, name: str, desk: Desk) -> str:
    """The piece's own name."""
    return name


def big(folder: str, name: str, desk: Desk) -> bytes:
    """Leave a mark, and return more than a pipe holds; the process of ``bad`` ends as a crash in a decoder ends one."""
    (Path(folder) / f"{name}.began").touch()
    if name == "bad":
        os._exit(139)
    return bytes(4 << 20)


def until_stopped(folder: str, name: str, desk: Desk) -> None:
    """Go on until somebody says stop."""
    (Path(folder) / f"{name}.began").touch()
    desk.tell({"began": name})
    until = time.monotonic() + LONG_S
    while time.monotonic() < until:
        if desk.should_stop():
            (Path(folder) / f"{name}.stopped").touch()
            raise Stopped("stopped")
        time.sleep(0.05)


def refuses(folder: str, name: str, desk: Desk) -> None:
    """An error with words."""
    raise DataError(f"{name} cannot be used; bring another")
