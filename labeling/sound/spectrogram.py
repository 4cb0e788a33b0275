"""From sound to levels by frequency: windows, frames, decibels or PCEN.

What is drawn is always a maximum: a cell shows the loudest bin of the loudest frame within its stretch of time and
its band of frequency, so that no call is lost for being smaller than a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ConfigError, DataError
from labeling.segments import reduced
from labeling.sound.frequency import AXES, Axis, row_bins

Scale = Literal["db", "pcen"]
SCALES: tuple[Scale, ...] = ("db", "pcen")

#: window -> its cosine series; every window is periodic
WINDOWS: dict[str, tuple[float, ...]] = {
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "rectangular": (1.0,),
}

LOW_DB, HIGH_DB = -120.0, 0.0  # what 0 and 255 stand for; 0 dB is a full-scale sine
KNEE_DB = 15.0  # denoising leaves alone what is so far above the floor
_PCEN_TOP = 8.0  # PCEN values above this are drawn in the brightest grey
_PCEN_TIME_S = 0.4
_BLOCK_SAMPLES = 1 << 19  # of all frames transformed at once, and values of all rows; bounds memory whatever is drawn

Reader = Callable[[int, int], NDArray[np.float32]]
"""Samples ``start`` to ``stop`` of a sound, mono; fewer where the sound ends."""


def _choose(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"unknown {name} {value!r}; choose from {', '.join(allowed)}")


def _bound(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise ConfigError(f"{name} {value!r} must be {low:g} to {high:g}")


@dataclass(frozen=True)
class SpectrogramSettings:
    """How sound is drawn.

    ``n_fft`` None takes a window of about 40 ms; ``hop_length`` None a quarter of the window. ``height_px`` is the
    number of rows. ``high_hz`` is cut to half the sample rate. ``denoise`` lowers what is as quiet as the band's
    median.
    """

    n_fft: int | None = None
    hop_length: int | None = None
    window: str = "hann"
    low_hz: float = 60.0
    high_hz: float = 16_000.0
    axis: Axis = "mel"
    scale: Scale = "db"
    height_px: int = 160
    denoise: bool = False

    def __post_init__(self) -> None:
        _choose("axis", self.axis, AXES)
        _choose("scale", self.scale, SCALES)
        _choose("window", self.window, tuple(WINDOWS))
        _bound("n_fft", self.n_fft, 64, 65_536)
        _bound("hop_length", self.hop_length, 1, 32_768)
        _bound("height_px", self.height_px, 8, 1024)
        _bound("low_hz", self.low_hz, 0 if self.axis != "log" else 1, 249_000)
        _bound("high_hz", self.high_hz, 1, 250_000)
        if self.low_hz >= self.high_hz:
            raise ConfigError(f"low_hz {self.low_hz:g} must be below high_hz {self.high_hz:g}")

    def for_sample_rate(self, sample_rate: int) -> SpectrogramSettings:
        """Settle what depends on the sample rate.

        Parameters
        ----------
        sample_rate : int
            In Hz.

        Returns
        -------
        SpectrogramSettings
            The same with ``n_fft`` and ``hop_length`` chosen, and ``high_hz`` within half the sample rate.

        Raises
        ------
        DataError
            The sample rate leaves nothing between ``low_hz`` and half of it.
        ConfigError
            The hop is longer than half a window, so that sound between frames would be lost.

        Examples
        --------
        >>> from labeling.sound.spectrogram import SpectrogramSettings
        >>> chosen = SpectrogramSettings(low_hz=100).for_sample_rate(16000)
        >>> chosen.n_fft, chosen.hop_length, chosen.high_hz
        (512, 128, 8000.0)
        """
        n_fft = self.n_fft or int(2 ** np.clip(round(math.log2(sample_rate * 0.04)), 6, 16))
        hop_length = self.hop_length or n_fft // 4
        if hop_length > n_fft // 2:
            raise ConfigError(
                f"hop_length {hop_length} must be at most half of n_fft {n_fft}, else sound between frames is lost"
            )
        high_hz = min(self.high_hz, sample_rate / 2)
        if self.low_hz >= high_hz:
            raise DataError(
                f"low_hz {self.low_hz:g} is not below half the sample rate ({high_hz:g} Hz); choose a lower low_hz"
            )
        return replace(self, n_fft=n_fft, hop_length=hop_length, high_hz=high_hz)

    @property
    def bounds(self) -> tuple[float, float]:
        """The values that levels 0 and 255 stand for: dB relative to a full-scale sine, or PCEN."""
        return (LOW_DB, HIGH_DB) if self.scale == "db" else (0.0, _PCEN_TOP)


@dataclass
class Frames:
    """Frames of one sound by number, turned into rows of values as they are asked for.

    Frame t lies around sample ``t * hop_length``, zeros beyond both ends, as librosa centres them. ``settings`` must
    be those of ``for_sample_rate``; ``hop_length`` may be finer or coarser than theirs.
    """

    read: Reader
    count: int
    sample_rate: int
    settings: SpectrogramSettings
    hop_length: int
    _taps: NDArray[np.float32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        assert self.settings.n_fft is not None
        self._taps = taps(self.settings.window, self.settings.n_fft)

    def maxima(self, first: int, owners: NDArray[np.int64]) -> NDArray[np.float32]:
        """The loudest of each row by column: float32 (columns, rows), lowest row first, in dB or PCEN.

        Frame ``first + k`` belongs to column ``owners[k]``; owners rise from 0 without a gap. PCEN settles on the
        frames before ``first``.
        """
        settings = self.settings
        drawn = np.zeros((int(owners[-1]) + 1, settings.height_px), np.float32)
        state = self._settled(first) if settings.scale == "pcen" else None
        for begin, power in self._blocks(first, first + len(owners)):
            owner = owners[begin - first : begin - first + len(power)]
            begins = np.flatnonzero(np.diff(owner, prepend=-1))
            ends = np.append(begins[1:], len(owner))
            if settings.scale == "pcen":
                values, state = pcen(self._rows(power), self.sample_rate, self.hop_length, state)
                largest = reduced(np.maximum, values, begins, ends, axis=0)
            else:
                largest = self._rows(reduced(np.maximum, power, begins, ends, axis=0))
            drawn[owner[begins]] = np.maximum(drawn[owner[begins]], largest)
        return drawn if settings.scale == "pcen" else decibels(drawn)

    def _settled(self, first: int) -> NDArray[np.float32] | None:
        """PCEN's level of each row before frame ``first``, from frames a quarter of a window apart or more."""
        assert self.settings.n_fft is not None
        coarse = replace(self, hop_length=max(self.hop_length, self.settings.n_fft // 4))
        stop = -(-first * self.hop_length // coarse.hop_length)
        start = max(0, stop - settling_frames(self.settings, self.sample_rate, coarse.hop_length))
        state: NDArray[np.float32] | None = None
        for _, power in coarse._blocks(start, stop):
            _, state = pcen(coarse._rows(power), self.sample_rate, coarse.hop_length, state)
        return state

    def _blocks(self, first: int, stop: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """The power of frames ``first`` to ``stop``, some at a time, each with the number of its first frame."""
        assert self.settings.n_fft is not None
        per_block = max(1, _BLOCK_SAMPLES // max(self.settings.n_fft, self.settings.height_px))
        for begin in range(first, stop, per_block):
            yield begin, self._power(begin, min(per_block, stop - begin))

    def _power(self, first: int, frames: int) -> NDArray[np.float32]:
        """Power (frames, bins) where a full-scale sine has 1."""
        import scipy.fft

        n_fft = self.settings.n_fft
        assert n_fft is not None
        start = first * self.hop_length - n_fft // 2
        stop = (first + frames - 1) * self.hop_length + n_fft - n_fft // 2
        wave = self.read(max(0, start), min(self.count, stop))
        before = max(0, -start)
        missing = stop - start - before - wave.shape[0]  # past the end, or where the file is cut short
        if before or missing:
            wave = np.pad(wave, (before, missing))
        pieces = np.lib.stride_tricks.sliding_window_view(wave, n_fft)[:: self.hop_length]
        spectrum = scipy.fft.rfft(pieces * self._taps, axis=1, overwrite_x=True)
        return np.asarray(np.square(spectrum.real) + np.square(spectrum.imag), dtype=np.float32)

    def _rows(self, power: NDArray[np.float32]) -> NDArray[np.float32]:
        """The loudest bin of each row: (n, bins) to (n, rows)."""
        own = self.settings
        assert own.n_fft is not None
        bins = row_bins(own.axis, own.low_hz, own.high_hz, own.height_px, own.n_fft, self.sample_rate)
        return reduced(np.maximum, power, *bins, axis=1)


def settling_frames(settings: SpectrogramSettings, sample_rate: int, hop_length: int) -> int:
    """How many frames before the first that is shown PCEN needs; none for decibels."""
    return math.ceil(15 * _PCEN_TIME_S * sample_rate / hop_length) if settings.scale == "pcen" else 0


def taps(window: str, n_fft: int) -> NDArray[np.float32]:
    """A periodic window (n_fft,) scaled so that a sine of amplitude 1 has power 1 at its bin."""
    turns = 2 * np.pi * np.arange(n_fft) / n_fft
    shape = sum((-1) ** k * part * np.cos(k * turns) for k, part in enumerate(WINDOWS[window]))
    return np.asarray(shape * (2.0 / np.sum(shape)), dtype=np.float32)


def decibels(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power to dB, digital silence at the bottom of the range."""
    quietest = np.float32(10 ** (LOW_DB / 10))
    return np.asarray(np.float32(10.0) * np.log10(np.maximum(power, quietest)), dtype=np.float32)


def denoised(
    values: NDArray[np.float32], floor: NDArray[np.float32], settings: SpectrogramSettings
) -> NDArray[np.float32]:
    """Values (columns, rows) with each row's steady noise lowered; ``floor`` (rows,) is the median of the row.

    In dB what lies within KNEE_DB of the floor sinks by twice what it lacks to that; what is louder keeps its level.
    From PCEN the floor is taken away. Either keeps the order of a row's values, so that a maximum stays one.
    """
    if settings.scale == "pcen":
        return np.asarray(np.maximum(values - floor, 0), dtype=np.float32)
    return np.asarray(values - 2 * np.maximum(KNEE_DB - (values - floor), 0), dtype=np.float32)


def levels_of(values: NDArray[np.float32], settings: SpectrogramSettings) -> NDArray[np.uint8]:
    """Values (columns, rows), lowest row first, as levels: uint8 (rows, columns), highest row first."""
    low, high = settings.bounds
    levels = np.clip((values - low) * np.float32(255.0 / (high - low)) + np.float32(0.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(levels.T[::-1])


def pcen(
    bands: NDArray[np.float32], sample_rate: int, hop_length: int, state: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Per-channel energy normalisation (Wang et al. 2017) with the defaults of ``librosa.pcen``, block by block.

    Parameters
    ----------
    bands : ndarray of float32, shape (frames, bands)
        Power, where a full-scale sine has 1.
    sample_rate, hop_length : int
        In Hz, and in samples.
    state : ndarray of float32, shape (bands,), optional
        What the block before returned; by default the first frame's own level.

    Returns
    -------
    values : ndarray of float32, shape (frames, bands)
        0 and above; steady noise lies near 0, whatever its level.
    state : ndarray of float32, shape (bands,)
        For the next block.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.sound.spectrogram import pcen
    >>> steady = np.full((100, 1), 0.01, np.float32)
    >>> onset = np.where(np.arange(100) == 99, 1.0, 0.01).astype(np.float32)[:, None]
    >>> [bool(pcen(bands, 8000, 200)[0][-1, 0] > 3) for bands in (steady, onset)]
    [False, True]
    """
    gain, bias, root, eps = 0.98, 2.0, 0.5, 1e-6
    scaled = bands * np.float32(2.0**31)  # these defaults are made for 32-bit integer samples
    t_frames = _PCEN_TIME_S * sample_rate / hop_length
    b = np.float32((math.sqrt(1 + 4 * t_frames**2) - 1) / (2 * t_frames**2))
    level = scaled[0] if state is None else state  # the first frame's own: no flash at the left edge
    smooth = np.empty_like(scaled)
    for t in range(len(scaled)):
        level = smooth[t] = level + b * (scaled[t] - level)
    normalised = scaled * np.exp(-gain * (math.log(eps) + np.log1p(smooth / eps)))
    return np.asarray(bias**root * np.expm1(root * np.log1p(normalised / bias)), dtype=np.float32), level
