"""A recording of any length as tiles of 1024 columns at twelve zooms, each made from only the sound that it shows.

A column of level L covers ``0.0005 * 2**L`` s. Up to level LAST_DRAWN a tile is drawn from the sound; coarser ones
are the maximum of their two children. Frames lie at the same samples whatever the tile, and are read beyond its edges,
so that neighbours agree.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ConfigError
from labeling.sound import work
from labeling.sound.decoding import AudioInfo, probe
from labeling.sound.frequency import Axis
from labeling.sound.spectrogram import Frames, Reader, Scale, SpectrogramSettings, denoised, levels_of
from labeling.sound.whole import window

TILE_COLUMNS = 1024
LEVELS = 12
LAST_DRAWN = 9
STEPS_A_SECOND = 2000  # columns of level 0

_BLOCK_SAMPLES = 1 << 20  # decoded at once: 33 s at 32 kHz, 4 s at 250 kHz
_MOST_FRAMES = 32  # of a column, where the window allows it
_FLOOR_STRETCHES, _FLOOR_FRAMES = 64, 256
NARROWEST, WIDEST = 77, 150  # 36 and 70 dB
_HEAD_BYTES = 4


class PeakFacts(TypedDict):
    """What goes with a tile of a waveform."""

    columns: int
    onset_s: float
    step_s: float


class TileFacts(PeakFacts):
    """What goes with a tile of a spectrogram: level 0 is ``low_db``, 255 ``high_db``; contrast is floor to ceiling."""

    rows: int
    low_db: float
    high_db: float
    floor_db: float
    ceiling_db: float
    bottom_hz: float
    top_hz: float
    axis: Axis
    scale: Scale


@dataclass(frozen=True)
class Place:
    """Where a tile lies: ``columns`` from column ``first`` of a level, ``step_s`` each."""

    level: int
    index: int
    first: int
    columns: int

    @property
    def step_s(self) -> float:
        """Seconds a column."""
        return (1 << self.level) / STEPS_A_SECOND

    @property
    def onset_s(self) -> float:
        """Where the tile begins."""
        return (self.first << self.level) / STEPS_A_SECOND

    def starts(self, sample_rate: int, every: int = 1) -> NDArray[np.int64]:
        """Number of the first thing in each column, and of the first after the last: (columns + 1,).

        Things are samples, or frames ``every`` that many samples.
        """
        columns = self.first + np.arange(self.columns + 1, dtype=np.int64)
        return np.asarray(-(-columns * (sample_rate << self.level) // (STEPS_A_SECOND * every)), dtype=np.int64)

    def children(self, sound: AudioInfo) -> list[Place]:
        """The one or two tiles of the next finer level that this one covers."""
        last = tile_count(sound, self.level - 1)
        return [place(sound, self.level - 1, i) for i in (2 * self.index, 2 * self.index + 1) if i < last]


def tile_count(sound: AudioInfo, level: int) -> int:
    """Tiles of a level that a sound has."""
    return -(-_columns(sound, level) // TILE_COLUMNS)


def place(sound: AudioInfo, level: int, index: int) -> Place:
    """Say which columns a tile of a recording holds.

    Parameters
    ----------
    sound : AudioInfo
        As `decoding.probe` gives it.
    level : int
        The zoom, 0 (the finest: 0.5 ms a column) to 11 (about one second a column).
    index : int
        Which tile of the level, from 0.

    Returns
    -------
    Place
        Its first column, how many it has, and their seconds.

    Raises
    ------
    ConfigError
        The sound has no such tile.

    Examples
    --------
    >>> from labeling.sound.decoding import AudioInfo
    >>> from labeling.sound.tiles import place, tile_count
    >>> hour = AudioInfo(3600.0, 32000, 1, 3600 * 32000, "WAV", "PCM_16")
    >>> tile_count(hour, 11), tile_count(hour, 0)
    (4, 7032)
    >>> second = place(hour, 11, 1)
    >>> second.columns, second.step_s, second.onset_s
    (1024, 1.024, 1048.576)
    """
    if not 0 <= level < LEVELS:
        raise ConfigError(f"level {level} must be 0 to {LEVELS - 1}")
    count = tile_count(sound, level)
    if not 0 <= index < count:
        raise ConfigError(
            f"index {index} must be 0 to {count - 1} at level {level}: the sound has {sound.duration_s:.2f} s"
        )
    first = index * TILE_COLUMNS
    return Place(level, index, first, min(TILE_COLUMNS, _columns(sound, level) - first))


def _columns(sound: AudioInfo, level: int) -> int:
    return -(-sound.frames * STEPS_A_SECOND // (sound.sample_rate << level))


def reader_of(source: Source, sound: AudioInfo, end: int) -> Reader:
    """Samples of a file by number, for reads that go forward up to ``end``: of a long one a few seconds at a time."""
    rate = sound.sample_rate
    kept: tuple[int, NDArray[np.float32]] = (0, np.zeros(0, np.float32))

    def read(start: int, stop: int) -> NDArray[np.float32]:
        nonlocal kept
        begin, wave = kept
        if start < begin or stop > begin + wave.shape[0]:
            ahead = max(stop, min(end, start + _BLOCK_SAMPLES))
            wave = window(source.path, sound, start / rate, ahead / rate, channel=source.channel)
            begin, wave = kept = start, wave
        return wave[start - begin : stop - begin]

    return read


# ------------------------------------------------------------------------------------------------ spectrogram


def hop_at(settings: SpectrogramSettings, sample_rate: int, level: int) -> int:
    """Samples between frames at a level: the settings' own, halved where columns are narrower.

    Where a column holds many frames they are taken up to a quarter of the window apart.
    """
    assert settings.n_fft is not None
    assert settings.hop_length is not None
    hop, step = settings.hop_length, (sample_rate << level) / STEPS_A_SECOND
    while hop > max(step, 1):
        hop //= 2
    while hop * 2 <= settings.n_fft // 4 and step > _MOST_FRAMES * hop:
        hop *= 2
    return hop


Keep = Callable[[str, Callable[[], bytes]], bytes]
"""A cache: the bytes kept under a name, made when there are none."""


@dataclass(frozen=True)
class Source:
    """A sound file on this machine and a cache for what is made of it. ``tag`` changes when the file does.

    ``channel`` is the one that is shown, 0 the mix of all. ``has``: whether a name is in the cache.
    """

    path: str
    tag: str
    keep: Keep
    channel: int = 0
    has: Callable[[str], bool] = lambda name: False

    @property
    def drawn_tag(self) -> str:
        """Changes when what is shown of the file does."""
        return f"{self.tag}\nchannel {self.channel}" if self.channel else self.tag

    @property
    def sound(self) -> AudioInfo:
        """What the file holds; raises AudioError. Kept, because a file that was cut short is decoded to its end."""

        def encode() -> bytes:
            return json.dumps(asdict(probe(self.path, shortest_s=0.0))).encode()

        return AudioInfo(**json.loads(self.keep(f"sound\n{self.tag}", encode)))


@dataclass(frozen=True)
class Job:
    """A tile to be made: its name in the cache, how (``make`` may raise AudioError), a guess at the work (work.py)."""

    name: str
    work: int
    make: Callable[[], bytes]


def tile(source: Source, settings: SpectrogramSettings, level: int, index: int) -> Job:
    """Prepare a spectrogram tile of a file; the work is done when ``make`` is called.

    Parameters
    ----------
    source : Source
        The file, and a cache for what is made of it.
    settings : SpectrogramSettings
        How it is drawn.
    level, index : int
        Which tile, see `place`.

    Returns
    -------
    Job
        Its ``make`` gives bytes that `parts` takes apart, and may raise AudioError.

    Raises
    ------
    AudioError
        The file cannot be read.
    ConfigError, DataError
        The sound has no such tile, the settings do not fit it, or they make too much work (work.MOST_WORK).

    Examples
    --------
    >>> import gzip, json
    >>> from labeling.example import example_collection
    >>> from labeling.sound import tiles
    >>> from labeling.sound.spectrogram import SpectrogramSettings
    >>> path = str(example_collection() / "amecro" / "1.wav")
    >>> source = tiles.Source(path, "version of the file", lambda name, make: make())
    >>> job = tiles.tile(source, SpectrogramSettings(height_px=64), level=3, index=0)
    >>> text, levels = tiles.parts(job.make())
    >>> facts = json.loads(text)
    >>> facts["rows"], facts["columns"], facts["step_s"]
    (64, 500, 0.004)
    >>> len(gzip.decompress(levels))
    32000
    """
    sound = source.sound
    chosen = settings.for_sample_rate(sound.sample_rate)
    floor_kept = not chosen.denoise or source.has(_floor_name(source, chosen))
    floor_work = 0 if floor_kept else work.of_floor(chosen, sound.frames, _FLOOR_STRETCHES * _FLOOR_FRAMES)

    def job(where: Place) -> Job:
        name = f"tile\n{source.drawn_tag}\n{chosen}\n{where.level}\n{where.index}"
        hop = hop_at(chosen, sound.sample_rate, where.level)
        guess = floor_work + work.of_drawing(chosen, sound.sample_rate, where.columns, where.step_s, hop)
        work.check(guess, chosen, where.level)
        return Job(name, guess, lambda: make(where))

    def make(where: Place) -> bytes:
        if where.level <= LAST_DRAWN:
            levels = levels_of(_drawn(source, sound, chosen, where), chosen)
        else:
            levels = np.concatenate([_levels(_kept(source, job(child))) for child in where.children(sound)], axis=1)
            levels = np.maximum.reduceat(levels, np.arange(0, levels.shape[1], 2), axis=1)
        return _tile_bytes(levels, chosen, where)

    return job(place(sound, level, index))


def _kept(source: Source, job: Job) -> bytes:
    return source.keep(job.name, job.make)


def _drawn(source: Source, sound: AudioInfo, settings: SpectrogramSettings, where: Place) -> NDArray[np.float32]:
    """Values of a fine tile: float32 (columns, rows), lowest row first."""
    rate = sound.sample_rate
    hop = hop_at(settings, rate, where.level)
    starts = where.starts(rate, hop)
    starts[-1] = max(starts[-2] + 1, min(starts[-1], 1 + (sound.frames - 1) // hop))  # none wholly past the end
    read = reader_of(source, sound, int(starts[-1]) * hop + (settings.n_fft or 0))
    frames = Frames(read, sound.frames, rate, settings, hop)
    if (np.diff(starts) > 0).all():
        values = frames.maxima(int(starts[0]), np.repeat(np.arange(where.columns), np.diff(starts)))
    else:  # columns narrower than a sample: each shows the frame at or before its end
        shown = np.maximum(starts[1:] - 1, 0)
        values = frames.maxima(int(shown[0]), np.arange(int(shown[-1] - shown[0]) + 1))[shown - shown[0]]
    return denoised(values, _floor(source, sound, settings), settings) if settings.denoise else values


def _floor(source: Source, sound: AudioInfo, settings: SpectrogramSettings) -> NDArray[np.float32]:
    """Median of each row (rows,) over the whole file, or over stretches spread evenly over a long one; kept."""
    assert settings.n_fft is not None
    hop = settings.n_fft // 2
    plain = replace(settings, denoise=False)

    def make_floor() -> bytes:
        count = 1 + (sound.frames - 1) // hop
        stretches = 1 if count <= _FLOOR_STRETCHES * _FLOOR_FRAMES else _FLOOR_STRETCHES
        length = count if stretches == 1 else _FLOOR_FRAMES
        values = []
        for k in range(stretches):
            first = (2 * k + 1) * count // (2 * stretches) - length // 2
            read = reader_of(source, sound, (first + length) * hop + hop)
            values.append(Frames(read, sound.frames, sound.sample_rate, plain, hop).maxima(first, np.arange(length)))
        return np.median(np.concatenate(values), axis=0).astype("<f4").tobytes()

    return np.frombuffer(source.keep(_floor_name(source, settings), make_floor), "<f4")


def _floor_name(source: Source, settings: SpectrogramSettings) -> str:
    return f"floor\n{source.drawn_tag}\n{replace(settings, denoise=False)}"


def _tile_bytes(levels: NDArray[np.uint8], settings: SpectrogramSettings, where: Place) -> bytes:
    low, high = settings.bounds
    floor, ceiling = (low + level / 255 * (high - low) for level in contrast(levels))
    facts: TileFacts = {
        "columns": levels.shape[1],
        "rows": levels.shape[0],
        "onset_s": where.onset_s,
        "step_s": where.step_s,
        "low_db": low,
        "high_db": high,
        "floor_db": round(floor, 2),
        "ceiling_db": round(ceiling, 2),
        "bottom_hz": settings.low_hz,
        "top_hz": settings.high_hz,
        "axis": settings.axis,
        "scale": settings.scale,
    }
    return _packed(facts, levels.tobytes())


def contrast(levels: NDArray[np.uint8]) -> tuple[int, int]:
    """Floor and ceiling level that show a tile well: a third lies below, the loudest 0.2 per cent above.

    They lie NARROWEST to WIDEST levels apart.
    """
    floor, ceiling = np.percentile(levels, [35, 99.8])
    low = int(np.clip(floor, 0, 255 - NARROWEST))
    top = int(np.clip(ceiling, low + NARROWEST, 255))  # quiet noise stays dark: the ceiling gives way, not the floor
    return max(low, top - WIDEST), top


def _packed(facts: PeakFacts, body: bytes) -> bytes:
    """Facts and a gzipped body in one piece, as it is kept; see parts."""
    head = json.dumps(facts).encode()
    return len(head).to_bytes(_HEAD_BYTES, "big") + head + gzip.compress(body, compresslevel=3, mtime=0)


def parts(data: bytes) -> tuple[str, bytes]:
    """A tile's facts as JSON, and its body, gzipped."""
    stop = _HEAD_BYTES + int.from_bytes(data[:_HEAD_BYTES], "big")
    return data[_HEAD_BYTES:stop].decode(), data[stop:]


