import pytest
import torch

from labeling.errors import ConfigError, UnknownName
from models import build_network, sed
from models.config import load_recipe
from models.heads import frame_grid

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
