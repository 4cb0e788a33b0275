"""The packets of an Ogg stream of Vorbis or Opus: their first bytes say how many samples each of them gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labeling.sound.ogg import HEAD_BYTES

OPUS_RATE = 48_000  # in which its pages count, whatever the file's own
_MODE_BITS, _MOST_MODES = 41, 64
_OPUS_MS = ((10, 20, 40, 60),) * 3 + ((10, 20, 10, 20),) + ((2.5, 5, 10, 20),) * 4  # of a frame, by a packet's start

Samples = Callable[[bytes, bytes], int]
"""How many samples a packet gives; the one before it comes first, b"" where there is none."""


def packets_of(page: bytes, begun: bytes | None) -> tuple[list[bytes], bytes | None]:
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


def begins_sound(page: bytes) -> bool:
    """Whether it is the first page of a stream of Vorbis or Opus."""
    return page[28:35] == b"\x01vorbis" or page[28:36] == b"OpusHead"


def headers_of(first: bytes) -> int:
    """How many packets come before the sound, by the first of them."""
    return 2 if first.startswith(b"OpusHead") else 3


def counted_by(headers: Sequence[bytes]) -> Samples | None:
    """How the packets of a stream are counted, by those before the sound; None where they do not tell.

    Of Vorbis the sizes of blocks stand in the first of them, and the modes, which choose one, end the third.
    """
    first, setup = headers[0], headers[-1]
    if first.startswith(b"OpusHead"):
        return _opus_samples
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
