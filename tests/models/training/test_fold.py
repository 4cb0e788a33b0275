import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from labeling.errors import ArtefactError, ConfigError, Stopped
from models.folds.task import ALL_DATA, Task, TrainingData
from models.inputs.clips import AudioStore
from models.networks.catalogue import build_network
from models.networks.heads import frame_grid
from models.targets.rules import truths_of
from models.training.fold import FoldTrainer
from tests.support.training.tiny import CLASSES, tiny_collection, tiny_recipe


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    clips, labels = tiny_collection(tmp_path_factory.mktemp("audio"))
    recipe = tiny_recipe()
    made = AudioStore(clips, recipe.features, recipe.data)
    made.load(lambda done, total: None, lambda: False)
    return made, labels


ROWS = np.arange(8)


def trainer(
    store, folder: Path, *settings: str, labels=None, pretrain_rows=ROWS, fold=0, member=0, log=lambda line: None
) -> FoldTrainer:
    made, given = store
    labels = labels or given
    recipe = tiny_recipe(*settings)
    torch.manual_seed(0)
    network = build_network(recipe, 3)
    valid = np.arange(8, 12) if fold != ALL_DATA else np.zeros(0, dtype=np.int64)
    return FoldTrainer(
        recipe,
        network,
        TrainingData(made, truths_of(labels, range(12)), labels.present, ~labels.unsure, CLASSES),
        Task(fold, member, ROWS, pretrain_rows, valid),
        frame_grid(network, recipe.features),
        torch.device("cpu"),
        folder,
        log,
    )


def same_weights(one, other) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_training_learns_three_tones(store, tmp_path):
    made = trainer(store, tmp_path, "epochs=25", "ema_decay=0.9", "learning_rate=1e-2", "mixup.probability=0.0")
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
    masked = replace(labels, unsure=unsure, present=labels.present & ~unsure)
    made = trainer(store, tmp_path, "epochs=2", "weight_decay=0.0", labels=masked)
    before = made.network.state_dict()["head.cla.weight"].clone()
    made.run()
    after = made.network.state_dict()["head.cla.weight"]
    assert torch.equal(after[1], before[1])
    assert not torch.equal(after[0], before[0])


@pytest.mark.parametrize(
    "settings",
    [
        ("select=best", "epochs=4"),
        ("pretrain_epochs=2", "epochs=2", "freeze_bn_fraction=0.5", "optimizer=adam"),
        ("epochs=4", "snapshots=2", "schedule=cosine_cycle", "cycle_epochs=1", "warmup_fraction=0"),
    ],
    ids=["best", "pretrain", "snapshots"],
)
@pytest.mark.parametrize("batches", [1, 5])
def test_stopped_and_resumed_gives_the_same_weights(store, tmp_path, settings, batches):
    """Stopped again and again after so many batches, until it is through."""
    for name in ("straight", "resumed"):
        (tmp_path / name).mkdir()
    straight = trainer(store, tmp_path / "straight", *settings)
    expected = straight.run()
    stops = 0
    for _ in range(20):
        calls = 0

        def stop() -> bool:
            nonlocal calls
            calls += 1
            return calls > 2 + batches

        made = trainer(store, tmp_path / "resumed", *settings)
        try:
            got = made.run(should_stop=stop)
            break
        except Stopped:
            stops += 1
    assert stops
    assert len(got) == len(expected) == made.recipe.train.snapshots
    for mine, theirs in zip(got, expected, strict=True):
        assert same_weights(mine, theirs)
    for mine, theirs in zip(made.state.history, straight.state.history, strict=True):
        assert {**mine, "seconds": 0} == {**theirs, "seconds": 0}


