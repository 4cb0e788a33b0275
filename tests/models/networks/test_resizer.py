from fractions import Fraction

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from labeling.errors import ConfigError
from models.config import load_recipe
from models.networks.catalogue import build_network
from models.networks.heads import Network, Output, frame_grid, n_frames_of, time_geometry
from models.networks.resizer import ResizedNetwork, Resizer

# 6 s of 1024 samples at 32 kHz: 188 frames a chunk; the network makes a frame of four.
SMALL = ("widths=[4, 4]", "time_pool=[2, 2]")


def resized(*settings):
    return build_network(load_recipe("demo", [*SMALL, *settings]), 3)


def test_with_a_silent_last_layer_it_is_the_bilinear_resize():
    torch.manual_seed(0)
    resizer = Resizer(2, blocks=2)
    nn.init.zeros_(resizer.last.weight)
    nn.init.zeros_(resizer.last.bias)
    planes = torch.randn(2, 2, 12, 20)
    for size in ((6, 10), (8, 16), (24, 30)):
        expected = F.interpolate(planes, size=size, mode="bilinear", align_corners=False)
        torch.testing.assert_close(resizer(planes, size), expected)
    # By half, each new value is the mean of the four that it replaces.
    torch.testing.assert_close(resizer(planes, (6, 10)), planes.unflatten(3, (10, 2)).unflatten(2, (6, 2)).mean((3, 5)))


@pytest.mark.parametrize(
    ("channels", "width", "blocks", "count"),
    [
        # 7x7 in and out with bias, 1x1, batch norm; two 3x3 and two batch norms a block; 3x3 and batch norm.
        (1, 16, 1, 800 + 256 + 32 + (2 * 2304 + 64) + (2304 + 32) + 785),
        (3, 16, 2, 2368 + 256 + 32 + 2 * (2 * 2304 + 64) + (2304 + 32) + 2355),
        (1, 4, 0, 200 + 16 + 8 + (144 + 8) + 197),
    ],
)
def test_number_of_parameters_by_hand(channels, width, blocks, count):
    assert sum(value.numel() for value in Resizer(channels, width, blocks).parameters()) == count


def test_forward_by_the_listed_layers():
    """The layer list of the paper, written out once more on plain functions."""
    torch.manual_seed(0)
    resizer = Resizer(1, 4, 1).eval()
    with torch.no_grad():
        for name, value in resizer.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.rand_like(value) * 0.3 + 0.1 * name.endswith("var"))
    weights = list(resizer.state_dict().values())
    norms = [weights[k : k + 4] for k in (3, 9, 15, 21)]
    convs = [weights[k] for k in (2, 8, 14, 20)]

    def norm(x, number):
        scale, shift, mean, variance = norms[number]
        return F.batch_norm(x, mean, variance, scale, shift)

    x = torch.randn(2, 1, 10, 12)
    y = F.leaky_relu(F.conv2d(x, weights[0], weights[1], padding=3), 0.2)
    y = norm(F.leaky_relu(F.conv2d(y, convs[0]), 0.2), 0)
    y = F.interpolate(y, (5, 8), mode="bilinear")
    z = F.leaky_relu(norm(F.conv2d(y, convs[1], padding=1), 1), 0.2)
    z = y + norm(F.conv2d(z, convs[2], padding=1), 2)
    y = y + norm(F.conv2d(z, convs[3], padding=1), 3)
    y = F.conv2d(y, weights[26], weights[27], padding=3) + F.interpolate(x, (5, 8), mode="bilinear")
    torch.testing.assert_close(resizer(x, (5, 8)), y)


class Strided(Network):
    """One convolution over four frames."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, (1, 4), stride=(1, 4))

    def forward(self, planes):
        frames = self.conv(planes).mean(2).transpose(1, 2)
        return Output(frames.amax(1), frames)


@pytest.mark.parametrize(
    ("scale", "stride", "centre"), [((1, 2), 8, 3.5), ((4, 5), 5, 2), ((2, 1), 2, 0.5), ((1, 3), 12, 5.5)]
)
def test_geometry_behind_the_resizer(scale, stride, centre):
    """A frame of ``stride`` input frames is centred on their middle, and reacts most to a click there."""
    torch.manual_seed(0)
    network = ResizedNetwork(Resizer(1, 4), Strided(), 6, Fraction(*scale)).eval()
    assert time_geometry(network, 1, 8) == (stride, centre)
    for tensor in (network.resizer.last.weight, network.resizer.last.bias):
        nn.init.zeros_(tensor)
    nn.init.ones_(network.network.conv.weight)
    x = torch.zeros(1, 1, 8, 20 * stride, requires_grad=True)
    frames = network(x).framewise
    assert frames.shape[1] == 20
    (gradient,) = torch.autograd.grad(frames[0, 10, 0], x)
    seen = gradient.sum((0, 1, 2))
    place = float((seen * torch.arange(20 * stride)).sum() / seen.sum())
    assert place == pytest.approx(10 * stride + centre, abs=1e-4)


def test_any_network_gets_a_resizer_and_keeps_a_whole_stride():
    recipe = load_recipe("demo", [*SMALL, "network.resize=[32, 94]"])
    network = build_network(recipe, 3)
    grid = frame_grid(network, recipe.features)
    assert grid.step_s == pytest.approx(8 * 1024 / 32000)
    # A window of any other length has the same scale.
    assert [n_frames_of(network, 1, 64, n) for n in (188, 8, 80, 800)] == [23, 1, 10, 100]
    assert network.network.bn0.num_features == 1
    output = network(torch.randn(2, 1, 64, 188))
    assert output.clipwise.shape == (2, 3)
    assert (
        resized("network.resize=[24, 376]", "resizer_width=4", "resizer_blocks=0").resizer.before[0].out_channels == 4
    )


def test_a_size_without_a_whole_stride_names_those_that_have_one():
    # 188 frames x 4 = 752 = 2^4 x 47: its divisors near 100 are 94 and 47.
    with pytest.raises(ConfigError, match=r"7.520 input frames.*\[32, N\] with N one of 16, 47, 94, 188"):
        resized("network.resize=[32, 100]")


@pytest.mark.parametrize("sizes", [[64], [7, 100], [2000, 100], [64, 100, 3]])
def test_sizes_out_of_bounds_are_refused(sizes):
    with pytest.raises(ConfigError, match=r"must be \[\] or \[bands, frames\]"):
        load_recipe("demo", [f"network.resize={sizes}"])
