"""The CNN of the 7th place of Freesound Audio Tagging 2019: 2x2 convolutions, scSE, doubled pooling, pyramid head.

Published for one plane of 128 bands x 128 frames (2 s), with a clipwise output only. To serve clips of any length and
to say when a class sounds, this one departs from it in three ways:

- The head sees windows of 16 columns of the last map (about 144 frames, what 128 frames give). At 128 frames there is
  one, as published. Longer planes have a window every 9 frames, and the clipwise probability is the mean over them,
  as the published prediction was the mean over random crops.
- In evaluation the same head also slides over the edges (the map's edge columns repeated), one window for each 9
  frames of input: these are the frames. So a frame answers for about 2 s around it, not for its own 0.14 s. In training
  only whole windows are computed, so that the head's batch norms see what they saw as published.
- With other than 128 bands the regions' heights follow the map's: a half and a fifth of it, rounded down.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.config import Recipe
from models.networks.heads import Network, Output, mean_probability, pad_short, pair_logits

WIDTHS = (32, 64, 128, 256, 512)
POOLS = ((1, 1), (4, 1), (1, 3), (4, 1), (1, 3))
"""(frequency, time) of each block."""
STRIDE = 9
"""Input frames for a column of the last map."""
COLUMNS = 16
"""Columns that the head sees."""
LEAD = 6
"""The window of frame 0 begins this many columns before the map: it is then centred on the frame, give or take half a
column."""


def both_pool(x: Tensor, size: tuple[int, int], stride: tuple[int, int] | None = None) -> Tensor:
    """Max pooling plus average pooling."""
    return F.max_pool2d(x, size, stride) + F.avg_pool2d(x, size, stride)


class ScSE(nn.Module):
    """Concurrent spatial and channel squeeze-and-excitation (Roy et al. 2018), added up.

    ``x * sigmoid(w . x) + x * sigmoid(W2 relu(W1 mean(x)))``; W1 leaves a quarter of the channels.
    """

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(channels, 1, 1, bias=False)
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.excite = nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, F, T) -> the same shape."""
        channel = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3))))))
        y: Tensor = x * torch.sigmoid(self.spatial(x)) + x * channel[:, :, None, None]
        return y


class ConvBlock(nn.Module):
    """Two 2x2 convolutions (each makes both axes longer by one) with batch norm and ReLU, scSE before the second
    ReLU, then max + average pooling."""

    def __init__(self, channels_in: int, channels_out: int, pool: tuple[int, int], scse: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.scse = ScSE(channels_out) if scse else nn.Identity()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, F, T) -> (B, out, (F + 2) / pool, (T + 2) / pool)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.scse(self.bn2(self.conv2(x))))
        return both_pool(x, self.pool)


class FeatureNorm(nn.BatchNorm1d):
    """Batch norm that uses its running statistics where a training batch holds a single row, which has no spread."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, features) -> the same shape."""
        if self.training and len(x) == 1:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


class PyramidHead(nn.Module):
    """Windows of 16 columns of a map -> logits.

    Each window is pooled to 25 regions of the map's channels: 1 (mean over time, then maximum over frequency), 2 x 2
    and 5 x 4 (max + average); without ``pyramid`` only the first. Then batch norm, dropout 0.4, linear to 512, PReLU,
    batch norm, dropout 0.2, linear to the classes.
    """

    class_layers = ("last",)

    def __init__(
        self, channels: int, rows: int, n_classes: int, hidden: int, pyramid: bool, logits_per_class: int
    ) -> None:
        super().__init__()
        self.pyramid = pyramid
        self.logits_per_class = logits_per_class
        self.heights = (max(1, rows // 2), max(1, rows // 5)) if pyramid else ()
        regions = 1 + sum(count * (rows // height) for height, count in zip(self.heights, (2, 4), strict=False))
        self.bn1 = FeatureNorm(regions * channels)
        self.hidden = nn.Linear(regions * channels, hidden)
        self.act = nn.PReLU()
        self.bn2 = FeatureNorm(hidden)
        self.last = nn.Linear(hidden, n_classes * logits_per_class)

    def regions(self, x: Tensor) -> Tensor:
        """Map (B, channels, rows, W) -> features (B, W - 15, regions * channels), one row for each window."""
        windows = x.shape[3] - COLUMNS + 1
        parts = [F.avg_pool2d(x, (1, COLUMNS), 1).amax(2)]
        for height, width in zip(self.heights, (8, 4), strict=False):
            pooled = both_pool(x, (height, width), (height, 1))
            parts += [pooled[..., at : at + windows].flatten(1, 2) for at in range(0, COLUMNS, width)]
        return torch.cat(parts, dim=1).transpose(1, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, channels, rows, W) -> logits (B, classes, W - 15), and what they are made of (B, hidden, W - 15)."""
        features = self.regions(x)
        y = F.dropout(self.bn1(features.flatten(0, 1)), 0.4, self.training)
        y = F.dropout(self.bn2(self.act(self.hidden(y))), 0.2, self.training)
        logits, last = (tensor.unflatten(0, features.shape[:2]).transpose(1, 2) for tensor in (self.last(y), y))
        return pair_logits(logits, self.logits_per_class), last


class FreesoundCnn(Network):
    """Planes (B, channels, n_mels, T) -> Output; in evaluation T // 9 frames, in training one for each whole window."""

    def __init__(
        self,
        channels: int,
        n_mels: int,
        n_classes: int,
        hidden: int = 512,
        scse: bool = True,
        pyramid: bool = True,
        logits_per_class: int = 1,
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for width, pool in zip(WIDTHS, POOLS, strict=True):
            blocks.append(ConvBlock(channels, width, pool, scse))
            channels, n_mels = width, (n_mels + 2) // pool[0]
        self.blocks = nn.Sequential(*blocks)
        self.head = PyramidHead(channels, n_mels, n_classes, hidden, pyramid, logits_per_class)

    def forward(self, planes: Tensor) -> Output:
        """Planes (B, channels, n_mels, T) -> Output."""
        x = pad_short(self.blocks(planes), COLUMNS)
        whole = x.shape[3] - COLUMNS + 1
        if self.training:
            frames, features = self.head(x)
            inside = frames
        else:
            n_frames = max(1, planes.shape[3] // STRIDE)
            # Frames begin at window -LEAD; the whole windows are 0 to whole - 1.
            after = max(0, n_frames - LEAD - whole)
            windows, features = self.head(F.pad(x, (LEAD, after, 0, 0), mode="replicate"))
            frames, inside = windows[..., :n_frames], windows[..., LEAD : LEAD + whole]
            features = features[..., :n_frames]
        weight = inside.new_full((inside.shape[-1],), 1 / inside.shape[-1]).log()
        return Output(mean_probability(inside, weight), frames.transpose(1, 2), features, inside.mean(-1))


def build(recipe: Recipe, n_classes: int) -> Network:
    """The recipe's Freesound CNN; ``network.hidden`` = 0 is the published 512."""
    config = recipe.network
    return FreesoundCnn(
        len(recipe.features.channels),
        recipe.features.n_mels,
        n_classes,
        config.hidden or 512,
        config.scse,
        config.pyramid,
        config.logits_per_class,
    )
