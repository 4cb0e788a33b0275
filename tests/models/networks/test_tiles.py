"""models/networks/tiles.py; the backbones are timm's own, with fewer blocks."""

from typing import ClassVar

import pytest
import torch
from torch import nn

from labeling.errors import ConfigError
from models.config import load_recipe
from models.networks.catalogue import build_network
from models.networks.heads import frame_grid, n_frames_of
from models.networks.sed import SedNetwork
from models.networks.tiles import Tiling, as_map, map_of_tiles, tiling_of

SWIN = {"depths": (1, 1, 1, 1), "embed_dim": 24, "num_heads": (1, 1, 1, 1)}
MAXVIT = {"depths": (1, 1, 1, 1)}
BACKBONES = [
    ("vit_tiny_patch16_224", {"depth": 2}, (14, 14), 16),
    ("deit_tiny_distilled_patch16_224", {"depth": 2}, (14, 14), 16),  # refuses to be made without pooling
    ("eva02_tiny_patch14_224", {"depth": 2}, (16, 16), 14),
    ("swin_tiny_patch4_window7_224", SWIN, (7, 7), 32),  # channels last
    ("volo", {}, (14, 14), 16),
    ("maxvit_rmlp_pico_rw_256", MAXVIT, (8, 8), 32),
    ("mixer_s32_224", {}, (7, 7), 32),  # no token of the whole picture
]


def made(name, settings):
    import timm
    from timm.models.volo import VOLO

    torch.manual_seed(0)
    if name == "volo":  # timm's entries of it fix the number of its blocks
        small = {"layers": (1, 1, 1, 1), "embed_dims": (24, 48, 48, 48), "num_heads": (1, 2, 2, 2)}
        backbone = VOLO(in_chans=1, num_classes=0, global_pool="", use_mix_token=False, **small).eval()
        backbone.default_cfg = {"input_size": (3, 224, 224)}
        return backbone
    try:
        return timm.create_model(name, in_chans=1, num_classes=0, global_pool="", **settings).eval()
    except AssertionError:
        return timm.create_model(name, in_chans=1, num_classes=0, **settings).eval()


