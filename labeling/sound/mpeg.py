"""MPEG audio (MP3) read by its frames: how much sound there is whatever the header says, and any part of it.

A stream without a Xing or VBRI header does not tell its length, and libsndfile, which guesses it from the first
frame's bit rate, reads no further than that. Here every frame's four bytes are walked through, which is quick, and
stretches of frames are given to libsndfile as small files with a Xing header that tells their number.
"""

from __future__ import annotations

import io
import os
import struct
from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from labeling.storage.kept import Kept, file_key

# kbit/s by the header's four bits: MPEG-1 layers I, II, III; then MPEG-2 and 2.5, layer I and layers II and III
_BIT_RATES = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = (44_100, 48_000, 32_000)  # of MPEG-1; MPEG-2 has half of them, MPEG-2.5 a quarter
_BLOCK_BYTES = 1 << 20
_LOST_BYTES = 1 << 16  # between two frames; where more lies there the sound ends
_LEAD_FRAMES = 24  # decoded before a stretch, for the bits that its first frames borrow from earlier ones
_SLICE_FRAMES = 512
_MISSED_FRAMES = 8  # one after the other; after so many some are left out, lest noise takes as long as sound
_DECODER_DELAY = 529  # samples, of every decoder of layer III


@dataclass(frozen=True)
class FrameHeader:
    """What the four bytes before a frame say; ``length`` in bytes, ``samples`` of each channel."""

    version: int  # 1, 2; 3 is MPEG-2.5
    layer: int
    rate_hz: int
    channels: int
    length: int
    samples: int

    @property
    def side_bytes(self) -> int:
        """Where a Xing header begins, after the four bytes."""
        return {(1, 2): 32, (1, 1): 17}.get((self.version, self.channels), 17 if self.channels == 2 else 9)


