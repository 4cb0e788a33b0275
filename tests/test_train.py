import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import CLASSES, tiny_collection, tiny_recipe

from labeling.errors import ArtefactError, ConfigError
from models import build_network
from models.data import AudioStore, Stopped
from models.heads import frame_grid
from models.targets import truths_of
from models.train import FoldTrainer, MovingAverage, learning_rate_at


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    clips, labels = tiny_collection(tmp_path_factory.mktemp("audio"))
    recipe = tiny_recipe()
    made = AudioStore(clips, recipe.features, recipe.data)
    made.load(lambda done, total: None, lambda: False)
    return made, labels


def trainer(store, folder: Path, *settings: str, truths=None) -> FoldTrainer:
    made, labels = store
    recipe = tiny_recipe(*settings)
    torch.manual_seed(0)
    network = build_network(recipe, 3)
    return FoldTrainer(
        recipe,
        network,
        made,
        truths or truths_of(labels, range(12)),
        np.arange(8),
        np.arange(8, 12),
        CLASSES,
        0,
        frame_grid(network, recipe.features),
        torch.device("cpu"),
        folder / "resume.safetensors",
    )


def test_learning_rate_warms_up_and_falls_by_a_cosine():
    rates = [learning_rate_at(step, 100, 1e-3, 0.1) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[9] == pytest.approx(1e-3)
    assert rates[10] == pytest.approx(1e-3)
    assert rates[55] == pytest.approx(0.5e-3)
    assert rates[99] == pytest.approx(1e-3 * 0.5 * (1 + math.cos(math.pi * 89 / 90)))
    assert learning_rate_at(0, 1, 1e-3, 0.5) == 1e-3


def test_moving_average_by_hand():
    recipe = tiny_recipe()
    network = build_network(recipe, 3)
    average = MovingAverage(network, 0.9)
    name = "head.cla.bias"
    value, expected = torch.full((3,), 2.0), network.state_dict()[name].clone()
    for step in range(200):
        with torch.no_grad():
            network.state_dict()[name].copy_(value * step)
        average.update(network)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value * step
    torch.testing.assert_close(average.network.state_dict()[name], expected, rtol=1e-4, atol=1e-4)
    without = MovingAverage(network, 0.0)
    without.update(network)
    for mine, theirs in zip(without.network.state_dict().values(), network.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)


def test_training_learns_three_tones(store, tmp_path):
    made = trainer(store, tmp_path, "epochs=25", "ema_decay=0.9", "learning_rate=1e-2", "mixup_probability=0.0")
    made.run()
    history = made.state.history
    assert [row["epoch"] for row in history] == list(range(1, 26))
    assert history[-1]["train_loss"] < 0.75 * history[0]["train_loss"]
    assert history[-1]["valid_macro_ap"] > 0.9
    assert history[-1]["lr"] < 1e-3


def test_a_masked_class_gets_no_gradient(store, tmp_path):
    labels = store[1]
    unsure = np.zeros((12, 3), dtype=bool)
    unsure[:, 1] = True
    from dataclasses import replace

    truths = truths_of(replace(labels, unsure=unsure, present=labels.present & ~unsure), range(12))
    made = trainer(store, tmp_path, "epochs=2", "weight_decay=0.0", truths=truths)
    before = made.network.state_dict()["head.cla.weight"].clone()
    made.run()
    after = made.network.state_dict()["head.cla.weight"]
    assert torch.equal(after[1], before[1])
    assert not torch.equal(after[0], before[0])


def test_stopped_and_resumed_gives_the_same_weights(store, tmp_path):
    straight = trainer(store, tmp_path / "a", "select=best", "epochs=4")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    expected = straight.run().state_dict()
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > 5

    first = trainer(store, tmp_path / "b", "select=best", "epochs=4")
    with pytest.raises(Stopped):
        first.run(should_stop=stop)
    assert 0 < first.state.epoch < 4
    second = trainer(store, tmp_path / "b", "select=best", "epochs=4")
    got = second.run().state_dict()
    assert len(second.state.history) == 4
    for name, value in expected.items():
        assert torch.equal(got[name], value), name
    for mine, theirs in zip(second.state.history, straight.state.history, strict=True):
        assert {**mine, "seconds": 0} == {**theirs, "seconds": 0}


def test_select_best_keeps_the_best_epoch_and_patience_ends_the_training(store, tmp_path):
    made = trainer(store, tmp_path, "select=best", "patience=2", "epochs=60", "learning_rate=1e-2")
    seen = {}

    def report(progress):
        if "valid_macro_ap" in progress:
            seen[made.state.epoch] = {k: v.clone() for k, v in made.average.network.state_dict().items()}

    chosen = made.run(report).state_dict()
    state = made.state
    assert state.epoch < 60
    assert state.epoch == state.best_epoch + 2
    for name, value in seen[state.best_epoch].items():
        assert torch.equal(chosen[name], value)
    assert state.best_ap == max(row["valid_macro_ap"] for row in state.history)


def test_a_diverged_training_says_so(store, tmp_path):
    made = trainer(store, tmp_path, "epochs=1")
    with torch.no_grad():
        made.network.state_dict()["head.cla.bias"].fill_(float("nan"))
    with pytest.raises(ConfigError, match="learning_rate"):
        made.run()
    assert not made.checkpoint.exists()


def test_a_checkpoint_of_another_network_is_refused(store, tmp_path):
    trainer(store, tmp_path, "epochs=1").run()
    with pytest.raises(ArtefactError, match="delete it"):
        trainer(store, tmp_path, "epochs=1", "widths=[8, 8]").run()


def test_reports_tell_where_the_training_stands(store, tmp_path):
    told = []
    made = trainer(store, tmp_path, "epochs=2", "validate_every=2")
    made.run(told.append)
    assert [one["epoch"] for one in told if "valid_loss" in one] == [1, 2]
    last = told[-1]
    assert last["step"] == last["steps"] == 4
    assert last["phase"] == "training"
    assert last["valid_macro_ap"] is not None
    assert next(one for one in told if "valid_loss" in one)["valid_macro_ap"] is None
