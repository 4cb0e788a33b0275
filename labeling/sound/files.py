"""Open any sound file by a decoder that reads all of it: libsndfile, our own reading of its frames, or audioread.

Whatever decodes, what is opened looks like a ``soundfile.SoundFile``: ``frames``, ``samplerate``, ``channels``,
``format``, ``subtype``, ``seekable()``, ``seek(frame)`` and ``read(dtype="float32", out=(n, channels))``.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from labeling.errors import AudioError
from labeling.sound import flac
from labeling.sound.chains import ChainedSound, Link, OggSound
from labeling.sound.headers import View, rebuilt
from labeling.sound.mpeg import MpegSound, audio_start, frames_of
from labeling.sound.ranges import RangeFile, copied, opened_by_range
from labeling.sound.streams import ends_of, pages_of
from labeling.storage.kept import Kept, file_key
from labeling.storage.remote import is_url

SAMPLE_RATES = (50, 10_000_000)
_UNKNOWN_FRAMES = 1 << 60  # libsndfile gives more than this where a header tells nothing
_TOLERATED_S = 0.06  # two frames of MP3: a header may be so far off
_WELL_GUESSED = 0.01
_believed: Kept[bool] = Kept(1 << 16)  # of each MP3, whether its header tells its length
_LONG_S = 600.0  # of an MP3, through which libsndfile walks anew for each window
# The length in these headers is a promise that a cut file does not keep. Ogg lengths come from the last page that is
# really there, and those of PCM are held against the bytes that are there.
_GUESSED_BY_NAME = (".au", ".snd", ".vox", ".gsm")
_STARTS = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"fLaC", b"OggS", b"FORM", b"caff", b"riff", b".snd", b"dns.")
_PROMISING_FORMATS = ("FLAC", "MP3", "CAF", "W64")


@dataclass(frozen=True)
class Opened:
    """An open sound. ``header_frames`` is the length that the file's header gives, None where it tells none.

    Where ``to_count`` that of ``sound`` is no better, and only decoding tells.
    """

    sound: Any
    header_frames: int | None
    to_count: bool = False


NEEDS_ALL = Opened(None, None)
"""Stands for a sound of which a part does not do."""


@contextmanager
def opened(path: str, until_s: float | None = None) -> Iterator[Opened]:
    """Open a sound file; raises AudioError where nothing can decode it.

    ``until_s`` is how far it will be read (None: to its end). A header that tells less sound than there is matters
    only beyond that, and is looked at only then.
    """
    with ExitStack() as stack:
        found = _remote(path, until_s, stack) if is_url(path) else _whole(path, until_s, stack)
        if not SAMPLE_RATES[0] <= found.sound.samplerate <= SAMPLE_RATES[1]:
            raise AudioError(
                f"{file_name(path)}: sample rate {found.sound.samplerate} Hz in the header; "
                f"{SAMPLE_RATES[0]} to {SAMPLE_RATES[1]} Hz can be read"
            )
        yield found


def _whole(path: str, until_s: float | None, stack: ExitStack) -> Opened:
    return _decoder(path, stack.enter_context(_local(path)), until_s, stack)


def _remote(url: str, until_s: float | None, stack: ExitStack) -> Opened:
    """A file behind an fsspec URL: by the bytes that are needed where its format allows that, else by a copy."""
    file = opened_by_range(url)
    if file is not None:
        stack.callback(_tell, file)  # after all that decodes it
        # what is kept of a file is kept by its path, and this is another one once the file is
        found = _decoder(f"{url}?{file.at.tag}", io.BufferedReader(file, 1 << 13), until_s, stack)
        if found is not NEEDS_ALL:
            return found
    copy = copied(url)
    try:
        return _whole(str(copy), until_s, stack)
    except AudioError as error:
        raise AudioError(str(error).replace(copy.name, file_name(url)), error.status) from error.__cause__


def _tell(file: RangeFile) -> None:
    """Raise what kept a file's bytes from coming; the decoder took it for the end."""
    if file.problem is not None:
        raise file.problem


