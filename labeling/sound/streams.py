"""The streams of an Ogg file: where they lie, whether pages of them are lost, and where each page of them ends.

Each page tells a position, the last one thereby the length, and libsndfile seeks by them. A decoder leaves out what is
lost, while the positions after it count it still; and they may be wrong for other reasons. What the packets give is
right, so that libsndfile is given the stream with the positions that they come to.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import BinaryIO

from labeling.sound.ogg import LARGEST_PAGE, checksum, pages_in, position_of
from labeling.sound.packets import Samples, begins_sound, counted_by, headers_of, packets_of
from labeling.storage.kept import Kept, file_key

_FIRST_PAGE = b"OggS\0\2"  # of a stream
_LAST = 4  # the flag of a stream's last page
_HEADER_BYTES = 1 << 20  # of a stream, at most; a picture may lie among its comments
_TAIL_BYTES = 1 << 15  # in which the last two pages lie nearly always
_PATCHED_BYTES = 26  # of a page: its position, and its checksum
_LARGEST_POSITION = 1 << 62


@dataclass(frozen=True)
class Ends:
    """Where a stream ends: the position that its last page ``told``, the one that its packets come to, and that of the
    page ``before``, 0 where there is none. They are in samples of the stream, of Opus in `packets.OPUS_RATE`.
    ``patches`` are the first bytes that pages with a wrong position should have, by the place of each in the file.
    """

    told: int
    position: int
    before: int
    patches: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Pages:
    """Where the last whole page ends, whether the numbers of the pages have a gap (``torn``), and the streams that lie
    one after the other: where each begins, and its ends, None where they cannot be told."""

    end: int
    torn: bool
    streams: tuple[tuple[int, Ends | None], ...] = ()


_kept: Kept[Pages] = Kept(1 << 16)
_kept_ends: Kept[Ends | None] = Kept(1 << 12)


def pages_of(path: str, handle: BinaryIO) -> Pages:
    """What the pages of a file say: it is read once, and the answer kept."""
    return _kept.get(file_key(path, handle.seek(0, os.SEEK_END)), lambda: _walk(handle))


def ends_of(path: str, handle: BinaryIO) -> Ends | None:
    """The ends of a file that is one stream, of which only the start and the last pages are read, once."""
    return _kept_ends.get(file_key(path, handle.seek(0, os.SEEK_END)), lambda: _looked_at(handle))


class _Count:
    """Counts the packets of a stream, page after page."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.serial = b""
        self.samples: Samples | None = None
        self.pages = 0  # on which packets of sound end
        self._headers: list[bytes] = []
        self._missing = 0
        self._begun: bytes | None = None
        self._packet = b""  # the last one that has ended
        self._at, self._page = 0, b""
        self._told = self._position = self._before = self._most = 0
        self._patches: dict[int, bytes] = {}

    def skip(self) -> None:
        """The next page is not the one after those before."""
        self._begun = None

    def add(self, at: int, page: bytes) -> None:
        """The next page of the file, which begins at a byte."""
        if not self.serial and begins_sound(page):
            self.serial, self._missing = page[14:18], headers_of(page[28:])
        if not self.serial or page[14:18] != self.serial:
            return
        packets, self._begun = packets_of(page, self._begun)
        if self._missing > 0:
            self._headers += packets
            self._missing -= len(packets)
            if self._missing <= 0:
                self.samples = counted_by(self._headers)
        elif packets and self.samples is not None:
            if self.pages:
                self._settle(self._most)  # the page before is not the last
            most = sum(self.samples(one, other) for one, other in pairwise([self._packet, *packets]))
            told, before = position_of(page), self._position
            # the last packet need not be used up; and a stream cut out of a longer one begins anywhere
            if self.pages:
                steps = [told - before, told - self._told]
                used = max((step for step in steps if 0 <= step <= most), default=most)
            else:
                used = most = told if 0 < told < _LARGEST_POSITION else most
            self._before, self._position, self._most = before, before + used, before + most
            self._told, self._at, self._page, self._packet = told, at, page, packets[-1]
            self.pages += 1

    def _settle(self, position: int) -> None:
        self._position = position
        if position != self._told:
            page = self._page[:6] + position.to_bytes(8, "little") + self._page[14:]
            self._patches[self._at] = page[:22] + checksum(page) + page[26:_PATCHED_BYTES]

    def ends(self) -> Ends | None:
        """What has come of it, after the last page; None where no packet can be counted."""
        if not self.pages:
            return None
        self._settle(self._position)
        return Ends(self._told, self._position, self._before, self._patches)


def _walk(handle: BinaryIO) -> Pages:
    numbers: dict[bytes, int] = {}  # of each stream's last page, by the stream's serial number
    sounding: set[bytes] = set()  # the streams whose headers, of position 0, have passed
    counts: list[_Count] = []
    end, torn, beginning = 0, False, False
    for at, page in pages_in(handle):
        serial, number = page[14:18], int.from_bytes(page[18:22], "little")
        if page.startswith(_FIRST_PAGE):
            torn = torn or serial in numbers  # the one before has lost its last page
            sounding.discard(serial)
            counts += [] if beginning else [_Count(at)]  # those that lie side by side begin together
        beginning = page.startswith(_FIRST_PAGE)
        if counts:
            counts[-1].add(at, page)
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
    return Pages(end, torn, tuple((count.start, count.ends()) for count in counts))


def _looked_at(handle: BinaryIO) -> Ends | None:
    size = handle.seek(0, os.SEEK_END)
    for tail in (_TAIL_BYTES, 2 * LARGEST_PAGE):
        count, start = _Count(0), max(0, size - tail)
        for at, page in pages_in(handle, 0, LARGEST_PAGE):
            count.add(at, page)
            if count.samples is not None or at > _HEADER_BYTES:
                start = max(start, at + len(page))
                break
        count.skip()
        for at, page in pages_in(handle, start, 2 * LARGEST_PAGE):
            count.add(at, page)
        if count.pages > 1:
            return count.ends()
    return None