@lru_cache(maxsize=4096)
def parse_header(bits: int) -> FrameHeader | None:
    """The header in a frame's first 32 bits; None where they are none, or of a free bit rate."""
    if bits >> 21 != 0x7FF:
        return None
    version = {0: 3, 2: 2, 3: 1}.get(bits >> 19 & 3)
    layer = 4 - (bits >> 17 & 3)
    rate, bit_rate, padding = bits >> 10 & 3, bits >> 12 & 15, bits >> 9 & 1
    if version is None or layer == 4 or rate == 3 or bit_rate in (0, 15):
        return None
    rate_hz = _RATES_HZ[rate] >> (version - 1)
    bits_s = 1000 * _BIT_RATES[min(version, 2), layer][bit_rate]
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 1 else 1152
    length = (12 * bits_s // rate_hz + padding) * 4 if layer == 1 else samples // 8 * bits_s // rate_hz + padding
    return FrameHeader(version, layer, rate_hz, 1 if bits >> 6 & 3 == 3 else 2, length, samples)


@dataclass(frozen=True)
class Frames:
    """Where the frames of a stream lie: byte ``offsets`` and ``lengths`` (n,); the first ``skipped`` samples are the
    encoder's delay. ``told_frames`` is their number by the stream's own header, 0 where it has none."""

    header: FrameHeader
    bits: int
    offsets: array[int]
    lengths: array[int]
    skipped: int = 0
    told_frames: int = 0

    @property
    def samples(self) -> int:
        """Samples of each channel that there are."""
        return max(0, len(self.offsets) * self.header.samples - self.skipped)

    @property
    def told_samples(self) -> int | None:
        """What the stream's own header says; None where it has none."""
        return max(0, self.told_frames * self.header.samples - self.skipped) if self.told_frames else None

    @property
    def told_truly(self) -> bool:
        """Whether the stream's own header says how many frames there are."""
        return 0 < self.told_frames == len(self.offsets)


def _bits_at(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def audio_start(handle: BinaryIO) -> int:
    """The first byte after ID3v2 tags."""
    start = 0
    while True:
        handle.seek(start)
        head = handle.read(10)
        if len(head) < 10 or head[:3] != b"ID3":
            return start
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        start += 10 + size + (10 if head[5] & 0x10 else 0)


def _audio_end(handle: BinaryIO) -> int:
    """The first byte of the tags at the end (ID3v1, APE), else the file's end."""
    end = handle.seek(0, os.SEEK_END)
    for _ in range(2):
        handle.seek(max(0, end - 128))
        tail = handle.read(min(128, end))
        if tail[:3] == b"TAG" and len(tail) == 128:
            end -= 128
        elif tail[-32:-24] == b"APETAGEX":
            end = max(0, end - int.from_bytes(tail[-20:-16], "little") - (32 if tail[-9] & 0x80 else 0))
    return end


def _first_frame(handle: BinaryIO) -> tuple[int, bytes, FrameHeader] | None:
    """Where the first frame lies, what follows there, and its header: one that another like it follows."""
    start = audio_start(handle)
    handle.seek(start)
    data = handle.read(_LOST_BYTES)
    at = data.find(b"\xff")
    while at >= 0:
        header = parse_header(_bits_at(data, at))
        if header is not None:
            after = parse_header(_bits_at(data, at + header.length))
            last = at + header.length + 4 > len(data)
            if last or (after is not None and _alike(after, header)):
                return start + at, data[at:], header
        at = data.find(b"\xff", at + 1)
    return None


def _alike(one: FrameHeader, other: FrameHeader) -> bool:
    return (one.version, one.layer, one.rate_hz) == (other.version, other.layer, other.rate_hz)


def _length_tag(data: bytes, header: FrameHeader) -> tuple[int, int] | None:
    """Frames and delay (samples) in a first frame that is a Xing, Info or VBRI header; None where it is none."""
    at = 4 + header.side_bytes
    if data[at : at + 4] in (b"Xing", b"Info"):
        flags, place = _bits_at(data, at + 4), at + 8
        frames = _bits_at(data, place) if flags & 1 else 0
        place += 4 * (flags & 1) + 2 * (flags & 2)  # the number of bytes
        place += (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
        encoder = data[place : place + 4]
        delay = _bits_at(data, place + 20) >> 12 & 0xFFF if encoder.isalnum() else 0
        # libsndfile leaves out the decoder's own delay wherever a header tells the number of frames
        return frames, delay + _DECODER_DELAY if frames else 0
    if data[36:40] == b"VBRI":
        return _bits_at(data, 50), 0
    return None


_kept: Kept[Frames] = Kept(8)  # of long recordings, of which one window after another is asked for


def frames_of(path: str, handle: BinaryIO) -> Frames:
    """The frames of a stream, by walking through them all."""
    return _kept.get(file_key(path, handle.seek(0, os.SEEK_END)), lambda: _walk(handle))


def _walk(handle: BinaryIO) -> Frames:
    offsets, lengths = array("q"), array("i")
    first = _first_frame(handle)
    if first is None:
        return Frames(FrameHeader(1, 3, 44_100, 1, 0, 1152), 0, offsets, lengths)
    position, data, header = first
    end = _audio_end(handle)
    bits = _bits_at(data, 0)
    tag = _length_tag(data, header)
    if tag is not None:
        position += header.length
    base, lost = position, 0
    data = b""
    known: dict[int, int] = {}
    while position + 4 <= end:
        at = position - base
        if at + 4 > len(data):
            handle.seek(position)
            base, at, data = position, 0, handle.read(_BLOCK_BYTES)
            if len(data) < 4:
                break
        key = int.from_bytes(data[at : at + 4], "big") >> 9
        length = known.get(key)
        if length is None:
            other = parse_header(key << 9)
            length = known[key] = other.length if other is not None and _alike(other, header) else 0
        if length:
            if position + length > end:
                break  # cut in its middle
            offsets.append(position)
            lengths.append(length)
            position += length
            lost = 0
        else:  # something else lies here: look for the next frame
            lost += 1
            if lost > _LOST_BYTES:
                break
            position += 1
    return Frames(header, bits, offsets, lengths, tag[1] if tag else 0, tag[0] if tag else 0)


class MpegSound:
    """A stream of MPEG frames as a ``soundfile.SoundFile``: decoded by libsndfile, a few seconds at a time."""

    format, subtype = "MP3", "MPEG_LAYER_III"

    def __init__(self, handle: BinaryIO, index: Frames, channels: int, frames: int) -> None:
        self._handle, self._index = handle, index
        self.samplerate, self.channels, self.frames = index.header.rate_hz, channels, frames
        self._position = 0
        self._decoded = np.zeros((0, self.channels), np.float32)
        self._decoded_at = 0

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, frame: int) -> int:
        """Go to a sample."""
        self._position = frame
        return frame

    def read(self, frames: int = -1, *, dtype: str, out: NDArray[np.float32]) -> NDArray[np.float32]:
        """Fill ``out`` (n, channels) with the next samples; returns the part that was filled."""
        done = 0
        wanted = min(len(out), self.frames - self._position)
        while done < wanted:
            at = self._position - self._decoded_at
            if not 0 <= at < len(self._decoded):
                self._decode(self._position)
                at = self._position - self._decoded_at
            count = min(wanted - done, len(self._decoded) - at)
            out[done : done + count] = self._decoded[at : at + count]
            done += count
            self._position += count
        return out[:done]

    def _decode(self, sample: int) -> None:
        """Decode the stretch of frames that begins with the one in which ``sample`` lies."""
        index, each = self._index, self._index.header.samples
        first = (sample + index.skipped) // each
        last = min(first + _SLICE_FRAMES, len(index.offsets))
        at = lead = max(0, first - _LEAD_FRAMES)
        wave = np.zeros(((last - lead) * each, self.channels), np.float32)
        missed = 0
        while at < last:  # at a damaged frame the decoder ends: it is silence, and the next one begins anew
            samples = self._frames(at, last)
            wave[(at - lead) * each :][: len(samples)] = samples[: (last - at) * each]
            missed = 0 if len(samples) else missed + 1
            at += len(samples) // each + 1 + missed // _MISSED_FRAMES
        self._decoded, self._decoded_at = wave[(first - lead) * each :], first * each - index.skipped

    def _frames(self, first: int, last: int) -> NDArray[np.float32]:
        """What is decoded (n, channels) from one frame on, up to another or to the first damaged one."""
        import soundfile

        data = silent_frame(self._index.bits) + self._bytes(first, last)
        told = silent_frame(self._index.bits, b"Xing", last - first + 1, len(data))
        try:
            with soundfile.SoundFile(io.BytesIO(told + data)) as part:
                # the first frame is not decoded; after it libsndfile leaves out the delay, here of the second
                part.seek(self._index.header.samples - _DECODER_DELAY)
                return np.asarray(part.read(dtype="float32", always_2d=True))
        except soundfile.LibsndfileError:
            return np.zeros((0, self.channels), np.float32)

    def _bytes(self, first: int, last: int) -> bytes:
        """The bytes of frames ``first`` to ``last``, without what lies between them."""
        offsets, lengths = self._index.offsets, self._index.lengths
        begin, end = offsets[first], offsets[last - 1] + lengths[last - 1]
        self._handle.seek(begin)
        data = self._handle.read(end - begin)
        if len(data) == sum(lengths[first:last]):
            return data
        return b"".join(data[offsets[k] - begin : offsets[k] - begin + lengths[k]] for k in range(first, last))


def silent_frame(bits: int, tag: bytes = b"", frames: int = 0, size: int = 0, places: bytes = b"") -> bytes:
    """A frame of silence like that of ``bits``; with a ``tag`` (Xing) the header that tells the number of frames and
    bytes after it, and with 100 ``places`` where each hundredth begins, in 256ths."""
    bits |= 1 << 16  # no checksum
    for bit_rate in range(1, 15):
        bits = bits & ~0xF200 | bit_rate << 12
        header = parse_header(bits)
        assert header is not None
        if header.length >= 4 + header.side_bytes + 160:
            break
    assert header is not None
    told = tag + struct.pack(">III", 7 if places else 3, frames, size + header.length) + places if tag else b""
    return (bits.to_bytes(4, "big") + bytes(header.side_bytes) + told).ljust(header.length, b"\0")
