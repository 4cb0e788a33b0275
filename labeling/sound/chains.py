"""Ogg streams one after the other in one file, as stations and some recorders write them: read as one sound.

libsndfile reads the first of them and no further.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from labeling.sound.headers import View
from labeling.sound.ogg import FIRST_PAGE, LARGEST_PAGE

_BLOCK_BYTES = 1 << 20


def last_position_s(handle: BinaryIO, sample_rate: int) -> float | None:
    """Where the last page says that it ends. ``sample_rate`` is that in which pages count: 48 kHz in Opus.

    Elsewhere than the sound that libsndfile knows of ends it lies where more streams follow the first, and where the
    file was cut out of a longer stream.
    """
    size = handle.seek(0, os.SEEK_END)
    handle.seek(max(0, size - 2 * LARGEST_PAGE))
    tail = handle.read()
    at = tail.rfind(b"OggS\0")
    position = int.from_bytes(tail[at + 6 : at + 14], "little", signed=True)
    return position / sample_rate if at >= 0 and position >= 0 else None


def link_bounds(handle: BinaryIO) -> list[tuple[int, int]]:
    """First byte and the byte after the last of each stream."""
    starts: list[int] = []
    size = handle.seek(0, os.SEEK_END)
    for base in range(0, size, _BLOCK_BYTES):
        handle.seek(base)
        data = handle.read(_BLOCK_BYTES + len(FIRST_PAGE) - 1)
        at = -1
        while (at := data.find(FIRST_PAGE, at + 1)) >= 0:
            starts.append(base + at)
    return list(zip(starts, [*starts[1:], size], strict=True))


class ChainedSound:
    """The streams of a file as one ``soundfile.SoundFile``: those of the first one's rate and channels.

    Not ``counted`` are streams whose headers do not tell their length: they are read from the start on, to their ends.
    """

    def __init__(self, handle: BinaryIO, links: list[tuple[int, int]], stack: ExitStack, counted: bool = True) -> None:
        import soundfile

        self._links: list[tuple[int, Any]] = []  # the number of its first frame, and the stream
        self.frames = 0
        for start, end in links:
            try:
                link = stack.enter_context(soundfile.SoundFile(View(handle, b"", start, end=end)))
            except (soundfile.LibsndfileError, RuntimeError):
                continue  # what is no sound
            first = self._links[0][1] if self._links else link
            if (link.samplerate, link.channels) == (first.samplerate, first.channels) and (
                link.frames < 1 << 60 or not counted
            ):
                if not counted:
                    link.seekable = lambda: False  # else soundfile seeks after each read
                self._links.append((self.frames, link))
                self.frames += link.frames
        if not self._links:
            raise RuntimeError("none of its streams is sound")
        first = self._links[0][1]
        self.samplerate, self.channels = int(first.samplerate), int(first.channels)
        self.format, self.subtype, self.first_frames = first.format, first.subtype, int(first.frames)
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
