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
HEAD_BYTES = 27  # of a page, and after them the sizes of its segments
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

_LAST = 4  # the flag of a stream's last page
_kept: Kept[Pages] = Kept(1 << 16)


@dataclass(frozen=True)
class Pages:
    """Where the last whole page ends, whether the numbers of the pages have a gap (``torn``), and where the streams
    begin that lie one after the other."""

    end: int
    torn: bool
    starts: tuple[int, ...] = ()


def pages_of(path: str, handle: BinaryIO) -> Pages:
    """What the pages of a file say: it is read once, and the answer kept."""
    return _kept.get(file_key(path, handle.seek(0, os.SEEK_END)), lambda: _walk(handle))


def _walk(handle: BinaryIO) -> Pages:
    numbers: dict[bytes, int] = {}  # of each stream's last page, by the stream's serial number
    sounding: set[bytes] = set()  # the streams whose headers, of position 0, have passed
    starts: list[int] = []
    end, torn, beginning = 0, False, False
    for at, page in pages_in(handle):
        serial, number = page[14:18], int.from_bytes(page[18:22], "little")
        if page.startswith(FIRST_PAGE):
            torn = torn or serial in numbers  # the one before has lost its last page
            sounding.discard(serial)
            starts += [] if beginning else [at]  # those that lie side by side begin together
        beginning = page.startswith(FIRST_PAGE)
        # a stream cut out of a longer one goes on after its headers with the numbers of that one
        if serial in sounding or page[5] & _LAST:
            torn = torn or number != (numbers.get(serial, number - 1) + 1) % (1 << 32)
        if position_of(page) > 0:
            sounding.add(serial)
        numbers[serial] = number
        if page[5] & _LAST:
            del numbers[serial]
            sounding.discard(serial)
        end = at + len(page)
    return Pages(end, torn, tuple(starts))


def pages_in(handle: BinaryIO, start: int = 0, block_bytes: int = _BLOCK_BYTES) -> Iterator[tuple[int, bytes]]:
    """First byte and all bytes of each whole page from a byte on. One with a wrong checksum is none, as for every
    decoder. ``block_bytes`` are read at once, at least `LARGEST_PAGE`."""
    at, base, data, more = 0, start, b"", True
    while True:
        if more and len(data) - at < LARGEST_PAGE:
            base += at
            handle.seek(base)
            at, data = 0, handle.read(block_bytes)
            more = len(data) == block_bytes
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
