"""A folder of files by key with a bound on its size: what costs time to make is made once."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

CACHE_BYTES = 2 * 1024**3
NEW = ".new-"  # begins the name of a file that is being written
LEFT_BEHIND_S = 3600.0  # one that nothing was added to for so long is of a program that was ended


class DiskCache:
    """Files by key in one folder, the least recently used removed beyond ``max_bytes``. Safe between threads.

    A disk that is full or read-only costs the cache, never the answer.
    """

    def __init__(self, folder: Path, max_bytes: int = CACHE_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._guard = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}
        self._used: int | None = None

    def peek(self, name: str) -> bytes | None:
        """The bytes kept under ``name``, None where there are none."""
        try:
            data = (self.folder / name).read_bytes()
            _touch(self.folder / name)
            return data
        except OSError:
            return None

    def get(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The bytes kept under ``name``, made when there are none; two requests at once make them once."""
        with self._one_at_a_time(name):
            data = self.peek(name)
            if data is None:
                data = make()
                with contextlib.suppress(OSError):
                    self._write(name, lambda file: file.write(data))
            return data

    def file(self, name: str, write: Callable[[BinaryIO], object]) -> Path:
        """The file kept under ``name``, written when there is none; raises OSError where it cannot be."""
        path = self.folder / name
        with self._one_at_a_time(name):
            try:
                _touch(path)
            except OSError:
                self._write(name, write)
            return path

    @contextlib.contextmanager
    def _one_at_a_time(self, name: str) -> Iterator[None]:
        with self._guard:
            lock = self._busy.setdefault(name, threading.Lock())
        try:
            with lock:
                yield
        finally:
            with self._guard:
                self._busy.pop(name, None)

    def _write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Write a file whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=NEW)
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                size = file.tell()
            _touch(Path(temporary))  # it is newer than what was kept while it was being written
            os.replace(temporary, self.folder / name)
        except BaseException:
            os.unlink(temporary)
            raise
        with self._guard:
            if self._used is not None:
                self._used += size
            if self._used is None or self._used > self.max_bytes:
                self._used = self._trim()

    def _trim(self) -> int:
        """Remove the oldest until a tenth is free; returns the bytes that are left."""
        states = []
        for entry in os.scandir(self.folder):
            with contextlib.suppress(OSError):
                state = entry.stat()
                if not entry.name.startswith(NEW) or time.time() - state.st_mtime > LEFT_BEHIND_S:
                    states.append((state.st_atime, state.st_size, entry.path))
        used = sum(size for _, size, _ in states)
        if used <= self.max_bytes:
            return used
        for _, size, path in sorted(states)[:-1]:  # the newest is in use
            if used <= 0.9 * self.max_bytes:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
                used -= size
        return used


def _touch(path: Path) -> None:
    """Note that a file was used, by its time of access: its time of change stays what it is."""
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
