"""What every frozen model gives, and how its weights are known again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """What a model makes of some windows: ``vectors`` (B, D), and ``probabilities`` (B, C) of the model's classes where
    it has any."""

    vectors: FloatArray
    probabilities: FloatArray | None = None


class FrozenModel(Protocol):
    """A model that is loaded. It hears ``window_s`` seconds at ``sample_rate`` Hz and gives ``size`` numbers.

    ``classes`` names what its probabilities are of, () where it gives none. ``licence`` is that of its weights, and
    ``weights_sha256`` their hash; ``batch`` is how many windows it takes at a time.
    """

    sample_rate: int
    window_s: float
    size: int
    classes: tuple[str, ...]
    licence: str
    weights_sha256: str
    batch: int

    def hear(self, waves: FloatArray) -> Heard:
        """Windows (B, S) of full scale -1..1, S = ``window_samples(model)``."""
        ...


def window_samples(model: FrozenModel) -> int:
    """Samples a window."""
    return round(model.window_s * model.sample_rate)


def sha256_of(path: Path) -> str:
    """The hash of a file, by which weights are known again."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
