"""PANNs' Cnn14_DecisionLevelAtt and Cnn14_DecisionLevelMax (Kong et al. 2020); the released AudioSet weights load.

Names and shapes of the tensors are the released ones; the checkpoints' three front-end tensors are not needed, since
the front end is ours: the mel filters are compared with ours and a misfit is an error, then all three are dropped.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labeling.errors import ConfigError
from models.config import FeatureConfig, Recipe
from models.inputs.features import FrontEnd
from models.networks.catalogue import NETWORKS, check_weights
from models.networks.checkpoints import load_foreign
from models.networks.heads import AttentionHead, MaxHead, Network, Output, pad_short

WIDTHS = (64, 128, 256, 512, 1024, 2048)
FRONT_END = ("spectrogram_extractor.", "logmel_extractor.")
MEL = "logmel_extractor.melW"
SHORTEST = 32
"""Fewer frames or bands than this are gone after five poolings."""


TIME_STRIPES, BAND_STRIPES = (2, 64), (2, 8)
"""PANNs' SpecAugment: how many stripes, each of fewer frames or bands than this."""


def drop_stripes(x: Tensor, axis: int, count: int, below: int) -> Tensor:
    """(B, ...) with ``count`` stripes along ``axis`` set to 0, each 0 to ``below - 1`` wide; each example its own."""
    size = x.shape[axis]
    width = (torch.rand(len(x), count, 1, device=x.device) * min(below, size)).floor()
    first = (torch.rand(len(x), count, 1, device=x.device) * (size - width)).floor()
    place = torch.arange(size, device=x.device)
    hidden = ((place >= first) & (place < first + width)).any(1)
    return x.masked_fill(hidden.reshape([len(x)] + [size if at == axis else 1 for at in range(1, x.dim())]), 0.0)


class ConvBlock(nn.Module):
    """Two 3x3 convolutions with batch norm and ReLU, then average pooling."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.bn2 = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor, pool: int) -> Tensor:
        """(B, in, T, F) -> (B, out, T / pool, F / pool)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.avg_pool2d(x, pool) if pool > 1 else x


class AttBlock(AttentionHead):
    """The released attention block: as AttentionHead with ``clamp``, and a ``bn_att`` that it holds and never uses."""

    class_layers = ("att", "cla", "bn_att")

    def __init__(self, in_features: int, n_classes: int, squash: str = "clamp", logits_per_class: int = 1) -> None:
        super().__init__(in_features, n_classes, squash, logits_per_class)
        self.bn_att = nn.BatchNorm1d(n_classes)
        self.bn_att.requires_grad_(False)


