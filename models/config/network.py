"""[network]: which network, and its head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from labeling.errors import ConfigError
from models.config.checks import Bound, OneOf, check_fields

UNRELEASED = ("cnn", "freesound_cnn")
"""Networks that begin with random weights, or with those of an earlier run."""


@dataclass(frozen=True)
class NetworkConfig:
    """Which network, and its head.

    ``widths`` and ``time_pool`` are for ``cnn``; ``backbone`` for ``sed``; ``reinit_fc1`` and ``spec_augment`` for
    ``cnn14_*``; ``scse`` and ``pyramid`` for ``freesound_cnn``.
    """

    name: str = "cnn"
    """The kind of network: cnn, sed, cnn14_att, cnn14_max, freesound_cnn, or one that you added."""
    backbone: str = "tf_efficientnet_b0.ns_jft_in1k"
    """sed: the timm network that reads the spectrogram, by its name there."""
    pretrained: bool = False
    """sed: begin with timm's weights (fetched once). cnn14_*: with the released ones, named by network.weights."""
    weights: str = ""
    """Path to weights to start from: released ones (.safetensors, or a .pth that holds tensors only), or a checkpoint
    of another run of the same network, whose classes are matched by code. A run over the same clips would tell each
    fold of the clips that it must not see: take one over other clips."""
    reinit_fc1: bool = False
    """Draw the layer before the last anew instead of loading it from the released weights."""
    spec_augment: bool = False
    """cnn14_*: in training hide two stripes of time (under 64 frames each) and two of bands (under 8), as PANNs do."""
    widths: tuple[int, ...] = (24, 48, 96, 192)
    """cnn: channels of each block."""
    time_pool: tuple[int, ...] = (2, 2, 2, 1)
    """cnn: how far each block shrinks time (1, 2 or 4)."""
    hidden: Annotated[int, Bound(0)] = 0
    """Width of the layer between the features and the attention; 0 = as wide as the features."""
    dropout: Annotated[float, Bound(0, 0.95)] = 0.5
    """Share of the head's features hidden in each training step; freesound_cnn keeps its own 0.4 and 0.2."""
    attention: Annotated[str, OneOf(("tanh", "clamp", "linear"))] = "tanh"
    """How the attention is bounded before its softmax over time: tanh, clamp (to -10..10) or linear."""
    scse: bool = True
    """Spatial and channel squeeze-and-excitation in each block."""
    pyramid: bool = True
    """Pool the last map at three scales (1 + 4 + 20 regions); false = the first only."""
    logits_per_class: Annotated[int, Bound(1, 2)] = 1
    """2: each class has a logit for present and one for absent, and their difference is its logit."""
    resize: tuple[int, ...] = ()
    """(bands, frames a chunk) that a learned resizer (arXiv 2103.09950) makes of the planes; [] = no resizer."""
    resizer_width: Annotated[int, Bound(1, 256)] = 16
    """Channels of the learned resizer."""
    resizer_blocks: Annotated[int, Bound(0, 16)] = 1
    """Residual blocks of the learned resizer."""

    def __post_init__(self) -> None:
        check_fields("network", self)
        if self.pretrained and not self.weights and self.name in UNRELEASED:
            raise ConfigError(
                f"network.pretrained = true but nobody released weights of {self.name!r}; set network.pretrained = "
                "false, or network.weights to a checkpoint of another run of yours"
            )
        if not self.widths or min(self.widths) < 1:
            raise ConfigError(f"network.widths = {list(self.widths)} must be one or more numbers of at least 1")
        if len(self.time_pool) != len(self.widths) or not set(self.time_pool) <= {1, 2, 4}:
            raise ConfigError(
                f"network.time_pool = {list(self.time_pool)} must give 1, 2 or 4 for each of the "
                f"{len(self.widths)} network.widths"
            )
        if len(self.resize) not in (0, 2) or any(size < 8 for size in self.resize) or sum(self.resize[:1]) > 1024:
            raise ConfigError(
                f"network.resize = {list(self.resize)} must be [] or [bands, frames], each at least 8, bands up to 1024"
            )
