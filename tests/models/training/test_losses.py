import math
import pkgutil

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from sklearn.metrics import log_loss
from torch.nn import functional as F

from labeling.errors import ConfigError, UnknownName
from models.config.loss import LOSSES, LossConfig
from models.networks.heads import Output
from models.training.losses import (
    bce,
    class_balance,
    clip_and_frame_loss,
    clip_logits,
    held_weights,
    make_loss,
    smooth,
    tempered_log_probability,
)

BALANCE = torch.tensor([3.0, 1.0, 0.5, 20.0])
CONFIGS = {
    "bce": LossConfig(),
    "weighted": LossConfig("weighted_bce", positive_weight=5),
    "balanced": LossConfig("weighted_bce", positive_weight=0),
    "focal": LossConfig("focal"),
    "focal alpha": LossConfig("focal", focal_alpha=0.25, focal_gamma=0.5),
    "asl": LossConfig("asl"),
    "asl no margin": LossConfig("asl", asl_margin=0, asl_gamma_negative=0.5, asl_gamma_positive=0),
    "asl low gamma": LossConfig("asl", asl_gamma_negative=0.1, asl_gamma_positive=0.1),
    "sce": LossConfig("sce"),
    "bi_tempered": LossConfig("bi_tempered"),
    "bi_tempered bounded": LossConfig("bi_tempered", bi_tempered_t1=0, bi_tempered_t2=4),
    "bi_tempered light tail": LossConfig("bi_tempered", bi_tempered_t1=1, bi_tempered_t2=0.5),
    "bi_tempered logistic": LossConfig("bi_tempered", bi_tempered_t1=1, bi_tempered_t2=1),
}


@pytest.fixture
def cells():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 4, generator=generator) * 3
    targets = (torch.rand(5, 4, generator=generator) > 0.6).float()
    return logits, targets


def one(config, p, target):
    logit = torch.tensor([[math.log(p / (1 - p))]], dtype=torch.float64)
    target = torch.tensor([[target]], dtype=torch.float64)
    return float(make_loss(config)(logit, target, torch.ones(1, 1, dtype=torch.float64)))


def test_every_name_makes_a_loss():
    assert LOSSES.names() == ["asl", "bce", "bi_tempered", "focal", "sce", "weighted_bce"]
    assert {config.name for config in CONFIGS.values()} == set(LOSSES.names())
    for _, entry in LOSSES:
        assert callable(pkgutil.resolve_name(entry))


def test_unknown_loss_names_the_known():
    with pytest.raises(UnknownName, match=r"unknown loss 'foca'; choose from asl, bce, .*Did you mean 'focal'"):
        LossConfig("foca")


def make_brier(config, positive_weight):
    return lambda logits, targets, weight: weight * (torch.sigmoid(logits) - targets).square()


def test_a_loss_of_ones_own(monkeypatch):
    monkeypatch.setitem(LOSSES._things, "brier", f"{__name__}:make_brier")
    assert one(LossConfig("brier"), 0.3, 1) == pytest.approx(0.49)


@pytest.mark.parametrize("name", CONFIGS)
def test_contract_of_every_loss(name, cells):
    logits, targets = cells
    loss = make_loss(CONFIGS[name], BALANCE)
    weight = torch.ones(5, 4)
    weight[1, 2] = 0
    logits.requires_grad_()
    value = loss(logits, targets, weight)
    assert value.shape == (5, 4)
    assert value.dtype == torch.float32
    assert (value >= -1e-6).all()
    assert value[1, 2] == 0
    torch.testing.assert_close(loss(logits, targets, 2 * weight), 2 * value)
    value.sum().backward()
    assert logits.grad[1, 2] == 0
    right = loss(torch.full((1, 4), 9.0), torch.ones(1, 4), torch.ones(1, 4))
    wrong = loss(torch.full((1, 4), -9.0), torch.ones(1, 4), torch.ones(1, 4))
    assert (wrong > right + 0.3).all()


