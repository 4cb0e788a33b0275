"""Decode any window of any sound file, local or remote, and say plainly why one cannot be read.

Each call opens and closes its own handle, so any number of threads may call. libsndfile (WAV, FLAC, Ogg Vorbis/Opus,
MP3, AIFF, ...) comes first; what it does not know goes to audioread, which finds ffmpeg where that is installed.
Lengths are those of the sound; what a header says is only believed where it agrees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from labeling.errors import AudioError
from labeling.sound.files import SAMPLE_RATES, Opened, file_name, opened, why
from labeling.sound.ranges import NotFetched

T = TypeVar("T")

SHORTEST_S = 0.1
SILENT_DB = -80.0

_BLOCK_SAMPLES = 1 << 18  # of all channels together; bounds memory whatever the header claims
_LONGEST_S = 1e8  # three years: a header that says more says nothing
_DAMAGE_STEP_S = 0.25  # how far from a place that cannot be decoded the next one is tried
_ALAC_PACKET = 4096  # samples; of a damaged one its decoder gives those of the one before
_DAMAGE_EDGE = 16  # samples within which the end of a damaged part is found
_NOTED_S = 0.05  # by how much a header may be wrong without a note


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file holds. ``note`` is not empty where its header gives another length than the sound has.

    Where not ``seeks`` all that lies before a window is decoded for it.
    """

    duration_s: float
    sample_rate: int
    channels: int
    frames: int
    format: str
    subtype: str
    note: str = ""
    seeks: bool = True