def _levels(data: bytes) -> NDArray[np.uint8]:
    facts, body = parts(data)
    return np.frombuffer(gzip.decompress(body), np.uint8).reshape(-1, json.loads(facts)["columns"])


# ------------------------------------------------------------------------------------------------ waveform


def peaks(source: Source, level: int, index: int) -> Job:
    """A tile of the waveform: lowest and highest sample of each column, int8 (columns, 2), full scale 127.

    Raises:
        AudioError: the file cannot be read.
        ConfigError: the sound has no such tile.
    """
    sound = source.sound

    def job(where: Place) -> Job:
        name = f"peaks\n{source.drawn_tag}\n{where.level}\n{where.index}"
        return Job(name, round(where.columns * where.step_s * sound.sample_rate), lambda: make(where))

    def make(where: Place) -> bytes:
        if where.level <= LAST_DRAWN:
            extremes = _extremes(source, sound, where)
        else:
            finer = np.concatenate([_pairs(_kept(source, job(child))) for child in where.children(sound)])
            begins = np.arange(0, len(finer), 2)
            lowest, highest = np.minimum.reduceat(finer[:, 0], begins), np.maximum.reduceat(finer[:, 1], begins)
            extremes = np.stack([lowest, highest], axis=1)
        facts: PeakFacts = {"columns": len(extremes), "onset_s": where.onset_s, "step_s": where.step_s}
        return _packed(facts, extremes.tobytes())

    return job(place(sound, level, index))


