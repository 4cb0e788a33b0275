"""The picture of a window of sound: mel, logarithmic or linear frequency; decibels or PCEN.

A picture is drawn in few columns from many frames. Each column shows the MAXIMUM of its frames, so that no call is
lost for being shorter than a pixel. Memory is bounded: sound is taken in blocks, whatever the length of the file.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ConfigError, DataError

Axis = Literal["mel", "log", "linear"]
Scale = Literal["db", "pcen"]

AXES: tuple[Axis, ...] = ("mel", "log", "linear")
SCALES: tuple[Scale, ...] = ("db", "pcen")

_BLOCK_FRAMES = 1024
_SHORTEST_HOP = 16
_QUIETEST = 1e-12  # power of digital silence: -120 dB
_PCEN_TOP = 8.0  # PCEN values above this are drawn in the brightest grey

Reader = Callable[[int, int], NDArray[np.float32]]
"""Samples ``start`` to ``stop`` of a sound, mono; fewer where the sound ends."""


@dataclass(frozen=True)
class SpectrogramSettings:
    """How a window of sound is drawn.

    ``n_fft`` None takes a window of about 40 ms; ``hop_length`` None follows from the width, at most half a
    window, so that every sample is seen. ``height_px`` is the number of frequency bands (rows); ``n_mels`` is that
    number on the mel axis where it is given. ``width_px`` is the most columns; ``high_hz`` is cut to half the sample
    rate. ``range_db`` is what lies between black and white. ``reference_db`` None takes the loudest cell of the window
    as white; a number makes the pictures of several windows comparable.
    """

    n_fft: int | None = None
    hop_length: int | None = None
    n_mels: int | None = None
    low_hz: float = 60.0
    high_hz: float = 16_000.0
    axis: Axis = "mel"
    scale: Scale = "db"
    width_px: int = 1600
    height_px: int = 160
    range_db: float = 90.0
    reference_db: float | None = None

    def __post_init__(self) -> None:
        _choose("axis", self.axis, AXES)
        _choose("scale", self.scale, SCALES)
        _bound("n_fft", self.n_fft, 64, 65_536)
        _bound("hop_length", self.hop_length, 1, 65_536)
        _bound("n_mels", self.n_mels, 8, 1024)
        _bound("width_px", self.width_px, 1, 8192)
        _bound("height_px", self.height_px, 8, 1024)
        _bound("range_db", self.range_db, 10, 200)
        _bound("reference_db", self.reference_db, -200, 200)
        _bound("low_hz", self.low_hz, 0 if self.axis != "log" else 1, 1_000_000)
        _bound("high_hz", self.high_hz, 1, 5_000_000)
        if self.low_hz >= self.high_hz:
            raise ConfigError(f"low_hz {self.low_hz:g} must be below high_hz {self.high_hz:g}")

    @property
    def rows(self) -> int:
        """Frequency bands of the picture."""
        return self.n_mels if self.axis == "mel" and self.n_mels else self.height_px

    def for_sample_rate(self, sample_rate: int) -> SpectrogramSettings:
        """The same with ``n_fft`` chosen and the frequencies within what the sample rate can hold.

        Raises:
            DataError: the sample rate leaves nothing between ``low_hz`` and half of it.
        """
        n_fft = self.n_fft or int(2 ** np.clip(round(math.log2(sample_rate * 0.04)), 6, 16))
        high_hz = min(self.high_hz, sample_rate / 2)
        low_hz = self.low_hz
        if low_hz >= high_hz:
            raise DataError(
                f"low_hz {low_hz:g} is not below half the sample rate ({high_hz:g} Hz); choose a lower low_hz"
            )
        return replace(self, n_fft=n_fft, high_hz=high_hz, low_hz=low_hz)


@dataclass(frozen=True)
class Picture:
    """A drawn window.

    ``levels`` is uint8 (rows, columns), row 0 the highest frequency: 0 stands for ``low_db``, 255 for ``high_db``
    (as librosa.power_to_db gives them with ref 1.0, samples at full scale 1.0; for PCEN plain values). ``floor_db``
    and ``ceiling_db`` are the contrast that suits this sound: a third of the picture lies below the floor, the loudest
    0.2 per cent above the ceiling.
    ``bottom_hz`` and ``top_hz`` are the frequencies at the lower and upper edge.
    """

    levels: NDArray[np.uint8]
    low_db: float
    high_db: float
    floor_db: float
    ceiling_db: float
    bottom_hz: float
    top_hz: float
    axis: Axis
    scale: Scale
    duration_s: float

    def facts(self) -> dict[str, float | str]:
        """All but the levels, as plain values for JSON."""
        names = ("low_db", "high_db", "floor_db", "ceiling_db", "bottom_hz", "top_hz", "duration_s")
        return {name: round(float(getattr(self, name)), 4) for name in names} | {"axis": self.axis, "scale": self.scale}


def picture(samples: NDArray[np.float32], sample_rate: int, settings: SpectrogramSettings | None = None) -> Picture:
    """Draw mono samples (n,), full scale 1.0.

    Raises:
        DataError: no samples, or the frequencies do not fit the sample rate.
    """
    wave = np.nan_to_num(np.asarray(samples, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return draw(lambda start, stop: wave[start:stop], wave.shape[0], sample_rate, settings)


def picture_of_file(
    path: str,
    onset_s: float = 0.0,
    offset_s: float | None = None,
    settings: SpectrogramSettings | None = None,
    block_s: float = 60.0,
) -> Picture:
    """Draw a stretch of a file, decoding ``block_s`` at a time.

    Raises:
        AudioError: the file cannot be read.
        DataError: the stretch holds no samples.
    """
    from labeling.audio import probe, read_window

    info = probe(path, shortest_s=0.0)
    end_s = info.duration_s if offset_s is None else min(offset_s, info.duration_s)
    if end_s - onset_s <= block_s:
        samples, sample_rate = read_window(path, onset_s, offset_s)
        return picture(samples, sample_rate, settings)
    rate = info.sample_rate
    first = round(onset_s * rate)
    count = round(end_s * rate) - first
    kept: tuple[int, NDArray[np.float32]] = (0, np.zeros(0, np.float32))

    def read(start: int, stop: int) -> NDArray[np.float32]:
        nonlocal kept
        begin, wave = kept
        if start < begin or stop > begin + wave.shape[0]:
            end = min(count, max(stop, start + round(block_s * rate)))
            begin, wave = start, read_window(path, (first + start) / rate, (first + end) / rate)[0]
            kept = (begin, wave)
        return wave[start - begin : stop - begin]

    return draw(read, count, rate, settings)


def draw(read: Reader, count: int, sample_rate: int, settings: SpectrogramSettings | None = None) -> Picture:
    """Draw ``count`` samples that ``read`` gives in blocks, in order."""
    if count < 1:
        raise DataError("no samples to draw; the window is empty")
    chosen = (settings or SpectrogramSettings()).for_sample_rate(sample_rate)
    hop_length, columns = _time_grid(count, chosen)
    power = _columns(read, count, sample_rate, chosen, hop_length, columns)
    if chosen.scale == "db":
        values = np.float32(10.0) * np.log10(np.maximum(power, np.float32(_QUIETEST)))
        high = float(values.max()) if chosen.reference_db is None else chosen.reference_db
        low = high - chosen.range_db
    else:
        values, low, high = power, 0.0, _PCEN_TOP
    levels = np.clip((values - low) * (255.0 / (high - low)) + 0.5, 0, 255).astype(np.uint8)
    floor, ceiling = _contrast(values, low, high)
    bottom_hz, top_hz = axis_edges(chosen)
    return Picture(
        levels=np.ascontiguousarray(levels.T[::-1]),
        low_db=low,
        high_db=high,
        floor_db=floor,
        ceiling_db=ceiling,
        bottom_hz=bottom_hz,
        top_hz=top_hz,
        axis=chosen.axis,
        scale=chosen.scale,
        duration_s=count / sample_rate,
    )


def png_bytes(shown: Picture) -> bytes:
    """An 8-bit grey PNG; the picture's facts travel in its text chunk ``earmark`` as JSON."""
    from PIL import Image, PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_text("earmark", json.dumps(shown.facts()))
    buffer = io.BytesIO()
    Image.fromarray(shown.levels).save(buffer, format="PNG", compress_level=1, pnginfo=text)
    return buffer.getvalue()


