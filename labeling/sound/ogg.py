"""The pages of an Ogg file, as they lie in it."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO

LARGEST_PAGE = 65_307  # bytes
HEAD_BYTES = 27  # of a page, and after them the sizes of its segments
_BLOCK_BYTES = 1 << 20
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def pages_in(handle: BinaryIO, start: int = 0, block_bytes: int = _BLOCK_BYTES) -> Iterator[tuple[int, bytes]]:
    """First byte and all bytes of each whole page from a byte on. One with a wrong checksum is none, as for every
    decoder. ``block_bytes`` are read at once, at least `LARGEST_PAGE`."""
    at, base, data, more = 0, start, b"", True
    size = handle.seek(0, os.SEEK_END)
    while True:
        if more and len(data) - at < LARGEST_PAGE:
            base += at
            handle.seek(base)
            asked = min(block_bytes, size - base)
            at, data = 0, handle.read(asked)
            more = len(data) == asked and base + asked < size
        found = data.find(b"OggS\0", at)
        if found < 0:
            if not more:
                return
            at = len(data) - 4
        elif found > at:
            at = found
        else:
            page = _whole_page(data, at)
            if page:
                yield base + at, page
            at += len(page) or 1


def _whole_page(data: bytes, at: int) -> bytes:
    """The page that begins there; b"" where it is not whole."""
    head = data[at : at + HEAD_BYTES]
    sizes = data[at + HEAD_BYTES : at + HEAD_BYTES + head[-1]]
    size = HEAD_BYTES + len(sizes) + sum(sizes)
    page = data[at : at + size]
    if len(head) < HEAD_BYTES or len(sizes) < head[-1] or len(page) < size:
        return b""
    return page if checksum(page) == page[22:26] else b""


def position_of(page: bytes) -> int:
    """Where a page says that it ends, in samples; negative where no packet ends on it."""
    return int.from_bytes(page[6:14], "little", signed=True)


def checksum(page: bytes) -> bytes:
    """What a page's bytes 22 to 26 should be."""
    # zlib's checksum is that of Ogg with the bits of each byte, and those of the sum, the other way round
    mirrored = zlib.crc32((page[:22] + bytes(4) + page[26:]).translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return mirrored.to_bytes(4, "big").translate(_REVERSED)