@pytest.mark.parametrize(("name", "settings", "grid", "stride"), BACKBONES, ids=[case[0] for case in BACKBONES])
def test_frames_come_out_where_the_sound_is(name, settings, grid, stride):
    """Sound changed within the frames of one column changes that column most, in every tile and at the end."""
    backbone = made(name, settings)
    tiling = tiling_of(backbone, 1)
    assert (tiling.high, tiling.wide, tiling.stride) == (*grid, stride)
    length = tiling.columns + 2 * stride + 3  # the last tile overlaps the first, and three frames make no column
    planes = torch.randn(1, 1, 24, length, generator=torch.Generator().manual_seed(1))
    columns = [0, tiling.wide // 2, tiling.wide - 1, tiling.wide + 1]
    changed = planes.repeat(len(columns), 1, 1, 1)
    for k, column in enumerate(columns):
        changed[k, :, :, column * stride : (column + 1) * stride] = torch.randn(24, stride)
    with torch.no_grad():
        plain, maps = (map_of_tiles(backbone, one, tiling) for one in (planes, changed))
    assert maps.shape == (len(columns), backbone.num_features, grid[0], tiling.wide + 2)
    assert (maps - plain).mean(2).norm(dim=1).argmax(1).tolist() == columns


class Columns(nn.Module):
    """A map that tells of each pixel of every fourth row and column itself."""

    num_features = 1

    def forward_features(self, x):
        return x[:, :, ::4, ::4]


def test_tiles_side_by_side_by_hand():
    tiling = Tiling(rows=8, columns=16, high=2, wide=4)
    for length, columns in ((3, 1), (4, 1), (15, 3), (16, 4), (32, 8), (43, 10)):
        planes = torch.arange(float(length)).expand(2, 1, 8, length).contiguous()
        found = map_of_tiles(Columns(), planes, tiling)
        assert found.shape == (2, 1, 2, columns)
        assert found[1, 0, 1].tolist() == [4.0 * k for k in range(columns)]


def test_tokens_are_laid_out_row_by_row_behind_those_of_the_whole_picture():
    tokens = torch.arange(8.0).reshape(1, 8, 1)
    assert as_map(tokens, 1, (2, 3))[0, 0].tolist() == [[2, 3, 4], [5, 6, 7]]
    last = torch.arange(6.0).reshape(1, 1, 3, 2)
    assert torch.equal(as_map(last, 2)[0, :, 0, 1], torch.tensor([2.0, 3.0]))


def recipe(backbone, *more):
    return load_recipe("demo", ["network.name=sed", f"network.backbone={backbone}", "n_mels=64", "hidden=16", *more])


def test_a_transformer_is_a_network_like_any_other():
    config = recipe("vit_tiny_patch16_224")
    network = build_network(config, 3)
    assert [n_frames_of(network, 1, 64, n) for n in (7, 16, 224, 500)] == [1, 1, 14, 31]
    grid = frame_grid(network, config.features)
    hop_s = config.features.hop_length / config.features.sample_rate
    assert grid.step_s == pytest.approx(16 * hop_s)
    assert grid.start_s == pytest.approx(-hop_s / 2)  # the middle of 16 frames is 7.5, and frames are centred
    output = network(torch.randn(2, 1, 64, 100))
    assert (output.clipwise.shape, output.framewise.shape) == ((2, 3), (2, 6, 3))
    output.clipwise.sum().backward()
    assert all(value.grad is not None for value in network.backbone.parameters())


def test_weights_of_pictures_fit_as_they_are(tmp_path):
    import timm
    from safetensors.torch import save_file

    donor = timm.create_model("vit_tiny_patch16_224", num_classes=5)
    save_file(donor.state_dict(), str(tmp_path / "vit.safetensors"))
    mine = build_network(recipe("vit_tiny_patch16_224", f"weights={tmp_path / 'vit.safetensors'}"), 3).state_dict()
    assert torch.equal(mine["backbone.pos_embed"], donor.state_dict()["pos_embed"])


def test_measuring_leaves_a_backbone_whose_parts_lie_in_two_places_as_it_was():
    import timm

    backbone = timm.create_model("coat_lite_tiny", in_chans=1, num_classes=0).eval()
    tiling_of(backbone, 1)
    assert all(value.device.type == "cpu" for value in backbone.state_dict().values())


@pytest.mark.parametrize(
    ("backbone", "words"),
    [
        ("pit_ti_224", "its map of a picture of 224 x 224 is 1 x 1, which tells no time; or choose"),
        ("crossvit_tiny_240", "it gives 2 results for a picture, not one map; or choose"),
    ],
)
def test_a_backbone_without_a_map_is_refused_with_its_reason(backbone, words):
    with pytest.raises(ConfigError, match=f"{backbone}' gives no feature map of the planes: {words}"):
        build_network(recipe(backbone), 3)


def test_parts_that_are_used_without_being_called_stay():
    """EVA's rotary embedding is asked for by a method."""
    network = SedNetwork(made("eva02_tiny_patch14_224", {"depth": 1}), 3, 16, 0.0, "tanh")
    network.fit(1, 32)
    assert network(torch.zeros(1, 1, 32, 300)).framewise.shape == (1, 21, 3)


@pytest.mark.parametrize(
    ("name", "settings", "centre"),
    [
        ("vit_tiny_patch16_224", {"depth": 2}, 7.5),  # patches side by side
        ("swin_tiny_patch4_window7_224", SWIN, 15.5),
        ("mixer_s32_224", {}, 15.5),
    ],
)
def test_a_frame_lies_in_the_middle_of_its_patch_whatever_else_it_sees(name, settings, centre):
    network = SedNetwork(made(name, settings), 3, 16, 0.0, "tanh")
    network.fit(1, 32)
    assert network.time_geometry(1, 32) == (network.stride, centre)


class Whole(nn.Module):
    """Columns of whole strides of 8 alone, as of a network that joins maps of two sizes."""

    num_features = 1
    default_cfg: ClassVar = {"input_size": (3, 32, 32)}

    def forward_features(self, x):
        return x[:, :, ::8, ::8] + x[:, :, ::4, ::4].unflatten(3, (-1, 2)).unflatten(2, (-1, 2))[:, :, :, 0, :, 0]


def test_a_backbone_of_whole_strides_is_given_them():
    network = SedNetwork(Whole(), 3, 4, 0.0, "tanh")
    network.fit(1, 32)
    assert (network.stride, network.tiles) == (8, None)
    assert [network(torch.zeros(1, 1, 32, n)).framewise.shape[1] for n in (3, 8, 15, 16, 61)] == [1, 1, 1, 2, 7]


class Silent(nn.Module):
    """Fails without a word."""

    num_features = 1
    default_cfg: ClassVar = {"input_size": (3, 32, 32)}

    def forward_features(self, x):
        raise IndexError


def test_an_error_without_words_is_told_by_its_name():
    with pytest.raises(ConfigError, match=r"1 plane of 32 x 32, the size that it is made for \(IndexError\)"):
        SedNetwork(Silent(), 3, 4, 0.0, "tanh").fit(1, 32)
