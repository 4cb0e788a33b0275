"""[data]: what the network is shown in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from labeling.errors import ConfigError
from models.config.checks import Bound, OneOf, check_fields


def _check_selection(name: str, value: str) -> None:
    column, equals, _ = value.partition("=")
    if value not in ("all", "reviewed") and not (equals and column.strip()):
        raise ConfigError(f"{name} = {value!r} must be all, reviewed, or COLUMN=VALUE of the clips' metadata")


@dataclass(frozen=True)
class DataConfig:
    """What the network is shown in training: one random chunk of each clip an epoch."""

    chunk_s: Annotated[float, Bound(0.1, 600)] = 5.0
    """Length of the stretch shown to the network."""
    chunks_per_clip: Annotated[int, Bound(1, 1000)] = 1
    """How often an epoch visits each clip."""
    sampling: Annotated[str, OneOf(("each", "balanced"))] = "each"
    """each: every clip chunks_per_clip times an epoch. balanced: as many chunks, each of a class drawn evenly and then
    a clip that lists it; clips without labels count as a class."""
    crop: Annotated[str, OneOf(("random", "strength"))] = "random"
    """Where a chunk begins: random; strength (the more sound a stretch holds, the likelier it is shown)."""
    strength_rows: Annotated[float, Bound(0.01, 1)] = 0.65625
    """The share of the mel rows, from the lowest, that crop = strength listens to; 0.65625 is 84 of 128."""
    clips: str = "all"
    """Which clips are trained on: all, reviewed (at least one cell decided), or COLUMN=VALUE of their metadata.
    The others are predicted all the same."""
    pretrain_clips: str = "all"
    """Which clips the pretraining sees (train.pretrain_epochs), written as ``clips``."""
    pad: Annotated[str, OneOf(("repeat", "zeros"))] = "repeat"
    """How a clip shorter than a chunk is filled: repeat, or zeros (at a random offset)."""
    memory_gb: Annotated[float, Bound(0)] = 8.0
    """Decoded audio is kept in memory up to this size; what is beyond it is read from disk chunk by chunk."""
    cache_gb: Annotated[float, Bound(0)] = 0.0
    """Where audio does not fit in memory: keep up to this much of it on disk, decoded, as 16-bit samples; 0 = none."""
    workers: Annotated[int, Bound(1, 64)] = 4
    """Threads that read audio."""

    def __post_init__(self) -> None:
        check_fields("data", self)
        for key in ("clips", "pretrain_clips"):
            _check_selection(f"data.{key}", getattr(self, key))
