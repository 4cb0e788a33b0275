"""[data]: what the network is shown in training."""

from __future__ import annotations

from dataclasses import dataclass

from labeling.errors import ConfigError
from models.config.checks import at_least, one_of, within


def _check_selection(name: str, value: str) -> None:
    column, equals, _ = value.partition("=")
    if value not in ("all", "reviewed") and not (equals and column.strip()):
        raise ConfigError(f"{name} = {value!r} must be all, reviewed, or COLUMN=VALUE of the clips' metadata")


@dataclass(frozen=True)
class DataConfig:
    """What the network is shown in training: one random chunk of each clip an epoch."""

    chunk_s: float = 5.0
    """Length of the stretch shown to the network."""
    chunks_per_clip: int = 1
    """How often an epoch visits each clip."""
    crop: str = "random"
    """Where a chunk begins: random; strength (the more sound a stretch holds, the likelier it is shown)."""
    strength_rows: float = 0.65625
    """The share of the mel rows, from the lowest, that crop = strength listens to; 0.65625 is 84 of 128."""
    clips: str = "all"
    """Which clips are trained on: all, reviewed (at least one cell decided), or COLUMN=VALUE of their metadata.
    The others are predicted all the same."""
    pretrain_clips: str = "all"
    """Which clips the pretraining sees (train.pretrain_epochs), written as ``clips``."""
    pad: str = "repeat"
    """How a clip shorter than a chunk is filled: repeat, or zeros (at a random offset)."""
    memory_gb: float = 8.0
    """Decoded audio is kept in memory up to this size; what is beyond it is read from disk chunk by chunk."""
    cache_gb: float = 0.0
    """Where audio does not fit in memory: keep up to this much of it on disk, decoded, as 16-bit samples; 0 = none."""
    workers: int = 4
    """Threads that read audio."""

    def __post_init__(self) -> None:
        within("data.chunk_s", self.chunk_s, 0.1, 600)
        within("data.chunks_per_clip", self.chunks_per_clip, 1, 1000)
        one_of("data.pad", self.pad, ("repeat", "zeros"))
        one_of("data.crop", self.crop, ("random", "strength"))
        within("data.strength_rows", self.strength_rows, 0.01, 1)
        for key in ("clips", "pretrain_clips"):
            _check_selection(f"data.{key}", getattr(self, key))
        at_least("data.cache_gb", self.cache_gb, 0)
        at_least("data.memory_gb", self.memory_gb, 0)
        within("data.workers", self.workers, 1, 64)