class Cnn14(Network):
    """What both networks share: planes (B, 1, n_mels, T) of log-mel in dB -> Output, one frame for 32 input frames
    (0.32 s as released). Subclasses name their last layer by ``released`` and ``last``."""

    released: str
    last: str

    def __init__(self, n_mels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.spec_augment = False
        self.bn0 = nn.BatchNorm2d(n_mels)
        before = 1
        for number, width in enumerate(WIDTHS, start=1):
            setattr(self, f"conv_block{number}", ConvBlock(before, width))
            before = width
        self.fc1 = nn.Linear(before, before)

    def forward(self, planes: Tensor) -> Output:
        """Planes (B, 1, n_mels, T) -> Output; shorter than 32 frames is padded by its last frame."""
        planes = pad_short(planes, SHORTEST)
        # contiguous: PyTorch's batch norm gives wrong gradients for some permuted inputs whose last axis is 1.
        x = self.bn0(planes.transpose(1, 2).contiguous()).transpose(1, 2)
        if self.training and self.spec_augment:
            x = drop_stripes(drop_stripes(x, 3, *TIME_STRIPES), 2, *BAND_STRIPES)
        x = x.transpose(2, 3).contiguous()  # the released weights have time before frequency
        for number in range(1, 7):
            x = getattr(self, f"conv_block{number}")(x, 2 if number < 6 else 1)
            x = F.dropout(x, 0.2, self.training)
        x = x.mean(3)
        x = F.max_pool1d(x, 3, 1, 1) + F.avg_pool1d(x, 3, 1, 1)
        x = F.dropout(x, self.dropout, self.training)
        x = F.relu(self.fc1(x.transpose(1, 2))).transpose(1, 2)
        output: Output = getattr(self, self.last)(F.dropout(x, self.dropout, self.training))
        return output


class Cnn14DecisionLevelAtt(Cnn14):
    """Cnn14 under attention over time."""

    released = NETWORKS.get("cnn14_att").released
    last = "att_block"

    def __init__(
        self,
        n_classes: int,
        n_mels: int = 64,
        dropout: float = 0.5,
        squash: str = "clamp",
        logits_per_class: int = 1,
    ) -> None:
        super().__init__(n_mels, dropout)
        self.att_block = AttBlock(WIDTHS[-1], n_classes, squash, logits_per_class)


class Cnn14DecisionLevelMax(Cnn14):
    """Cnn14 whose clipwise output is the maximum over its frames; there is no attention, so ``squash`` is not used."""

    released = NETWORKS.get("cnn14_max").released
    last = "fc_audioset"

    def __init__(
        self,
        n_classes: int,
        n_mels: int = 64,
        dropout: float = 0.5,
        squash: str = "clamp",
        logits_per_class: int = 1,
    ) -> None:
        super().__init__(n_mels, dropout)
        self.fc_audioset = MaxHead(WIDTHS[-1], n_classes, logits_per_class)


def build(recipe: Recipe, n_classes: int) -> Network:
    """The recipe's Cnn14, with ``network.weights`` where given. Raises ConfigError."""
    config, features = recipe.network, recipe.features
    if len(features.channels) != 1:
        raise ConfigError(
            f"network {config.name} takes one plane, not features.channels = {list(features.channels)}; "
            'set features.channels = ["log"]'
        )
    if features.n_mels < SHORTEST:
        raise ConfigError(f"network {config.name} halves the bands five times: features.n_mels must be at least 32")
    kind = {"cnn14_att": Cnn14DecisionLevelAtt, "cnn14_max": Cnn14DecisionLevelMax}[config.name]
    check_weights(recipe)
    network = kind(n_classes, features.n_mels, config.dropout, config.attention, config.logits_per_class)
    network.spec_augment = config.spec_augment
    if config.weights:
        load_released(network, load_foreign(config.weights), features, config.weights, config.reinit_fc1)
    return network


def load_released(
    network: Cnn14,
    weights: dict[str, Any],
    features: FeatureConfig,
    source: str = "checkpoint",
    reinit_fc1: bool = False,
) -> None:
    """Load a released state dict. The last layer is left as it is where the number of classes differs, and with
    ``reinit_fc1`` the one before it, too (as stage 1 of the Cornell birdcall 6th place did).

    Raises ConfigError where the mel filters are others than the recipe's, or tensors are missing or misshapen.
    """
    if MEL in weights:
        ours = FrontEnd(features).mel.T
        theirs = weights[MEL].float()
        if theirs.shape != ours.shape or not torch.allclose(theirs, ours, atol=1e-5):
            raise ConfigError(
                f"{source} was trained on other mel filters ({tuple(theirs.shape)}) than the recipe's "
                f"({tuple(ours.shape)}); set features to sample_rate 32000, n_fft 1024, hop_length 320, n_mels 64, "
                "fmin_hz 50, fmax_hz 14000"
            )
    mine = network.state_dict()
    given = {name: value for name, value in weights.items() if not name.startswith(FRONT_END)}
    last_layer = [name for name in mine if name.startswith(f"{network.last}.")]
    unknown = sorted(set(given) - set(mine))
    missing = sorted(set(mine) - set(given))
    if any(name in given and given[name].shape != mine[name].shape for name in last_layer):
        given = {name: value for name, value in given.items() if name not in last_layer}
        missing = sorted(set(mine) - set(given) - set(last_layer))
    misshapen = [name for name, value in given.items() if name in mine and value.shape != mine[name].shape]
    if unknown or missing or misshapen:
        problems = [
            f"{len(names)} {what} (such as {names[0]})"
            for what, names in (("missing", missing), ("unknown", unknown), ("misshapen", misshapen))
            if names
        ]
        raise ConfigError(
            f"{source} is no {network.released.partition('_mAP')[0]}: tensors {', '.join(problems)}; "
            "network.name cnn14_att and cnn14_max take one file each"
        )
    if reinit_fc1:
        given = {name: value for name, value in given.items() if not name.startswith("fc1.")}
    network.load_state_dict({**mine, **given})