def waveform_peaks(samples: NDArray[np.float32], width: int) -> NDArray[np.int8]:
    """Lowest and highest sample of each of ``width`` columns: int8 (width, 2), full scale 127.

    A sound of fewer samples than ``width`` gives one column a sample.
    """
    wave = np.nan_to_num(np.asarray(samples, dtype=np.float32), nan=0.0, posinf=1.0, neginf=-1.0)
    if wave.shape[0] == 0:
        return np.zeros((0, 2), np.int8)
    starts = _column_starts(wave.shape[0], min(max(1, width), wave.shape[0]))
    peaks = np.stack([np.minimum.reduceat(wave, starts), np.maximum.reduceat(wave, starts)], axis=1)
    return np.asarray(np.round(np.clip(peaks, -1, 1) * 127), dtype=np.int8)


def peaks_of_file(path: str, width: int, block_s: float = 60.0) -> NDArray[np.int8]:
    """waveform_peaks of a whole file, decoding about ``block_s`` at a time.

    Raises:
        AudioError: the file cannot be read.
    """
    from labeling.audio import probe, read_window

    info = probe(path, shortest_s=0.0)
    starts = _column_starts(info.frames, min(max(1, width), info.frames))
    per_block = max(1, int(len(starts) * block_s / max(info.duration_s, 1e-9)))
    pieces: list[NDArray[np.int8]] = []
    for first in range(0, len(starts), per_block):
        last = min(len(starts), first + per_block)
        begin, end = starts[first], starts[last] if last < len(starts) else info.frames
        samples, _ = read_window(path, begin / info.sample_rate, end / info.sample_rate)
        if samples.shape[0] == 0:  # the file is cut short
            pieces.append(np.zeros((last - first, 2), np.int8))
        else:
            pieces.append(waveform_peaks(samples, last - first))
    return np.concatenate(pieces)


