"""Changes to power mel (B, n_mels, T), before the log: equalisers, noise, gain."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.config import FeatureConfig
from models.config.augment import Equalizer, Gain, Noise, Shelf, Tilt
from models.inputs.augment.change import (
    Arrays,
    Batch,
    Context,
    generator,
    log_uniform,
    on_device,
    seeds,
    uniform,
)
from models.inputs.features import mel_edges

FloatArray = NDArray[np.floating[Any]]
TILT_POINTS = 5
SHELF_SLOPE = 0.5  # as SoX's treble and bass
HIGHEST = 0.45
"""Filters centred above this share of the sample rate are moved there."""


def draw_tilt(rng: np.random.Generator, setting: Tilt, batch: Batch) -> Arrays:
    """Levels in dB at points spread evenly over the bands."""
    return {"points_db": rng.uniform(-setting.tilt_db, setting.tilt_db, (batch.size, TILT_POINTS))}


def tilt(power: Tensor, values: Arrays, setting: Tilt, context: Context) -> Tensor:
    """Raise and lower the bands, linearly in dB between the drawn points."""
    return power * on_device(smooth_bands(values["points_db"], power.shape[1]), power)[:, :, None]


def smooth_bands(points_db: FloatArray, n_mels: int) -> NDArray[np.float32]:
    """Factors of power (B, n_mels), linear in dB between points (B, points) spread evenly over the bands."""
    position = np.linspace(0, points_db.shape[1] - 1, n_mels)
    low = np.minimum(position.astype(int), points_db.shape[1] - 2)
    share = position - low
    level = points_db[:, low] * (1 - share) + points_db[:, low + 1] * share
    return np.asarray(10 ** (level / 10), dtype=np.float32)


def draw_shelf(rng: np.random.Generator, setting: Shelf, batch: Batch) -> Arrays:
    """The gains of bass and treble."""
    bass_db, treble_db = (uniform(rng, setting.gain_db, batch.size) for _ in range(2))
    return {"bass_db": bass_db, "treble_db": bass_db if setting.together else treble_db}


def shelf(power: Tensor, values: Arrays, setting: Shelf, context: Context) -> Tensor:
    """Filter by a low and a high shelf, as far as a mel band shows them: by their response at its centre."""
    hz, rate = mel_centers(context), context.batch.sample_rate
    bass = shelf_response(hz, setting.bass_hz, values["bass_db"], rate, high=False)
    treble = shelf_response(hz, setting.treble_hz, values["treble_db"], rate, high=True)
    return power * on_device((bass * treble).astype(np.float32), power)[:, :, None]


def draw_equalizer(rng: np.random.Generator, setting: Equalizer, batch: Batch) -> Arrays:
    """Centre, spread evenly over the logarithm of frequency, and gain of one band."""
    center_hz = log_uniform(rng, setting.center_hz, batch.size)
    return {"center_hz": center_hz, "gain_db": uniform(rng, setting.gain_db, batch.size)}


def equalizer(power: Tensor, values: Arrays, setting: Equalizer, context: Context) -> Tensor:
    """Filter by a peaking equaliser, by its response at the centres of the bands."""
    hz, rate = mel_centers(context), context.batch.sample_rate
    response = peak_response(hz, values["center_hz"], values["gain_db"], setting.q, rate)
    return power * on_device(response.astype(np.float32), power)[:, :, None]


def mel_centers(context: Context) -> FloatArray:
    """Centres of the mel bands in Hz, (n_mels,)."""
    assert context.features is not None
    return _mel_centers(context.features)


@lru_cache(maxsize=16)
def _mel_centers(features: FeatureConfig) -> FloatArray:
    return mel_edges(features)[1:-1]


def shelf_response(
    hz: FloatArray, corner_hz: float, gain_db: FloatArray, sample_rate: int, *, high: bool
) -> FloatArray:
    """Power response (B, len(hz)) of shelf filters (B,) with slope 0.5 (Bristow-Johnson's cookbook, as in SoX)."""
    a = 10 ** (gain_db.astype(np.float64)[:, None] / 40)
    w0 = 2 * math.pi * min(corner_hz, HIGHEST * sample_rate) / sample_rate
    cos, side = math.cos(w0), -1 if high else 1
    alpha = math.sin(w0) / 2 * np.sqrt((a + 1 / a) * (1 / SHELF_SLOPE - 1) + 2)
    root = 2 * np.sqrt(a) * alpha
    b = (a * (a + 1 - side * (a - 1) * cos + root), side * 2 * a * (a - 1 - side * (a + 1) * cos),
         a * (a + 1 - side * (a - 1) * cos - root))  # fmt: skip
    c = (a + 1 + side * (a - 1) * cos + root, -side * 2 * (a - 1 + side * (a + 1) * cos),
         a + 1 + side * (a - 1) * cos - root)  # fmt: skip
    return biquad_power(b, c, hz, sample_rate)


def peak_response(hz: FloatArray, center_hz: FloatArray, gain_db: FloatArray, q: float, sample_rate: int) -> FloatArray:
    """Power response (B, len(hz)) of peaking equalisers (B,) (Bristow-Johnson's cookbook, as in SoX)."""
    a = 10 ** (gain_db.astype(np.float64)[:, None] / 40)
    w0 = 2 * math.pi * np.minimum(center_hz, HIGHEST * sample_rate)[:, None] / sample_rate
    alpha = np.sin(w0) / (2 * q)
    middle = -2 * np.cos(w0)
    return biquad_power((1 + alpha * a, middle, 1 - alpha * a), (1 + alpha / a, middle, 1 - alpha / a), hz, sample_rate)


def biquad_power(b: tuple[FloatArray, ...], a: tuple[FloatArray, ...], hz: FloatArray, sample_rate: int) -> FloatArray:
    """``|B(z) / A(z)|**2`` on the unit circle at ``hz``, for coefficients of shape (B, 1)."""
    delay = np.exp(-2j * np.pi * hz / sample_rate)[None, :]
    ratio = (b[0] + b[1] * delay + b[2] * delay**2) / (a[0] + a[1] * delay + a[2] * delay**2)
    return np.asarray(np.abs(ratio) ** 2)


def draw_noise(rng: np.random.Generator, setting: Noise, batch: Batch) -> Arrays:
    """Each noise's level and colour."""
    return {
        "snr_db": uniform(rng, setting.snr_db, batch.size),
        "points_db": rng.uniform(-20, 20, (batch.size, TILT_POINTS)),
        "seed": seeds(rng, batch),
    }


def noise(power: Tensor, values: Arrays, setting: Noise, context: Context) -> Tensor:
    """Add stationary coloured noise, at the drawn level below each chunk's mean power.

    The power of Gaussian noise in one STFT bin is exponentially distributed; a mel band averages several bins,
    so the mean of two draws stands for it.
    """
    source = generator(values, power)
    uniform = torch.rand((2, *power.shape), generator=source, device=power.device).clamp_min(1e-7)
    level = on_device(10 ** (-values["snr_db"] / 10), power) * power.mean((1, 2))
    colour = smooth_bands(values["points_db"], power.shape[1])
    colour /= colour.mean(1, keepdims=True)
    return power - uniform.log().mean(0) * on_device(colour, power)[:, :, None] * level[:, None, None]


def draw_gain(rng: np.random.Generator, setting: Gain, batch: Batch) -> Arrays:
    """Each chunk's gain."""
    return {"gain_db": uniform(rng, setting.gain_db, batch.size)}


def gain(power: Tensor, values: Arrays, setting: Gain, context: Context) -> Tensor:
    """Make each chunk louder or softer."""
    return power * on_device(10 ** (values["gain_db"] / 10), power)[:, None, None]
