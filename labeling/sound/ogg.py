"""The pages of an Ogg file: where the last of them ends, and whether any before it was lost, overwritten or moved.

A decoder leaves out what is lost, while the position that the last page tells still counts it; and after a seek it lies
elsewhere than where it comes to by decoding all that is before. libsndfile fails where much else follows the last page.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from labeling.storage.kept import Kept, file_key

LARGEST_PAGE = 65_307  # bytes
FIRST_PAGE = b"OggS\0\2"  # of a stream
_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 27  # of a page, and after them the sizes of its segments
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

_LAST = 4  # the flag of a stream's last page
_kept: Kept[Pages] = Kept(1 << 16)


@dataclass(frozen=True)
class Pages:
    """Where the last whole page ends, and whether the numbers of the pages have a gap (``torn``)."""

    end: int
    torn: bool


def pages_of(path: str, handle: BinaryIO) -> Pages:
    """What the pages of a file say: it is read once, and the answer kept."""
    return _kept.get(file_key(path, handle.seek(0, os.SEEK_END)), lambda: _walk(handle))


def _walk(handle: BinaryIO) -> Pages:
    numbers: dict[bytes, int] = {}  # of each stream's last page, by the stream's serial number
    sounding: set[bytes] = set()  # the streams whose headers, of position 0, have passed
    end, torn = 0, False
    for at, size, head in _pages(handle):
        serial, number = head[14:18], int.from_bytes(head[18:22], "little")
        if head.startswith(FIRST_PAGE):
            torn = torn or serial in numbers  # the one before has lost its last page
            sounding.discard(serial)
        # a stream cut out of a longer one goes on after its headers with the numbers of that one
        if serial in sounding or head[5] & _LAST:
            torn = torn or number != (numbers.get(serial, number - 1) + 1) % (1 << 32)
        if int.from_bytes(head[6:14], "little", signed=True) > 0:
            sounding.add(serial)
        numbers[serial] = number
        if head[5] & _LAST:
            del numbers[serial]
            sounding.discard(serial)
        end = at + size
    return Pages(end, torn)


def _pages(handle: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """First byte, size and header of each whole page. One with a wrong checksum is none, as for every decoder."""
    at, base, data = 0, 0, b""
    while True:
        if len(data) - at < LARGEST_PAGE:
            base += at
            handle.seek(base)
            at, data = 0, handle.read(_BLOCK_BYTES)
        found = data.find(b"OggS\0", at)
        if found < 0:
            if len(data) < _BLOCK_BYTES:
                return
            at = len(data) - 4
        elif found > at:
            at = found
        else:
            size = _page_bytes(data, at)
            if size:
                yield base + at, size, data[at : at + _HEAD_BYTES]
            at += size or 1


def _page_bytes(data: bytes, at: int) -> int:
    """The size of the page that begins there; 0 where it is not whole."""
    head = data[at : at + _HEAD_BYTES]
    sizes = data[at + _HEAD_BYTES : at + _HEAD_BYTES + head[-1]]
    size = _HEAD_BYTES + len(sizes) + sum(sizes)
    page = data[at : at + size]
    if len(head) < _HEAD_BYTES or len(sizes) < head[-1] or len(page) < size:
        return 0
    return size if checksum(page) == page[22:26] else 0


def checksum(page: bytes) -> bytes:
    """What a page's bytes 22 to 26 should be."""
    # zlib's checksum is that of Ogg with the bits of each byte, and those of the sum, the other way round
    mirrored = zlib.crc32((page[:22] + bytes(4) + page[26:]).translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return mirrored.to_bytes(4, "big").translate(_REVERSED)
