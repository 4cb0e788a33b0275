"""What an augmentation is: a drawing (numpy, an explicit generator) and an applying (torch, any device)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.config import FeatureConfig

Arrays = Mapping[str, NDArray[Any]]
T = TypeVar("T")
OnTensor = Callable[[Tensor, Arrays, Any, "Context"], Tensor]


@dataclass(frozen=True)
class Batch:
    """What is drawn for: ``size`` chunks of ``samples`` samples, or ``frames`` frames of ``n_mels`` bands."""

    size: int
    n_mels: int
    frames: int
    samples: int
    sample_rate: int
    hop_s: float


class Mel(NamedTuple):
    """A batch before the log: power (B, n_mels, T), targets and their weight (B, C); weight 0 is unknown."""

    power: Tensor
    targets: Tensor
    weight: Tensor


@dataclass(frozen=True)
class Context:
    """What applying may need beside the values drawn."""

    batch: Batch
    features: FeatureConfig | None = None


@dataclass(frozen=True)
class Change(Generic[T]):
    """One augmentation; ``name`` is its table in [augment], which ``draw`` and ``apply`` are given.

    ``draw(rng, setting, batch)`` returns arrays with a first axis of ``batch.size``, and takes the same number of
    values from ``rng`` whatever they are. ``apply(what, values, setting, context)`` is called only where a chunk was
    chosen; ``values`` holds the chosen chunks' rows of those arrays, and ``values["rows"]`` which chunks they are.
    A change that ``mixes`` is left out when mixing is over, and for a chunk alone.
    """

    name: str
    draw: Callable[[np.random.Generator, Any, Batch], Arrays]
    apply: Callable[[T, Arrays, Any, Context], T]
    mixes: bool = False


def rowwise(apply: OnTensor) -> OnTensor:
    """Let ``apply`` see and change only the chosen chunks of a tensor."""

    def on_rows(whole: Tensor, values: Arrays, setting: Any, context: Context) -> Tensor:
        rows = values["rows"]
        if len(rows) == whole.shape[0]:
            return apply(whole, values, setting, context)
        place = on_device(rows, whole)
        return whole.index_copy(0, place, apply(whole.index_select(0, place), values, setting, context))

    return on_rows


def on_power(apply: OnTensor) -> Callable[[Mel, Arrays, Any, Context], Mel]:
    """Let ``apply`` see and change only the power of the chosen chunks; their labels stay."""
    change = rowwise(apply)

    def on_mel(mel: Mel, values: Arrays, setting: Any, context: Context) -> Mel:
        return mel._replace(power=change(mel.power, values, setting, context))

    return on_mel


def on_device(array: NDArray[Any], like: Tensor) -> Tensor:
    """A drawn array on the device of ``like``, without making the host wait for the device."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if like.is_cuda:
        tensor = tensor.pin_memory()  # from other memory a copy may first wait for all that the GPU has to do
    return tensor.to(like.device, non_blocking=True)


def generator(values: Arrays, like: Tensor) -> torch.Generator:
    """The source of a change's noise, on the device of ``like``; it was drawn as ``seed``."""
    return torch.Generator(device=like.device).manual_seed(int(values["seed"][0]))


def seeds(rng: np.random.Generator, batch: Batch) -> NDArray[np.int64]:
    """A seed of ``generator`` for each chunk; the first chosen chunk's is taken."""
    return rng.integers(0, 2**63 - 1, batch.size)


def uniform(rng: np.random.Generator, low_high: tuple[float, ...], size: int | tuple[int, ...]) -> NDArray[np.float32]:
    """Values spread evenly over a range."""
    return rng.uniform(low_high[0], low_high[1], size).astype(np.float32)


def log_uniform(
    rng: np.random.Generator, low_high: tuple[float, ...], size: int | tuple[int, ...]
) -> NDArray[np.float32]:
    """Positive values whose logarithms are spread evenly over a range."""
    return np.exp(rng.uniform(np.log(low_high[0]), np.log(low_high[1]), size)).astype(np.float32)


def partners(rng: np.random.Generator, batch: Batch) -> NDArray[np.int64]:
    """(B,) for each chunk another one of the batch; itself where it is alone."""
    return (np.arange(batch.size) + rng.integers(1, max(2, batch.size), batch.size)) % batch.size


def stripes(rng: np.random.Generator, batch: Batch, count: int, longest: int, size: int) -> NDArray[np.bool_]:
    """(B, size): where ``count`` stripes lie, each 0 to ``longest`` wide; all widths and places equally likely."""
    width = rng.integers(0, min(longest, size) + 1, (batch.size, count, 1))
    first = np.floor(rng.random((batch.size, count, 1)) * (size - width + 1))
    place = np.arange(size)
    return np.asarray(((place >= first) & (place < first + width)).any(axis=1))