@pytest.mark.parametrize("name", CONFIGS)
def test_finite_however_sure_the_network_is(name):
    row = [0.0, 1e-3, 15.0, 50.0, 200.0]
    logits = torch.tensor(row + [-z for z in row], requires_grad=True).unsqueeze(1)
    logits.retain_grad()
    for target in (0.0, 0.3, 1.0):
        logits.grad = None
        value = make_loss(CONFIGS[name], BALANCE[:1])(logits, torch.full_like(logits, target), torch.ones_like(logits))
        assert torch.isfinite(value).all()
        value.sum().backward()
        assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_gradients_are_the_numeric_ones(name, target):
    logits = torch.linspace(-8, 8, 12, dtype=torch.float64).reshape(3, 4).requires_grad_()
    loss, ones = make_loss(CONFIGS[name], BALANCE), torch.ones(3, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: loss(z, torch.full_like(z, target), ones), (logits,))


@pytest.mark.parametrize("p", [0.02, 0.3, 0.9])
def test_bce_and_focal_by_hand(p):
    assert one(LossConfig(), p, 1) == pytest.approx(log_loss([1], [p], labels=[0, 1]))
    assert one(LossConfig(), p, 0) == pytest.approx(-math.log(1 - p))
    assert one(LossConfig("focal"), p, 1) == pytest.approx(-((1 - p) ** 2) * math.log(p))
    assert one(LossConfig("focal"), p, 0) == pytest.approx(-(p**2) * math.log(1 - p))
    paper = LossConfig("focal", focal_alpha=0.25)
    assert one(paper, p, 1) == pytest.approx(-0.25 * (1 - p) ** 2 * math.log(p))
    assert one(paper, p, 0) == pytest.approx(-0.75 * p**2 * math.log(1 - p))
    birdclef = LossConfig("focal", focal_alpha=0.25, focal_alpha_absent=1)
    assert one(birdclef, p, 1) == pytest.approx(-0.25 * (1 - p) ** 2 * math.log(p))
    assert one(birdclef, p, 0) == pytest.approx(-(p**2) * math.log(1 - p))


def test_weighted_bce_is_torchs(cells):
    logits, targets = cells
    expected = torch.nn.BCEWithLogitsLoss(reduction="none", pos_weight=BALANCE)(logits, targets)
    got = make_loss(CONFIGS["balanced"], BALANCE)(logits, targets, torch.ones(5, 4))
    torch.testing.assert_close(got, expected)
    assert one(CONFIGS["weighted"], 0.3, 1) == pytest.approx(-5 * math.log(0.3))
    assert one(CONFIGS["weighted"], 0.3, 0) == pytest.approx(-math.log(0.7))


def test_balance_must_be_given_where_it_is_asked_for():
    with pytest.raises(ConfigError, match=r"loss\.positive_weight = 0"):
        make_loss(CONFIGS["balanced"])


def test_class_balance_by_hand():
    present = np.array([[1, 0, 1, 0], [0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 1, 0]], dtype=bool)
    known = np.ones_like(present)
    known[1, 0] = known[2, 1] = False
    balance = class_balance(present, known)
    # 2 absent to 1 present; no present one left; no absent one; 3 to 1
    assert balance.tolist() == [2, 1, 1, 3]
    assert balance.dtype == np.float32


@pytest.mark.parametrize("alpha", [-1, 0.25])
@pytest.mark.parametrize("gamma", [2.0, 3.5])
def test_focal_is_torchvisions(cells, alpha, gamma):
    from torchvision.ops import sigmoid_focal_loss

    logits, targets = cells
    loss = make_loss(LossConfig("focal", focal_alpha=alpha, focal_gamma=gamma))
    expected = sigmoid_focal_loss(logits, targets, alpha=alpha, gamma=gamma)
    torch.testing.assert_close(loss(logits, targets, torch.ones(5, 4)), expected)


@pytest.mark.parametrize(("positive", "negative", "margin"), [(1, 4, 0.05), (0, 2, 0.2), (2.5, 3, 0)])
def test_asl_is_timms(cells, positive, negative, margin):
    from timm.loss import AsymmetricLossMultiLabel

    logits, targets = (cell.double() for cell in cells)
    config = LossConfig("asl", asl_gamma_positive=positive, asl_gamma_negative=negative, asl_margin=margin)
    got = make_loss(config)(logits, targets, torch.ones(5, 4))
    theirs = AsymmetricLossMultiLabel(gamma_neg=negative, gamma_pos=positive, clip=margin, reduction="none")
    torch.testing.assert_close(got.float(), theirs(logits, targets))


def test_asl_forgets_easy_negatives():
    assert one(LossConfig("asl"), 0.04, 0) == pytest.approx(0, abs=1e-12)
    assert one(LossConfig("asl"), 0.55, 0) == pytest.approx(-(0.5**4) * math.log(0.5))