def test_pretraining_sees_its_own_clips_and_hands_on_its_average(store, tmp_path):
    settings = (
        "pretrain_epochs=2",
        "pretrain_learning_rate=1e-2",
        "epochs=2",
        "warmup_fraction=0",
        "chunks_per_clip=2",
    )
    made = trainer(store, tmp_path, *settings, pretrain_rows=np.arange(2))
    seen, rates, begun = [], [], {}
    targets, step = made._targets, made._step

    def watched_targets(chunk):
        seen.append((made.state.epoch, set(chunk.rows.tolist())))
        return targets(chunk)

    def watched_step(*batch):
        if made.state.epoch == 2 and not begun:
            begun.update(average=made.average.step, same=same_weights(made.network, made.average.network))
        loss = step(*batch)
        rates.append((made.state.epoch, made.optimizer.param_groups[0]["lr"]))
        return loss

    made._targets, made._step = watched_targets, watched_step
    made.run()
    assert begun == {"average": 0, "same": True}
    assert all(rows <= {0, 1} for epoch, rows in seen if epoch < 2)
    assert set().union(*(rows for epoch, rows in seen if epoch >= 2)) == set(range(8))
    assert rates[0] == (0, 1e-2)
    assert next(rate for epoch, rate in rates if epoch == 2) == pytest.approx(2e-3)  # demo's own, from its top
    assert [row["stage"] for row in made.state.history] == ["pretrain"] * 2 + ["train"] * 2
    assert [row["epoch"] for row in made.state.history] == [1, 2, 3, 4]


def test_snapshots_are_the_averages_after_their_epochs(store, tmp_path):
    made = trainer(store, tmp_path, "epochs=4", "snapshots=2")
    kept = {}

    def report(progress):
        if "valid_loss" in progress:
            kept[made.state.epoch] = {name: value.clone() for name, value in made.average.network.state_dict().items()}

    first, second = made.run(report)
    for network, epoch in ((first, 3), (second, 4)):
        assert all(torch.equal(value, kept[epoch][name]) for name, value in network.state_dict().items())
        assert not network.training
    assert not same_weights(first, second)


def test_batch_norms_are_frozen_for_the_first_half(store, tmp_path):
    made = trainer(store, tmp_path, "epochs=4", "freeze_bn_fraction=0.5", "ema_decay=0")
    norms = {name: value.clone() for name, value in made.network.state_dict().items() if "running" in name}
    assert norms
    moved = []

    def report(progress):
        if "valid_loss" in progress:
            now = made.network.state_dict()
            moved.append(not all(torch.equal(now[name], value) for name, value in norms.items()))

    made.run(report)
    assert moved == [False, False, True, True]


def test_members_differ_and_the_one_on_all_clips_is_not_validated(store, tmp_path):
    first, second = (trainer(store, tmp_path, "epochs=1", member=m) for m in (0, 1))
    assert not same_weights(first.run()[0], second.run()[0]), "chunks and augmentation are drawn anew"
    whole = trainer(store, tmp_path, "epochs=2", "select=best", fold=ALL_DATA)
    whole.run()
    assert {row["valid_loss"] for row in whole.state.history} == {None}
    assert (tmp_path / "all.m0.s0.safetensors").exists()


def test_mixing_stops_after_its_share_of_the_epochs(store, tmp_path, monkeypatch):
    from models.inputs import augment

    told, draw = [], augment.draw

    def watched(rng, config, batch, *, mixing=True, **rest):
        told.append((made.state.epoch, mixing))
        return draw(rng, config, batch, mixing=mixing, **rest)

    monkeypatch.setattr(augment, "draw", watched)
    made = trainer(store, tmp_path, "epochs=4", "mixing_share=0.5")
    made.run()
    assert dict(told) == {0: True, 1: True, 2: False, 3: False}


def test_class_balance_comes_from_the_training_rows(store, tmp_path):
    labels = store[1]
    made = trainer(store, tmp_path, "loss.name=weighted_bce", "positive_weight=0")
    zero, one = torch.zeros(1, 3), torch.ones(1, 3)
    present = labels.present[ROWS].sum(0)
    expected = (8 - present) / present * np.log(2)
    np.testing.assert_allclose(made.loss(zero, one, one)[0].numpy(), expected, rtol=1e-5)


def test_a_network_that_does_not_compile_is_trained_without(store, tmp_path, monkeypatch):
    def broken(network):
        def forward(planes):
            raise RuntimeError("no compiler here")

        return forward

    monkeypatch.setattr(torch, "compile", broken)
    lines = []
    (tmp_path / "plain").mkdir()
    compiled = trainer(store, tmp_path, "epochs=1", "compile=true", log=lines.append).run()
    assert lines == [
        "warning: train.compile: the network could not be compiled (no compiler here); training without it"
    ]
    assert same_weights(compiled[0], trainer(store, tmp_path / "plain", "epochs=1").run()[0])


