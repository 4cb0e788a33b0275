"""Sound on other servers: a window of a long file is read by the bytes that it needs, and no more of it is fetched.

WAV, RF64, W64, AIFF, CAF, AU, FLAC and Ogg (Vorbis, Opus) are read so. Of MP3 every frame's header has to be seen to
know where a second lies, and what ffmpeg decodes (m4a, wma, ...) is only decoded from a file: those are copied, once,
into a folder of bounded size (EARMARK_SOUND_CACHE, by default ``~/.cache/earmark/sound``); so is what a server gives
only as a whole.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import threading
import time
from pathlib import Path

from labeling.errors import AudioError, RemoteError
from labeling.storage import remote
from labeling.storage.diskcache import DiskCache
from labeling.storage.kept import Kept

FOLDER = "EARMARK_SOUND_CACHE"
COPIES_BYTES = 8 << 30
"""Bound of the folder of copies; the one in use stays, however large."""
BLOCK_BYTES = 1 << 16
MOST_BLOCKS = 16  # read ahead at once, of what is read one block after the other
SMALL_BYTES = 2 << 20  # a file that is not larger is fetched at once
FRESH_S = 5.0  # so long a file is taken to be what it was: one window opens it several times
BY_RANGE = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"fLaC", b"OggS", b"FORM", b"caff", b"riff", b".snd")
"""What the files begin with of which windows are read by their bytes."""

_blocks: Kept[bytes] = Kept(1 << 16, len, 64 << 20)
_states: dict[str, tuple[float, remote.State]] = {}
_guard = threading.Lock()
_copies: DiskCache | None = None


class NotFetched(AudioError):
    """The bytes of a sound cannot be had: to decode it in another way does not help."""


class RangeFile(io.RawIOBase):
    """A remote file, open to be read anywhere; what it does not have in memory it fetches.

    Where the file is another one by now, or cannot be had, it seems to end, and ``problem`` says why: it is read by
    libsndfile, through which no error passes.
    """

    def __init__(self, at: remote.State) -> None:
        self.at = at
        self.block_bytes = max(1, at.size) if at.size <= SMALL_BYTES else BLOCK_BYTES
        self._position = 0
        self._next, self._run = -1, 1
        self.problem: NotFetched | None = None

    @property
    def is_small(self) -> bool:
        """Whether all of it comes with the first byte."""
        return self.at.size <= SMALL_BYTES

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.at.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer; returns how many bytes came, fewer only at the end."""
        view = memoryview(buffer).cast("B")
        count = 0
        while count < len(view) and self._position < self.at.size:
            number, first = divmod(self._position, self.block_bytes)
            try:
                part = self._block(number)[first : first + len(view) - count]
            except RemoteError as error:
                forget(self.at.url)
                self.problem = as_audio(self.at.url, error)
                break
            view[count : count + len(part)] = part
            count += len(part)
            self._position += len(part)
        return count

    def _block(self, number: int) -> bytes:
        key = (self.at, number)
        if key not in _blocks:
            self._run = min(MOST_BLOCKS, 2 * self._run) if number == self._next else 1
            start = number * self.block_bytes
            stop = min(self.at.size, start + self._run * self.block_bytes)
            data = remote.read(self.at, start, stop)
            for k in range(0, len(data), self.block_bytes):
                _blocks.put((self.at, number + k // self.block_bytes), data[k : k + self.block_bytes])
            self._next = number + self._run
            return data[: self.block_bytes]
        start = number * self.block_bytes
        return _blocks.get(key, lambda: remote.read(self.at, start, min(self.at.size, start + self.block_bytes)))


def state(url: str) -> remote.State:
    """What a remote file is now, or was some seconds ago. Raises AudioError."""
    with _guard:
        asked_at, at = _states.get(url, (0.0, None))
        if at is not None and time.monotonic() - asked_at < FRESH_S:
            return at
    try:
        at = remote.state(url)
    except RemoteError as error:
        forget(url)
        raise as_audio(url, error) from None
    with _guard:
        if len(_states) > 1 << 14:
            _states.clear()
        _states[url] = time.monotonic(), at
    return at


def opened_by_range(url: str) -> RangeFile | None:
    """The file, where windows of it can be read by their bytes; None where all of it is needed. Raises AudioError."""
    at = state(url)
    if at.size == 0 and at.by_range:
        raise AudioError(f"{_name(url)}: the file is empty (0 bytes)")
    if not at.by_range:
        return None
    file = RangeFile(at)
    head = file.read(4)
    if file.problem is not None:
        raise file.problem
    file.seek(0)
    is_mpeg = head[:3] == b"ID3" or (head[0] == 0xFF and head[1:2] >= b"\xe0")
    return file if head in BY_RANGE or (file.is_small and is_mpeg) else None


def place(url: str) -> str:
    """Where a file is best read again and again, as a picture and a player do: its URL if it is long and windows of it
    can be read by their bytes, else the path of a copy. Raises AudioError."""
    file = opened_by_range(url)
    return url if file is not None and not file.is_small else str(copied(url))


def copied(url: str) -> Path:
    """A copy of all of the file, in the folder of copies. Raises AudioError."""
    at = state(url)
    name = hashlib.sha256(f"{at.url}\n{at.size}\n{at.tag}".encode()).hexdigest() + _suffix(url)
    cache = _copies or DiskCache(_folder(), COPIES_BYTES)
    try:
        return cache.file(name, lambda file: remote.copy(at, file))
    except RemoteError as error:
        forget(url)
        raise as_audio(url, error) from None
    except OSError as error:
        raise AudioError(
            f"{_name(url)}: its copy cannot be written to {cache.folder} ({error.strerror}); free some space there, or "
            f"name another folder in {FOLDER}"
        ) from error


def keep_copies_in(folder: Path, most_bytes: int) -> None:
    """Use another folder for the copies of this process, with a bound of its own."""
    global _copies
    _copies = None if os.environ.get(FOLDER) else DiskCache(folder, most_bytes)


def forget(url: str) -> None:
    """Ask anew what a file is, when it is opened next."""
    with _guard:
        _states.pop(url, None)


def as_audio(url: str, error: RemoteError) -> NotFetched:
    """What is wrong with a remote file, as what is wrong with a sound."""
    return NotFetched(f"{_name(url)}: {error}", "missing" if error.kind == "missing" else "unreadable")


def _folder() -> Path:
    if named := os.environ.get(FOLDER):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "earmark" / "sound"


def _name(url: str) -> str:
    return remote.told(url).partition("?")[0].rstrip("/").rsplit("/", 1)[-1]


def _suffix(url: str) -> str:
    """The ending of a file's name, by which some decoders know it."""
    found = re.search(r"\.[A-Za-z0-9]{1,6}$", _name(url))
    return found[0].lower() if found else ""
