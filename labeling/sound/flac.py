"""FLAC: where a stream ends, and a header that tells the wrong length.

Each frame tells the number of its first sample, by which libsndfile seeks. Where another file follows in the same one,
as after ``cat``, it takes the frames of that for those of the first, and a window holds other sound than the whole.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import BinaryIO

from labeling.sound.headers import View
from labeling.storage.kept import Kept, file_key

_STREAM = b"fLaC\0\0\0\x22"  # how one begins, or with the last bit set where no other block of a header follows
_STREAMS = (_STREAM, b"fLaC\x80\0\0\x22")
_HEADER_BYTES = 42
_LARGEST_BLOCK = 1 << 16  # samples of a frame
_LARGEST_FRAME = 1 << 16  # bytes that are looked at where the header does not tell
_LEAD_BYTES = 4096
_BLOCK_BYTES = 1 << 20
_SHORT_BYTES = 1 << 18  # up to here all of a file is looked through
_LOOKS = 8  # at frames of a longer one, from its start to its end
_kept: Kept[int] = Kept(1 << 16)


def end_of(path: str, handle: BinaryIO, start: int = 0) -> int:
    """The byte after a stream's last: where another begins, else the file's end. It is looked for once."""
    size = handle.seek(0, os.SEEK_END)
    return _kept.get((start, file_key(path, size)), lambda: _end(handle, start, size))


def _end(handle: BinaryIO, start: int, size: int) -> int:
    handle.seek(start)
    first = handle.read(_HEADER_BYTES)
    if len(first) < _HEADER_BYTES or (size - start > _SHORT_BYTES and _in_order(handle, first, start, size)):
        return size
    for base in range(start + 4, size, _BLOCK_BYTES):
        handle.seek(base)
        data = handle.read(min(_BLOCK_BYTES + len(_STREAM) - 1, size - base))
        if places := [at for it in _STREAMS if (at := data.find(it)) >= 0]:
            return base + min(places)
    return size


def _in_order(handle: BinaryIO, first: bytes, start: int, size: int) -> bool:
    """Whether frames from all over the file have rising numbers, up to that of the last one by the header."""
    numbers = []
    for k in range(1, _LOOKS + 1):
        number = _last_number(handle, first, start + (size - start) * k // _LOOKS)
        numbers += [] if number is None else [number]
    total = _total(first)
    ends = bool(numbers) and (not total or numbers[-1] <= total < numbers[-1] + _LARGEST_BLOCK)
    return ends and all(one < other for one, other in pairwise(numbers))


def retold(handle: BinaryIO) -> View | None:
    """The file with a header that tells no length, where the last frame lies elsewhere than the header's length says;
    None where it does not, the header tells none (then libsndfile reads on to the end by itself), or it is no FLAC."""
    handle.seek(0)
    first = handle.read(_HEADER_BYTES)
    if len(first) < _HEADER_BYTES or not first.startswith(b"fLaC") or first[4] & 0x7F or not (total := _total(first)):
        return None
    last = _last_number(handle, first, handle.seek(0, os.SEEK_END))
    if last is None or last <= total < last + _LARGEST_BLOCK:
        return None
    head = first[:21] + bytes([first[21] & 0xF0]) + bytes(4) + first[26:]
    return View(handle, head, _HEADER_BYTES, None, total)


def _total(first: bytes) -> int:
    """The samples of each channel that a header tells."""
    return (first[21] & 0x0F) << 32 | int.from_bytes(first[22:26], "big")


def _last_number(handle: BinaryIO, first: bytes, end: int) -> int | None:
    """`_last_sample` of what lies before a byte; ``first`` is the header."""
    begin = max(_HEADER_BYTES, end - (int.from_bytes(first[15:18], "big") or _LARGEST_FRAME) - _LEAD_BYTES)
    handle.seek(begin)
    return _last_sample(handle.read(end - begin), int.from_bytes(first[8:10], "big"))


def _last_sample(data: bytes, block: int) -> int | None:
    """The number of the sample after the one with which the last frame in ``data`` begins; None where none is found."""
    at = len(data)
    while (at := data.rfind(b"\xff", 0, at)) >= 0:
        head = data[at : at + 16]
        if len(head) < 16 or head[1] & 0xFE != 0xF8 or head[2] >> 4 == 0 or head[3] >> 4 > 10 or head[3] & 1:
            continue
        long = next((n for n, mask in enumerate((0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02)) if not head[4] & mask), 7)
        if long == 1:
            continue
        number = head[4] & (0x7F if long == 0 else 0x7F >> long)
        for byte in head[5 : 4 + max(1, long)]:
            number = number << 6 | byte & 0x3F
        stop = 4 + max(1, long) + {6: 1, 7: 2}.get(head[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
        if stop < 16 and _crc8(head[:stop]) == head[stop]:
            return (number if head[1] & 1 else number * block) + 1
    return None


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x07 if value & 0x80 else value << 1) & 0xFF
    return value
