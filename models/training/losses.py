"""Losses for many classes at once, each class a yes or no of its own.

The contract: ``loss(logits (B, C), targets (B, C) in 0..1, weight (B, C)) -> (B, C)``, unreduced and already
multiplied by the weight, so that a cell of weight 0 gives neither loss nor gradient. ``models/config/loss.py`` maps
names to the ``make_*`` functions here; z is a logit, p its sigmoid, t a target.

A network with two logits a class (present, absent) needs no loss of its own: the softmax cross-entropy of the pair is
the binary cross-entropy of their difference.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from labeling.errors import ConfigError
from models.config.loss import LOSSES, LossConfig
from models.networks.heads import Output

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
LossMaker = Callable[[LossConfig, Tensor | None], Loss]

NEWTON_STEPS = 6
"""Enough for float64 at every t2 that a recipe may have, see the tests."""


def make_loss(config: LossConfig, positive_weight: Tensor | None = None) -> Loss:
    """Make the loss that a recipe names.

    Parameters
    ----------
    config : LossConfig
    positive_weight : Tensor, shape (C,), optional
        On the logits' device; ``weighted_bce`` reads it where ``config.positive_weight`` is 0.

    Returns
    -------
    callable
        ``loss(logits (B, C), targets (B, C), weight (B, C)) -> (B, C)``, unreduced, already times the weight.

    Raises
    ------
    UnknownName
        There is no such loss.
    ConfigError
        It lacks what it needs.

    Examples
    --------
    >>> import torch
    >>> from models.config import LossConfig
    >>> from models.training.losses import make_loss
    >>> loss = make_loss(LossConfig(name="focal", focal_gamma=2.0))
    >>> logits, targets = torch.tensor([[2.0, 2.0]]), torch.tensor([[1.0, 0.0]])
    >>> loss(logits, targets, weight=torch.tensor([[1.0, 0.0]])).round(decimals=4)
    tensor([[0.0018, 0.0000]])
    """
    maker: LossMaker = pkgutil.resolve_name(LOSSES.get(config.name))
    return maker(config, positive_weight)


def smooth(targets: Tensor, eps: float) -> Tensor:
    """Label smoothing of a yes or no: ``(1 - eps) t + eps / 2`` (Szegedy et al. 2016 with two outcomes).

    Examples
    --------
    >>> import torch
    >>> from models.training.losses import smooth
    >>> smooth(torch.tensor([0.0, 1.0]), 0.5)
    tensor([0.2500, 0.7500])
    """
    return targets * (1 - eps) + eps / 2


def class_balance(present: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Ratio of absent to present cells of each class.

    Parameters
    ----------
    present, known : ndarray of bool, shape (N, C)

    Returns
    -------
    ndarray of float32, shape (C,)
        1 where a class lacks either.

    Examples
    --------
    >>> import numpy as np
    >>> from models.training.losses import class_balance
    >>> present = np.array([[True, False], [False, False], [False, False]])
    >>> class_balance(present, np.ones_like(present)).tolist()
    [2.0, 1.0]
    """
    n_present = (present & known).sum(axis=0)
    n_absent = (~present & known).sum(axis=0)
    ratio = n_absent / np.maximum(n_present, 1)
    return np.where((n_present > 0) & (n_absent > 0), ratio, 1.0).astype(np.float32)


def held_weights(config: LossConfig, ratio: NDArray[np.float32]) -> str:
    """What the log should say of classes whose ratio (C,) ``positive_weight_max`` holds back; "" for none."""
    most = config.positive_weight_max
    held = int((ratio > most).sum()) if most else 0
    if not held:
        return ""
    return (
        f"{held} of {len(ratio)} classes would weigh more than loss.positive_weight_max = {most:g}, the rarest "
        f"{ratio.max():,.0f}; they weigh {most:g}"
    )


def clip_logits(output: Output, pool: str) -> Tensor:
    """What the loss on the clip reads (B, C), as ``loss.pool`` says; raises ConfigError where a network has no such."""
    if pool == "probability":
        return output.clipwise
    if output.pooled is None:
        raise ConfigError(f"loss.pool = {pool!r} but the network pools no logits; set loss.pool = 'probability'")
    return output.pooled


