"""Backbones that take pictures of one size alone, such as vision transformers: planes are shown to them tile by tile.

A tile has as many frames as the backbone's pictures have columns, so that nothing is stretched in time; its bands are
stretched to the picture's rows. Weights trained on pictures fit as they are, and the tiles' maps side by side are the
map of the planes, whatever their length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from labeling.errors import ConfigError
from models.networks.heads import first_line, pad_short, without_values


@dataclass(frozen=True)
class Tiling:
    """A backbone's picture of ``rows`` x ``columns``, and the grid of ``high`` x ``wide`` that its map has."""

    rows: int
    columns: int
    high: int
    wide: int

    @property
    def stride(self) -> int:
        """Columns of the picture, which are frames, for one of the map, where that is a whole number."""
        return self.columns // self.wide


def tiling_of(backbone: Any, channels: int) -> Tiling:
    """How a timm backbone's map lies on the picture that it was made for; only shapes are followed.

    Raises ConfigError where it gives no map.
    """
    rows, columns = backbone.default_cfg["input_size"][1:]
    try:
        with torch.no_grad():
            picture = torch.empty(1, channels, rows, columns, device="meta")
            features = without_values(backbone).eval().forward_features(picture)
    except Exception as error:  # backbones fail in many ways
        what = f"{channels} plane{'s' * (channels > 1)} of {rows} x {columns}"
        raise ConfigError(f"it cannot take {what}, the size that it is made for ({first_line(error)})") from None
    if not isinstance(features, Tensor):
        raise ConfigError(f"it gives {len(features)} results for a picture, not one map")
    if features.dim() == 4:
        high, wide = as_map(features, backbone.num_features).shape[2:]
    elif features.dim() == 3:
        # Tokens of the whole picture come first; where a backbone does not say how many, there may be one or two.
        prefix = getattr(backbone, "num_prefix_tokens", None)
        count = features.shape[1] - (prefix or 0)
        wide = max(1, math.isqrt(count * columns // rows))
        high = count // wide
        if count - high * wide > (2 if prefix is None else 0):
            raise ConfigError(f"its {count} tokens of a picture of {rows} x {columns} are no grid of rows and columns")
    else:
        raise ConfigError(f"it gives {features.shape[1]} numbers for a picture of {rows} x {columns}, not a map")
    if wide < 2:
        raise ConfigError(f"its map of a picture of {rows} x {columns} is {high} x {wide}, which tells no time")
    return Tiling(rows, columns, int(high), int(wide))


def as_map(features: Tensor, width: int, grid: tuple[int, int] = (0, 0)) -> Tensor:
    """A map (B, width, rows, columns) of one with the channels last, or of tokens (B, prefix + those of the ``grid``,
    width)."""
    if features.dim() == 4:
        return features if features.shape[1] == width else features.movedim(3, 1)
    tokens = features[:, features.shape[1] - grid[0] * grid[1] :]
    return tokens.transpose(1, 2).reshape(len(features), width, *grid)


def map_of_tiles(backbone: Any, planes: Tensor, tiling: Tiling) -> Tensor:
    """Planes (B, channels, n_mels, T) -> map (B, width, high, T // stride), at least one column.

    The last tile ends where the planes do, and gives only the columns that the others have not. Planes shorter than a
    tile are filled by their last frame.
    """
    columns, stride = tiling.columns, tiling.stride
    wanted = max(1, planes.shape[3] // stride)
    planes = F.interpolate(planes, (tiling.rows, planes.shape[3]), mode="bilinear", align_corners=False)
    planes = pad_short(planes[..., : wanted * stride], columns)
    length = planes.shape[3]
    count = -(-length // columns)
    tiles = torch.cat([planes[..., start : start + columns] for start in _starts(length, columns, count)])
    maps = as_map(backbone.forward_features(tiles), backbone.num_features, (tiling.high, tiling.wide)).chunk(count)
    rest = (length - (count - 1) * columns) // stride
    return torch.cat([*maps[:-1], maps[-1][..., -rest:]], dim=3)[..., :wanted]


def _starts(length: int, columns: int, count: int) -> list[int]:
    return [min(k * columns, length - columns) for k in range(count)]
