"""Decode any window of any sound file, local or remote, and say plainly why one cannot be read.

Each call opens and closes its own handle and there is no module state, so any number of threads may call.
libsndfile (WAV, FLAC, Ogg Vorbis/Opus, MP3, AIFF, ...) comes first; what it does not know goes to audioread,
which finds ffmpeg where that is installed.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import AudioError

SHORTEST_S = 0.1
SILENT_DB = -80.0

_BLOCK_SAMPLES = 1 << 18  # of all channels together; bounds memory whatever the header claims
_SAMPLE_RATES = (50, 10_000_000)
# The length in these headers is a promise that a cut file does not keep; PCM lengths are held against the file size
# by libsndfile, and Ogg lengths come from the last page that is really there.
_CHECKED_FORMATS = ("FLAC", "MP3", "CAF", "W64")


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says. ``note`` is not empty where the file holds less than its header claims."""

    duration_s: float
    sample_rate: int
    channels: int
    frames: int
    format: str
    subtype: str
    note: str = ""


def probe(path: str, shortest_s: float = SHORTEST_S) -> AudioInfo:
    """Read duration, sample rate and channels of a sound file, from its header.

    Parameters
    ----------
    path : str
        Local path, or any fsspec URL (``s3://``, ``https://``, ``memory://``).
    shortest_s : float
        Files shorter than this raise; 0 accepts all but empty ones.

    Returns
    -------
    AudioInfo
        ``note`` is not empty where less sound is there than the header claims.

    Raises
    ------
    AudioError
        With ``status`` ``missing``, ``unreadable`` or ``too_short``.

    Examples
    --------
    >>> from labeling.example import example_collection
    >>> from labeling.sound.decoding import probe
    >>> info = probe(str(example_collection() / "amecro" / "1.wav"))
    >>> info.duration_s, info.sample_rate, info.channels, info.format
    (2.0, 8000, 1, 'WAV')
    """
    path = str(path)
    with _opened(path) as sound:
        if sound is None:
            info = _probe_audioread(path)
        else:
            note = ""
            frames = int(sound.frames)
            if frames and sound.format in _CHECKED_FORMATS and _ends_early(sound):
                claimed_s, frames = frames / sound.samplerate, _count(path)
                note = f"cut short: {frames / sound.samplerate:.2f} s of {claimed_s:.2f} s are there"
            info = AudioInfo(
                frames / sound.samplerate, sound.samplerate, sound.channels, frames, sound.format, sound.subtype, note
            )
    if info.frames == 0 or info.duration_s < shortest_s:
        raise AudioError(
            f"{file_name(path)}: {info.duration_s:.3f} s of sound; at least {shortest_s:g} s are needed", "too_short"
        )
    return info