def probe(path: str, shortest_s: float = SHORTEST_S) -> AudioInfo:
    """Read duration, sample rate and channels of a sound file: from its header, where the sound agrees with it.

    Parameters
    ----------
    path : str
        Local path, or any fsspec URL (``s3://``, ``https://``, ``memory://``).
    shortest_s : float
        Files shorter than this raise; 0 accepts all but empty ones.

    Returns
    -------
    AudioInfo
        ``note`` is not empty where more or less sound is there than the header says.

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
    with opened(path) as found:
        sound = found.sound
        frames = sum(map(len, _blocks(found, path, 0, None))) if found.to_count else int(sound.frames)
        rate = int(sound.samplerate)
        note = "" if found.header_frames == frames else length_note(found.header_frames, frames, rate)
        info = AudioInfo(
            frames / rate, rate, sound.channels, frames, sound.format, sound.subtype, note, sound.seekable()
        )
    if info.frames == 0:
        raise AudioError(f"{file_name(path)}: there is no sound in it{f' ({note})' if note else ''}", "too_short")
    if info.duration_s < shortest_s:
        raise AudioError(
            f"{file_name(path)}: {info.duration_s:.3f} s of sound; at least {shortest_s:g} s are needed", "too_short"
        )
    return info


def length_note(header_frames: int | None, frames: int, sample_rate: int) -> str:
    """What is to be said of a header that gives another length than the sound has; "" where it hardly does."""
    there = f"{frames / sample_rate:.2f} s of sound are there"
    if header_frames is None or header_frames > _LONGEST_S * sample_rate:
        return f"the header tells no length; {there}"
    if abs(header_frames - frames) < _NOTED_S * sample_rate:
        return ""
    return f"the header says {header_frames / sample_rate:.2f} s; {there}"


def read_window(
    path: str,
    onset_s: float = 0.0,
    offset_s: float | None = None,
    sample_rate: int | None = None,
    mono: bool = True,
    channel: int = 0,
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
        Take the mean of the channels, or one of them.
    channel : int
        Which one ``mono`` takes, from 1 on; 0, and one that the file does not have, is the mean of all.

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
    if sample_rate is not None and not SAMPLE_RATES[0] <= sample_rate <= SAMPLE_RATES[1]:
        raise AudioError(f"sample rate {sample_rate} Hz; give {SAMPLE_RATES[0]} to {SAMPLE_RATES[1]} Hz")
    onset_s = max(0.0, onset_s)
    blocks, native_rate = _tried(lambda seeks: _read(path, onset_s, offset_s, channel if mono else None, seeks))
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

    def silent(seeks: bool) -> bool:
        with opened(path) as found:
            blocks = _blocks(found, path, 0, None, seeks, first_block=4096)
            return not any(np.nanmax(np.abs(block), initial=0.0, where=np.isfinite(block)) > bound for block in blocks)

    return _tried(silent)


# ---------------------------------------------------------------------------------------------- blocks


def write_decoded(path: str, file: BinaryIO) -> None:
    """Decode a whole sound file into a WAV of 16 bits, in which every window is found at once. Raises AudioError."""
    import soundfile

    with opened(path) as found:
        rate, channels = int(found.sound.samplerate), int(found.sound.channels)
        with soundfile.SoundFile(file, "w", rate, channels, "PCM_16", format="RF64") as copy:
            for block in _blocks(found, path, 0, None):
                copy.write(np.clip(np.nan_to_num(block), -1, 1))


def _tried(work: Callable[[bool], T]) -> T:
    """What ``work(seeks)`` gives: with seeks, and where a decoder fails at one, by decoding all that lies before."""
    try:
        return work(True)
    except AudioError as error:
        if error.status == "missing" or isinstance(error, NotFetched):
            raise
        return work(False)


def _read(
    path: str, onset_s: float, offset_s: float | None, channel: int | None, seeks: bool
) -> tuple[list[NDArray[np.float32]], int]:
    """The blocks of a window, at least one, and the sample rate. ``channel`` None keeps all channels."""
    problem: AudioError | None = None
    with opened(path, offset_s if seeks else None) as found:
        rate, channels = int(found.sound.samplerate), int(found.sound.channels)
        position = round(onset_s * rate)
        stop = None if offset_s is None else round(max(0.0, offset_s) * rate)
        whole = int(found.sound.frames)
        end = whole if stop is None else min(stop, whole)
        mendable = found.sound.format == "FLAC" and seeks and not found.to_count
        parts: list[NDArray[np.float32]] = []
        try:
            parts += _blocks(found, path, position, stop, seeks)
        except AudioError as error:
            problem = error
        missing = end - position - sum(map(len, parts))
    if seeks and problem is None and missing > 0 and found.sound.format in ("OGG", "MP3") and not found.to_count:
        raise AudioError(f"{file_name(path)}: {missing} samples are missing after a seek")  # pages out of their order
    if mendable:
        parts += _after_damage(path, position + sum(map(len, parts)), end, rate)
    if problem is not None and not parts:
        raise problem
    position += sum(map(len, parts))
    if mendable and parts and position < end and _next_decodable(path, position, whole, rate) < whole:
        parts.append(np.zeros((end - position, channels), np.float32))  # it ends in a damaged part
    blocks = [part if channel is None else mixed(part, channel) for part in parts]
    return blocks or [np.zeros((0, channels) if channel is None else (0,), np.float32)], rate


def _after_damage(path: str, position: int, end: int, rate: int) -> list[NDArray[np.float32]]:
    """What a FLAC holds from a place on at which its decoder lost its way: silence, and then what can be decoded again.

    So what comes after keeps its time. Nothing where nothing more can be decoded.
    """
    parts: list[NDArray[np.float32]] = []
    while (place := _next_decodable(path, position, end, rate)) < end and (more := _read_again(path, place, end)):
        parts += [np.zeros((place - position, more[0].shape[1]), np.float32), *more]
        position = place + sum(map(len, more))
    return parts


def _next_decodable(path: str, position: int, end: int, rate: int) -> int:
    """The first sample, nearly, that can be decoded after a place that cannot; ``end`` where there is none."""
    bad = place = position
    while not place > bad:
        step = max(1, round(_DAMAGE_STEP_S * rate), (place - position) // 10)
        place += min(step, max(1, (end - place) // 2))
        if place >= end:
            return end
        bad = bad if _read_again(path, place, place + 1) else place
    while place - bad > _DAMAGE_EDGE:
        middle = (bad + place) // 2
        bad, place = (bad, middle) if _read_again(path, middle, middle + 1) else (middle, place)
    return place


def _read_again(path: str, start: int, stop: int) -> list[NDArray[np.float32]]:
    """Blocks of a stretch by a decoder that has not lost its way, for it seeks no more then; none where it fails."""
    try:
        with opened(path, 0.0) as found:
            return list(_blocks(found, path, start, stop))
    except AudioError:
        return []


def read_frames(path: str, places: Sequence[float], frames: int) -> NDArray[np.float32]:
    """Samples (n, channels) of all channels at some places, 0 (the start) to 1, so many frames at each.

    Where the decoder cannot seek they are read at the start; all of the file where nothing is heard at these places.
    Of one channel alone nothing is read. Raises AudioError.
    """
    problem: AudioError | None = None
    with opened(path) as found:
        sound = found.sound
        if sound.channels < 2:
            return np.zeros((0, sound.channels), np.float32)
        starts = [0] if found.to_count or not sound.seekable() else [round(at * sound.frames) for at in places]
        parts = [np.zeros((0, sound.channels), np.float32)]
        for start in starts:
            try:
                parts += _blocks(found, path, start, start + frames)
            except AudioError as error:  # damaged there; elsewhere it may do
                problem = error
    if len(parts) == 1 and problem is not None:
        raise problem
    wave = np.concatenate(parts)
    if not np.isfinite(wave).all():
        wave = np.nan_to_num(wave, nan=0.0, posinf=0.0, neginf=0.0)
    return wave if wave.any() else read_window(path, mono=False)[0].T


def _blocks(
    found: Opened, path: str, start: int, stop: int | None, seeks: bool = True, first_block: int | None = None
) -> Iterator[NDArray[np.float32]]:
    """Frames ``start`` to ``stop`` (None: to the end) in blocks (n, channels), up to where decoding fails.

    Without ``seeks``, and where the decoder cannot, all that lies before is decoded too.
    """
    import soundfile

    sound = found.sound
    # what is to be counted may go on beyond what the header says
    end = math.inf if found.to_count else int(sound.frames)
    end = end if stop is None else min(stop, end)
    longest = max(1, _BLOCK_SAMPLES // sound.channels)
    size = min(first_block or longest, longest)
    if not seeks:
        sound.seekable = lambda: False  # else soundfile seeks after each read
    seeks = seeks and sound.seekable()
    led = seeks and sound.subtype.startswith("ALAC")
    begin = position = (max(0, start // _ALAC_PACKET - 2) * _ALAC_PACKET if led else start) if seeks else 0
    while position < end:
        # soundfile drops what came before an error; a buffer of NaN shows how far the decoder got.
        block = np.full((int(min(size, end - position)), sound.channels), np.nan, np.float32)
        error: Exception | None = None
        try:
            # of an Opus cut out of a longer one libsndfile begins elsewhere before a seek than after it
            if seeks and position == begin and (begin or sound.subtype == "OPUS"):
                sound.seek(begin)
            count = len(sound.read(dtype="float32", out=block))
        except Exception as failure:  # soundfile's own, and whatever a decoder of audioread thinks of
            if not isinstance(failure, soundfile.LibsndfileError | RuntimeError | OSError | EOFError | ValueError):
                raise
            there = np.asarray(np.isfinite(block).any(axis=1))
            count, error = int(len(there) - np.argmax(there[::-1]) if there.any() else 0), failure
        if led and position == begin > 0 and np.array_equal(*block[: 2 * _ALAC_PACKET].reshape(2, -1)):
            # the second may be damaged, and the first too: only all before them tells what the third gives
            raise AudioError(f"{file_name(path)}: two packets are one before {start / sound.samplerate:.2f} s")
        if count and position + count > start:
            yield block[max(0, start - position) : count]
        elif error is not None and position <= start:
            where = "" if start == 0 else f" from {start / sound.samplerate:.2f} s on"
            raise AudioError(f"{file_name(path)}: no sound can be decoded{where} ({why(error)})") from error
        if not count or error is not None:
            return
        position += count
        size = longest


def mixed(block: NDArray[np.float32], channel: int) -> NDArray[np.float32]:
    """One channel of samples (n, channels), from 1 on; their mean (n,) where it is 0, or not there."""
    if 1 <= channel <= block.shape[1] or block.shape[1] == 1:
        return block[:, max(0, min(channel, block.shape[1]) - 1)]
    if not np.isfinite(block).all():  # else one bad channel silences the good ones
        block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray(block.mean(axis=1, dtype=np.float32))
