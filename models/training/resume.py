"""Where the training of one network stands, on disk after each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labeling.errors import ArtefactError
from labeling.storage.files import unfinished
from models.networks.averaging import MovingAverage
from models.networks.checkpoints import load_tensors, save_tensors
from models.networks.heads import Network


@dataclass
class FoldState:
    """Where a training stands after an epoch. ``epoch`` and ``step`` go on through all stages."""

    epoch: int = 0
    step: int = 0
    best_ap: float = -1.0
    best_epoch: int = 0
    since_best: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Saved:
    """What a resume file holds, in memory."""

    state: FoldState
    average_step: int
    parts: Mapping[str, dict[str, Tensor]]
    """``network``, ``average``, ``best`` and ``dynamics`` ({} where there is none)."""
    optimizer: Mapping[int, dict[str, Tensor]]

    def restore(self, network: Network, average: MovingAverage, optimizer: torch.optim.Optimizer) -> None:
        """Put weights, average and optimiser state back; raises KeyError, ValueError, RuntimeError."""
        network.load_state_dict(self.parts["network"])
        average.network.load_state_dict(self.parts["average"])
        average.step = self.average_step
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": dict(self.optimizer), "param_groups": groups})
        for weight, entry in optimizer.state.items():
            for name, value in entry.items():
                if value.shape == weight.shape and value.dim():
                    # In the memory format that it had: a GPU updates tensors of unlike strides one by one.
                    entry[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)


def save_training(
    path: Path,
    network: Network,
    average: MovingAverage,
    optimizer: torch.optim.Optimizer,
    best: Mapping[str, Tensor],
    state: FoldState,
    dynamics: Mapping[str, Tensor] | None = None,
) -> None:
    """Write everything that the next epoch depends on, whole or not at all."""
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.network.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    tensors |= {f"dynamics.{name}": value for name, value in (dynamics or {}).items()}
    for number, entry in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": torch.as_tensor(value) for name, value in entry.items()}
    save_tensors(path, tensors, asdict(state) | {"average_step": average.step})


def load_training(path: Path) -> Saved:
    """Read what ``save_training`` wrote; raises ArtefactError, KeyError, TypeError."""
    tensors, meta = load_tensors(path)
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "best": {}, "dynamics": {}}
    optimizer: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        if part == "optimizer":
            number, _, key = rest.partition(".")
            optimizer.setdefault(int(number), {})[key] = value
        else:
            parts[part][rest] = value
    average_step = int(meta.pop("average_step"))
    return Saved(FoldState(**meta), average_step, parts, optimizer)


def remove_training(path: Path) -> None:
    """Remove a resume file that is not needed any more, and what a process that was killed had written of one."""
    path.unlink(missing_ok=True)
    for half in unfinished(path):
        half.unlink(missing_ok=True)


def cannot_resume(path: Path, error: Exception) -> ArtefactError:
    """The error of a resume file that does not fit."""
    name = path.name.removesuffix(".resume.safetensors")
    return ArtefactError(f"{path} cannot be resumed from ({error}); delete it to train {name} anew")
