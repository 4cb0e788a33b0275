import math

import pytest
import torch

from labeling.errors import UnknownName
from models.losses import LOSSES, clip_and_frame_loss


@pytest.fixture
def cells():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 4, generator=generator) * 3
    targets = (torch.rand(5, 4, generator=generator) > 0.6).float()
    return logits, targets


@pytest.mark.parametrize(("name", "loss"), list(LOSSES))
def test_contract_of_every_loss(name, loss, cells):
    logits, targets = cells
    weight = torch.ones(5, 4)
    weight[1, 2] = 0
    logits.requires_grad_()
    value = loss(logits, targets, weight)
    assert value.shape == (5, 4)
    assert (value >= 0).all()
    assert value[1, 2] == 0
    torch.testing.assert_close(loss(logits, targets, 2 * weight), 2 * value)
    value.sum().backward()
    assert logits.grad[1, 2] == 0
    far = loss(torch.tensor([[200.0, -200.0]]), torch.tensor([[0.0, 1.0]]), torch.ones(1, 2))
    assert torch.isfinite(far).all()
    right = loss(torch.tensor([[9.0, -9.0]]), torch.tensor([[1.0, 0.0]]), torch.ones(1, 2))
    wrong = loss(torch.tensor([[-9.0, 9.0]]), torch.tensor([[1.0, 0.0]]), torch.ones(1, 2))
    assert (wrong > right + 1).all()


def one(name, p, target):
    logit = torch.tensor([[math.log(p / (1 - p))]])
    return float(LOSSES.get(name)(logit, torch.tensor([[float(target)]]), torch.ones(1, 1)))


@pytest.mark.parametrize("p", [0.02, 0.3, 0.9])
def test_values_by_hand(p):
    assert one("bce", p, 1) == pytest.approx(-math.log(p), rel=1e-5)
    assert one("bce", p, 0) == pytest.approx(-math.log(1 - p), rel=1e-5)
    assert one("focal", p, 1) == pytest.approx(-((1 - p) ** 2) * math.log(p), rel=1e-5)
    assert one("focal", p, 0) == pytest.approx(-(p**2) * math.log(1 - p), rel=1e-5)
    assert one("asl", p, 1) == pytest.approx(-(1 - p) * math.log(p), rel=1e-5)
    shifted = max(p - 0.05, 0)
    assert one("asl", p, 0) == pytest.approx(-(shifted**4) * math.log(1 - shifted), rel=1e-4, abs=1e-12)


def test_soft_targets_weigh_both_halves():
    for name, _ in LOSSES:
        assert one(name, 0.3, 0.25) == pytest.approx(0.25 * one(name, 0.3, 1) + 0.75 * one(name, 0.3, 0), rel=1e-5)


def test_clip_and_frame_loss_by_hand():
    bce = LOSSES.get("bce")
    clipwise = torch.tensor([[0.5, -1.0]])
    framewise = torch.tensor([[[0.1, -2.0], [1.5, -3.0]]])
    targets, weight = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    softplus = lambda x: math.log1p(math.exp(x))  # noqa: E731
    expected = (softplus(-0.5) + softplus(-1.0) + 0.5 * (softplus(-1.5) + softplus(-2.0))) / 2
    assert float(clip_and_frame_loss(clipwise, framewise, targets, weight, bce, 0.5)) == pytest.approx(expected)
    masked = clip_and_frame_loss(clipwise, framewise, targets, torch.tensor([[1.0, 0.0]]), bce, 0.5)
    assert float(masked) == pytest.approx(softplus(-0.5) + 0.5 * softplus(-1.5))
    assert float(clip_and_frame_loss(clipwise, framewise, targets, torch.zeros(1, 2), bce, 0.5)) == 0


def test_unknown_loss_names_the_known():
    with pytest.raises(UnknownName, match="asl, bce, focal"):
        LOSSES.get("gec")
