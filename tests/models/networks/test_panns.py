import pytest
import torch
from torch.nn import functional as F

from labeling.errors import ConfigError
from models.config import load_recipe
from models.inputs.features import FrontEnd
from models.networks import panns
from models.networks.catalogue import build_network
from models.networks.panns import FRONT_END, Cnn14DecisionLevelAtt, Cnn14DecisionLevelMax, load_released

RELEASED = (
    "sample_rate=32000",
    "n_fft=1024",
    "hop_length=320",
    "n_mels=64",
    "fmin_hz=50",
    "fmax_hz=14000",
    "standardize=none",
    "network.name=cnn14_att",
    "attention=clamp",
)


BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
KINDS = {"cnn14_att": Cnn14DecisionLevelAtt, "cnn14_max": Cnn14DecisionLevelMax}
LAST = {
    "cnn14_att": {
        **{f"att_block.{layer}.weight": (527, 2048, 1) for layer in ("att", "cla")},
        **{f"att_block.{layer}.bias": (527,) for layer in ("att", "cla")},
        **{f"att_block.bn_att.{part}": (527,) for part in BATCH_NORM},
        "att_block.bn_att.num_batches_tracked": (),
    },
    "cnn14_max": {"fc_audioset.weight": (527, 2048), "fc_audioset.bias": (527,)},
}


@pytest.fixture
def narrow(monkeypatch):
    """The same layout with few channels, so that it computes at once."""
    monkeypatch.setattr(panns, "WIDTHS", (2, 2, 2, 2, 2, 16))
    torch.manual_seed(0)
    return Cnn14DecisionLevelAtt(3, n_mels=32)


def released_checkpoint(network, features):
    """A state dict laid out as the released one: ours, and the front end's three tensors."""
    weights = dict(network.state_dict())
    weights["spectrogram_extractor.stft.conv_real.weight"] = torch.zeros(513, 1, 1024)
    weights["spectrogram_extractor.stft.conv_imag.weight"] = torch.zeros(513, 1, 1024)
    weights["logmel_extractor.melW"] = FrontEnd(features).mel.T.clone()
    return weights


@pytest.mark.parametrize(("name", "tensors", "millions"), [("cnn14_att", 91, 81.83), ("cnn14_max", 84, 80.75)])
def test_names_and_shapes_are_the_released_ones(name, tensors, millions):
    with torch.device("meta"):
        network = KINDS[name](527)
    expected = {f"bn0.{part}": (64,) for part in BATCH_NORM} | {"bn0.num_batches_tracked": ()}
    before = 1
    for number, width in enumerate((64, 128, 256, 512, 1024, 2048), start=1):
        block = f"conv_block{number}"
        expected |= {f"{block}.conv1.weight": (width, before, 3, 3), f"{block}.conv2.weight": (width, width, 3, 3)}
        for layer in ("bn1", "bn2"):
            expected |= {f"{block}.{layer}.{part}": (width,) for part in BATCH_NORM}
            expected[f"{block}.{layer}.num_batches_tracked"] = ()
        before = width
    expected |= {"fc1.weight": (2048, 2048), "fc1.bias": (2048,)} | LAST[name]
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == expected
    # The released file holds three more, of its front end.
    assert len(expected) == tensors - 3
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(millions * 1e6, rel=1e-3)


@pytest.mark.parametrize("name", KINDS)
def test_a_released_file_loads_by_path_with_another_number_of_classes(name, narrow, tmp_path):
    donor = KINDS[name](3, n_mels=32)
    recipe = load_recipe("demo", [*RELEASED, "n_mels=32"])
    file = tmp_path / "released.pth"
    torch.save({"model": released_checkpoint(donor, recipe.features), "iteration": 1}, file)
    settings = [*RELEASED, "n_mels=32", f"network.name={name}", f"weights={file}"]
    recipe = load_recipe("demo", settings)
    same = build_network(recipe, 3).state_dict()
    for key, value in donor.state_dict().items():
        assert torch.equal(same[key], value), key
    fewer = build_network(recipe, 2).state_dict()
    last = {"cnn14_att": "att_block.cla.weight", "cnn14_max": "fc_audioset.weight"}[name]
    assert fewer[last].shape[:2] == (2, 16)
    assert torch.equal(fewer["conv_block6.conv2.weight"], donor.state_dict()["conv_block6.conv2.weight"])
    assert torch.equal(fewer["fc1.weight"], donor.state_dict()["fc1.weight"])
    anew = build_network(load_recipe("demo", [*settings, "reinit_fc1=true"]), 3).state_dict()
    for key, value in donor.state_dict().items():
        assert torch.equal(anew[key], value) == (not key.startswith("fc1.")), key
    other = next(kind for kind in KINDS if kind != name)
    with pytest.raises(ConfigError, match="take one file each"):
        build_network(load_recipe("demo", [*settings, f"network.name={other}"]), 3)


def test_what_does_not_fit_is_refused(narrow):
    features = load_recipe("demo", [*RELEASED, "n_mels=32"]).features
    weights = released_checkpoint(narrow, features)
    other_mel = weights | {"logmel_extractor.melW": weights["logmel_extractor.melW"].roll(1, 1)}
    with pytest.raises(ConfigError, match="mel filters"):
        load_released(narrow, other_mel, features)
    short = {name: value for name, value in weights.items() if name != "fc1.bias"}
    with pytest.raises(ConfigError, match=r"1 missing \(such as fc1.bias\)"):
        load_released(narrow, short, features)
    with pytest.raises(ConfigError, match="1 unknown"):
        load_released(narrow, weights | {"fc_audioset.weight": torch.zeros(1)}, features)
    with pytest.raises(ConfigError, match="misshapen"):
        load_released(narrow, weights | {"fc1.bias": torch.zeros(1)}, features)
    assert all(name.startswith(FRONT_END) for name in set(weights) - set(narrow.state_dict()))