def read_window(
    path: str,
    onset_s: float = 0.0,
    offset_s: float | None = None,
    sample_rate: int | None = None,
    mono: bool = True,
) -> tuple[NDArray[np.float32], int]:
    """Decode one stretch of a sound file, and nothing else of it.

    Parameters
    ----------
    path : str
        Local path, or any fsspec URL.
    onset_s, offset_s : float
        The stretch, in seconds from the start of the file; ``offset_s`` None goes to the end. What lies outside the
        file is left out, so that the result may be shorter, or empty.
    sample_rate : int, optional
        In Hz, 50 to 10 million. By default the file's own.
    mono : bool
        Take the mean of the channels.

    Returns
    -------
    samples : ndarray of float32, shape (n,), or (channels, n) without ``mono``
        Full scale is -1..1; NaN and infinite samples become 0.
    sample_rate : int
        In Hz.

    Raises
    ------
    AudioError
        The file is missing, or nothing of the stretch can be decoded.

    Examples
    --------
    >>> from labeling.example import example_collection
    >>> from labeling.sound.decoding import read_window
    >>> path = str(example_collection() / "amecro" / "1.wav")
    >>> samples, sample_rate = read_window(path, 0.5, 1.2)
    >>> samples.shape, sample_rate
    ((5600,), 8000)
    >>> read_window(path, 1.5, 9.0, sample_rate=16000)[0].shape
    (8000,)
    """
    path = str(path)
    if not math.isfinite(onset_s) or (offset_s is not None and (not math.isfinite(offset_s) or offset_s < onset_s)):
        raise AudioError(
            f"{file_name(path)}: window {onset_s} to {offset_s} s; give finite seconds, onset before offset"
        )
    if sample_rate is not None and not _SAMPLE_RATES[0] <= sample_rate <= _SAMPLE_RATES[1]:
        raise AudioError(f"sample rate {sample_rate} Hz; give {_SAMPLE_RATES[0]} to {_SAMPLE_RATES[1]} Hz")
    onset_s = max(0.0, onset_s)
    with _opened(path) as sound:
        if sound is None:
            blocks, native_rate = _read_audioread(path, onset_s, offset_s, mono)
        else:
            native_rate = int(sound.samplerate)
            start = round(onset_s * native_rate)
            stop = None if offset_s is None else round(max(0.0, offset_s) * native_rate)
            blocks = list(_decode(sound, path, start, stop, mono))
            if not blocks:
                blocks = [np.zeros((0,) if mono else (0, sound.channels), np.float32)]
    samples = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    if not np.isfinite(samples).all():
        samples = np.nan_to_num(samples, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    if sample_rate is not None and sample_rate != native_rate:
        samples = resample(samples, native_rate, sample_rate)
    return np.ascontiguousarray(samples if mono else samples.T), sample_rate or native_rate


def resample(samples: NDArray[np.float32], from_rate: int, to_rate: int) -> NDArray[np.float32]:
    """Change the sample rate, band-limited (soxr, high quality).

    Parameters
    ----------
    samples : ndarray of float32, shape (n,) or (n, channels)
    from_rate, to_rate : int
        In Hz.

    Returns
    -------
    ndarray of float32
        Of the same length in time.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.sound.decoding import resample
    >>> resample(np.zeros(32000, np.float32), 32000, 16000).shape
    (16000,)
    """
    import soxr

    if from_rate == to_rate or samples.shape[0] == 0:
        return samples
    return np.asarray(soxr.resample(samples, from_rate, to_rate, quality="HQ"), dtype=np.float32)


def is_silent(path: str, below_db: float = SILENT_DB) -> bool:
    """Say whether no sample of a file is above a level. Stops at the first that is, so it is cheap.

    Parameters
    ----------
    path : str
        Local path, or any fsspec URL.
    below_db : float
        The level, in dB relative to full scale.

    Returns
    -------
    bool

    Raises
    ------
    AudioError
        The file cannot be read.

    Examples
    --------
    >>> from labeling.example import example_collection
    >>> from labeling.sound.decoding import is_silent
    >>> is_silent(str(example_collection() / "amecro" / "1.wav"))
    False
    """
    path = str(path)
    bound = 10.0 ** (below_db / 20.0)
    with _opened(path) as sound:
        if sound is None:
            blocks: Any = _read_audioread(path, 0.0, None, mono=False)[0]
        else:
            blocks = _decode(sound, path, 0, None, mono=False, first_block=4096)
        return not any(np.nanmax(np.abs(block), initial=0.0, where=np.isfinite(block)) > bound for block in blocks)


def is_url(path: str) -> bool:
    """Whether a path is an fsspec URL (``s3://...``) and not a local file."""
    return "://" in path


# ---------------------------------------------------------------------------------------------- libsndfile


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    """The open soundfile.SoundFile, or None where libsndfile does not know the format but audioread may."""
    import soundfile

    with ExitStack() as stack:
        source: Any = stack.enter_context(_remote(path)) if is_url(path) else _local(path)
        try:
            sound = stack.enter_context(soundfile.SoundFile(source))
        except (soundfile.LibsndfileError, TypeError, ValueError, RuntimeError, OSError) as error:
            if is_url(path) or not _looks_foreign(path):
                raise AudioError(f"{file_name(path)}: not readable as sound ({_why(error)})") from error
            sound = None
        if sound is not None and not _SAMPLE_RATES[0] <= sound.samplerate <= _SAMPLE_RATES[1]:
            raise AudioError(
                f"{file_name(path)}: sample rate {sound.samplerate} Hz in the header; "
                f"{_SAMPLE_RATES[0]} to {_SAMPLE_RATES[1]} Hz can be read"
            )
        yield sound


def _local(path: str) -> str:
    """The path, when it is a file with something in it."""
    try:
        state = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise AudioError(f"{file_name(path)}: no such file ({path})", "missing") from None
    except (OSError, ValueError) as error:
        raise AudioError(f"{file_name(path)}: cannot be opened ({_why(error)})") from error
    if not os.path.isfile(path):
        raise AudioError(f"{file_name(path)}: not a file")
    if state.st_size == 0:
        raise AudioError(f"{file_name(path)}: the file is empty (0 bytes)")
    if not os.access(path, os.R_OK):
        raise AudioError(f"{file_name(path)}: no right to read the file")
    return path


@contextmanager
def _remote(url: str) -> Iterator[Any]:
    """A seekable file behind an fsspec URL."""
    import fsspec

    try:
        with fsspec.open(url, "rb") as handle:
            # A server without range requests gives a stream; libsndfile must seek.
            yield handle if handle.seekable() else io.BytesIO(handle.read())
    except AudioError:
        raise
    except FileNotFoundError:
        raise AudioError(f"{file_name(url)}: no such file ({url})", "missing") from None
    except Exception as error:  # each fsspec backend has its own exceptions
        raise AudioError(
            f"{file_name(url)}: cannot be fetched ({_why(error)}); check the URL and its access"
        ) from error


def _decode(
    sound: Any, path: str, start: int, stop: int | None, mono: bool, first_block: int | None = None
) -> Iterator[NDArray[np.float32]]:
    """Frames ``start`` to ``stop`` in blocks: (n,) or (n, channels). Ends early where the data end."""
    end = int(sound.frames) if stop is None else min(stop, int(sound.frames))
    for block in _blocks(sound, path, start, end, first_block):
        yield _mix(block) if mono else block


def _blocks(sound: Any, path: str, start: int, end: int, first_block: int | None = None) -> Iterator[Any]:
    """Frames in blocks (n, channels), up to where decoding fails."""
    import soundfile

    longest = max(1, _BLOCK_SAMPLES // sound.channels)
    size = min(first_block or longest, longest)
    position = start
    while position < end:
        # soundfile drops what came before an error; a buffer of NaN shows how far the decoder got.
        block = np.full((min(size, end - position), sound.channels), np.nan, np.float32)
        try:
            if start and position == start:
                sound.seek(start)
            count = len(sound.read(dtype="float32", out=block))
            error: Exception | None = None
        except (soundfile.LibsndfileError, RuntimeError, OSError) as failure:
            there = np.asarray(np.isfinite(block).any(axis=1))
            count, error = int(len(there) - np.argmax(there[::-1]) if there.any() else 0), failure
        if count:
            yield block[:count]
        elif error is not None and position == start:
            where = "" if start == 0 else f" from {start / sound.samplerate:.2f} s on"
            raise AudioError(f"{file_name(path)}: no sound can be decoded{where} ({_why(error)})") from error
        if not count or error is not None:
            return
        position += count
        size = longest


def _mix(block: NDArray[np.float32]) -> NDArray[np.float32]:
    if block.shape[1] == 1:
        return block[:, 0]
    if not np.isfinite(block).all():  # else one bad channel silences the good ones
        block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray(block.mean(axis=1, dtype=np.float32))


def _ends_early(sound: Any) -> bool:
    """Whether the last frame that the header promises cannot be read."""
    import soundfile

    try:
        sound.seek(int(sound.frames) - 1)
        return len(sound.read(1, dtype="float32")) != 1
    except (soundfile.LibsndfileError, RuntimeError, OSError):
        return True


def _count(path: str) -> int:
    """The frames that can really be decoded, by decoding them all."""
    with _opened(path) as sound:
        return sum(len(block) for block in _blocks(sound, path, 0, int(sound.frames)))


# ---------------------------------------------------------------------------------------------- audioread


def _looks_foreign(path: str) -> bool:
    """Whether the file's first bytes are none that libsndfile knows: then a broken file is not tried twice."""
    with open(path, "rb") as handle:
        head = handle.read(12)
    known = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"FORM", b"caff", b"riff", b"ID3")
    return len(head) == 12 and not head.startswith(known)


def _audioread(path: str) -> Any:
    import audioread  # type: ignore[import-untyped]

    try:
        return audioread.audio_open(path)
    except Exception as error:  # audioread's backends raise errors of their own, some without a common root
        raise AudioError(
            f"{file_name(path)}: not readable as sound; WAV, FLAC, Ogg, Opus, MP3 and AIFF are, "
            "and others (m4a, wma, ...) where ffmpeg is installed"
        ) from error


def _probe_audioread(path: str) -> AudioInfo:
    with _audioread(path) as sound:
        frames = round(sound.duration * sound.samplerate)
        suffix = Path(path).suffix.lstrip(".").upper()
        return AudioInfo(sound.duration, sound.samplerate, sound.channels, frames, suffix, type(sound).__name__)


def _read_audioread(
    path: str, onset_s: float, offset_s: float | None, mono: bool
) -> tuple[list[NDArray[np.float32]], int]:
    """As _decode, by decoding from the start: these decoders cannot seek."""
    blocks: list[NDArray[np.float32]] = []
    with _audioread(path) as sound:
        rate, channels = int(sound.samplerate), int(sound.channels)
        start = round(onset_s * rate)
        stop = math.inf if offset_s is None else round(max(0.0, offset_s) * rate)
        position = 0
        rest = b""
        try:
            for data in sound:
                data = rest + data
                whole = len(data) // (2 * channels) * (2 * channels)
                data, rest = data[:whole], data[whole:]
                block = np.frombuffer(data, "<i2").reshape(-1, channels).astype(np.float32) / 32768.0
                first, last = max(0, start - position), int(min(len(block), stop - position))
                if last > first:
                    part = block[first:last]
                    blocks.append(_mix(part) if mono else part)
                position += len(block)
                if position >= stop:
                    break
        except Exception as error:
            if not blocks:
                raise AudioError(f"{file_name(path)}: no sound can be decoded ({_why(error)})") from error
    return blocks or [np.zeros((0,) if mono else (0, channels), np.float32)], rate


def file_name(path: str) -> str:
    """The last part of a path or URL, with which every message here begins."""
    return str(path).rstrip("/").rsplit("/", 1)[-1] or str(path)


def _why(error: BaseException) -> str:
    """An error's own words, on one line and without the path that the message has already."""
    text = " ".join(str(getattr(error, "error_string", "") or error).split())
    return text.rstrip(".") or type(error).__name__