def _decoder(path: str, handle: BinaryIO, until_s: float | None, stack: ExitStack) -> Opened:
    import soundfile

    start, end = _part(path, handle)
    whole = start == 0 and end == handle.seek(0, os.SEEK_END)
    handle.seek(start)
    if handle.read(4) == b"OggS":
        return _ogg(path, handle, start, until_s, stack)
    handle.seek(0)
    handle = handle if whole else io.BufferedReader(View(handle, b"", start, end=end))
    # A name is read without Python's help. But by these names libsndfile takes anything for sound without a header.
    by_name = whole and not (is_url(path) or path.lower().endswith(_GUESSED_BY_NAME))
    source: Any = path if by_name else handle
    try:
        sound = stack.enter_context(soundfile.SoundFile(source))
    except _problems() as error:
        view = flac.retold(handle) or rebuilt(handle)
        if view is None:
            if is_url(path) or not _looks_foreign(handle):
                raise _unreadable(path, error) from error
            return _foreign(path, handle, stack)
    else:
        within = until_s is not None and until_s * sound.samplerate <= sound.frames < _UNKNOWN_FRAMES
        if sound.format == "MP3" and sound.subtype == "MPEG_LAYER_III":
            return _mpeg(path, handle, sound)
        if within and sound.format != "AU":  # where its samples begin may be wrong
            return Opened(sound, sound.frames)
        if sound.frames >= _UNKNOWN_FRAMES:
            return Opened(sound, None, to_count=True)
        with _kept_place(handle):
            view = flac.retold(handle) or rebuilt(handle)
        if view is None:
            if not (sound.format in _PROMISING_FORMATS and _ends_early(sound)):
                return Opened(sound, sound.frames)
            sound = stack.enter_context(soundfile.SoundFile(source))  # one that failed to seek may read no more
            return Opened(sound, sound.frames, to_count=True)
    try:
        sound = stack.enter_context(soundfile.SoundFile(view))
    except _problems() as error:
        raise _unreadable(path, error) from error
    told = view.told_frames if view.told is None else round(view.told * sound.frames)
    return Opened(sound, told, to_count=sound.frames >= _UNKNOWN_FRAMES)


def _unreadable(path: str, error: BaseException) -> AudioError:
    return AudioError(f"{file_name(path)}: not readable as sound ({why(error)})")


def _part(path: str, handle: BinaryIO) -> tuple[int, int]:
    """The first byte that is sound, and the byte after the last.

    Behind ID3 tags libsndfile does not take some formats (RF64, CAF, Ogg), and seeks beside the place in others (AU).
    """
    start, end = audio_start(handle), handle.seek(0, os.SEEK_END)
    handle.seek(start)
    head = handle.read(4)
    if head == b"fLaC" and not _is_long_and_remote(handle):
        end = flac.end_of(path, handle, start)
    return start if head in _STARTS else 0, end  # MPEG is known behind its tags


def _ogg(path: str, handle: BinaryIO, start: int, until_s: float | None, stack: ExitStack) -> Opened:
    """Several streams one after the other as one; what lacks pages is to be decoded from its start on."""
    size, torn = handle.seek(0, os.SEEK_END), False
    far = _is_long_and_remote(handle)  # to look through all of it is to fetch all of it
    links = [Link(start, size, ends_of(path, handle) if far else None)]
    if not far:
        pages = pages_of(path, handle)
        torn, end = pages.torn, pages.end or size
        starts = [start, *(begin for begin, _ in pages.streams[1:]), end]
        ends = [ends for _, ends in pages.streams] or [None]
        links = [Link(*bounds, its) for bounds, its in zip(pairwise(starts), ends, strict=True)]
    link = links[0]
    as_it_is = (link.start, link.stop) == (0, size) and not (link.ends and link.ends.patches) and not is_url(path)
    try:
        if len(links) > 1:
            chain = ChainedSound(handle, links, stack, counted=not torn)
            return Opened(chain, chain.first_frames, to_count=torn)
        sound = OggSound(path if as_it_is else link.seen(handle), link.ends, stack)
    except _problems() as error:
        raise _unreadable(path, error) from error
    unknown = sound.frames >= _UNKNOWN_FRAMES
    if torn:
        sound.seekable = lambda: False  # type: ignore[method-assign]
    within = until_s is not None and until_s * sound.samplerate <= sound.frames
    if sound.ends_elsewhere and far and not within:
        return NEEDS_ALL  # it is looked through for more streams
    return Opened(sound, None if unknown else sound.told_frames, to_count=torn or unknown)


def _is_long_and_remote(handle: BinaryIO) -> bool:
    """Whether to look through all of a file is to fetch all of it."""
    raw = getattr(handle, "raw", None)
    return isinstance(raw, RangeFile) and not raw.is_small


@contextmanager
def _kept_place(handle: BinaryIO) -> Iterator[None]:
    """Look into a file that a decoder may be reading too."""
    at = handle.tell()
    yield
    handle.seek(at)


def _problems() -> tuple[type[Exception], ...]:
    import soundfile

    return (soundfile.LibsndfileError, TypeError, ValueError, RuntimeError, OSError)


def _mpeg(path: str, handle: BinaryIO, sound: Any) -> Opened:
    """By libsndfile where its header can be believed; by its frames where not, and where a seek would take long."""
    with _kept_place(handle):
        if sound.frames <= _LONG_S * sound.samplerate:
            key = file_key(path, handle.seek(0, os.SEEK_END))
            # each window by the decoder of the whole, for the two need not agree on a damaged file
            if _believed.get(key, lambda: _tells_truly(path, handle)):
                return Opened(sound, sound.frames)
        index = frames_of(path, handle)
    length, told = index.samples, index.told_samples
    if not length:
        return Opened(sound, sound.frames, to_count=True)
    if abs(length - sound.frames) <= _TOLERATED_S * sound.samplerate:
        length = told = min(length, sound.frames)  # an encoder fills up its last frame
    elif told is None and abs(length - sound.frames) < _WELL_GUESSED * length:
        told = length  # a constant bit rate needs no header
    return Opened(MpegSound(handle, index, sound.channels, length), told)


