"""Losses for many classes at once, behind a registry.

The contract: ``loss(logits (B, C), targets (B, C) in 0..1, weight (B, C)) -> (B, C)``, unreduced and already
multiplied by the weight, so that a cell of weight 0 gives neither loss nor gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from labeling.registry import Registry

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
LOSSES: Registry[Loss] = Registry("loss")


@LOSSES.register("bce")
def bce(logits: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy: ``-(t log p + (1 - t) log(1 - p))``."""
    return weight * F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


@LOSSES.register("focal")
def focal(logits: Tensor, targets: Tensor, weight: Tensor, gamma: float = 2.0) -> Tensor:
    """Focal loss (Lin et al. 2017) without alpha: each half of the cross-entropy times (1 - its p)^gamma."""
    p = torch.sigmoid(logits)
    positive = targets * (1 - p).pow(gamma) * F.softplus(-logits)
    negative = (1 - targets) * p.pow(gamma) * F.softplus(logits)
    return weight * (positive + negative)


@LOSSES.register("asl")
def asl(
    logits: Tensor,
    targets: Tensor,
    weight: Tensor,
    gamma_positive: float = 1.0,
    gamma_negative: float = 4.0,
    margin: float = 0.05,
) -> Tensor:
    """Asymmetric loss (Ridnik et al. 2021): negatives use ``p_m = max(p - margin, 0)``, and a gamma of their own."""
    p = torch.sigmoid(logits)
    shifted = (p - margin).clamp_min(0)
    positive = targets * (1 - p).pow(gamma_positive) * F.softplus(-logits)
    negative = (1 - targets) * shifted.pow(gamma_negative) * -torch.log1p(-shifted.clamp_max(1 - 1e-6))
    return weight * (positive + negative)


def clip_and_frame_loss(
    clipwise: Tensor, framewise: Tensor, targets: Tensor, weight: Tensor, loss: Loss, framewise_weight: float
) -> Tensor:
    """Training loss, a scalar: mean over known cells of ``loss(clipwise) + framewise_weight * loss(max_t framewise)``.

    Logits (B, C) and (B, T, C). The two-part form is that of the 6th place of the 2020 Cornell birdcall challenge
    (framewise_weight 0.5). A batch without any known cell gives 0.
    """
    total = loss(clipwise, targets, weight).sum()
    if framewise_weight:
        total = total + framewise_weight * loss(framewise.amax(1), targets, weight).sum()
    return total / weight.sum().clamp_min(1e-6)
