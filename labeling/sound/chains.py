"""Ogg streams as one sound: alone, or one after the other in one file, as stations and some recorders write them.

libsndfile reads the first of them and no further; it believes what the last page says of its length, and after a seek
into the last page of a Vorbis it is elsewhere than it says, wherever the last packet is not used up.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from labeling.sound.headers import View
from labeling.sound.packets import OPUS_RATE
from labeling.sound.streams import Ends

_TOLERATED_S = 0.2  # an encoder's delay
_DROPPED = 1 << 16  # samples of each channel that are decoded at once on the way to a place


@dataclass(frozen=True)
class Link:
    """A stream of a file: its first byte, the byte after its last, and where its pages end."""

    start: int
    stop: int
    ends: Ends | None

    def seen(self, handle: BinaryIO) -> BinaryIO:
        """That stream of the file alone, with pages that end where their packets end."""
        patches = self.ends.patches if self.ends else None
        return io.BufferedReader(View(handle, b"", self.start, end=self.stop, patches=patches))


class OggSound:
    """A stream of an Ogg file as a ``soundfile.SoundFile``, with the length of its packets.

    ``told_frames`` is the length that its last page gives, None where it gives none.
    """

    def __init__(self, source: Any, ends: Ends | None, stack: ExitStack) -> None:
        import soundfile

        self._sound = sound = stack.enter_context(soundfile.SoundFile(source))
        self._sound.seekable = lambda: False  # else soundfile seeks after each read
        self.samplerate, self.channels, self.frames = int(sound.samplerate), int(sound.channels), int(sound.frames)
        self.format, self.subtype = sound.format, sound.subtype
        self.told_frames: int | None = self.frames
        self.ends_elsewhere, self._last_seek = False, self.frames
        if ends is not None:
            scale = self.samplerate / OPUS_RATE if self.subtype == "OPUS" else 1.0
            # elsewhere than the sound ends the last page of what was cut out of a longer stream
            self.ends_elsewhere = abs(ends.position * scale - self.frames) > _TOLERATED_S * self.samplerate
            told = ends.told * scale if self.ends_elsewhere else self.frames + (ends.told - ends.position) * scale
            self.told_frames = max(0, round(told)) if ends.told >= 0 else None
            if self.subtype == "VORBIS":
                self._last_seek = max(0, self.frames - (ends.position - ends.before) - 1) if ends.before else 0

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, frame: int) -> int:
        """Go to a sample."""
        at = min(frame, self._last_seek)
        self._sound.seek(at)
        dropped = np.empty((min(_DROPPED, frame - at), self.channels), np.float32)
        while at < frame and (count := len(self._sound.read(dtype="float32", out=dropped[: frame - at]))):
            at += count
        return at

    def read(self, frames: int = -1, *, dtype: str, out: NDArray[np.float32]) -> NDArray[np.float32]:
        """Fill ``out`` (n, channels) with the next samples; returns the part that was filled."""
        return np.asarray(self._sound.read(dtype="float32", out=out))


class ChainedSound:
    """The streams of a file as one ``soundfile.SoundFile``: those of the first one's rate and channels.

    Not ``counted`` are streams whose headers do not tell their length: they are read from the start on, to their ends.
    """

    def __init__(self, handle: BinaryIO, links: Sequence[Link], stack: ExitStack, counted: bool = True) -> None:
        self._links: list[tuple[int, OggSound]] = []  # the number of its first frame, and the stream
        self.frames = 0
        for part in links:
            try:
                link = OggSound(part.seen(handle), part.ends, stack)
            except RuntimeError:
                continue  # what is no sound
            first = self._links[0][1] if self._links else link
            if (link.samplerate, link.channels) == (first.samplerate, first.channels) and (
                link.frames < 1 << 60 or not counted
            ):
                self._links.append((self.frames, link))
                self.frames += link.frames
        if not self._links:
            raise RuntimeError("none of its streams is sound")
        first = self._links[0][1]
        self.samplerate, self.channels = first.samplerate, first.channels
        self.format, self.subtype, self.first_frames = first.format, first.subtype, first.told_frames
        self._counted = counted
        self._at = 0  # the stream that is read

    def seekable(self) -> bool:
        """Whether the lengths of its streams are known."""
        return self._counted

    def seek(self, frame: int) -> int:
        """Go to a sample."""
        self._at = max(k for k, (first, _) in enumerate(self._links) if first <= max(0, frame))
        for first, link in self._links[self._at :]:
            link.seek(min(max(0, frame - first), link.frames))
        return frame

    def read(self, frames: int = -1, *, dtype: str, out: NDArray[np.float32]) -> NDArray[np.float32]:
        """Fill ``out`` (n, channels) with the next samples; returns the part that was filled."""
        done = 0
        while done < len(out):
            count = len(self._links[self._at][1].read(dtype="float32", out=out[done:]))
            done += count
            if not count and self._at + 1 == len(self._links):
                break
            self._at += not count
        return out[:done]
