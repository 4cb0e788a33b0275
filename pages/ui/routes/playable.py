"""Sound that a browser can play: the file as it is, or seen through a 16-bit WAV made as it is read."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response, StreamingResponse

from labeling.errors import ConfigError, DataError
from labeling.sound.decoding import AudioInfo
from labeling.sound.files import file_name

# What browsers play as it is and seek in to the sample, by format and coding. In MP3, AAC and Ogg Vorbis they land
# elsewhere (benchmarks/speed/sound_seek.py): the sound heard would not be the sound shown, so those are left out.
_PLAYABLE = {
    ("FLAC", "PCM_S8"): "audio/flac", ("FLAC", "PCM_16"): "audio/flac", ("FLAC", "PCM_24"): "audio/flac",
    ("OGG", "OPUS"): "audio/ogg",
    ("WAV", "PCM_16"): "audio/wav", ("WAV", "PCM_U8"): "audio/wav",
    ("WAVEX", "PCM_16"): "audio/wav", ("WAVEX", "PCM_U8"): "audio/wav",
}  # fmt: skip
_HIGHEST_RATE = 48_000
_LOWEST_RATE = 8000  # that browsers surely play
LARGEST_EXPANSION = 20
_BLOCK_S = 4
_WAV_HEADER_BYTES = 44
_WAV_MOST_BYTES = 2**32 - 4096


def playable_type(sound: AudioInfo) -> str:
    """The media type of a sound that browsers play as it is, or "" for one to be turned into 16-bit WAV."""
    if sound.channels > 2 or not _LOWEST_RATE <= sound.sample_rate <= _HIGHEST_RATE or sound.note:
        return ""
    return _PLAYABLE.get((sound.format, sound.subtype), "")


@dataclass(frozen=True)
class WavStream:
    """A sound file seen as a 16-bit WAV file of known size, whose bytes are made when they are asked for.

    More than two channels become their mean, and where there is a ``channel`` it is heard alone; rates above 48 kHz are
    lowered. Nothing is stored, so a file of hours plays at once. ``rate`` is that of the samples;
    the header's is ``expand`` times lower, so that they last longer.
    """

    path: str
    sound: AudioInfo
    rate: int
    channels: int
    frames: int
    expand: int = 1
    channel: int = 0

    @classmethod
    def of(cls, path: str, sound: AudioInfo, channel: int = 0) -> WavStream:
        """The sound, or one channel of it, at a rate that browsers play."""
        channels = sound.channels if sound.channels <= 2 and not channel else 1
        rate = playable_rate(sound.sample_rate, sound.frames, channels)
        frames = math.ceil(sound.frames * rate / sound.sample_rate)
        return cls(path, sound, rate, channels, frames, channel=channel)

    @classmethod
    def expanded(cls, path: str, sound: AudioInfo, expand: int, channel: int = 0) -> WavStream:
        """The sound slowed down ``expand`` times with nothing filtered away, so that bats can be heard.

        Raises:
            ConfigError: ``expand`` is out of bounds, or the sound too long for a WAV.
        """
        if not 1 <= expand <= LARGEST_EXPANSION:
            raise ConfigError(f"expand {expand} must be 1 to {LARGEST_EXPANSION}")
        channels = sound.channels if sound.channels <= 2 and not channel else 1
        rate = sound.sample_rate * math.ceil(_LOWEST_RATE * expand / sound.sample_rate)
        frames = math.ceil(sound.frames * rate / sound.sample_rate)
        if frames * channels * 2 > _WAV_MOST_BYTES:
            longest_s = _WAV_MOST_BYTES / (2 * channels * rate)
            raise ConfigError(
                f"{file_name(path)}: {sound.duration_s:.0f} s; only {longest_s:.0f} s of such a file can be expanded, "
                "play it at a lower speed instead"
            )
        return cls(path, sound, rate, channels, frames, expand, channel)

    @property
    def header_rate(self) -> int:
        """The sample rate that the header gives."""
        return round(self.rate / self.expand)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return _WAV_HEADER_BYTES + self.frames * self.channels * 2

    def header(self) -> bytes:
        """The 44 bytes before the samples."""
        data = self.frames * self.channels * 2
        rate, step = self.header_rate, self.channels * 2
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF", data + 36, b"WAVE", b"fmt ", 16, 1, self.channels, rate, rate * step, step, 16, b"data", data,
        )  # fmt: skip

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """Bytes ``first`` to ``last`` (exclusive), a few seconds at a time."""
        if first < _WAV_HEADER_BYTES:
            yield self.header()[first:last]
        step = self.channels * 2
        position = max(first, _WAV_HEADER_BYTES) - _WAV_HEADER_BYTES
        end = min(last, self.size) - _WAV_HEADER_BYTES
        while position < end:
            # the same blocks whatever the range, so that two ranges never differ by a rounding
            onset_s = position // step // self.rate // _BLOCK_S * _BLOCK_S
            offset = position - onset_s * self.rate * step
            data = self._samples(onset_s, onset_s + _BLOCK_S, (last - first) / step / self.rate).tobytes()[
                offset : offset + end - position
            ]
            if not data:
                return
            yield data
            position += len(data)

    def _samples(self, onset_s: int, offset_s: int, of_s: float) -> NDArray[np.int16]:
        """16-bit samples (n, channels) of whole seconds; silence where the file ends before its header says. ``of_s``:
        how many are asked for altogether."""
        from labeling.sound.decoding import resample
        from labeling.sound.whole import window

        native_rate = self.sound.sample_rate
        changes = self.rate != native_rate
        margin_s = 1 if changes and onset_s else 0  # lets the filter settle
        samples = window(
            self.path, self.sound, onset_s - margin_s, offset_s + changes, mono=self.channels == 1,
            channel=self.channel, of_s=of_s,
        )  # fmt: skip
        wave = samples[:, None] if samples.ndim == 1 else samples.T
        wave = np.nan_to_num(resample(wave, native_rate, self.rate)) if changes else wave
        wanted = min(offset_s * self.rate, self.frames) - onset_s * self.rate
        wave = wave[margin_s * self.rate :][:wanted]
        if len(wave) < wanted:
            wave = np.pad(wave, ((0, wanted - len(wave)), (0, 0)))
        return np.rint(np.clip(wave, -1.0, 1.0) * 32767).astype("<i2")


def playable_rate(rate: int, frames: int, channels: int) -> int:
    """A rate that browsers play: the same, a whole fraction of it, or 48 kHz; lower where 16-bit WAV would overflow."""
    if rate > _HIGHEST_RATE:
        parts = math.ceil(rate / _HIGHEST_RATE)
        chosen = rate // parts if rate % parts == 0 else _HIGHEST_RATE
    else:
        chosen = max(rate, _LOWEST_RATE)
    while math.ceil(frames * chosen / rate) * channels * 2 > _WAV_MOST_BYTES:
        chosen //= 2
    return chosen


def wav_response(wav: WavStream, wanted: str | None, tag: str) -> Response:
    """Answer a request, with or without a Range, from a WavStream."""
    headers = {"accept-ranges": "bytes", "etag": f'"{hashlib.sha256(tag.encode()).hexdigest()[:32]}"'}
    first, last, status = 0, wav.size, 200
    if wanted is not None and wanted.startswith("bytes=") and "," not in wanted:
        begin, _, end = wanted.removeprefix("bytes=").partition("-")
        try:
            if begin.strip():
                first = int(begin)
                last = min(int(end) + 1, wav.size) if end.strip() else wav.size
            else:
                first = max(0, wav.size - int(end))
        except ValueError:
            raise DataError(f"range {wanted!r} is not understood; ask for bytes=first-last") from None
        if not 0 <= first < last:
            return Response(status_code=416, headers={"content-range": f"bytes */{wav.size}"})
        status = 206
        headers["content-range"] = f"bytes {first}-{last - 1}/{wav.size}"
    headers["content-length"] = str(last - first)
    return StreamingResponse(wav.read(first, last), status_code=status, media_type="audio/wav", headers=headers)