def clip_and_frame_loss(
    clipwise: Tensor, framewise: Tensor, targets: Tensor, weight: Tensor, loss: Loss, framewise_weight: float
) -> Tensor:
    """Training loss: mean over known cells of ``loss(clipwise) + framewise_weight * loss(max_t framewise)``.

    The two-part form is that of the 6th place of the 2020 Cornell birdcall challenge (framewise_weight 0.5).

    Parameters
    ----------
    clipwise : Tensor, shape (B, C)
    framewise : Tensor, shape (B, T, C)
        Logits.
    targets, weight : Tensor, shape (B, C)
        In 0..1; a cell of weight 0 gives neither loss nor gradient.
    loss : callable
        As `make_loss` gives it.
    framewise_weight : float

    Returns
    -------
    Tensor
        A scalar; 0 for a batch without any known cell.

    Examples
    --------
    >>> import torch
    >>> from models.training.losses import bce, clip_and_frame_loss
    >>> clipwise, framewise = torch.zeros(1, 2), torch.zeros(1, 5, 2)
    >>> targets, weight = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    >>> clip_and_frame_loss(clipwise, framewise, targets, weight, bce, framewise_weight=0.5)
    tensor(1.0397)
    """
    total = loss(clipwise, targets, weight).sum()
    if framewise_weight:
        total = total + framewise_weight * loss(framewise.amax(1), targets, weight).sum()
    return total / weight.sum().clamp_min(1e-6)


