"""Changes to the training chunks. What to do is drawn first (numpy, an explicit generator), then applied (torch).

Those of ``SAMPLES`` change samples (B, n); those of ``POWER`` power mel (B, n_mels, T) before the log, where sounds
add up, and labels where another chunk is mixed in; those of ``PLANES`` what the network sees. They are applied in
the order of these lists.

To add one: a dataclass and a field in ``models/config/augment.py``, a function that draws and one that applies (see
``Change``), and a line below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.config import AugmentConfig, FeatureConfig
from models.inputs.augment import mixing, pitch, planes, power, samples
from models.inputs.augment.background import Backgrounds
from models.inputs.augment.change import Arrays, Batch, Change, Context, Mel, on_power, rowwise

T = TypeVar("T")

SAMPLES: tuple[Change[Tensor], ...] = (
    Change("pitch", pitch.draw, rowwise(pitch.apply)),
    Change("gaussian_noise", samples.draw_noise, rowwise(samples.gaussian_noise)),
    Change("pink_noise", samples.draw_noise, rowwise(samples.pink_noise)),
    Change("background", samples.draw_background, rowwise(samples.background)),
    Change("reverb", samples.draw_reverb, rowwise(samples.reverb)),
    Change("fade", samples.draw_fade, rowwise(samples.fade)),
)
POWER: tuple[Change[Mel], ...] = (
    Change("tilt", power.draw_tilt, on_power(power.tilt)),
    Change("shelf", power.draw_shelf, on_power(power.shelf)),
    Change("equalizer", power.draw_equalizer, on_power(power.equalizer)),
    Change("time_pad", mixing.draw_time_pad, mixing.time_pad),
    Change("mixup", mixing.draw_mixup, mixing.mixup, mixes=True),
    Change("cutmix", mixing.draw_cutmix, mixing.cutmix, mixes=True),
    Change("spec_mix", mixing.draw_spec_mix, mixing.spec_mix, mixes=True),
    Change("noise", power.draw_noise, on_power(power.noise)),
    Change("gain", power.draw_gain, on_power(power.gain)),
)
PLANES: tuple[Change[Tensor], ...] = (
    Change("spec_augment", planes.draw_spec_augment, rowwise(planes.spec_augment)),
    Change("cutout", planes.draw_cutout, rowwise(planes.cutout)),
    Change("coarse_dropout", planes.draw_coarse_dropout, rowwise(planes.cutout)),
    Change("resized_crop", planes.draw_resized_crop, rowwise(planes.resized_crop)),
    Change("flip_time", planes.draw_nothing, rowwise(planes.flip_time)),
    Change("flip_frequency", planes.draw_nothing, rowwise(planes.flip_frequency)),
)

__all__ = [
    "PLANES",
    "POWER",
    "SAMPLES",
    "Backgrounds",
    "Batch",
    "Change",
    "Draw",
    "Mel",
    "apply_to_planes",
    "apply_to_power",
    "apply_to_samples",
    "draw",
    "with_partner",
]


@dataclass(frozen=True)
class Draw:
    """What was drawn for one batch: by the augmentation's name its arrays, one row a chosen chunk.

    ``values[name]["rows"]`` are the chosen chunks. An augmentation that changes no chunk of this batch is not there.
    """

    batch: Batch
    values: Mapping[str, Arrays] = field(default_factory=dict)


def draw(
    rng: np.random.Generator,
    config: AugmentConfig,
    batch: Batch,
    *,
    mixing: bool = True,
    backgrounds: Backgrounds | None = None,
) -> Draw:
    """Draw one batch's changes. The number of values taken from ``rng`` depends on the arguments only.

    Without ``mixing``, mixup, cutmix and SpecMix are left out (the last epochs of some recipes). Stretches of
    ``backgrounds`` are read here, so that threads may do it ahead; raises ConfigError where none can be read.
    """
    values: dict[str, Arrays] = {}
    changes: list[Change[Tensor] | Change[Mel]] = [*SAMPLES, *POWER, *PLANES]
    allowed = _allowed(rng, config, batch)
    for change in changes:
        setting = getattr(config, change.name)
        if not setting.probability or (change.mixes and (not mixing or batch.size < 2)):
            continue
        rows = np.flatnonzero((rng.random(batch.size) < setting.probability) & allowed.get(change.name, True))
        drawn = change.draw(rng, setting, batch)
        if rows.size:
            values[change.name] = {"rows": rows, **{name: array[rows] for name, array in drawn.items()}}
    if backgrounds is not None and "background" in values:
        chosen = values["background"]
        values["background"] = {**chosen, "sound": samples.read_stretches(backgrounds, chosen, batch.samples)}
    return Draw(batch, values)


def _allowed(rng: np.random.Generator, config: AugmentConfig, batch: Batch) -> dict[str, NDArray[np.bool_]]:
    """With ``planes_drawn``, which chunks (B,) each change to planes was drawn for; {} without."""
    on = [change.name for change in PLANES if getattr(config, change.name).probability]
    if not config.planes_drawn or not on:
        return {}
    place = rng.random((len(on), batch.size)).argsort(axis=0).argsort(axis=0)
    return dict(zip(on, place < config.planes_drawn, strict=True))


def with_partner(drawn: Draw, config: AugmentConfig) -> NDArray[np.bool_]:
    """Which chunks (B,) get sound of another chunk mixed in: what the network says of them speaks of both."""
    mixed = np.zeros(drawn.batch.size, dtype=bool)
    for name in config.needing_partners():
        if name in drawn.values:
            mixed[drawn.values[name]["rows"]] = True
    return mixed


def apply_to_samples(samples: Tensor, drawn: Draw, config: AugmentConfig) -> Tensor:
    """Change samples (B, n), where the recipe keeps samples."""
    return _applied(SAMPLES, samples, drawn, config, Context(drawn.batch))


def apply_to_power(
    power: Tensor, targets: Tensor, weight: Tensor, drawn: Draw, config: AugmentConfig, features: FeatureConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Change power mel (B, n_mels, T), and with it targets and weight (B, C) -> the same three."""
    return _applied(POWER, Mel(power, targets, weight), drawn, config, Context(drawn.batch, features))


def apply_to_planes(planes: Tensor, drawn: Draw, config: AugmentConfig) -> Tensor:
    """Change planes (B, channels, n_mels, T)."""
    return _applied(PLANES, planes, drawn, config, Context(drawn.batch))


def _applied(changes: Sequence[Change[T]], what: T, drawn: Draw, config: AugmentConfig, context: Context) -> T:
    for change in changes:
        values = drawn.values.get(change.name)
        if values is not None:
            what = change.apply(what, values, getattr(config, change.name), context)
    return what
