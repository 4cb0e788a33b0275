"""The learned resizer of Talebi and Milanfar (2021, arXiv 2103.09950), in front of any network.

It makes ``bands`` mel bands of the front end's, and scales time by a fixed factor, ``network.resize[1]`` frames for
a chunk of ``data.chunk_s``: so windows of every length have one and the same stride.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from torch import Tensor, nn
from torch.nn import functional as F

from labeling.errors import ConfigError
from models.config import Recipe
from models.networks.heads import Network, Output, time_stride

SLOPE = 0.2


class ResidualBlock(nn.Module):
    """x + (convolution 3x3, batch norm, leaky ReLU, convolution 3x3, batch norm)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, F, T) -> the same shape."""
        y: Tensor = x + self.block(x)
        return y


class Resizer(nn.Module):
    """Planes of one size -> planes of another: the bilinear resize, plus what a small CNN adds to it."""

    def __init__(self, channels: int, width: int = 16, blocks: int = 1) -> None:
        super().__init__()
        self.before = nn.Sequential(
            nn.Conv2d(channels, width, 7, padding=3),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, width, 1, bias=False),
            nn.LeakyReLU(SLOPE),
            nn.BatchNorm2d(width),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.after = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.last = nn.Conv2d(width, channels, 7, padding=3)

    def forward(self, planes: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, channels, F, T) -> (B, channels, *size)."""
        x = bilinear(self.before(planes), size)
        x = x + self.after(self.blocks(x))
        y: Tensor = self.last(x) + bilinear(planes, size)
        return y


def bilinear(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear resize (B, channels, F, T) -> (B, channels, *size), pixel centres at half steps."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


class ResizedNetwork(Network):
    """A network behind a resizer: planes (B, channels, n_mels, T) -> (B, channels, bands, T * scale) -> Output."""

    def __init__(self, resizer: Resizer, network: Network, bands: int, scale: Fraction) -> None:
        super().__init__()
        self.resizer = resizer
        self.network = network
        self.bands = bands
        self.scale = scale

    def forward(self, planes: Tensor) -> Output:
        """Planes (B, channels, n_mels, T) -> Output; T * scale is rounded, and at least 1."""
        frames = max(1, round(planes.shape[3] * self.scale))
        output: Output = self.network(self.resizer(planes, (self.bands, frames)))
        return output

    def time_geometry(self, channels: int, n_mels: int) -> tuple[int, float]:
        """The network's own geometry, in frames before the resizer (frame centres at half steps)."""
        stride, centre = self.network.time_geometry(channels, self.bands)
        return int(stride / self.scale), float((centre + 0.5) / self.scale) - 0.5


def inner_recipe(recipe: Recipe) -> Recipe:
    """The recipe as the network behind the resizer sees it: with the resizer's bands."""
    return replace(recipe, features=replace(recipe.features, n_mels=recipe.network.resize[0]))


def wrap(network: Network, recipe: Recipe) -> Network:
    """Put the recipe's resizer before ``network``.

    Raises ConfigError where a frame of the network would not last a whole number of the front end's frames.
    """
    config, channels = recipe.network, len(recipe.features.channels)
    bands, frames = config.resize
    chunk = round(recipe.data.chunk_s * recipe.features.sample_rate / recipe.features.hop_length)
    stride = time_stride(network, channels, bands)
    if (chunk * stride) % frames:
        fitting = [n for n in range(8, 4 * chunk + 1) if (chunk * stride) % n == 0]
        near = sorted(sorted(fitting, key=lambda n: abs(n - frames))[:4])
        raise ConfigError(
            f"network.resize = {list(config.resize)}: {frames} frames of a chunk's {chunk}, {stride} to a frame of the "
            f"network, make frames of {chunk * stride / frames:.3f} input frames, not a whole number; "
            f"set network.resize = [{bands}, N] with N one of {', '.join(map(str, near))}"
        )
    resizer = Resizer(channels, config.resizer_width, config.resizer_blocks)
    return ResizedNetwork(resizer, network, bands, Fraction(frames, chunk))