def bce(logits: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy: ``-(t log p + (1 - t) log(1 - p))``.

    Examples
    --------
    >>> import torch
    >>> from models.training.losses import bce
    >>> bce(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]), weight=torch.tensor([[1.0, 0.0]]))
    tensor([[0.6931, 0.0000]])
    """
    return weight * F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def weighted_bce(logits: Tensor, targets: Tensor, weight: Tensor, positive_weight: float | Tensor) -> Tensor:
    """Binary cross-entropy whose present half counts ``positive_weight``, a number or (C,)."""
    return weight * (positive_weight * targets * F.softplus(-logits) + (1 - targets) * F.softplus(logits))


def focal(
    logits: Tensor, targets: Tensor, weight: Tensor, gamma: float = 2.0, present: float = 1.0, absent: float = 1.0
) -> Tensor:
    """Focal loss (Lin et al. 2017): each half of the cross-entropy times (1 - its probability)^gamma.

    ``present`` and ``absent`` weigh the halves: alpha and 1 - alpha in the paper, 1 and 1 in the 2020 Cornell 6th
    place, 0.25 and 1 in the public BirdCLEF notebooks.
    """
    # (1 - p)^gamma = exp(-gamma softplus(z)), whose gradient stays finite where 1 - p rounds to 0
    positive = present * targets * torch.exp(-gamma * F.softplus(logits)) * F.softplus(-logits)
    negative = absent * (1 - targets) * torch.exp(-gamma * F.softplus(-logits)) * F.softplus(logits)
    return weight * (positive + negative)


def asl(
    logits: Tensor,
    targets: Tensor,
    weight: Tensor,
    gamma_positive: float = 1.0,
    gamma_negative: float = 4.0,
    margin: float = 0.05,
) -> Tensor:
    """Asymmetric loss (Ridnik et al. 2021): negatives use ``p_m = max(p - margin, 0)``, and a gamma of their own."""
    positive = targets * torch.exp(-gamma_positive * F.softplus(logits)) * F.softplus(-logits)
    if margin == 0:
        negative = torch.exp(-gamma_negative * F.softplus(-logits)) * F.softplus(logits)
    else:
        # the floor only keeps the gradient of a power below 1 finite; the log is 0 there
        shifted = (torch.sigmoid(logits) - margin).clamp_min(1e-8)
        negative = shifted.pow(gamma_negative) * -torch.log((torch.sigmoid(-logits) + margin).clamp_max(1))
    return weight * (positive + (1 - targets) * negative)


def sce(
    logits: Tensor, targets: Tensor, weight: Tensor, alpha: float = 0.1, beta: float = 1.0, floor: float = 1e-4
) -> Tensor:
    """Symmetric cross-entropy (Wang et al. 2019) of the two outcomes: ``alpha CE(t, p) + beta CE(p, t)``.

    The reverse half is ``-p log t - (1 - p) log(1 - t)`` with both logs of at least ``floor``.
    """
    p = torch.sigmoid(logits)
    reverse = -p * targets.clamp_min(floor).log() - (1 - p) * (1 - targets).clamp_min(floor).log()
    return weight * (alpha * F.binary_cross_entropy_with_logits(logits, targets, reduction="none") + beta * reverse)


def bi_tempered(logits: Tensor, targets: Tensor, weight: Tensor, t1: float = 0.8, t2: float = 1.4) -> Tensor:
    """Bi-tempered logistic loss (Amid et al. 2019) of the two activations 0 (absent) and z (present).

    ``sum_k y_k (log_t1 y_k - log_t1 p_k) - (y_k^(2 - t1) - p_k^(2 - t1)) / (2 - t1)`` with p the tempered softmax of
    t2 and ``log_t u = (u^(1 - t) - 1) / (1 - t)``. With t1 = t2 = 1 it is the cross-entropy less the entropy of t.
    """
    total = torch.zeros_like(logits)
    for y, log_p in zip((1 - targets, targets), tempered_log_probability(logits, t2), strict=True):
        log_y = y.clamp_min(1e-30).log()
        total = total + y * (_tempered_log(log_y, t1) - _tempered_log(log_p, t1))
        total = total - (y.pow(2 - t1) - torch.exp((2 - t1) * log_p)) / (2 - t1)
    return weight * total


def tempered_log_probability(logits: Tensor, t2: float) -> tuple[Tensor, Tensor]:
    """Log probabilities of absent and present under the tempered softmax of the activations 0 and z.

    ``p_k = exp_t2(a_k - lam)``, ``exp_t u = max(0, 1 + (1 - t) u)^(1 / (1 - t))``, and lam such that both sum to 1.
    The sum is convex and falls in lam, so that Newton's steps from the larger activation never pass the root; the
    paper's fixed point (t2 > 1) and bisection (t2 < 1) go to the same one. The last step is differentiated, which
    gives lam its implicit derivative.
    """
    if t2 == 1:
        return F.logsigmoid(-logits), F.logsigmoid(logits)

    def log_exp(activation: Tensor, lam: Tensor) -> Tensor:
        return torch.log1p(((1 - t2) * (activation - lam)).clamp_min(-1 + 1e-6)) / (1 - t2)

    def step(z: Tensor, lam: Tensor) -> Tensor:
        absent, present = log_exp(torch.zeros_like(z), lam), log_exp(z, lam)
        slope = torch.exp(t2 * absent) + torch.exp(t2 * present)
        return lam + (absent.exp() + present.exp() - 1) / slope.detach()

    with torch.no_grad():
        lam = F.relu(logits)
        for _ in range(NEWTON_STEPS):
            lam = step(logits, lam)
    lam = step(logits, lam)
    return log_exp(torch.zeros_like(logits), lam), log_exp(logits, lam)


def _tempered_log(log_u: Tensor, t: float) -> Tensor:
    """``log_t u`` from log u."""
    return log_u if t == 1 else torch.expm1((1 - t) * log_u) / (1 - t)


def make_bce(config: LossConfig, positive_weight: Tensor | None) -> Loss:
    """:func:`bce`; it has no parameters."""
    return bce


def make_weighted_bce(config: LossConfig, positive_weight: Tensor | None) -> Loss:
    """:func:`weighted_bce`, with the classes' balance held at ``positive_weight_max``.

    Raises ConfigError where the balance is asked for and not given.
    """
    if config.positive_weight:
        return partial(weighted_bce, positive_weight=config.positive_weight)
    if positive_weight is None:
        raise ConfigError(
            "loss.positive_weight = 0 takes each class's balance from the labels and none was given; "
            "set loss.positive_weight to a number above 0"
        )
    if config.positive_weight_max:
        positive_weight = positive_weight.clamp_max(config.positive_weight_max)
    return partial(weighted_bce, positive_weight=positive_weight)


def make_focal(config: LossConfig, positive_weight: Tensor | None) -> Loss:
    """:func:`focal` with ``focal_gamma``, ``focal_alpha`` and ``focal_alpha_absent``."""
    alpha, absent = config.focal_alpha, config.focal_alpha_absent
    if absent == -1:
        absent = 1.0 if alpha == -1 else 1 - alpha
    return partial(focal, gamma=config.focal_gamma, present=1.0 if alpha == -1 else alpha, absent=absent)


def make_asl(config: LossConfig, positive_weight: Tensor | None) -> Loss:
    """:func:`asl` with ``asl_gamma_positive``, ``asl_gamma_negative`` and ``asl_margin``."""
    return partial(
        asl,
        gamma_positive=config.asl_gamma_positive,
        gamma_negative=config.asl_gamma_negative,
        margin=config.asl_margin,
    )


def make_sce(config: LossConfig, positive_weight: Tensor | None) -> Loss:
    """:func:`sce` with ``sce_alpha``, ``sce_beta`` and ``sce_floor``."""
    return partial(sce, alpha=config.sce_alpha, beta=config.sce_beta, floor=config.sce_floor)


def make_bi_tempered(config: LossConfig, positive_weight: Tensor | None) -> Loss:
    """:func:`bi_tempered` with ``bi_tempered_t1`` and ``bi_tempered_t2``."""
    return partial(bi_tempered, t1=config.bi_tempered_t1, t2=config.bi_tempered_t2)