def test_label_smoothing_is_timms():
    from timm.loss import LabelSmoothingCrossEntropy

    logits = torch.tensor([2.5, -0.5, 4.0, -3.0], dtype=torch.float64)
    targets = torch.tensor([1, 1, 0, 0])
    pair = torch.stack([torch.zeros_like(logits), logits], dim=1)
    expected = LabelSmoothingCrossEntropy(0.1)(pair, targets)
    ones = torch.ones(4, 1, dtype=torch.float64)
    got = bce(logits[:, None], smooth(targets[:, None].double(), 0.1), ones).mean()
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(smooth(torch.tensor([0.0, 0.5, 1.0]), 0.1), torch.tensor([0.05, 0.5, 0.95]))


def test_two_logits_are_their_difference():
    generator = torch.Generator().manual_seed(1)
    pair = torch.randn(9, 2, generator=generator) * 4
    targets = torch.arange(9) % 2
    expected = F.cross_entropy(pair, targets, reduction="none")
    got = bce((pair[:, 1] - pair[:, 0])[:, None], targets[:, None].float(), torch.ones(9, 1))[:, 0]
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("p", [0.02, 0.3, 0.9])
def test_sce_by_hand(p):
    a = math.log(1e-4)
    assert a == pytest.approx(-9.21, abs=0.001)
    assert one(LossConfig("sce"), p, 1) == pytest.approx(-0.1 * math.log(p) - a * (1 - p))
    assert one(LossConfig("sce"), p, 0) == pytest.approx(-0.1 * math.log(1 - p) - a * p)
    six = LossConfig("sce", sce_alpha=6, sce_beta=0.1)
    cross = -0.75 * math.log(p) - 0.25 * math.log(1 - p)
    reverse = -p * math.log(0.75) - (1 - p) * math.log(0.25)
    assert one(six, p, 0.75) == pytest.approx(6 * cross + 0.1 * reverse)


def exp_t(u, t):
    return math.exp(u) if t == 1 else max(0.0, 1 + (1 - t) * u) ** (1 / (1 - t)) if 1 + (1 - t) * u > 0 else 0.0


def log_t(u, t):
    return math.log(u) if t == 1 else (u ** (1 - t) - 1) / (1 - t)


def tempered_softmax(activations, t):
    top = max(activations)
    total = lambda lam: sum(exp_t(a - lam, t) for a in activations) - 1  # noqa: E731
    width = 1.0
    while total(top + width) > 0:
        width *= 2
    lam = brentq(total, top, top + width, xtol=1e-14, rtol=1e-14)
    return [exp_t(a - lam, t) for a in activations]


def tempered_loss(activations, labels, t1, t2):
    total = 0.0
    for y, p in zip(labels, tempered_softmax(activations, t2), strict=True):
        total += (y * (log_t(y, t1) - log_t(p, t1)) if y else 0) - (y ** (2 - t1) - p ** (2 - t1)) / (2 - t1)
    return total


def test_the_reference_is_the_papers_loss():
    """Three rows and their losses from the tests of the authors' repository (google/bi-tempered-loss)."""
    labels = ((0.2, 0.3, 0.5), (0.6, 0.3, 0.1), (0.2, 0.8, 0.0))
    activations = ((-0.5, 0.1, 2.0), (0.1, 1.5, -5.0), (4.0, -3.0, -6.0))
    got = [tempered_loss(a, y, 0.5, 1.5) for a, y in zip(activations, labels, strict=True)]
    assert got == pytest.approx([0.02301914, 0.18972909, 0.93874922], abs=1e-5)


