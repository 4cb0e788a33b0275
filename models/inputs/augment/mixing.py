"""Changes to power mel that bring in another chunk of the batch, and what becomes of the labels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from models.config.augment import Cutmix, Mixup, SpecMix, TimePad
from models.inputs.augment.change import Arrays, Batch, Context, Mel, on_device, partners, stripes, uniform


def draw_mixup(rng: np.random.Generator, setting: Mixup, batch: Batch) -> Arrays:
    """Each chunk's partner, the partner's level (a ratio of powers) and the gain of the whole (a factor of power)."""
    partner = partners(rng, batch)
    even = rng.random(batch.size)
    if not setting.alpha:
        low, high = setting.level_db
        level = 10 ** ((low + even * (high - low)) / 10)
        return {"partner": partner, "level": level, "gain": np.ones(batch.size)}
    from scipy.special import betaincinv

    # Drawn by inversion: rng.beta would take more or fewer values from the generator.
    share = np.clip(betaincinv(setting.alpha, setting.alpha, even), 1e-3, 1 - 1e-3)
    return {"partner": partner, "level": (1 - share) / share, "gain": share}


def mixup(mel: Mel, values: Arrays, setting: Mixup, context: Context) -> Mel:
    """Add each chunk's partner at its level (Zhang et al. 2018, in power, where sounds add up)."""
    rows, other = _pairs(mel, values)
    level = on_device(values["level"].astype(np.float32), mel.power)
    gain = on_device(values["gain"].astype(np.float32), mel.power)
    mixed = gain[:, None, None] * (_power(mel, rows) + level[:, None, None] * _at_level_of(mel, rows, other))
    return _put(mel, rows, mixed, join(mel, rows, other, 1 / (1 + level), setting.labels))


def draw_cutmix(rng: np.random.Generator, setting: Cutmix, batch: Batch) -> Arrays:
    """Each chunk's partner, and the stretch of frames (first, width) that it replaces."""
    width = np.rint(uniform(rng, setting.share, batch.size) * batch.frames).astype(np.int64)
    first = np.floor(rng.random(batch.size) * (batch.frames - width + 1)).astype(np.int64)
    return {"partner": partners(rng, batch), "first": first, "width": width}


def cutmix(mel: Mel, values: Arrays, setting: Cutmix, context: Context) -> Mel:
    """Replace a stretch of time by the same stretch of the partner (Yun et al. 2019)."""
    place = np.arange(mel.power.shape[2])
    first, width = values["first"][:, None], values["width"][:, None]
    taken = ((place >= first) & (place < first + width))[:, None, :]
    return _replace(mel, values, taken, taken.mean((1, 2)), setting.labels)


def draw_spec_mix(rng: np.random.Generator, setting: SpecMix, batch: Batch) -> Arrays:
    """Each chunk's partner, and the frames (B, T) and bands (B, n_mels) that it replaces."""
    longest = round(setting.share * batch.frames), round(setting.share * batch.n_mels)
    return {
        "partner": partners(rng, batch),
        "time": stripes(rng, batch, setting.time_stripes, longest[0], batch.frames),
        "bands": stripes(rng, batch, setting.frequency_stripes, longest[1], batch.n_mels),
    }


def spec_mix(mel: Mel, values: Arrays, setting: SpecMix, context: Context) -> Mel:
    """Replace stripes of time and of frequency by the partner's (Kim, Han, Ko 2021)."""
    taken = values["time"][:, None, :] | values["bands"][:, :, None]
    return _replace(mel, values, taken, taken.mean((1, 2)), setting.labels)


def draw_time_pad(rng: np.random.Generator, setting: TimePad, batch: Batch) -> Arrays:
    """How many frames are kept, the first of them, and where it goes; and whose sound may fill the rest."""
    kept = batch.frames - np.rint(uniform(rng, setting.share, batch.size) * batch.frames).astype(np.int64)
    first, onset = np.floor(rng.random((2, batch.size)) * (batch.frames - kept + 1)).astype(np.int64)
    drawn = {"kept": kept, "first": first, "onset": onset, "partner": partners(rng, batch)}
    silent = (
        rng.random(batch.size) < 0.5 if setting.fill == "either" else np.full(batch.size, setting.fill == "silence")
    )
    return {**drawn, "silent": silent}


