"""A moving average of a network's weights."""

from __future__ import annotations

import copy

import torch

from models.networks.heads import Network


class MovingAverage:
    """An exponential moving average of a network's weights and batch-norm statistics.

    ``avg <- d avg + (1 - d) weights`` with ``d = min(decay, (1 + step) / (10 + step))``, so that a short training
    is not an average of its first steps (the warm-up of TensorFlow's ExponentialMovingAverage). Decay 0 follows the
    weights themselves.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network).eval()
        for weight in self.network.parameters():
            weight.requires_grad_(False)
        self.decay = decay
        self.step = 0
        # Listed once: to walk through hundreds of modules at each step takes longer than the sums. Both networks'
        # tensors stay the same objects, whatever is loaded into them.
        mine, theirs = list(self.network.state_dict().values()), list(network.state_dict().values())
        numbers = [value.is_floating_point() for value in mine]
        self._mine = [value for value, number in zip(mine, numbers, strict=True) if number]
        self._theirs = [value for value, number in zip(theirs, numbers, strict=True) if number]
        self._counts = [pair for *pair, number in zip(mine, theirs, numbers, strict=True) if not number]

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the present weights of the network that it is of."""
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        self.step += 1
        torch._foreach_lerp_(self._mine, self._theirs, 1 - decay)
        for mine, theirs in self._counts:
            mine.copy_(theirs)