def _extremes(source: Source, sound: AudioInfo, where: Place) -> NDArray[np.int8]:
    starts = np.minimum(where.starts(sound.sample_rate), sound.frames)
    read = reader_of(source, sound, 0)
    shown = np.zeros((where.columns, 2), np.float32)
    per_block = max(1, math.floor(_BLOCK_SAMPLES / (sound.sample_rate * where.step_s)))
    for begin in range(0, where.columns, per_block):
        edges = starts[begin : begin + per_block + 1]
        first = max(0, int(edges[0]) - 1)  # a column narrower than a sample shows the one before it
        wave = read(first, int(edges[-1]))
        if wave.shape[0] == 0:  # the file is cut short
            continue
        at = np.where(edges[1:] > edges[:-1], edges[:-1], edges[:-1] - 1) - first
        at = np.clip(at, 0, wave.shape[0] - 1)
        lowest, highest = np.minimum.reduceat(wave, at), np.maximum.reduceat(wave, at)
        shown[begin : begin + len(at)] = np.stack([lowest, highest], axis=1)
    return np.asarray(np.round(np.clip(shown, -1, 1) * 127), dtype=np.int8)


def _pairs(data: bytes) -> NDArray[np.int8]:
    return np.frombuffer(gzip.decompress(parts(data)[1]), np.int8).reshape(-1, 2)
