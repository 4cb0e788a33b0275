"""Changes to training chunks. What to do is drawn first (numpy, an explicit generator), then applied (torch).

Gain, mixing, equaliser and noise act on power mel (B, n_mels, T), before the log, where sounds add up; masks act on
the planes after it. Mixing follows mixup (Zhang et al. 2018), masks SpecAugment (Park et al. 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.config import AugmentConfig

FloatArray = NDArray[np.float32]
TILT_POINTS = 5


@dataclass(frozen=True)
class Draw:
    """What was drawn for one batch of B chunks. Gains are factors of power; 0 in ``mix_gain`` means unmixed."""

    gain: FloatArray  # (B,)
    partner: NDArray[np.int64]  # (B,)
    mix_gain: FloatArray  # (B,) level of the partner against the chunk, at equal mean power
    tilt_db: FloatArray  # (B, TILT_POINTS) at points spread evenly over the bands
    noise_gain: FloatArray  # (B,) noise power against the chunk's mean power; 0 = none
    noise_tilt_db: FloatArray  # (B, TILT_POINTS)
    noise_seed: int
    time_masks: NDArray[np.int64]  # (B, masks, 2) first frame and width
    frequency_masks: NDArray[np.int64]  # (B, masks, 2) first band and width


def draw(rng: np.random.Generator, config: AugmentConfig, batch: int, n_mels: int, frames: int, hop_s: float) -> Draw:
    """Draw one batch's changes. The number of values taken from ``rng`` depends on the arguments only."""

    def chosen(probability: float) -> NDArray[np.bool_]:
        return rng.random(batch) < probability

    def power(low_high_db: tuple[float, ...], sign: float = 1.0) -> FloatArray:
        level_db = rng.uniform(low_high_db[0], low_high_db[1], batch)
        return np.asarray(10 ** (sign * level_db / 10), dtype=np.float32)

    def masks(count: int, longest: int, size: int) -> NDArray[np.int64]:
        width = rng.integers(0, min(longest, size) + 1, (batch, count))
        first = np.floor(rng.random((batch, count)) * (size - width + 1)).astype(np.int64)
        used = chosen(config.mask_probability)[:, None]
        return np.stack([first, np.where(used, width, 0)], axis=-1)

    one, zero = np.float32(1), np.float32(0)
    return Draw(
        gain=np.where(chosen(config.gain_probability), power(config.gain_db), one),
        partner=(np.arange(batch) + rng.integers(1, max(2, batch), batch)) % batch,
        mix_gain=np.where(chosen(config.mixup_probability), power(config.mixup_db), zero),
        tilt_db=np.where(
            chosen(config.tilt_probability)[:, None],
            rng.uniform(-config.tilt_db, config.tilt_db, (batch, TILT_POINTS)),
            0.0,
        ).astype(np.float32),
        noise_gain=np.where(chosen(config.noise_probability), power(config.noise_snr_db, -1.0), zero),
        noise_tilt_db=rng.uniform(-20, 20, (batch, TILT_POINTS)).astype(np.float32),
        noise_seed=int(rng.integers(0, 2**63 - 1)),
        time_masks=masks(config.time_masks, round(config.time_mask_s / hop_s), frames),
        frequency_masks=masks(config.frequency_masks, config.frequency_mask_bands, n_mels),
    )


def apply(
    power: Tensor, targets: Tensor, weight: Tensor, drawn: Draw, config: AugmentConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Apply gain, mixing, equaliser and noise: power (B, n_mels, T), targets and weight (B, C) -> the same three."""
    device = power.device
    if np.any(drawn.tilt_db):
        power = power * smooth_bands(drawn.tilt_db, power.shape[1]).to(device)[:, :, None]
    if np.any(drawn.mix_gain):
        power, targets, weight = mix(power, targets, weight, drawn, config.mixup_labels)
    if np.any(drawn.noise_gain):
        power = power + noise(power, drawn)
    if np.any(drawn.gain != 1):
        power = power * torch.from_numpy(drawn.gain).to(device)[:, None, None]
    return power, targets, weight


def mix(power: Tensor, targets: Tensor, weight: Tensor, drawn: Draw, labels: str) -> tuple[Tensor, Tensor, Tensor]:
    """Add each chunk's partner at its drawn level; ``labels`` is ``union`` or ``mixed`` (by share of the power).

    In a union a class known present in either chunk is known present; else it is known only where both know it.
    """
    device = power.device
    partner = torch.from_numpy(drawn.partner).to(device)
    level = torch.from_numpy(drawn.mix_gain).to(device)
    mean = power.mean((1, 2)).clamp_min(1e-12)
    scale = level * mean / mean[partner]
    mixed_power = power + scale[:, None, None] * power[partner]
    other, other_weight, used = targets[partner], weight[partner], (level > 0)[:, None]
    if labels == "union":
        new_targets = torch.maximum(targets * (weight > 0), other * (other_weight > 0))
        new_weight = torch.where(
            new_targets > 0, torch.maximum(weight, other_weight), torch.minimum(weight, other_weight)
        )
    else:
        share = (1 / (1 + level))[:, None]
        new_targets = share * targets + (1 - share) * other
        new_weight = torch.minimum(weight, other_weight)
    return mixed_power, torch.where(used, new_targets, targets), torch.where(used, new_weight, weight)


def noise(power: Tensor, drawn: Draw) -> Tensor:
    """Stationary coloured noise as power mel, (B, n_mels, T), at the drawn level below each chunk's mean power.

    The power of Gaussian noise in one STFT bin is exponentially distributed; a mel band averages several bins,
    so the mean of two draws stands for it.
    """
    generator = torch.Generator(device=power.device).manual_seed(drawn.noise_seed)
    uniform = torch.rand((2, *power.shape), generator=generator, device=power.device).clamp_min(1e-7)
    level = torch.from_numpy(drawn.noise_gain).to(power.device) * power.mean((1, 2))
    colour = smooth_bands(drawn.noise_tilt_db, power.shape[1]).to(power.device)
    colour = colour / colour.mean(1, keepdim=True)
    shape = -uniform.log().mean(0) * colour[:, :, None]
    return shape * level[:, None, None]


def smooth_bands(points_db: FloatArray, n_mels: int) -> Tensor:
    """Factors of power (B, n_mels), linear in dB between points spread evenly over the bands."""
    position = np.linspace(0, points_db.shape[1] - 1, n_mels)
    low = np.minimum(position.astype(int), points_db.shape[1] - 2)
    share = (position - low).astype(np.float32)
    level = points_db[:, low] * (1 - share) + points_db[:, low + 1] * share
    return torch.from_numpy((10 ** (level / 10)).astype(np.float32))


def apply_masks(planes: Tensor, drawn: Draw) -> Tensor:
    """Set the drawn stripes of planes (B, channels, n_mels, T) to each plane's mean."""
    device = planes.device
    hidden = torch.zeros(planes.shape[0], planes.shape[2], planes.shape[3], dtype=torch.bool, device=device)
    for stripes, axis in ((drawn.frequency_masks, 1), (drawn.time_masks, 2)):
        if not stripes.size:
            continue
        place = torch.arange(hidden.shape[axis], device=device)
        first = torch.from_numpy(stripes[:, :, 0]).to(device)[:, :, None]
        width = torch.from_numpy(stripes[:, :, 1]).to(device)[:, :, None]
        stripe = ((place >= first) & (place < first + width)).any(1)
        hidden |= stripe[:, :, None] if axis == 1 else stripe[:, None, :]
    return torch.where(hidden[:, None], planes.mean((-2, -1), keepdim=True), planes)
