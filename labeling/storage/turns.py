"""Who writes next to a SQLite file: whoever asked first.

SQLite lets one write and the others try again now and then, each after its own sleep: under many writers one that is
unlucky waits for as long as others keep coming. Here the threads of a program stand in line, and only the first of
each line comes to the door, a lock on the file's folder, where programs pass one by one; it waits there for SQLite's
own lock, with nobody beside it. A program that dies frees the door.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: the threads of each program stand in line, and SQLite decides between programs
    fcntl = None  # type: ignore[assignment]

LOOK_AGAIN_S = 0.002


class TurnTimeout(Exception):
    """The threads before this one took too long."""


class Line:
    """Threads in the order in which they came."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._taken = False

    def enter(self, timeout_s: float) -> bool:
        """Wait for one's turn; False where it did not come in time."""
        with self._changing:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(timeout_s):
            return True
        with self._changing:
            if mine.is_set():  # it came at the last moment
                return True
            self._waiting.remove(mine)
            return False

    def leave(self) -> None:
        """Give the turn to the next."""
        with self._changing:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False


_lines: dict[str, Line] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_lines.clear)  # of the parent's threads none is here


@contextmanager
def turn(file: str, timeout_s: float) -> Iterator[Callable[[], None]]:
    """Be the one thread of this program that writes to ``file``.

    Gives what to call once SQLite has begun the transaction: it lets the next program come to the door.

    Raises
    ------
    TurnTimeout
        The threads before this one took longer than ``timeout_s``.
    """
    line = _lines.setdefault(file, Line())
    until = time.monotonic() + timeout_s
    if not line.enter(timeout_s):
        raise TurnTimeout(f"others of this program wrote for {timeout_s:g} s")
    try:
        leave_door = _at_the_door(Path(file).parent, until)
        try:
            yield leave_door
        finally:
            leave_door()
    finally:
        line.leave()


def _at_the_door(folder: Path, until: float) -> Callable[[], None]:
    """Hold the folder's lock, or go on without where it cannot be had: SQLite's own lock decides in any case."""
    if fcntl is None:
        return lambda: None
    try:
        door = os.open(folder, os.O_RDONLY)
    except OSError:
        return lambda: None
    open_doors = [door]

    def leave() -> None:
        while open_doors:
            fcntl.flock(door, fcntl.LOCK_UN)  # also where a process forked meanwhile holds the same door
            os.close(open_doors.pop())

    while True:
        try:
            fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(LOOK_AGAIN_S)
                continue
        except OSError:  # a file system without such locks
            pass
        return leave
