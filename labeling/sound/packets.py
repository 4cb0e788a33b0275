"""Where the last page of an Ogg stream ends, by its packets: what the page itself says of that may be wrong.

The first bytes of a packet say how many samples it gives; nothing is decoded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from labeling.sound.ogg import HEAD_BYTES, LARGEST_PAGE, checksum, pages_in, position_of
from labeling.storage.kept import Kept, file_key

OPUS_RATE = 48_000  # in which its pages count, whatever the file's own
_HEADER_BYTES = 1 << 20  # of a stream, at most; a picture may lie among its comments
_TAIL_BYTES = 1 << 15  # in which the last two pages lie nearly always
_MODE_BITS, _MOST_MODES = 41, 64
_OPUS_MS = ((10, 20, 40, 60),) * 3 + ((10, 20, 10, 20),) + ((2.5, 5, 10, 20),) * 4  # of a frame, by a packet's start

Samples = Callable[[bytes, bytes], int]
"""How many samples a packet gives; the one before it comes first, b"" where there is none."""


@dataclass(frozen=True)
class LastPage:
    """The last page of a stream on which a packet ends.

    ``at`` is its first byte in the file, ``told`` the position that it tells, ``position`` where it ends by its packets
    (as it tells, if it can be), ``before`` where the page before ends, 0 where there is none. Positions are in samples
    of the stream, of Opus in `OPUS_RATE`. ``mended`` is the page with the true position, b"" where it has that.
    """

    at: int
    told: int
    position: int
    before: int
    mended: bytes


_kept: Kept[LastPage | None] = Kept(1 << 16)


def last_page_of(path: str, handle: BinaryIO, start: int = 0) -> LastPage | None:
    """The last page of a stream of Vorbis or Opus, looked at once; None where there is none, or it cannot be told.

    ``start`` says which stream of the file it is, where ``handle`` gives that one alone.
    """
    key = (start, file_key(path, handle.seek(0, os.SEEK_END)))
    return _kept.get(key, lambda: _last_page(handle))


def _last_page(handle: BinaryIO) -> LastPage | None:
    serial, samples = _stream(handle)
    if samples is None:
        return None
    size = handle.seek(0, os.SEEK_END)
    for start in (max(0, size - _TAIL_BYTES), max(0, size - 2 * LARGEST_PAGE)):
        found = _last_two(handle, start, serial)
        if len(found) == 2:
            break
    if not found or (start and len(found) < 2):
        return None
    at, page, packets = found[-1]
    before, earlier = (position_of(found[0][1]), found[0][2]) if len(found) == 2 else (0, [b""])
    most = max(0, before) + sum(samples(one, other) for one, other in pairwise([earlier[-1], *packets]))
    told = position_of(page)
    # the last packet need not be used up; and a stream cut out of a longer one begins anywhere
    position = told if max(0, before) <= told <= most or (told > 0 >= before) else most
    mended = b"" if position == told else _retold(page, position)
    return LastPage(at, told, position, max(0, before), mended)


def _last_two(handle: BinaryIO, start: int, serial: bytes) -> list[tuple[int, bytes, list[bytes]]]:
    """First byte, all bytes and packets of the last two pages of a stream on which packets end, of those from ``start``
    on; the second of them alone where there are no two."""
    found: list[tuple[int, bytes, list[bytes]]] = []
    begun: bytes | None = None
    for at, page in pages_in(handle, start, 2 * LARGEST_PAGE):
        if page[14:18] == serial:
            packets, begun = _packets(page, begun)
            packets = [packet for packet in packets if not _is_header(packet)]
            found = [*found[-1:], (at, page, packets)] if packets else found
    return found


def _retold(page: bytes, position: int) -> bytes:
    """A page with another position."""
    page = page[:6] + position.to_bytes(8, "little") + page[14:]
    return page[:22] + checksum(page) + page[26:]


def _packets(page: bytes, begun: bytes | None) -> tuple[list[bytes], bytes | None]:
    """The packets that end on a page, and the start of the one that goes on. ``begun`` is what came of the first one
    before, None where that is not known: then it is left out."""
    packets: list[bytes] = []
    part = begun if page[5] & 1 else b""
    at = HEAD_BYTES + page[26]
    for size in page[HEAD_BYTES:at]:
        part = None if part is None else part + page[at : at + size]
        at += size
        if size < 255:
            packets += [] if part is None else [part]
            part = b""
    return packets, part


def _is_header(packet: bytes) -> bool:
    return packet[1:7] == b"vorbis" or packet.startswith((b"OpusHead", b"OpusTags"))


def _stream(handle: BinaryIO) -> tuple[bytes, Samples | None]:
    """The serial number of the first stream of Vorbis or Opus, and how its packets are counted."""
    serial, begun, headers = b"", None, list[bytes]()
    for at, page in pages_in(handle, 0, LARGEST_PAGE):
        if at > _HEADER_BYTES:
            break
        if not serial and page[28:35] != b"\x01vorbis" and page[28:36] != b"OpusHead":
            continue
        serial = serial or page[14:18]
        if page[14:18] != serial:
            continue
        packets, begun = _packets(page, begun)
        headers += packets
        if headers[0].startswith(b"OpusHead"):
            return serial, _opus_samples
        if len(headers) >= 3:
            return serial, _vorbis_samples(headers[0], headers[2])
    return serial, None


def _vorbis_samples(first: bytes, setup: bytes) -> Samples | None:
    """By the sizes of blocks in a stream's first packet, and by its modes, which end its third one."""
    flags = _vorbis_modes(setup)
    if len(first) < 30 or not flags:
        return None
    sizes = [1 << (first[28] >> 4 if flag else first[28] & 15) for flag in flags]
    mask = (1 << (len(flags) - 1).bit_length()) - 1

    def size(packet: bytes) -> int:
        mode = packet[0] >> 1 & mask if packet and not packet[0] & 1 else len(sizes)
        return sizes[mode] if mode < len(sizes) else 0

    return lambda before, packet: (size(before) + size(packet)) // 4 if size(before) and size(packet) else 0


def _vorbis_modes(setup: bytes) -> list[int]:
    """Of each mode whether its blocks are long. They are found from the end on: what lies before has no length."""
    bits = int.from_bytes(setup[-(_MODE_BITS * _MOST_MODES // 8 + 8) :], "little")
    at = bits.bit_length() - 1  # where the last bit, which is set, lies
    flags, found = list[int](), list[int]()
    while len(flags) < _MOST_MODES and at >= _MODE_BITS + 6:
        at -= _MODE_BITS
        if bits >> at + 1 & 0xFFFFFFFF:  # window and transform are 0 in all that there is
            break
        flags.insert(0, bits >> at & 1)
        if (bits >> at - 6 & 63) + 1 == len(flags):
            found = list(flags)
    return found


def _opus_samples(before: bytes, packet: bytes) -> int:
    if not packet:
        return 0
    kind, how = packet[0] >> 3, packet[0] & 3
    frames = (1, 2, 2)[how] if how < 3 else packet[1] & 63 if len(packet) > 1 else 0
    return round(_OPUS_MS[kind >> 2][kind & 3] * OPUS_RATE / 1000) * frames