def test_pretrained_without_a_path_and_three_planes_say_what_to_do():
    with pytest.raises(ConfigError, match=r"network.weights=PATH"):
        build_network(load_recipe("demo", [*RELEASED, "pretrained=true"]), 3)
    with pytest.raises(ConfigError, match=r"DecisionLevelMax_mAP=0.385.pth"):
        build_network(load_recipe("demo", [*RELEASED, "pretrained=true", "network.name=cnn14_max"]), 3)
    with pytest.raises(ConfigError, match="at least 32"):
        build_network(load_recipe("demo", [*RELEASED, "n_mels=16"]), 3)
    with pytest.raises(ConfigError, match="one plane"):
        build_network(load_recipe("demo", [*RELEASED, 'channels=["log", "delta"]']), 3)


@pytest.mark.parametrize("name", KINDS)
def test_forward_by_the_published_steps(name, narrow):
    """The forward pass written out once more from the paper's description, on plain functions."""
    network = KINDS[name](3, n_mels=32).eval()
    weights = network.state_dict()

    def norm(x, name):
        return F.batch_norm(x, *(weights[f"{name}.{k}"] for k in ("running_mean", "running_var", "weight", "bias")))

    with torch.no_grad():
        for value in network.buffers():
            if value.is_floating_point():
                value.copy_(torch.rand_like(value) + 0.5)
        planes = torch.randn(2, 1, 32, 100)
        x = planes.transpose(2, 3)
        x = norm(x.transpose(1, 3), "bn0").transpose(1, 3)
        for number in range(1, 7):
            for layer in (1, 2):
                x = F.conv2d(x, weights[f"conv_block{number}.conv{layer}.weight"], padding=1)
                x = F.relu(norm(x, f"conv_block{number}.bn{layer}"))
            x = F.avg_pool2d(x, 2 if number < 6 else 1)
        x = x.mean(dim=3)
        x = F.max_pool1d(x, 3, 1, 1) + F.avg_pool1d(x, 3, 1, 1)
        x = F.relu(F.linear(x.transpose(1, 2), weights["fc1.weight"], weights["fc1.bias"]))
        if name == "cnn14_att":
            x = x.transpose(1, 2)
            att = F.conv1d(x, weights["att_block.att.weight"], weights["att_block.att.bias"]).clamp(-10, 10)
            cla = torch.sigmoid(F.conv1d(x, weights["att_block.cla.weight"], weights["att_block.cla.bias"]))
            clipwise, framewise = (torch.softmax(att, -1) * cla).sum(2), cla.transpose(1, 2)
        else:
            framewise = torch.sigmoid(F.linear(x, weights["fc_audioset.weight"], weights["fc_audioset.bias"]))
            clipwise = framewise.amax(1)
        output = network(planes)
    torch.testing.assert_close(torch.sigmoid(output.clipwise), clipwise)
    torch.testing.assert_close(torch.sigmoid(output.framewise), framewise)
    assert output.framewise.shape == (2, 3, 3)


def test_short_input_is_padded(narrow):
    narrow.eval()
    assert narrow(torch.randn(1, 1, 32, 5)).framewise.shape == (1, 1, 3)


def test_gradients_are_right(narrow):
    """PyTorch's batch norm has given wrong gradients for permuted inputs with a last axis of 1."""
    network = narrow.double().eval()
    x = torch.randn(1, 1, 32, 64, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda planes: network(planes).framewise[:, 1], x, fast_mode=True)


def test_geometry_is_a_third_of_a_second_a_frame(narrow, monkeypatch):
    from models.networks.heads import frame_grid

    features = load_recipe("demo", [*RELEASED, "n_mels=32"]).features
    grid = frame_grid(narrow, features)
    assert grid.step_s == pytest.approx(0.32)
    assert grid.start_s == pytest.approx((15.5 - 16) * 0.01)


def test_stripes_are_dropped_as_panns_drop_them():
    """DropStripes of torchlibrosa: widths 0 to 63 frames, each example its own, what is dropped is 0."""
    torch.manual_seed(0)
    dropped = panns.drop_stripes(torch.ones(400, 1, 8, 300), 3, 1, 64)
    hidden = (dropped == 0).all((1, 2))
    assert torch.equal(hidden, (dropped == 0).any((1, 2)))
    width = hidden.sum(1)
    assert (width.min(), width.max()) == (0, 63)
    assert width.float().mean() == pytest.approx(31.5, abs=3)
    assert (hidden.int().diff(dim=1) == 1).sum(1).max() <= 1  # one stripe
    assert hidden[:, 10:-10].any(0).all()  # anywhere
    bands = (panns.drop_stripes(torch.ones(200, 1, 8, 9), 2, 2, 8) == 0).all((1, 3)).sum(1)
    assert bands.max() == 7  # two of up to 7, neither of which reaches the last band


def test_stripes_are_dropped_in_training_alone_and_where_asked(narrow, monkeypatch):
    asked = []
    monkeypatch.setattr(panns, "drop_stripes", lambda x, *words: asked.append(words) or x)
    planes = torch.randn(2, 1, 32, 100)
    narrow(planes)
    assert not asked
    built = build_network(load_recipe("demo", [*RELEASED, "n_mels=32", "network.spec_augment=true"]), 3)
    built.eval()(planes)
    assert not asked
    built.train()(planes)
    assert asked == [(3, 2, 64), (2, 2, 8)]