def test_select_best_keeps_the_best_epoch_and_patience_ends_the_training(store, tmp_path):
    made = trainer(store, tmp_path, "select=best", "patience=2", "epochs=60", "learning_rate=1e-2")
    seen = {}

    def report(progress):
        if "valid_macro_ap" in progress:
            seen[made.state.epoch] = {k: v.clone() for k, v in made.average.network.state_dict().items()}

    chosen = made.run(report)[0].state_dict()
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
    assert not made.resume_file.exists()


def test_weights_lost_in_the_last_step_say_so(store, tmp_path):
    """Its loss is of the weights before it: finite, while all that it would predict is not a number."""
    made = trainer(store, tmp_path, "epochs=1", "train.batch_size=8")
    made.optimizer.register_step_post_hook(
        lambda optimizer, *_: optimizer.param_groups[0]["params"][0].data.fill_(float("inf"))
    )
    with pytest.raises(ConfigError, match=r"no longer finite.* lower train\.learning_rate"):
        made.run()
    assert made.state.step == 1
    assert not list(tmp_path.glob("*.safetensors"))


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


def test_resumed_optimisers_keep_the_memory_format(store, tmp_path):
    trainer(store, tmp_path, "epochs=1").run()
    again = trainer(store, tmp_path, "epochs=1")
    again.run()
    moments = [(weight, entry["exp_avg"]) for weight, entry in again.optimizer.state.items()]
    assert any(not weight.is_contiguous() for weight, _ in moments), "kernels lie channels last"
    assert all(moment.stride() == weight.stride() for weight, moment in moments)
    assert any(moment.abs().max() > 0 for _, moment in moments)


def test_backgrounds_are_read_ahead(store, tmp_path):
    from models.inputs.augment import Backgrounds

    seen = []

    class Watched(Backgrounds):
        def stretch(self, file, place, samples):
            seen.append(threading.current_thread() is threading.main_thread())
            return super().stretch(file, place, samples)

    folder = str(Path(store[0].clips[0].path).parent)
    own = (f"background.folder={folder}", "background.probability=1.0", "precompute=false", "epochs=1")
    made = trainer(store, tmp_path, *own)
    with_samples = AudioStore(store[0].clips, made.recipe.features, made.recipe.data)
    with_samples.load(lambda done, total: None, lambda: False)
    backgrounds = Watched(folder, made.recipe.features.sample_rate)
    seen.clear()
    made.store = with_samples
    made.data = replace(made.data, store=with_samples, backgrounds=backgrounds)
    made.run()
    assert len(seen) == 8
    assert not any(seen)


def test_gradients_of_several_batches_are_averaged_before_a_step(store, tmp_path):
    """Eight clips in batches of three: of accumulate = 2 the second step has one batch alone."""
    fixed = ("dropout=0", "mixup.probability=0", "tilt.probability=0", "gradient_clip=0", "train.batch_size=3")

    def steps_of(*settings):
        (tmp_path / str(len(settings))).mkdir()
        made = trainer(store, tmp_path / str(len(settings)), *fixed, "epochs=1", *settings)
        seen = []

        def keep():
            seen.append([value.grad.clone() for value in made.network.parameters()])

        made.optimizer.step = keep  # the weights stay, so that the batches' gradients can be compared
        made.run()
        return seen

    one, two, three = steps_of()
    first, second = steps_of("accumulate=2")
    for a, b, both in zip(one, two, first, strict=True):
        torch.testing.assert_close(both, (a + b) / 2, rtol=1e-4, atol=1e-7)
    for a, alone in zip(three, second, strict=True):
        torch.testing.assert_close(alone, a, rtol=1e-4, atol=1e-7)


def test_rare_classes_are_held_and_said(store, tmp_path):
    lines = []
    trainer(store, tmp_path, "loss.name=weighted_bce", "positive_weight=0", "positive_weight_max=0.5", log=lines.append)
    assert any("weigh more than loss.positive_weight_max = 0.5" in line for line in lines)