@pytest.mark.parametrize("t2", [0.1, 0.7, 1.0, 1.0001, 1.4, 2.0, 4.0])
@pytest.mark.parametrize("t1", [0.0, 0.8, 1.0])
def test_bi_tempered_is_the_two_class_softmax(t1, t2):
    logits = (-50.0, -3.0, -0.2, 0.0, 0.6, 4.0, 50.0)
    z = torch.tensor(logits, dtype=torch.float64)
    expected = [tempered_softmax((0, one), t2)[1] for one in logits]
    got = tempered_log_probability(z, t2)
    np.testing.assert_allclose(got[1].exp(), expected, atol=3e-7)
    np.testing.assert_allclose(got[0].exp() + got[1].exp(), 1, atol=3e-7)
    loss = make_loss(LossConfig("bi_tempered", bi_tempered_t1=t1, bi_tempered_t2=t2))
    near = [place for place, p in enumerate(expected) if 1e-3 < p < 1 - 1e-3]
    for target in (0.0, 0.05, 1.0):
        value = loss(z[:, None], torch.full((7, 1), target, dtype=torch.float64), torch.ones(7, 1))[:, 0]
        wanted = [tempered_loss((0, logits[place]), (1 - target, target), t1, t2) for place in near]
        np.testing.assert_allclose(value[near], wanted, rtol=1e-5, atol=1e-6)


def test_bi_tempered_bounds_the_loss_of_a_wrong_label():
    """t1 < 1: no cell costs more than 1 / (1 - t1) - (1 - 1) / (2 - t1) = 5 at t1 = 0.8; cross-entropy costs 50."""
    config = LossConfig("bi_tempered", bi_tempered_t1=0.8, bi_tempered_t2=1.0)
    wrong = make_loss(config)(torch.tensor([[-50.0]]), torch.ones(1, 1), torch.ones(1, 1))
    assert float(wrong) == pytest.approx(5, abs=1e-3)


def test_soft_targets_weigh_both_halves():
    for name in ("bce", "weighted", "focal", "focal alpha", "asl"):
        both = 0.25 * one(CONFIGS[name], 0.3, 1) + 0.75 * one(CONFIGS[name], 0.3, 0)
        assert one(CONFIGS[name], 0.3, 0.25) == pytest.approx(both)


def test_clip_and_frame_loss_by_hand():
    clipwise = torch.tensor([[0.5, -1.0]])
    framewise = torch.tensor([[[0.1, -2.0], [1.5, -3.0]]])
    targets, weight = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    softplus = lambda x: math.log1p(math.exp(x))  # noqa: E731
    expected = (softplus(-0.5) + softplus(-1.0) + 0.5 * (softplus(-1.5) + softplus(-2.0))) / 2
    assert float(clip_and_frame_loss(clipwise, framewise, targets, weight, bce, 0.5)) == pytest.approx(expected)
    masked = clip_and_frame_loss(clipwise, framewise, targets, torch.tensor([[1.0, 0.0]]), bce, 0.5)
    assert float(masked) == pytest.approx(softplus(-0.5) + 0.5 * softplus(-1.5))
    assert float(clip_and_frame_loss(clipwise, framewise, targets, torch.zeros(1, 2), bce, 0.5)) == 0


@pytest.mark.parametrize(("setting", "value"), [("focal_alpha", 1.5), ("focal_alpha_absent", -0.5), ("sce_floor", 0)])
def test_settings_out_of_bounds_are_named(setting, value):
    with pytest.raises(ConfigError, match=f"loss.{setting} = "):
        LossConfig(**{setting: value})


def test_no_class_weighs_more_than_the_bound():
    ratio = torch.tensor([2.0, 14851.0, 100.0])
    logits, one = torch.zeros(1, 3), torch.ones(1, 3)
    held = LossConfig("weighted_bce", positive_weight=0)
    got = make_loss(held, ratio)(logits, one, one)
    torch.testing.assert_close(got, math.log(2) * torch.tensor([[2.0, 100.0, 100.0]]))
    assert held_weights(held, ratio.numpy()) == (
        "1 of 3 classes would weigh more than loss.positive_weight_max = 100, the rarest 14,851; they weigh 100"
    )
    free = LossConfig("weighted_bce", positive_weight=0, positive_weight_max=0)
    torch.testing.assert_close(make_loss(free, ratio)(logits, one, one), math.log(2) * ratio[None])
    assert held_weights(free, ratio.numpy()) == held_weights(held, np.ones(3, np.float32)) == ""


def test_the_loss_reads_the_pooled_probabilities_or_the_pooled_logits():
    output = Output(torch.tensor([[1.0]]), torch.zeros(1, 2, 1), pooled=torch.tensor([[3.0]]))
    assert clip_logits(output, "probability").item() == 1
    assert clip_logits(output, "logit").item() == 3
    with pytest.raises(ConfigError, match=r"pools no logits; set loss\.pool = 'probability'"):
        clip_logits(output._replace(pooled=None), "logit")