def _tells_truly(path: str, handle: BinaryIO) -> bool:
    """Whether the header of an MP3 says how many frames there are, and libsndfile comes to the last."""
    import soundfile

    if not frames_of(path, handle).told_truly:
        return False
    handle.seek(0)
    try:
        with soundfile.SoundFile(handle) as sound:  # one that has sought may round elsewhere
            return not _ends_early(sound)
    except _problems():
        return False


def _ends_early(sound: Any) -> bool:
    """Whether the last frame that the header promises cannot be read; if it can, ``sound`` is at its start again."""
    if not sound.frames or not sound.seekable():
        return False
    try:
        sound.seek(sound.frames - 1)
        early = len(sound.read(1, dtype="float32")) != 1
        sound.seek(0)
        return early
    except _problems():
        return True


@contextmanager
def _local(path: str) -> Iterator[BinaryIO]:
    """The open file, when it is one with something in it."""
    try:
        state = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise AudioError(f"{file_name(path)}: no such file ({path})", "missing") from None
    except (OSError, ValueError) as error:
        raise AudioError(f"{file_name(path)}: cannot be opened ({why(error)})") from error
    if not os.path.isfile(path):
        raise AudioError(f"{file_name(path)}: not a file")
    if state.st_size == 0:
        raise AudioError(f"{file_name(path)}: the file is empty (0 bytes)")
    if not os.access(path, os.R_OK):
        raise AudioError(f"{file_name(path)}: no right to read the file")
    with open(path, "rb") as handle:
        yield handle


# ---------------------------------------------------------------------------------------------- audioread


def _looks_foreign(handle: BinaryIO) -> bool:
    """Whether the file's first bytes are none that libsndfile knows: then a broken file is not tried twice."""
    handle.seek(0)
    head = handle.read(12)
    return len(head) == 12 and not head.startswith((*_STARTS, b"ID3"))


def _foreign(path: str, handle: BinaryIO, stack: ExitStack) -> Opened:
    """By audioread. What has no table of its frames (AAC, WMA) has its length guessed from the bit rate."""
    import audioread  # type: ignore[import-untyped]

    handle.seek(0)
    start = handle.read(8)
    try:
        source = stack.enter_context(audioread.audio_open(path))
    except Exception as error:  # audioread's backends raise errors of their own, some without a common root
        raise AudioError(
            f"{file_name(path)}: not readable as sound; WAV, FLAC, Ogg, Opus, MP3 and AIFF are, "
            "and others (m4a, wma, ...) where ffmpeg is installed"
        ) from error
    sound = ForeignSound(source, Path(path).suffix.lstrip(".").upper())
    return Opened(sound, sound.frames, to_count=start[4:] != b"ftyp" and not start.startswith(b"\x1aE\xdf\xa3"))


class ForeignSound:
    """What audioread decodes, as a SoundFile. It goes forward only, so that to seek is to decode and drop."""

    def __init__(self, source: Any, format: str) -> None:
        self.samplerate, self.channels = int(source.samplerate), int(source.channels)
        self.frames = round(source.duration * source.samplerate)
        self.format, self.subtype = format, type(source).__name__
        self._blocks = iter(source)
        self._rest = b""

    def seekable(self) -> bool:
        """Never."""
        return False

    def read(self, frames: int = -1, *, dtype: str, out: NDArray[np.float32]) -> NDArray[np.float32]:
        """Fill ``out`` (n, channels) with the next samples; returns the part that was filled."""
        step = 2 * self.channels
        while len(self._rest) < len(out) * step:
            data = next(self._blocks, None)
            if data is None:
                break
            self._rest += data
        count = min(len(out), len(self._rest) // step)
        data, self._rest = self._rest[: count * step], self._rest[count * step :]
        out[:count] = np.frombuffer(data, "<i2").reshape(-1, self.channels).astype(np.float32) / 32768.0
        return out[:count]


# ---------------------------------------------------------------------------------------------- words


def file_name(path: str) -> str:
    """The last part of a path or URL, with which every message of a file begins."""
    path = str(path).partition("?")[0] if is_url(str(path)) else path
    return str(path).rstrip("/").rsplit("/", 1)[-1] or str(path)


def why(error: BaseException) -> str:
    """An error's own words, on one line and without the path that the message has already."""
    text = " ".join(str(getattr(error, "error_string", "") or error).split())
    return text.rstrip(".") or type(error).__name__
