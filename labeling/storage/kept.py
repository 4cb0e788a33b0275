"""What is costly to read or to work out, kept in memory beyond a request.

What comes from a database is kept under its `engine_key` and whatever says that it still holds: a position of the
journal, the moment of a scoring. What comes from a sound file is kept under its `file_key`.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from sqlalchemy.engine import Connection, Engine

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """The ``count`` values last asked for, by key; for many threads, each made once while others wait for it.

    With a ``size`` of each value, no more than ``total`` of it together; the newest stays, however large.
    """

    def __init__(self, count: int, size: Callable[[Value], int] | None = None, total: int = 0) -> None:
        self.count, self.size, self.total = count, size, total
        self.held = 0
        """The size of all that is kept."""
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()
        self._turns: weakref.WeakValueDictionary[Hashable, threading.Lock] = weakref.WeakValueDictionary()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key, made where it is not kept. Where ``make`` raises, nothing is kept."""
        value = self._known(key)
        return value[0] if value else self._made(key, lambda known: known[0] if known else make())

    def renew(self, key: Hashable, change: Callable[[Value | None], Value]) -> Value:
        """What ``change`` makes of the value that was kept (None: there was none), kept in its place."""
        return self._made(key, lambda known: change(known[0] if known else None))

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value, in the place of any that was kept."""
        self._made(key, lambda known: value)

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._values.clear()
            self.held = 0

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def _known(self, key: Hashable) -> tuple[Value] | None:
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return (self._values[key],)

    def _made(self, key: Hashable, make: Callable[[tuple[Value] | None], Value]) -> Value:
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())  # goes with the last thread that waits for it
        with turn:
            value = make(self._known(key))
            with self._lock:
                if key in self._values:
                    self._drop(key)
                self._values[key] = value
                self.held += self.size(value) if self.size else 0
                while len(self._values) > 1 and (len(self._values) > self.count or self.held > self.total):
                    self._drop(next(iter(self._values)))
        return value

    def _drop(self, key: Hashable) -> None:
        value = self._values.pop(key)
        self.held -= self.size(value) if self.size else 0


def engine_key(connection: Connection) -> weakref.ref[Engine]:
    """Which database a connection is to: the same for all connections of one opened workspace, and no secret in it."""
    return weakref.ref(connection.engine)


def file_key(path: str, size: int) -> tuple[str, int, int]:
    """Which state of a file, of so many bytes. When a URL's file was changed is not asked for."""
    return path, size, 0 if "://" in path else os.stat(path).st_mtime_ns
