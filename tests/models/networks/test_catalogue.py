"""What every network of the catalogue keeps to."""

import pytest
import torch

from labeling.errors import ConfigError
from models.networks import freesound, panns
from models.networks.catalogue import NETWORKS
from models.networks.heads import frame_grid
from tests.support.training.networks import every_network, made


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setattr(panns, "WIDTHS", (4, 4, 4, 4, 4, 8))
    monkeypatch.setattr(freesound, "WIDTHS", (16, 16, 16, 16, 16))


@every_network
def test_gradients_reach_every_parameter_in_bfloat16_and_channels_last(name, settings):
    _, network = made(name, settings)
    network = network.to(memory_format=torch.channels_last).train()
    with torch.no_grad():
        for value in network.parameters():  # some are zero at first, and let no gradient through
            value.add_(0.05 * torch.randn_like(value))
    planes = torch.randn(3, 1, 32, 192).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = network(planes)
    assert output.clipwise.dtype == output.framewise.dtype == torch.float32
    assert output.clipwise.shape == (3, 3)
    weights = torch.randn(3)
    ((output.clipwise * weights).sum() + (output.framewise * weights).sum()).backward()
    for key, value in network.named_parameters():
        if value.requires_grad:
            assert value.grad is not None, key
            assert torch.isfinite(value.grad).all(), key
            # A softmax over time takes no notice of what is added everywhere.
            assert key.endswith("att.bias") or value.grad.abs().max() > 0, key


@every_network
def test_frames_lie_on_one_grid_whatever_the_length(name, settings):
    recipe, network = made(name, settings)
    network.eval()
    grid = frame_grid(network, recipe.features)
    stride = round(grid.step_s * 32000 / 1024)
    assert grid.step_s == pytest.approx(stride * 1024 / 32000)
    with torch.no_grad():
        for count in (4, 12):
            frames = network(torch.randn(1, 1, 32, count * stride)).framewise
            assert frames.shape == (1, count, 3)
            assert torch.isfinite(frames).all()


def test_chunks_that_are_too_short_or_narrow_for_the_network_are_told_before_training():
    with pytest.raises(ConfigError, match=r"cannot take 188 frames.*data.chunk_s"):
        made("cnn", ("widths=[2, 2, 2, 2]", "time_pool=[4, 4, 4, 4]"))


def test_every_network_says_what_it_is_in_a_line():
    for name, spec in NETWORKS:
        assert name == spec.name
        assert 10 < len(spec.summary) < 90
        assert spec.source
