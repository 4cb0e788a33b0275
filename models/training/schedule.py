"""When which learning rate, stage and frozen layer: the plan of a training, apart from its data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from models.config import TrainConfig

PRETRAIN, TRAIN = "pretrain", "train"


@dataclass(frozen=True)
class Stage:
    """A stretch of epochs with a schedule of its own: epochs ``first`` to ``first + epochs`` (exclusive), from 0."""

    name: str
    first: int
    epochs: int
    learning_rate: float
    learning_rate_min: float
    frozen_epochs: int = 0
    """For so many of them batch norms are frozen."""


def stages_of(train: TrainConfig) -> tuple[Stage, ...]:
    """Pretraining, where there is one, and the training on the clips of data.clips."""
    stages = []
    if train.pretrain_epochs:
        lowest = min(train.learning_rate_min, train.pretrain_learning_rate)
        stages.append(Stage(PRETRAIN, 0, train.pretrain_epochs, train.pretrain_learning_rate, lowest))
    frozen = math.ceil(train.freeze_bn_fraction * train.epochs - 1e-9)
    last = Stage(
        TRAIN, train.pretrain_epochs, train.epochs, train.learning_rate, train.learning_rate_min, frozen_epochs=frozen
    )
    return (*stages, last)


def learning_rate_at(step: int, steps_per_epoch: int, stage: Stage, train: TrainConfig) -> float:
    """The learning rate of one step: linear from 0 to the peak over the warm-up, then as ``train.schedule`` says.

    - ``cosine``: ``low + (peak - low) (1 + cos(pi progress)) / 2`` at every step (Loshchilov and Hutter 2017).
    - ``cosine_cycle``: ``low + (peak - low) (1 + cos(pi e / cycle_epochs)) / 2`` for epoch e since the warm-up, the
      closed form of PyTorch's CosineAnnealingLR stepped once an epoch and never restarted: beyond ``cycle_epochs``
      the rate rises again, as in the 6th place of the Cornell birdcall challenge and the 7th of Freesound 2019.
    - ``constant``: the peak.

    Parameters
    ----------
    step : int
        From 0, counted within the stage.
    steps_per_epoch : int
    stage : Stage
    train : TrainConfig

    Returns
    -------
    float

    Examples
    --------
    >>> from models.config import TrainConfig
    >>> from models.training.schedule import learning_rate_at, stages_of
    >>> train = TrainConfig(epochs=10, learning_rate=0.1, learning_rate_min=0.0, warmup_fraction=0.0)
    >>> (stage,) = stages_of(train)
    >>> [round(learning_rate_at(step, 10, stage, train), 3) for step in (0, 50, 99)]
    [0.1, 0.051, 0.0]
    """
    steps = steps_per_epoch * stage.epochs
    warmup = round(steps * train.warmup_fraction)
    if train.schedule == "cosine":
        warmup = max(1, warmup)
    if step < warmup:
        return stage.learning_rate * (step + 1) / warmup
    if train.schedule == "constant":
        return stage.learning_rate
    if train.schedule == "cosine_cycle":
        share = ((step - warmup) // steps_per_epoch) / train.cycle_epochs
    else:
        share = (step - warmup) / max(1, steps - warmup)
    low = stage.learning_rate_min
    return low + (stage.learning_rate - low) * 0.5 * (1 + math.cos(math.pi * share))


def make_optimizer(network: nn.Module, train: TrainConfig) -> torch.optim.Optimizer:
    """AdamW or Adam; matrices and kernels decay by ``train.weight_decay``, biases and norms do not."""
    trained = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": train.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if train.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=train.learning_rate)


def batch_norms(network: nn.Module) -> list[nn.Module]:
    """The network's batch norms, of any dimension, less those that it does not train."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    return [norm for norm in norms if all(weight.requires_grad for weight in norm.parameters(recurse=False))]


def freeze_batch_norms(norms: Sequence[nn.Module], frozen: bool) -> None:
    """Keep batch norms' running statistics and affine weights as they are, or let them be trained again.

    Frozen ones normalise by their running statistics. To be called after ``network.train()``, which undoes it.
    """
    for norm in norms:
        norm.train(not frozen)
        for weight in norm.parameters(recurse=False):
            weight.requires_grad_(not frozen)
            if frozen:
                weight.grad = None
