"""Changes to planes (B, channels, n_mels, T), after the log: parts hidden, crops, flips. Labels stay."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from models.config.augment import CoarseDropout, Cutout, FlipFrequency, FlipTime, ResizedCrop, SpecAugment
from models.inputs.augment.change import (
    Arrays,
    Batch,
    Context,
    generator,
    log_uniform,
    on_device,
    seeds,
    stripes,
    uniform,
)


def draw_spec_augment(rng: np.random.Generator, setting: SpecAugment, batch: Batch) -> Arrays:
    """Which frames (B, T) and bands (B, n_mels) are hidden."""
    longest = round(setting.time_mask_s / batch.hop_s)
    return {
        "time": stripes(rng, batch, setting.time_masks, longest, batch.frames),
        "bands": stripes(rng, batch, setting.frequency_masks, setting.frequency_mask_bands, batch.n_mels),
        "seed": seeds(rng, batch),
    }


def spec_augment(planes: Tensor, values: Arrays, setting: SpecAugment, context: Context) -> Tensor:
    """Hide the drawn stripes (Park et al. 2019)."""
    hidden = on_device(values["bands"], planes)[:, :, None] | on_device(values["time"], planes)[:, None, :]
    return hide(planes, hidden, setting.fill, values)


def draw_cutout(rng: np.random.Generator, setting: Cutout, batch: Batch) -> Arrays:
    """The rectangles, (B, holes, 4): first band, bands, first frame, frames."""
    size = (batch.size, setting.holes)
    area, aspect = uniform(rng, setting.area, size), log_uniform(rng, setting.aspect, size)
    return {
        "holes": _rectangles(rng, np.sqrt(area * aspect), np.sqrt(area / aspect), batch),
        "seed": seeds(rng, batch),
    }


def draw_coarse_dropout(rng: np.random.Generator, setting: CoarseDropout, batch: Batch) -> Arrays:
    """The rectangles, as those of ``draw_cutout``; those beyond a chunk's number have no extent."""
    size = (batch.size, setting.holes)
    count = rng.integers(1, setting.holes + 1, (batch.size, 1))
    height, width = (uniform(rng, setting.size, size) * (np.arange(setting.holes) < count) for _ in range(2))
    return {"holes": _rectangles(rng, height, width, batch), "seed": seeds(rng, batch)}


def _rectangles(rng: np.random.Generator, height: np.ndarray, width: np.ndarray, batch: Batch) -> np.ndarray:
    """(B, holes, 4): first band, bands, first frame, frames, of heights and widths (B, holes) in shares of the axes."""
    place = rng.random((2, *height.shape))
    holes = []
    for length, share, where in ((batch.n_mels, height, place[0]), (batch.frames, width, place[1])):
        extent = np.minimum(np.rint(share * length), length)
        holes += [np.floor(where * (length - extent + 1)), extent]
    return np.stack(holes, axis=-1).astype(np.int64)


def cutout(planes: Tensor, values: Arrays, setting: Cutout | CoarseDropout, context: Context) -> Tensor:
    """Hide the drawn rectangles (cutout and, with several, coarse dropout: DeVries and Taylor 2017; random
    erasing: Zhong et al. 2020)."""
    holes = on_device(values["holes"], planes)[..., None]

    def inside(first: Tensor, extent: Tensor, length: int) -> Tensor:
        place = torch.arange(length, device=planes.device)
        return ((place >= first) & (place < first + extent)).to(planes.dtype)

    bands = inside(holes[:, :, 0], holes[:, :, 1], planes.shape[2])
    frames = inside(holes[:, :, 2], holes[:, :, 3], planes.shape[3])
    return hide(planes, bands.mT @ frames > 0, setting.fill, values)


def hide(planes: Tensor, hidden: Tensor, fill: str, values: Arrays) -> Tensor:
    """Planes with ``hidden`` (B, n_mels, T) set to the plane's mean, to zero, or to noise like the plane."""
    if fill == "zero":
        return planes.masked_fill(hidden[:, None], 0.0)
    inside = planes.mean((-2, -1), keepdim=True)
    if fill == "random":
        noise = torch.randn(planes.shape, generator=generator(values, planes), device=planes.device)
        inside = inside + planes.std((-2, -1), keepdim=True) * noise
    return torch.where(hidden[:, None], inside, planes)


def draw_resized_crop(rng: np.random.Generator, setting: ResizedCrop, batch: Batch) -> Arrays:
    """The part that is kept, (B, 4): first band, bands, first frame, frames."""
    scale, ratio = uniform(rng, setting.scale, batch.size), log_uniform(rng, setting.ratio, batch.size)
    place = rng.random((2, batch.size))
    part = []
    for length, share, where in (
        (batch.n_mels, np.sqrt(scale / ratio), place[0]),
        (batch.frames, np.sqrt(scale * ratio), place[1]),
    ):
        extent = np.clip(np.rint(share * length), 1, length)
        part += [np.floor(where * (length - extent + 1)), extent]
    return {"part": np.stack(part, axis=-1).astype(np.int64)}


def resized_crop(planes: Tensor, values: Arrays, setting: ResizedCrop, context: Context) -> Tensor:
    """Stretch the drawn part to the whole (torchvision's RandomResizedCrop, in shares of the plane)."""
    return resized_part(planes, values["part"])


def resized_part(planes: Tensor, part: np.ndarray) -> Tensor:
    """Each of the planes' part (B, 4), as ``draw_resized_crop`` has it, stretched to the whole bilinearly."""

    def along(first: np.ndarray, extent: np.ndarray, length: int) -> Tensor:
        """Where each output pixel lies in the input, in grid_sample's units: -1 and 1 are the outer edges."""
        centers = (np.arange(length) + 0.5) / length * extent[:, None]
        centers = first[:, None] + np.clip(centers, 0.5, extent[:, None] - 0.5)
        return on_device((2 * centers / length - 1).astype(np.float32), planes)

    bands = along(part[:, 0], part[:, 1], planes.shape[2])
    frames = along(part[:, 2], part[:, 3], planes.shape[3])
    shape = (planes.shape[0], planes.shape[2], planes.shape[3])
    grid = torch.stack([frames[:, None, :].expand(shape), bands[:, :, None].expand(shape)], dim=-1)
    return torch.nn.functional.grid_sample(planes, grid, mode="bilinear", align_corners=False)


def draw_nothing(rng: np.random.Generator, setting: FlipTime | FlipFrequency, batch: Batch) -> Arrays:
    """A flip has nothing to draw but whether."""
    return {}


def flip_time(planes: Tensor, values: Arrays, setting: FlipTime, context: Context) -> Tensor:
    """Time reversed."""
    return planes.flip(-1)


def flip_frequency(planes: Tensor, values: Arrays, setting: FlipFrequency, context: Context) -> Tensor:
    """High and low exchanged."""
    return planes.flip(-2)
