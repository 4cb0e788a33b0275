import math

import pytest
import torch
from torch import nn

from models.config import load_recipe
from models.networks import freesound
from models.networks.catalogue import build_network
from models.networks.freesound import FeatureNorm, FreesoundCnn, PyramidHead, ScSE, both_pool
from models.networks.heads import n_frames_of, time_geometry

PUBLISHED = ("network.name=freesound_cnn", "n_mels=128")


@pytest.fixture
def narrow(monkeypatch):
    """The same layout with few channels, so that it computes at once."""
    monkeypatch.setattr(freesound, "WIDTHS", (4, 4, 4, 4, 8))


def small(**settings):
    torch.manual_seed(0)
    return FreesoundCnn(1, 128, 3, hidden=16, **settings).eval()


def test_sizes_are_the_published_ones():
    network = build_network(load_recipe("demo", PUBLISHED), 80).eval()
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    before = 1
    for number, width in enumerate((32, 64, 128, 256, 512)):
        assert shapes[f"blocks.{number}.conv1.weight"] == (width, before, 2, 2)
        assert shapes[f"blocks.{number}.conv2.weight"] == (width, width, 2, 2)
        assert shapes[f"blocks.{number}.scse.squeeze.weight"] == (width // 4, width)
        assert f"blocks.{number}.conv1.bias" not in shapes
        before = width
    with torch.no_grad():
        last = network.blocks(torch.randn(1, 1, 128, 128))
    assert last.shape == (1, 512, 11, 16)
    assert network.head.regions(last).shape == (1, 1, 25 * 512)
    assert shapes["head.bn1.weight"] == (12800,)
    assert shapes["head.hidden.weight"] == (512, 12800)
    assert shapes["head.last.weight"] == (80, 512)


def test_scse_by_hand():
    layer = ScSE(4)
    with torch.no_grad():
        layer.spatial.weight.copy_(torch.tensor([1.0, 0, 0, -1])[None, :, None, None])
        layer.squeeze.weight.copy_(torch.tensor([[1.0, 1, 0, 0]]))
        layer.squeeze.bias.fill_(-1.0)
        layer.excite.weight.copy_(torch.tensor([[1.0], [-1], [0], [2]]))
        layer.excite.bias.zero_()
    x = torch.tensor([[[[1.0, 3.0]], [[0.0, 2.0]], [[4.0, 4.0]], [[1.0, 0.0]]]])
    # Means 2, 1, 4, 0.5, so that one unit remains: relu(2 + 1 - 1) = 2; gates of the channels: 2, -2, 0, 4.
    # Gates of the two places: 1 - 1 = 0 and 3 - 0 = 3.
    sigma = {k: 1 / (1 + math.exp(-k)) for k in (-2, 0, 2, 3, 4)}
    expected = [
        [1 * (sigma[0] + sigma[2]), 3 * (sigma[3] + sigma[2])],
        [0, 2 * (sigma[3] + sigma[-2])],
        [4 * (sigma[0] + sigma[0]), 4 * (sigma[3] + sigma[0])],
        [1 * (sigma[0] + sigma[4]), 0],
    ]
    torch.testing.assert_close(layer(x)[0, :, 0], torch.tensor(expected))


def test_both_pooling_by_hand():
    x = torch.tensor([[[[1.0, 2, 6], [3, 0, 0]]]])
    torch.testing.assert_close(both_pool(x, (2, 1)), torch.tensor([[[[3 + 2.0, 2 + 1, 6 + 3]]]]))
    torch.testing.assert_close(both_pool(x, (1, 3)), torch.tensor([[[[6 + 3.0], [3 + 1]]]]))


def test_pyramid_pools_the_published_regions():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 11, 18)
    head = PyramidHead(3, 11, 2, 4, True, 1)
    regions = head.regions(x)
    assert regions.shape == (2, 3, 25 * 3)
    for window in range(3):
        part = x[:, :, :, window : window + 16]
        expected = [part.mean(3).amax(2)]
        for height, width, rows, columns in ((5, 8, 2, 2), (2, 4, 5, 4)):
            for row in range(rows):
                for column in range(columns):
                    box = part[:, :, row * height : (row + 1) * height, column * width : (column + 1) * width]
                    expected.append(box.amax((2, 3)) + box.mean((2, 3)))
        expected = torch.cat(expected, 1).sort(1).values
        torch.testing.assert_close(regions[:, window].sort(1).values, expected)
    plain = PyramidHead(3, 11, 2, 4, False, 1)
    torch.testing.assert_close(plain.regions(x)[:, 1], x[..., 1:17].mean(3).amax(2))
    assert plain.hidden.in_features == 3


@pytest.mark.parametrize("n_mels", [4, 16, 40, 64, 224])
def test_other_numbers_of_bands_fit(narrow, n_mels):
    network = FreesoundCnn(2, n_mels, 3, hidden=16).eval()
    assert network(torch.randn(1, 2, n_mels, 130)).framewise.shape == (1, 14, 3)


@pytest.mark.parametrize("settings", [{}, {"scse": False}, {"pyramid": False}, {"logits_per_class": 2}])
def test_128_frames_have_one_window_and_its_logit_is_the_clip(narrow, settings):
    network = small(**settings)
    assert any("scse" in name for name in network.state_dict()) == settings.get("scse", True)
    with torch.no_grad():
        planes = torch.randn(2, 1, 128, 128)
        output = network(planes)
        window, _ = network.head(network.blocks(planes))
    assert window.shape == (2, 3, 1)
    torch.testing.assert_close(output.clipwise, window[..., 0])
    # The window begins with the map, and frame 6 is the one whose window begins there.
    torch.testing.assert_close(output.framewise[:, 6], window[..., 0])
    assert output.framewise.shape == (2, 14, 3)
    network.train()
    assert network(planes).framewise.shape == (2, 1, 3)


def test_longer_planes_average_the_windows_probabilities(narrow):
    network = small()
    with torch.no_grad():
        planes = torch.randn(1, 1, 128, 200)
        windows, _ = network.head(network.blocks(planes))
        output = network(planes)
    # 200 frames: (200 + 6) // 3 = 68 columns, then (68 + 4) // 3 = 24; 24 - 15 = 9 windows.
    assert windows.shape == (1, 3, 9)
    torch.testing.assert_close(torch.sigmoid(output.clipwise), torch.sigmoid(windows).mean(-1))
    torch.testing.assert_close(output.framewise[:, 6:15], windows.transpose(1, 2))


def test_every_nine_frames_have_a_frame_of_their_own(narrow):
    network = small()
    assert [n_frames_of(network, 1, 128, n) for n in (1, 9, 127, 128, 180, 900)] == [1, 1, 14, 14, 20, 100]
    # Half a column (4.5 frames) right of the middle of the first nine, for sixteen columns have no middle one.
    assert time_geometry(network, 1, 128) == (9, 4 + 4.5)


def test_one_row_in_training_takes_the_running_statistics(narrow):
    norm = FeatureNorm(3).train()
    with torch.no_grad():
        norm.running_mean.copy_(torch.tensor([1.0, 2, 3]))
        norm.running_var.fill_(4.0)
    torch.testing.assert_close(norm(torch.tensor([[3.0, 2, 1]])), torch.tensor([[1.0, 0, -1]]))
    assert torch.equal(norm.running_mean, torch.tensor([1.0, 2, 3]))
    many = torch.randn(5, 3)
    torch.testing.assert_close(norm(many), nn.BatchNorm1d(3)(many))
    small().train()(torch.randn(1, 1, 128, 128)).clipwise.sum().backward()