def time_pad(mel: Mel, values: Arrays, setting: TimePad, context: Context) -> Mel:
    """Keep a stretch, move it, and fill what is left with silence or the partner's sound.

    Labels stay, as with any crop; those of a partner that is heard are joined to them.
    """
    rows, other = _pairs(mel, values)
    power = _power(mel, rows)
    place = np.arange(power.shape[2])
    source = np.clip(place - values["onset"][:, None] + values["first"][:, None], 0, power.shape[2] - 1)
    onset = values["onset"][:, None]
    filled = on_device((place < onset) | (place >= onset + values["kept"][:, None]), power)[:, None, :]
    moved = power.gather(2, on_device(source, power)[:, None, :].expand_as(power))
    if setting.fill == "silence":
        return mel._replace(power=mel.power.index_copy(0, rows, moved.masked_fill(filled, 0.0)))
    heard = _at_level_of(mel, rows, other).masked_fill(on_device(values["silent"], power)[:, None, None], 0.0)
    mixed = torch.where(filled, heard, moved)
    share = on_device(np.where(values["silent"], 1.0, values["kept"] / power.shape[2]), power)
    return _put(mel, rows, mixed, join(mel, rows, other, share, "union"))


def join(mel: Mel, rows: Tensor, other: Tensor, share: Tensor, labels: str) -> tuple[Tensor, Tensor]:
    """Targets and weight (k, C) of chunks ``rows`` joined with ``other``; ``share`` (k,) is the first's.

    In a ``union`` a class known present (a target of 0.5 or more) in either chunk is known present; else it is known
    only where both know it.
    ``mixed`` weighs the targets by the share, and knows only what both know. A share of 1 is no mixture: all stays.
    """
    mine, mine_weight = mel.targets[rows], mel.weight[rows]
    theirs, their_weight = mel.targets[other], mel.weight[other]
    weight = torch.minimum(mine_weight, their_weight)
    share = share[:, None]
    if labels == "union":
        targets = torch.maximum(mine * (mine_weight > 0), theirs * (their_weight > 0))
        weight = torch.where(targets >= 0.5, torch.maximum(mine_weight, their_weight), weight)
    else:
        targets = (share * mine + (1 - share) * theirs).to(mine.dtype)
    return torch.where(share < 1, targets, mine), torch.where(share < 1, weight, mine_weight)


def _replace(mel: Mel, values: Arrays, taken: np.ndarray, share: np.ndarray, labels: str) -> Mel:
    """Take the partner's power where ``taken`` (k, n_mels or 1, T), which is ``share`` (k,) of the chunk."""
    rows, other = _pairs(mel, values)
    mixed = torch.where(on_device(taken, mel.power), _at_level_of(mel, rows, other), _power(mel, rows))
    return _put(mel, rows, mixed, join(mel, rows, other, 1 - on_device(share, mel.power), labels))


def _pairs(mel: Mel, values: Arrays) -> tuple[Tensor, Tensor]:
    return on_device(values["rows"], mel.power), on_device(values["partner"], mel.power)


def _power(mel: Mel, rows: Tensor) -> Tensor:
    return mel.power.index_select(0, rows)


def _at_level_of(mel: Mel, rows: Tensor, other: Tensor) -> Tensor:
    """The others' power, each scaled to its row's mean power."""
    mean = mel.power.mean((1, 2)).clamp_min(1e-12)
    return _power(mel, other) * (mean[rows] / mean[other])[:, None, None]


def _put(mel: Mel, rows: Tensor, power: Tensor, labels: tuple[Tensor, Tensor]) -> Mel:
    return Mel(
        mel.power.index_copy(0, rows, power),
        mel.targets.index_copy(0, rows, labels[0]),
        mel.weight.index_copy(0, rows, labels[1]),
    )
