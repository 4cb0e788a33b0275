import json

import pytest
import torch
from safetensors.torch import save_file

from labeling.errors import ArtefactError, ConfigError
from models.config import load_recipe
from models.networks import freesound, panns
from models.networks.catalogue import NETWORKS, build_network, load_network
from models.networks.checkpoints import classes_of, is_run_checkpoint, load_run, save_tensors

OLD, NEW = ["bee", "cat", "dog"], ["dog", "ant", "bee", "elk"]
TINY = ("n_mels=32", "widths=[4, 4]", "time_pool=[2, 2]", "network.backbone=resnet10t", "hidden=8")


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setattr(panns, "WIDTHS", (2, 2, 2, 2, 2, 4))
    monkeypatch.setattr(freesound, "WIDTHS", (4, 4, 4, 4, 4))


def made(name, classes, *settings, seed=0):
    torch.manual_seed(seed)
    return build_network(load_recipe("demo", [*TINY, f"network.name={name}", *settings]), len(classes), classes)


def saved(network, folder, classes):
    file = folder / "fold0.m0.s0.safetensors"
    save_tensors(file, network.state_dict(), {"fold": 0, "classes": classes})
    return file


@pytest.mark.parametrize("settings", [(), ("logits_per_class=2", "network.resize=[40, 94]")])
@pytest.mark.parametrize("name", NETWORKS.names())
def test_another_runs_checkpoint_is_where_any_network_can_start(tmp_path, name, settings):
    """Each class found in both predicts as it did; what belongs to a new class stays as initialised."""
    old = made(name, OLD, *settings)
    with torch.no_grad():
        for key in old.class_tensors():
            if old.state_dict()[key].is_floating_point():
                old.state_dict()[key].normal_()  # else biases are zero in both
    file = saved(old, tmp_path, OLD)
    new = made(name, NEW, *settings, f"network.weights={file}", "pretrained=true", seed=1).eval()
    fresh = made(name, NEW, *settings, seed=1).state_dict()
    planes = torch.randn(2, 1, 32, 192)
    with torch.no_grad():
        before, after = old.eval()(planes), new(planes)
    common = [(NEW.index(code), OLD.index(code)) for code in ("bee", "dog")]
    for i, j in common:
        torch.testing.assert_close(after.clipwise[:, i], before.clipwise[:, j])
        torch.testing.assert_close(after.framewise[..., i], before.framewise[..., j])
    for key in new.class_tensors():
        rows = new.state_dict()[key].shape[0] // len(NEW)
        mine, drawn = (state[key].reshape(len(NEW), rows, -1) for state in (new.state_dict(), fresh))
        for k in (NEW.index("ant"), NEW.index("elk")):
            assert torch.equal(mine[k], drawn[k]), key


def test_without_codes_the_last_layers_stay_as_they_are(tmp_path):
    old = made("cnn", OLD)
    network, fresh = made("cnn", OLD, seed=1), made("cnn", OLD, seed=1).state_dict()
    assert load_run(network, str(saved(old, tmp_path, []))) == 0
    for key, value in network.state_dict().items():
        same = fresh if key in network.class_tensors() else old.state_dict()
        assert torch.equal(value, same[key]), key
    # One logit a class cannot become two.
    pair, fresh = made("cnn", OLD, "logits_per_class=2", seed=1), made("cnn", OLD, "logits_per_class=2", seed=1)
    load_run(pair, str(saved(old, tmp_path, OLD)), OLD)
    assert torch.equal(pair.state_dict()["head.cla.weight"], fresh.state_dict()["head.cla.weight"])
    assert torch.equal(pair.state_dict()["head.att.weight"], old.state_dict()["head.att.weight"])


def test_class_codes_are_found_beside_the_file_or_in_the_run(tmp_path):
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    file = folder / "fold0.safetensors"
    assert classes_of(file, {}) == []
    (tmp_path / "run" / "run.json").write_text(json.dumps({"classes": ["a"]}))
    assert classes_of(file, {}) == ["a"]
    file.with_suffix(".json").write_text(json.dumps({"classes": ["b"]}))
    assert classes_of(file, {"fold": 0}) == ["b"]
    assert classes_of(file, {"classes": ["c"]}) == ["c"]
    file.with_suffix(".json").write_text("{")
    assert classes_of(file, {}) == ["a"]


def test_only_what_earmark_wrote_counts_as_a_runs_checkpoint(tmp_path):
    file = saved(made("cnn", OLD), tmp_path, OLD)
    assert is_run_checkpoint(str(file))
    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(1)}, str(foreign))
    assert not is_run_checkpoint(str(foreign))
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    for name in ("a.pth", "broken.safetensors", "none.safetensors"):
        assert not is_run_checkpoint(str(tmp_path / name))


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    file = saved(made("cnn", OLD), tmp_path, OLD)
    with pytest.raises(ConfigError, match=r"blocks.1.bn1.bias \(there \(4,\), here \(6,\)\).*recipe.toml"):
        made("cnn", OLD, "widths=[4, 6]", f"network.weights={file}")
    save_tensors(file, {f"average.{k}": v for k, v in made("cnn", OLD).state_dict().items()}, {"epoch": 1})
    with pytest.raises(ConfigError, match="no finished checkpoint"):
        made("cnn", OLD, f"network.weights={file}")


def test_load_network_gives_the_trained_network_back(tmp_path):
    network = made("sed", OLD).eval()
    file = saved(network, tmp_path, OLD)
    recipe = load_recipe("demo", [*TINY, "network.name=sed", "pretrained=true", "network.weights=/gone.pth"])
    again = load_network(file, recipe, OLD)
    assert not again.training
    planes = torch.randn(1, 1, 32, 64)
    with torch.no_grad():
        assert torch.equal(again(planes).clipwise, network(planes).clipwise)
    with pytest.raises(ArtefactError, match=r"does not fit.*train it anew"):
        load_network(file, recipe, NEW)
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ArtefactError, match="not a whole checkpoint"):
        load_network(file, recipe, OLD)


def test_weights_that_a_network_would_ignore_are_refused(tmp_path):
    file = tmp_path / "found.pth"
    file.write_bytes(b"whatever")
    for name in ("cnn", "freesound_cnn"):
        with pytest.raises(ConfigError, match="no checkpoint of a run"):
            build_network(load_recipe("demo", [f"network.name={name}", f"network.weights={file}"]), 3)
