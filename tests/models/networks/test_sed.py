import pytest
import torch
from torch.nn import functional as F

from labeling.errors import ConfigError, UnknownName
from models.config import load_recipe
from models.networks import sed
from models.networks.catalogue import build_network
from models.networks.heads import frame_grid, n_frames_of, time_geometry, without_values

SMALL = ("name=sed", "backbone=resnet10t", "n_mels=32")


def recipe(*settings):
    names = [f"network.{SMALL[0]}", *SMALL[1:], *settings]
    return load_recipe("demo", names)


def test_output_and_grid_of_a_timm_backbone():
    config = recipe('channels=["log", "delta", "frequency"]')
    torch.manual_seed(0)
    network = build_network(config, 4).eval()
    output = network(torch.randn(2, 3, 32, 128))
    assert output.clipwise.shape == (2, 4)
    assert output.framewise.shape == (2, 4, 4)
    grid = frame_grid(network, config.features)
    assert grid.step_s == pytest.approx(32 * config.features.hop_length / config.features.sample_rate)
    assert grid.native_step_s == grid.step_s


@pytest.mark.parametrize(
    ("backbone", "features", "centre"),
    [
        # What the first frame sees is centred by arithmetic: SAME padding puts the spare column on the right, so that
        # each of five strides of 3x3 adds 1, 2, 4, 8, 16; average pooling by two adds half of its stride.
        ("tf_efficientnet_b0.ns_jft_in1k", 1280, 31),
        ("tf_efficientnetv2_s.in21k_ft_in1k", 1280, None),
        ("resnest50d", 2048, None),
        ("densenet121", 1024, 2 + 4 + 8),
        ("inception_v3", 2048, (75 - 1) / 2 - 21),
        ("convnext_atto", 320, 15.5),
        # 3x3 with one column of padding on each side; its attention sees all of the planes
        ("mobilevit_xxs", 320, 0),
    ],
)
def test_the_backbones_of_the_recipes_build_and_place_their_frames(backbone, features, centre):
    config = recipe(f"backbone={backbone}", "n_mels=80", "hidden=16")
    torch.manual_seed(0)
    network = build_network(config, 3).eval()
    assert network.time.fc1.in_features == features
    assert network.stride == 32
    # One frame for 32 of the input, also where layers without padding would lose some.
    shapes = without_values(network)
    assert [n_frames_of(shapes, 1, 80, n) for n in (7, 32, 64, 320)] == [1, 1, 2, 10]
    with torch.no_grad():
        output = network(torch.randn(1, 1, 80, 64))
    assert torch.isfinite(output.clipwise).all()
    assert torch.isfinite(output.framewise).all()
    if centre is not None:
        assert time_geometry(network, 1, 80) == (32, centre)


def test_head_by_the_published_steps():
    """The Cornell head on the backbone's own map, written out once more."""
    import timm

    torch.manual_seed(0)
    network = build_network(recipe("hidden=24"), 3).eval()
    weights = network.state_dict()
    backbone = timm.create_model("resnet10t", in_chans=1, features_only=True, out_indices=(4,)).eval()
    own = {key.removeprefix("backbone."): value for key, value in weights.items() if key.startswith("backbone.")}
    backbone.load_state_dict(own)
    planes = torch.randn(2, 1, 32, 160)
    with torch.no_grad():
        x = backbone(planes)[-1].mean(2)
        x = F.max_pool1d(x, 3, 1, 1) + F.avg_pool1d(x, 3, 1, 1)
        x = F.relu(F.linear(x.transpose(1, 2), weights["time.fc1.weight"], weights["time.fc1.bias"]))
        att = torch.tanh(F.linear(x, weights["head.att.weight"][..., 0], weights["head.att.bias"]))
        cla = torch.sigmoid(F.linear(x, weights["head.cla.weight"][..., 0], weights["head.cla.bias"]))
        output = network(planes)
    torch.testing.assert_close(torch.sigmoid(output.clipwise), (torch.softmax(att, 1) * cla).sum(1))
    torch.testing.assert_close(torch.sigmoid(output.framewise), cla)


def test_parts_after_the_last_map_are_dropped():
    network = build_network(recipe("backbone=mobilenetv3_small_050"), 3)
    assert isinstance(network.backbone.conv_head, torch.nn.Identity)
    network(torch.randn(2, 1, 32, 64)).clipwise.sum().backward()
    assert all(value.grad is not None for value in network.backbone.parameters())


def test_backbones_that_cannot_take_spectrograms_say_so():
    with pytest.raises(ConfigError, match=r"inception_v3.*32 mel bands.*n_mels"):
        build_network(recipe("backbone=inception_v3"), 3)


def test_backbone_weights_come_by_path_also_with_one_plane(tmp_path):
    import timm
    from safetensors.torch import save_file

    torch.manual_seed(1)
    donor = timm.create_model("resnet10t", pretrained=False, num_classes=7)
    file = tmp_path / "resnet10t.safetensors"
    save_file(donor.state_dict(), str(file))
    theirs = donor.state_dict()
    three = build_network(recipe(f"weights={file}", 'channels=["log", "delta", "frequency"]'), 4).state_dict()
    assert torch.equal(three["backbone.layer4.0.conv1.weight"], theirs["layer4.0.conv1.weight"])
    assert torch.equal(three["backbone.conv1.0.weight"], theirs["conv1.0.weight"])
    one = build_network(recipe(f"weights={file}"), 4).state_dict()
    # One plane in place of three equal ones gives the same sum.
    torch.testing.assert_close(one["backbone.conv1.0.weight"], theirs["conv1.0.weight"].sum(1, keepdim=True))
    saved = tmp_path / "other.safetensors"
    save_file(timm.create_model("mobilenetv3_small_050", pretrained=False).state_dict(), str(saved))
    with pytest.raises(ConfigError, match="same timm model"):
        build_network(recipe(f"weights={saved}"), 4)


def test_weights_that_cannot_be_had_fail_at_once_with_the_remedy(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=r"network.pretrained=false.*network.weights=PATH"):
        build_network(load_recipe("sed_b0"), 3)
    with pytest.raises(ConfigError, match="no weights"):
        sed.require_weights("resnet10t.nothing_like_it")


def test_an_unknown_backbone_names_the_nearest():
    with pytest.raises(UnknownName, match="resnet10t"):
        build_network(recipe("backbone=resnet10tt"), 3)
    with pytest.raises(ConfigError, match="no file"):
        build_network(recipe("weights=/no/such/file.pth"), 3)
