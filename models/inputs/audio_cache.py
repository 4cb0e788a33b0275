"""Decoded sound kept on disk, so that an epoch reads plain 16-bit samples instead of decoding files again.

One file a clip: a header, then mono samples at the training's rate. Its name says which file it was made from, in
which state and at which rate, so that a changed file gets a new entry. Entries are renamed into place when whole, and
checked against their header and checksum; any number of processes may share a folder. Whatever goes wrong here, the
caller decodes the file instead.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeling.errors import AudioError
from labeling.sound import ranges
from labeling.storage.remote import is_url

HEADER = struct.Struct("<8sIIQd")
"""Magic, sample rate, CRC-32 of the samples, number of samples, scale: 32 bytes."""
MAGIC = b"EARMARK1"
SUFFIX, PART = ".pcm", ".part"
STALE_S = 24 * 3600.0
"""Where room is needed, entries that no load has used for so long make it."""
COUNT_AGAIN_S = 30.0
"""How old the count of the folder's bytes may get: other processes write there too."""


def to_int16(wave: NDArray[np.float32]) -> tuple[NDArray[np.int16], float]:
    """Samples (n,) as 16-bit numbers and their scale; the loudest becomes 32767, so no level is lost or clipped."""
    scale = max(float(np.abs(wave).max(initial=0.0)), 1e-9) / 32767
    return np.round(wave / np.float32(scale)).astype(np.int16), scale


def from_int16(samples: NDArray[np.int16], scale: float, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Back to float32, into ``out`` where it is given."""
    return np.multiply(samples, np.float32(scale), out=out, dtype=np.float32)


class AudioCache:
    """Entries under ``folder``, together at most ``max_bytes`` (and what other processes wrote in the last half
    minute). Safe from many threads. Raises nothing; ``note`` is told once why writing stopped."""

    def __init__(
        self, folder: Path, sample_rate: int, max_bytes: float, note: Callable[[str], None] = lambda line: None
    ) -> None:
        self.folder, self.sample_rate, self.max_bytes, self.note = Path(folder), sample_rate, max_bytes, note
        self._lock = threading.Lock()
        self._closed = False
        self._bytes = 0
        self._under_way = 0
        self._counted_at = -np.inf

    def entry_of(self, path: str, channel: int = 0) -> Path | None:
        """Where the decoded samples of a file, as it now is, belong: of its mix (0) or of one channel.

        None where its state cannot be told.
        """
        try:
            if is_url(path):
                at = ranges.state(path)
                state = f"{at.size} {at.tag}"
            else:
                file_stat = os.stat(path)
                state = f"{file_stat.st_size} {file_stat.st_mtime_ns}"
        except (OSError, ValueError, AudioError):
            return None
        which = f"\n{channel}" if channel else ""
        name = hashlib.sha256(
            f"{path}\n{state}\n{self.sample_rate}{which}".encode("utf-8", "surrogateescape")
        ).hexdigest()
        return self.folder / name[:2] / f"{name}{SUFFIX}"

    def load(self, entry: Path) -> tuple[NDArray[np.int16], float] | None:
        """The whole clip as samples and scale, checked, and marked as used today; None where there is no sound entry.
        A damaged one is removed."""
        stored = self._read(entry, 0, None, check=True)
        if stored is not None:
            with contextlib.suppress(OSError):  # a read-only cache is still one
                os.utime(entry)
        return stored

    def read(self, entry: Path, first: int, out: NDArray[np.float32]) -> bool:
        """Fill ``out`` with the samples from ``first`` on; False where they cannot be had."""
        stored = self._read(entry, first, first + len(out), check=False)
        if stored is None or len(stored[0]) < len(out):
            return False
        from_int16(*stored, out=out)
        return True

    def write(self, entry: Path, samples: NDArray[np.int16], scale: float) -> bool:
        """Keep a clip's samples; False where there is no room or no right to."""
        if self._closed:
            return False
        content = samples.astype("<i2", copy=False).tobytes()
        header = HEADER.pack(MAGIC, self.sample_rate, zlib.crc32(content), len(samples), scale)
        size = len(header) + len(content)
        if not self._reserve(size):
            return False
        written = self._put(entry, header + content)
        with self._lock:
            self._under_way -= size
            self._bytes += size if written else 0
        return written

    def _put(self, entry: Path, content: bytes) -> bool:
        beside = ""
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            # No fsync: after a crash the checksum finds what did not reach the disk.
            handle, beside = tempfile.mkstemp(dir=entry.parent, prefix=".", suffix=PART)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(beside, entry)
        except OSError as problem:
            if beside:
                _remove(Path(beside))
            self._close(f"audio cache: cannot write to {self.folder} ({problem.strerror}); the other files are decoded")
            return False
        return True

    def _read(
        self, entry: Path, first: int, last: int | None, *, check: bool
    ) -> tuple[NDArray[np.int16], float] | None:
        try:
            with open(entry, "rb", buffering=0) as file:
                magic, rate, crc, n, scale = HEADER.unpack(file.read(HEADER.size))
                whole = os.fstat(file.fileno()).st_size == HEADER.size + 2 * n
                if not whole or magic != MAGIC or rate != self.sample_rate:
                    raise ValueError("not what the header says")
                last = n if last is None else min(last, n)
                file.seek(HEADER.size + 2 * first)
                content = file.read(2 * max(0, last - first))
                if len(content) != 2 * max(0, last - first) or (check and zlib.crc32(content) != crc):
                    raise ValueError("damaged")
        except OSError:
            return None
        except (ValueError, struct.error):
            _remove(entry)  # the next load writes it anew
            return None
        return np.frombuffer(content, dtype="<i2").astype(np.int16, copy=False), scale

    def _reserve(self, size: int) -> bool:
        with self._lock:
            if self._closed:
                return False
            if time.monotonic() - self._counted_at > COUNT_AGAIN_S:
                self._count()
            if self._bytes + self._under_way + size > self.max_bytes:
                self._count(room_for=size)
            if self._bytes + self._under_way + size <= self.max_bytes:
                self._under_way += size
                return True
        self._close(
            f"audio cache: full at {self.max_bytes / 1e9:g} GB; the other files are decoded in every epoch, "
            f"so raise data.cache_gb or data.memory_gb where there is room ({self.folder})"
        )
        return False

    def _count(self, room_for: int = 0) -> None:
        """Count the folder's bytes; with ``room_for`` drop stale entries, oldest first, until so many fit.

        Of a collection that does not fit, what is kept stays: to evict what was used last epoch for what comes now
        would mean that nothing is ever found again.
        """
        now, total = time.time(), 0
        stale: list[tuple[float, int, str]] = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    state = os.stat(path)
                except OSError:
                    continue
                old = now - state.st_mtime > STALE_S
                if old or not name.endswith(PART):  # a fresh part is counted as under way by whoever writes it
                    total += state.st_size
                if old and name.endswith((SUFFIX, PART)):
                    stale.append((state.st_mtime, state.st_size, path))
        for _, size, path in sorted(stale) if room_for else ():
            if total + self._under_way + room_for <= self.max_bytes:
                break
            _remove(Path(path))
            total -= size
        self._bytes, self._counted_at = total, time.monotonic()

    def _close(self, why: str) -> None:
        with self._lock:
            told, self._closed = self._closed, True
        if not told:
            self.note(why)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