# ------------------------------------------------------------------------------------------------ frequency


def axis_edges(settings: SpectrogramSettings) -> tuple[float, float]:
    """Frequencies (Hz) at the lower and upper edge of the picture.

    On the mel axis row r of n is the triangle whose peak is the (r + 1)-th of n + 2 equally spaced mels, so the
    edges lie half a spacing outside the first and last peak, within ``low_hz``..``high_hz``.
    """
    if settings.axis != "mel":
        return settings.low_hz, settings.high_hz
    low, high = to_axis(settings.low_hz, "mel"), to_axis(settings.high_hz, "mel")
    half = 0.5 * (high - low) / (settings.rows + 1)
    return from_axis(low + half, "mel"), from_axis(high - half, "mel")


def to_axis(hz: float, axis: Axis) -> float:
    """A frequency's place on an axis: Slaney's mel (linear to 1 kHz, logarithmic above), log2, or Hz."""
    if axis == "linear":
        return hz
    if axis == "log":
        return math.log2(hz)
    return hz * 3 / 200 if hz < 1000 else 15 + math.log(hz / 1000) * 27 / math.log(6.4)


def from_axis(value: float, axis: Axis) -> float:
    """The inverse of to_axis, in Hz."""
    if axis == "linear":
        return value
    if axis == "log":
        return float(2.0**value)
    return value * 200 / 3 if value < 15 else 1000 * math.exp((value - 15) * math.log(6.4) / 27)


