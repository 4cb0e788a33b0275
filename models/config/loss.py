"""[loss]: what the training minimises."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

from labeling.errors import ConfigError
from labeling.registry import Registry
from models.config.checks import Bound, OneOf, check_fields

LOSSES: Registry[str] = Registry("loss")
"""Name -> ``module:function``; the function makes the loss of a LossConfig, see models/training/losses.py. Add your own
with ``LOSSES.add("mine", "my_module:make_mine")`` before the recipe is read."""

OWN = {
    "positive_weight": "weighted_bce",
    "focal_": "focal",
    "asl_": "asl",
    "sce_": "sce",
    "bi_tempered_": "bi_tempered",
}
"""How the settings of one loss begin -> which loss alone reads them."""

for _name in ("bce", *OWN.values()):
    LOSSES.add(_name, f"models.training.losses:make_{_name}")


@dataclass(frozen=True)
class LossConfig:
    """``loss(clipwise) + framewise_weight * loss(max_t framewise)``; each loss has its own parameters."""

    name: str = "bce"
    """asl, bce, bi_tempered, focal, sce or weighted_bce; the formulas are in models/training/losses.py."""
    framewise_weight: Annotated[float, Bound(0)] = 0.5
    """Weight of the loss on the maximum of the frames, beside 1 for the loss on the clip."""
    pool: Annotated[str, OneOf(("probability", "logit"))] = "probability"
    """What the loss on the clip reads: probability (the clip's prediction, pooled from the frames' probabilities), or
    logit (the frames' logits, pooled by the same attention)."""
    label_smoothing: Annotated[float, Bound(0, 0.5)] = 0.0
    """eps: targets 0 and 1 become eps / 2 and 1 - eps / 2."""
    positive_weight: Annotated[float, Bound(0, 10000)] = 1.0
    """weighted_bce: a present cell counts this much; 0 = each class's own ratio of absent to present clips,
    at most positive_weight_max."""
    positive_weight_max: Annotated[float, Bound(0)] = 100.0
    """weighted_bce with positive_weight = 0: no class's own ratio counts more than this; 0 = no limit."""
    focal_gamma: Annotated[float, Bound(0, 20)] = 2.0
    """focal: how much less a cell counts that the network already gets right; 0 = not at all."""
    focal_alpha: float = -1.0
    """Weight of present cells; -1 = 1."""
    focal_alpha_absent: float = -1.0
    """Weight of absent cells; -1 = 1 - focal_alpha, or 1 where that is -1 too."""
    asl_gamma_positive: Annotated[float, Bound(0, 20)] = 1.0
    """asl: how much less a present cell counts that the network already gets right."""
    asl_gamma_negative: Annotated[float, Bound(0, 20)] = 4.0
    """asl: the same for absent cells."""
    asl_margin: Annotated[float, Bound(0, 0.5)] = 0.05
    """asl: an absent cell whose probability is below this costs nothing."""
    sce_alpha: Annotated[float, Bound(0)] = 0.1
    """sce: weight of the cross-entropy."""
    sce_beta: Annotated[float, Bound(0)] = 1.0
    """sce: weight of the reverse cross-entropy, which bounds what a wrong label costs."""
    sce_floor: Annotated[float, Bound(1e-12, 0.1)] = 1e-4
    """log 0 of the reverse cross-entropy counts as log of this."""
    bi_tempered_t1: Annotated[float, Bound(0, 1)] = 0.8
    """Below 1 the loss of a single cell is bounded."""
    bi_tempered_t2: Annotated[float, Bound(0.1, 4)] = 1.4
    """Above 1 the probability falls slower than exponentially: a heavy tail."""

    def __post_init__(self) -> None:
        check_fields("loss", self)
        LOSSES.get(self.name)
        for item in fields(self):
            reader = next((loss for start, loss in OWN.items() if item.name.startswith(start)), self.name)
            value = getattr(self, item.name)
            if self.name in ("bce", *OWN.values()) and reader != self.name and value != item.default:
                raise ConfigError(
                    f"loss.{item.name} = {value:g} is read by loss.name = {reader!r} alone, not by {self.name!r}; "
                    f"set loss.name = {reader!r} or loss.{item.name} = {item.default:g}"
                )
        default_max = type(self).positive_weight_max
        if self.positive_weight and self.positive_weight_max not in (0, default_max):
            raise ConfigError(
                f"loss.positive_weight_max = {self.positive_weight_max:g} bounds the classes' own ratios, which "
                f"loss.positive_weight = {self.positive_weight:g} replaces; set loss.positive_weight = 0 or "
                f"loss.positive_weight_max = {default_max:g}"
            )
        for key in ("focal_alpha", "focal_alpha_absent"):
            value = getattr(self, key)
            if value != -1 and not 0 <= value <= 1:
                raise ConfigError(f"loss.{key} = {value:g} must lie between 0 and 1, or be -1 for none")
        if not self.sce_alpha + self.sce_beta:
            raise ConfigError("loss.sce_alpha = 0 and loss.sce_beta = 0 leave no loss; raise one of them")
