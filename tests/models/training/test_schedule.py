import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from labeling.errors import ConfigError
from models.config import TrainConfig
from models.training.schedule import (
    Stage,
    batch_norms,
    freeze_batch_norms,
    learning_rate_at,
    make_optimizer,
    stages_of,
)

STAGE = Stage("train", 0, 100, 1e-3, 0.0)


def test_cosine_warms_up_and_falls():
    train = TrainConfig(warmup_fraction=0.1)
    rates = [learning_rate_at(step, 1, STAGE, train) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[9] == rates[10] == pytest.approx(1e-3)
    assert rates[55] == pytest.approx(0.5e-3)
    assert rates[99] == pytest.approx(1e-3 * 0.5 * (1 + math.cos(math.pi * 89 / 90)))
    assert learning_rate_at(0, 1, replace(STAGE, epochs=1), TrainConfig(warmup_fraction=0.5)) == 1e-3
    low = replace(STAGE, learning_rate_min=1e-5)
    assert learning_rate_at(55, 1, low, train) == pytest.approx((1e-3 + 1e-5) / 2)


@pytest.mark.parametrize("low", [0.0, 1e-5])
def test_cosine_cycle_is_pytorchs_annealing_beyond_its_length(low):
    """The 6th place of Cornell trained 75 epochs with T_max 10: rate 0 at 10, 30, 50 and 1e-3 at 20, 40."""
    train = TrainConfig(schedule="cosine_cycle", cycle_epochs=10, warmup_fraction=0.0)
    stage = Stage("train", 0, 75, 1e-3, low)
    mine = [learning_rate_at(epoch * 7, 7, stage, train) for epoch in range(75)]
    assert mine[10] == mine[30] == pytest.approx(low, abs=1e-12)
    assert mine[20] == mine[40] == pytest.approx(1e-3)
    assert learning_rate_at(7 * 20 + 6, 7, stage, train) == mine[20], "the rate changes once an epoch"
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=1e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10, eta_min=low)
    for epoch in range(75):
        assert mine[epoch] == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9), epoch
        optimizer.step()
        scheduler.step()


def test_constant_keeps_the_peak_after_the_warmup():
    train = TrainConfig(schedule="constant", warmup_fraction=0.02)
    assert [learning_rate_at(step, 1, STAGE, train) for step in (0, 1, 2, 99)] == [5e-4, 1e-3, 1e-3, 1e-3]


def test_stages_have_schedules_of_their_own():
    train = TrainConfig(
        epochs=5, pretrain_epochs=3, pretrain_learning_rate=1e-4, learning_rate_min=2e-4, freeze_bn_fraction=0.5
    )
    pretrain, last = stages_of(train)
    assert pretrain == Stage("pretrain", 0, 3, 1e-4, 1e-4)
    assert last == Stage("train", 3, 5, 1e-3, 2e-4, frozen_epochs=3)
    assert stages_of(TrainConfig(epochs=5))[0] == Stage("train", 0, 5, 1e-3, 0.0)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"epochs": 7}, (7,)),
        ({"epochs": 7, "snapshots": 3}, (5, 6, 7)),
        ({"epochs": 75, "snapshots": 4, "schedule": "cosine_cycle", "warmup_fraction": 0.0}, (10, 30, 50, 70)),
        ({"epochs": 75, "snapshots": 2, "schedule": "cosine_cycle", "warmup_fraction": 0.0}, (50, 70)),
        (
            {"epochs": 20, "snapshots": 2, "schedule": "cosine_cycle", "cycle_epochs": 5, "warmup_fraction": 0.1},
            (7, 17),
        ),
        ({"epochs": 75, "schedule": "cosine_cycle"}, (75,)),
    ],
)
def test_snapshots_are_taken_where_the_rate_is_lowest(settings, expected):
    assert TrainConfig(**settings).snapshot_epochs() == expected


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 2, "snapshots": 3}, "only 2 epochs"),
        ({"epochs": 20, "snapshots": 2, "schedule": "cosine_cycle", "warmup_fraction": 0.0}, "only 1 cycles of 10"),
        ({"snapshots": 2, "select": "best"}, "keeps one"),
    ],
)
def test_snapshots_that_cannot_be_taken(settings, words):
    with pytest.raises(ConfigError, match=words):
        TrainConfig(**settings)


def test_optimizers_decay_kernels_and_spare_the_rest():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    adamw = make_optimizer(network, TrainConfig(weight_decay=0.1))
    assert isinstance(adamw, torch.optim.AdamW)
    assert [(group["weight_decay"], len(group["params"])) for group in adamw.param_groups] == [(0.1, 1), (0.0, 3)]
    assert type(make_optimizer(network, TrainConfig(optimizer="adam"))) is torch.optim.Adam


def test_a_batch_norm_that_the_network_never_trains_is_left_alone():
    network = nn.Sequential(nn.BatchNorm2d(2), nn.BatchNorm2d(2).requires_grad_(False), nn.BatchNorm2d(2, affine=False))
    assert batch_norms(network) == [network[0], network[2]]


def test_frozen_batch_norms_keep_statistics_and_weights():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.LazyBatchNorm1d())
    x = torch.randn(4, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    network(x)
    norms = batch_norms(network)
    assert len(norms) == 2
    optimizer = make_optimizer(network, TrainConfig(optimizer="adamw", weight_decay=0.0))

    def step() -> None:
        optimizer.zero_grad()
        network(x).square().sum().backward()
        optimizer.step()

    for frozen in (True, False, True):
        network.train()
        freeze_batch_norms(norms, frozen)
        before = [{name: value.clone() for name, value in norm.state_dict().items()} for norm in norms]
        kernel = network[0].weight.detach().clone()
        step()
        assert not torch.equal(network[0].weight, kernel)
        for norm, old in zip(norms, before, strict=True):
            for name, value in norm.state_dict().items():
                assert torch.equal(value, old[name]) is frozen, (frozen, name)
