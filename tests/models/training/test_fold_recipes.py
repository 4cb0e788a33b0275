"""Each recipe that comes with Earmark trains: its network, planes, targets, augmentation, loss and schedule fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from labeling.predictions.oof import Oof, read_oof, write_oof
from labeling.records import Clip, FrameGrid, Labels
from models.config import Recipe, load_recipe, recipe_names
from models.folds.task import Task, TrainingData
from models.inputs.clips import AudioStore, training_chunks
from models.networks import panns
from models.networks.catalogue import build_network
from models.networks.heads import time_stride
from models.targets.rules import truths_of
from models.training.crossval import cross_validate
from models.training.fold import FoldTrainer
from tests.support.training.tiny import tiny_collection

WHOLE = ("demo", "quick")
"""Small enough to train and predict whole folds; of the others one step and one validation, Cnn14 made narrow."""
SMALL = (
    "network.pretrained=false",
    "data.chunk_s=0.5",
    "predict.window_s=0.5",
    "data.workers=1",
    "data.memory_gb=1",
    "targets.thresholds=[0.5]",
    "train.epochs=1",
    "train.batch_size=2",
    "train.validate_every=1",
    "train.snapshots=1",
    "train.members=1",
    "train.all_data=false",
    "folds.folds=2",
    "track.tensorboard=false",
)
OWN = {
    "demo": ("data.chunk_s=0.8", "predict.window_s=0.8"),
    "quick": ("data.chunk_s=0.8", "predict.window_s=0.8"),
    # the resizer's frames must last a whole number of the front end's
    "seti": ("data.chunk_s=0.64", "predict.window_s=0.64", "network.resize=[64, 32]"),
}
Sounds = tuple[list[Clip], Labels, Oof]


def small(name: str) -> Recipe:
    """The recipe on half a second of sound and one network a fold; else as it comes."""
    pretrains = load_recipe(name).train.pretrain_epochs > 0
    return load_recipe(name, [*SMALL, *(["train.pretrain_epochs=1"] * pretrains), *OWN.get(name, ())])


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Sounds:
    """Four clips with a reviewed cell each, and what a teacher predicted of them."""
    folder = tmp_path_factory.mktemp("sounds")
    clips, labels = tiny_collection(folder, n=4)
    reviewed = labels.reviewed.copy()
    reviewed[:, 0] = True
    half = np.full((20, 3), 0.5, np.float32)
    write_oof(
        folder / "oof.zarr", clip_ids=labels.clip_ids, filenames=labels.filenames, classes=labels.classes,
        clipwise=half[:4], framewise=[half] * 4, fold=[0, 0, 1, 1], grid=FrameGrid(0.0, 0.1, 0.1), label_version=1,
        label_hash="x",
    )  # fmt: skip
    return clips, replace(labels, reviewed=reviewed), read_oof(folder / "oof.zarr")


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cnn14 has 80 million weights."""
    monkeypatch.setattr(panns, "WIDTHS", (8, 8, 8, 8, 8, 16))


@pytest.mark.parametrize("name", [name for name in recipe_names() if not load_recipe(name).linear.space])
def test_each_recipe_trains(name: str, sounds: Sounds, tmp_path: Path) -> None:
    clips, labels, teacher = sounds
    recipe = small(name)
    if name in WHOLE:
        result = cross_validate(recipe, clips, labels, tmp_path, label_version=1, device="cpu")
        assert result["overall"]["macro_ap"] is not None
        return
    store = AudioStore(clips, recipe.features, recipe.data)
    store.load(lambda done, total: None, lambda: False)
    network = build_network(recipe, 3)
    truths = truths_of(labels, range(4), teacher if recipe.targets.reads_teacher else None, recipe.targets)
    data = TrainingData(store, truths, labels.present, ~labels.unsure, labels.classes)
    rows = np.arange(4)
    # where exactly its frames lie is measured elsewhere, and takes longer than all else here
    step_s = store.hop_s * time_stride(network, len(recipe.features.channels), recipe.features.n_mels)
    grid = FrameGrid(0.0, step_s, step_s)
    trainer = FoldTrainer(recipe, network, data, Task(0, 0, rows, rows, rows[:1]), grid, torch.device("cpu"), tmp_path)
    last = [weight for weight in network.parameters() if weight.requires_grad][-1]
    before = last.detach().clone()
    chunk, *_ = training_chunks(np.random.default_rng(0), store, rows, trainer.chunk_frames, 2)
    network.train()
    loss = trainer._step(trainer._load((chunk, np.random.SeedSequence(0)), mixing=True))
    assert torch.isfinite(loss)
    assert not torch.equal(last, before)
    assert np.isfinite(trainer._validate(lambda: False)["valid_loss"])
