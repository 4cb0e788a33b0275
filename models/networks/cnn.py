"""A small residual CNN that trains from scratch on a CPU.

A strided stem, a block for each further width, attention over time on top.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from models.config import Recipe
from models.networks.heads import AttentionHead, Network, Output, TimeFeatures


class Stem(nn.Module):
    """A 5x5 convolution with stride, batch norm, ReLU: most of a small CNN's time would go into full resolution."""

    def __init__(self, channels_in: int, channels_out: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 5, stride=stride, padding=2, bias=False)
        self.bn = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, F, T) -> (B, out, F / stride, T / stride)."""
        return F.relu(self.bn(self.conv(x)))


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm, the second with a shortcut around it, then average pooling."""

    def __init__(self, channels_in: int, channels_out: int, pool: tuple[int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, F, T) -> (B, out, F / pool, T / pool)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(x + self.bn2(self.conv2(x)))
        return F.avg_pool2d(x, self.pool)


class SmallCnn(Network):
    """Planes (B, channels, n_mels, T) -> Output at ``T / product(time_pool)`` frames."""

    def __init__(
        self,
        channels: int,
        n_mels: int,
        n_classes: int,
        widths: tuple[int, ...],
        time_pool: tuple[int, ...],
        hidden: int,
        dropout: float,
        squash: str,
        logits_per_class: int = 1,
    ) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(channels)
        blocks: list[nn.Module] = []
        for width, pool in zip(widths, time_pool, strict=True):
            frequency_pool = 2 if n_mels >= 2 else 1
            n_mels //= frequency_pool
            blocks.append((Block if blocks else Stem)(channels, width, (frequency_pool, pool)))
            channels = width
        self.blocks = nn.Sequential(*blocks)
        self.time = TimeFeatures(channels, hidden or channels, dropout)
        self.head = AttentionHead(hidden or channels, n_classes, squash, logits_per_class)

    def forward(self, planes: Tensor) -> Output:
        """Planes (B, channels, n_mels, T) -> Output."""
        output: Output = self.head(self.time(self.blocks(self.bn0(planes))))
        return output


def build(recipe: Recipe, n_classes: int) -> Network:
    """The recipe's small CNN."""
    network = recipe.network
    return SmallCnn(
        len(recipe.features.channels),
        recipe.features.n_mels,
        n_classes,
        network.widths,
        network.time_pool,
        network.hidden,
        network.dropout,
        network.attention,
        network.logits_per_class,
    )
