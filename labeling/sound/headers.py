"""Headers that tell another length than the sound has: recordings never finished, cut, or written on past their header.

libsndfile believes most headers. Where one is wrong, the file is given to it with a header of ours before its samples.
"""

from __future__ import annotations

import io
import os
import struct
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

_LOOKED_AT = 1 << 16  # bytes, of what may be sound or not
_LEAST_REST = 1024  # bytes after the samples that are looked at
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"<?xml", b"LYRICS")
_MOST_CHUNKS = 1000
_AU_HEADER_BYTES = 24
_PACKETS_AT = 24  # in a CAF's table of them
_UNFINISHED = 0x7FFFF000  # a 32-bit length from here on stands for one that was not known


@dataclass(frozen=True)
class Layout:
    """Where a file's samples begin, how many bytes of them the header claims (None: it does not tell), and ``head``,
    which makes a header that tells a number of bytes. ``told_frames`` where bytes do not tell the length."""

    data_at: int
    claimed: int | None
    head: Callable[[int], bytes]
    told_frames: int | None = None


class View(io.RawIOBase):
    """A file seen with other bytes, ``head``, before what begins at ``start``, and with ``patches`` over it, by their
    places in the file. What its own header gives as its length is ``told``, as a share of the true one, or
    ``told_frames``; both None where it gives none."""

    def __init__(
        self,
        handle: BinaryIO,
        head: bytes,
        start: int,
        told: float | None = None,
        told_frames: int | None = None,
        end: int | None = None,
        patches: Mapping[int, bytes] | None = None,
    ) -> None:
        self._handle, self._head, self._start = handle, head, start
        self.told, self.told_frames = told, told_frames
        self._size = len(head) + (handle.seek(0, os.SEEK_END) if end is None else end) - start
        self._patches, self._places = patches or {}, sorted(patches or {})
        self._longest = max(map(len, self._patches.values()), default=0)
        self._position = 0

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
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer; returns how many bytes came."""
        view = memoryview(buffer).cast("B")
        count = 0
        while count < len(view) and (part := self._read_on(len(view) - count)):
            view[count : count + len(part)] = part
            count += len(part)
            self._position += len(part)
        return count

    def _read_on(self, size: int) -> bytes:
        """What comes next, of the head or of the file."""
        if self._position < len(self._head):
            return self._head[self._position : self._position + size]
        at = self._start + self._position - len(self._head)
        self._handle.seek(at)
        data = self._handle.read(max(0, min(size, self._size - self._position)))
        stop = at + len(data)
        for place in self._places[bisect_left(self._places, at - self._longest) : bisect_left(self._places, stop)]:
            patch = self._patches[place][max(0, at - place) : max(0, stop - place)]
            begin = max(0, place - at)
            data = data[:begin] + patch + data[begin + len(patch) :]
        return data


def rebuilt(handle: BinaryIO) -> View | None:
    """The file with a header that tells all its sound; None where its own does, or the format is none of these.

    WAV (also RF64), AIFF, CAF and AU by the bytes that are there. Of FLAC see flac.py.
    """
    handle.seek(0)
    start = handle.read(4)
    layout_of = {
        b"RIFF": _wav, b"RIFX": _wav, b"RF64": _wav, b"BW64": _wav, b"FORM": _aiff, b"caff": _caf, b".snd": _au,
    }.get(start)  # fmt: skip
    try:
        layout = layout_of(handle) if layout_of else None
    except struct.error:  # ends within a chunk
        return None
    if layout is None:
        return None
    there = handle.seek(0, os.SEEK_END) - layout.data_at
    if there <= 0 or layout.claimed == there:
        return None
    if layout.claimed is not None and layout.claimed < there:
        if not _is_sound(handle, layout.data_at + layout.claimed, there - layout.claimed):
            return None
        told = layout.claimed / there if layout.claimed else None
    else:
        told = None if layout.claimed is None else layout.claimed / there
    told = told if layout.told_frames is None else None
    return View(handle, layout.head(there), layout.data_at, told, layout.told_frames)


def _is_sound(handle: BinaryIO, at: int, size: int) -> bool:
    """Whether what lies after the samples that a header tells of goes on as sound: no chunk, no tag, not all zeros."""
    if size < _LEAST_REST:
        return False
    handle.seek(at)
    data = handle.read(_LOOKED_AT)
    for start in (0, 1, len(data) - len(data.lstrip(b"\0"))):  # an odd length may have been filled up, or a block
        name = data[start : start + 4]
        sizes = (int.from_bytes(data[start + 4 : start + 8], order) for order in ("little", "big"))  # type: ignore[arg-type]
        is_name = len(name) == 4 and name.isascii() and name.decode().isprintable()
        if data[start:].startswith(_TAGS) or (is_name and min(sizes) <= size):
            return False
    handle.seek(max(at, at + size - _LOOKED_AT))
    return any(data) or any(handle.read(_LOOKED_AT))


def _chunks(handle: BinaryIO, at: int, order: str) -> list[tuple[bytes, int, int]]:
    """Name, place of the content and size of each chunk, up to the one that holds the samples."""
    chunks: list[tuple[bytes, int, int]] = []
    while len(chunks) < _MOST_CHUNKS:
        handle.seek(at)
        head = handle.read(8)
        if len(head) < 8:
            break
        name, size = struct.unpack(f"{order}4sI", head)
        chunks.append((name, at + 8, size))
        if name in (b"data", b"SSND"):
            break
        at += 8 + size + size % 2
    return chunks


def _content(handle: BinaryIO, chunks: list[tuple[bytes, int, int]], name: bytes) -> bytes:
    for chunk, at, size in chunks:
        if chunk == name:
            handle.seek(at)
            return handle.read(min(size, _LOOKED_AT))
    return b""


def _wav(handle: BinaryIO) -> Layout | None:
    handle.seek(0)
    order = ">" if handle.read(4) == b"RIFX" else "<"
    chunks = _chunks(handle, 12, order)
    format_chunk = _content(handle, chunks, b"fmt ")
    if not chunks or chunks[-1][0] != b"data" or len(format_chunk) < 16:
        return None
    _, data_at, size = chunks[-1]
    claimed: int | None = size
    sizes = _content(handle, chunks, b"ds64")
    if size == 0xFFFFFFFF and len(sizes) >= 16:
        (claimed,) = struct.unpack("<Q", sizes[8:16])
    if not claimed or (claimed >= _UNFINISHED and claimed > handle.seek(0, os.SEEK_END) - data_at):
        claimed = claimed and None

    def head(data: int) -> bytes:
        fmt = struct.pack(f"{order}4sI", b"fmt ", len(format_chunk)) + format_chunk + b"\0" * (len(format_chunk) % 2)
        if data < 0xFFFF0000:
            name = b"RIFX" if order == ">" else b"RIFF"
            whole = struct.pack(f"{order}4sI4s", name, data + len(fmt) + 12, b"WAVE")
            return whole + fmt + struct.pack(f"{order}4sI", b"data", data)
        long = struct.pack("<4sIQQQI", b"ds64", 28, data + len(fmt) + 48, data, 0, 0)
        return (
            struct.pack("<4sI4s", b"RF64", 0xFFFFFFFF, b"WAVE") + long + fmt + struct.pack("<4sI", b"data", 0xFFFFFFFF)
        )

    return Layout(data_at, claimed, head)


def _aiff(handle: BinaryIO) -> Layout | None:
    handle.seek(8)
    kind = handle.read(4)
    chunks = _chunks(handle, 12, ">")
    common = _content(handle, chunks, b"COMM")
    if not chunks or chunks[-1][0] != b"SSND" or len(common) < 18:
        return None
    _, at, size = chunks[-1]
    channels, _, bits = struct.unpack(">hIh", common[:8])
    width = channels * -(-bits // 8)

    def head(data: int) -> bytes:
        comm = common[:2] + struct.pack(">I", data // width if width > 0 else 0) + common[6:]
        parts = struct.pack(">4sI", b"COMM", len(comm)) + comm + b"\0" * (len(comm) % 2)
        parts += struct.pack(">4sIII", b"SSND", min(data + 8, 0xFFFFFFFF), 0, 0)
        return struct.pack(">4sI4s", b"FORM", min(len(parts) + 4 + data, 0xFFFFFFFF), kind) + parts

    handle.seek(at)
    offset = int.from_bytes(handle.read(4), "big")  # of the first sample, after the 8 bytes that begin the chunk
    claimed = None if size >= _UNFINISHED else max(0, size - 8 - offset)
    return Layout(at + 8 + offset, claimed, head)


def _caf(handle: BinaryIO) -> Layout | None:
    whole = handle.seek(0, os.SEEK_END)
    at, parts = 8, dict[bytes, bytes]()
    for _ in range(_MOST_CHUNKS):
        handle.seek(at)
        name, size = struct.unpack(">4sq", handle.read(12))
        if name == b"data":
            break
        if not 0 <= size <= (whole if name == b"pakt" else _LOOKED_AT):
            return None
        if name != b"free":
            parts.setdefault(name, handle.read(size))
        at += 12 + size
    else:
        return None
    claimed = None if size < 0 else max(0, size - 4)
    table, told_frames = parts.get(b"pakt", b""), None
    parts[b"pakt"], total = _packets(table, whole - at - 16)
    if parts[b"pakt"] != table and claimed == total:
        told_frames = int.from_bytes(table[8:16], "big")
    start = b"caff\0\1\0\0" + b"".join(struct.pack(">4sq", name, len(its)) + its for name, its in parts.items() if its)

    def head(data: int) -> bytes:
        return start + struct.pack(">4sqI", b"data", data + 4, 0)

    return Layout(at + 16, claimed, head, told_frames)


def _packets(table: bytes, there: int) -> tuple[bytes, int]:
    """A table of packets without those that do not lie wholly in the bytes that are there, and the bytes of all.

    libsndfile believes it. After its head it gives each packet's size, seven bits a byte, the last byte below 128.
    """
    total = size = kept = 0
    stop = _PACKETS_AT
    for k, byte in enumerate(table[_PACKETS_AT:], _PACKETS_AT + 1):
        size = size << 7 | byte & 0x7F
        if byte < 0x80:
            total += size
            if total <= there:
                kept, stop = kept + 1, k
            size = 0
    return table if total <= there else struct.pack(">q", kept) + table[8:stop], total


def _au(handle: BinaryIO) -> Layout | None:
    handle.seek(4)
    data_at, size = struct.unpack(">II", handle.read(8))
    within = data_at < _AU_HEADER_BYTES  # libsndfile would read from the header's end, and seek from that place
    data_at = max(data_at, _AU_HEADER_BYTES)
    handle.seek(0)
    own = handle.read(min(data_at, _LOOKED_AT))

    def head(data: int) -> bytes:
        return own[:4] + struct.pack(">II", data_at, min(data, 0xFFFFFFFF)) + own[12:]

    if within:
        return Layout(data_at, None, head)
    # 0xFFFFFFFF is how this format says that the samples go on to the end: libsndfile reads it so
    return Layout(data_at, size, head) if size < 0xFFFFFFFF else None