def frequency_ticks(settings: SpectrogramSettings) -> list[tuple[float, float]]:
    """Round frequencies to write beside the picture: ``(hz, fraction)``, fraction 0..1 from the bottom."""
    bottom_hz, top_hz = axis_edges(settings)
    if settings.axis == "linear":
        step = _round_step((top_hz - bottom_hz) / 9)
        candidates = [step * k for k in range(int(top_hz // step) + 1)]
    else:
        candidates = [125.0 * 2**octave for octave in range(-3, 13)]
    low, high = to_axis(bottom_hz, settings.axis), to_axis(top_hz, settings.axis)
    ticks: list[tuple[float, float]] = []
    for hz in sorted(candidates):
        if not bottom_hz <= hz <= top_hz:
            continue
        fraction = (to_axis(hz, settings.axis) - low) / (high - low)
        if not ticks or fraction - ticks[-1][1] >= 0.07:
            ticks.append((hz, fraction))
    return ticks


@lru_cache(maxsize=16)
def filterbank(sample_rate: int, settings: SpectrogramSettings) -> NDArray[np.float32]:
    """Weights (rows, 1 + n_fft // 2) from power spectrum to bands, lowest band first.

    Mel: triangles with Slaney's area norm, as librosa.filters.mel (written out here, because loading librosa costs a
    server seconds). A triangle so narrow that no FFT bin falls into it takes the two
    bins around its peak, where librosa would leave an empty band. Logarithmic and linear bands weigh the bins by how
    much of each lies in the band, and sum to 1.
    """
    assert settings.n_fft is not None
    bins = np.arange(1 + settings.n_fft // 2) * (sample_rate / settings.n_fft)
    rows = settings.rows
    if settings.axis == "mel":
        low, high = to_axis(settings.low_hz, "mel"), to_axis(settings.high_hz, "mel")
        edges = np.array([from_axis(low + (high - low) * k / (rows + 1), "mel") for k in range(rows + 2)])
        rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
        falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
        weights = np.maximum(0.0, np.minimum(rising, falling))
        for row in np.flatnonzero(weights.sum(axis=1) == 0):
            below = min(int(edges[row + 1] * settings.n_fft / sample_rate), len(bins) - 2)
            share = edges[row + 1] * settings.n_fft / sample_rate - below
            weights[row, below : below + 2] = 1 - share, share
        weights *= 2.0 / (edges[2:] - edges[:-2])[:, None]
        return np.asarray(weights, dtype=np.float32)
    low, high = to_axis(settings.low_hz, settings.axis), to_axis(settings.high_hz, settings.axis)
    cuts = np.array([from_axis(low + (high - low) * k / rows, settings.axis) for k in range(rows + 1)])
    half = 0.5 * sample_rate / settings.n_fft
    overlap = np.minimum(cuts[1:, None], bins + half) - np.maximum(cuts[:-1, None], bins - half)
    weights = np.maximum(overlap, 0.0)
    return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12), dtype=np.float32)


# ------------------------------------------------------------------------------------------------ time


def _time_grid(count: int, settings: SpectrogramSettings) -> tuple[int, int]:
    """``(hop_length, columns)``: every column gets at least one frame, and every sample at least one window."""
    assert settings.n_fft is not None
    if settings.hop_length is not None:
        return settings.hop_length, min(settings.width_px, max(1, math.ceil(count / settings.hop_length)))
    columns = min(settings.width_px, max(1, count // _SHORTEST_HOP))
    return max(1, min(settings.n_fft // 2, count // columns)), columns


def _column_starts(count: int, columns: int) -> NDArray[np.int64]:
    """Index of the first of ``count`` things in each of ``columns`` equal stretches."""
    return np.asarray(-((-np.arange(columns, dtype=np.int64) * count) // columns), dtype=np.int64)


def _columns(
    read: Reader, count: int, sample_rate: int, settings: SpectrogramSettings, hop_length: int, columns: int
) -> NDArray[np.float32]:
    """Largest power (or PCEN value) of each column's frames: float32 (columns, rows), lowest band first.

    Frames are centred as librosa's are: frame t lies around sample ``t * hop_length``, zeros beyond both ends.
    """
    import scipy.fft

    n_fft = settings.n_fft
    assert n_fft is not None
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)  # Hann, periodic
    weights = filterbank(sample_rate, settings).T
    frames = 1 + (count - 1) // hop_length
    column_of = np.minimum(np.arange(frames, dtype=np.int64) * hop_length * columns // count, columns - 1)
    drawn = np.zeros((columns, settings.rows), np.float32)
    state: Any = None
    for first in range(0, frames, _BLOCK_FRAMES):
        last = min(frames, first + _BLOCK_FRAMES)
        start = first * hop_length - n_fft // 2
        stop = (last - 1) * hop_length + n_fft - n_fft // 2
        wave = read(max(0, start), min(count, stop))
        after = stop - max(0, start) - wave.shape[0]  # past the end, or where the file is cut short
        if start < 0 or after > 0:
            wave = np.pad(wave, (max(0, -start), max(0, after)))
        pieces = np.lib.stride_tricks.sliding_window_view(wave, n_fft)[::hop_length]
        spectrum = scipy.fft.rfft(pieces * window, axis=1)
        bands = (np.square(spectrum.real) + np.square(spectrum.imag)) @ weights
        if settings.scale == "pcen":
            bands, state = _pcen(bands, sample_rate, hop_length, state)
        owner = column_of[first:last]
        begins = np.flatnonzero(np.diff(owner, prepend=-1))
        largest = np.maximum.reduceat(bands, begins, axis=0)
        drawn[owner[begins]] = np.maximum(drawn[owner[begins]], largest)
    return drawn


def _pcen(bands: NDArray[np.float32], sample_rate: int, hop_length: int, state: Any) -> tuple[NDArray[np.float32], Any]:
    """Per-channel energy normalisation (Wang et al. 2017) with librosa.pcen's defaults, carried from block to block."""
    import scipy.signal

    gain, bias, root, eps, time_constant_s = 0.98, 2.0, 0.5, 1e-6, 0.4
    scaled = bands * np.float32(2.0**31)  # these defaults are made for 32-bit integer samples
    t_frames = time_constant_s * sample_rate / hop_length
    b = (math.sqrt(1 + 4 * t_frames**2) - 1) / (2 * t_frames**2)
    if state is None:  # start from the first frame's own level: no flash at the left edge
        state = scipy.signal.lfilter_zi([b], [1, b - 1])[:, None] * scaled[:1]
    smooth, state = scipy.signal.lfilter([b], [1, b - 1], scaled, axis=0, zi=state)
    normalised = scaled * np.exp(-gain * (math.log(eps) + np.log1p(smooth / eps)))
    return np.asarray(bias**root * np.expm1(root * np.log1p(normalised / bias)), dtype=np.float32), state


def _contrast(values: NDArray[np.float32], low: float, high: float) -> tuple[float, float]:
    """Floor and ceiling that show this sound well, at least a tenth of the range apart."""
    some = values[:: max(1, values.shape[0] // 400)]
    floor, ceiling = np.percentile(some, [35, 99.8])
    apart = 0.3 * (high - low)
    ceiling = float(np.clip(ceiling, low + apart, high))
    return float(np.clip(floor, low, ceiling - apart)), ceiling


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return float(next(power * base for base in (1, 2, 5, 10) if power * base >= rough))


def _choose(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"unknown {name} {value!r}; choose from {', '.join(allowed)}")


def _bound(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise ConfigError(f"{name} {value!r} must be {low:g} to {high:g}")
