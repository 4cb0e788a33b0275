import pytest
import torch
from torch import nn
from torch.nn import functional as F

from labeling.errors import ConfigError
from models.config import load_recipe
from models.networks.catalogue import build_network
from models.networks.cnn import SmallCnn
from models.networks.heads import (
    AttentionHead,
    MaxHead,
    Network,
    Output,
    TimeFeatures,
    frame_grid,
    n_frames_of,
    pair_logits,
    time_geometry,
)


@pytest.mark.parametrize("squash", ["tanh", "clamp", "linear"])
def test_attention_is_a_weighted_mean_of_probabilities(squash):
    torch.manual_seed(0)
    head = AttentionHead(5, 3, squash)
    features = 4 * torch.randn(2, 5, 7)
    raw = head.att(features)
    raw = {"tanh": torch.tanh(raw), "clamp": raw.clamp(-10, 10), "linear": raw}[squash]
    expected = (torch.softmax(raw, -1) * torch.sigmoid(head.cla(features))).sum(-1)
    output = head(features)
    torch.testing.assert_close(torch.sigmoid(output.clipwise), expected)
    torch.testing.assert_close(output.pooled, (torch.softmax(raw, -1) * head.cla(features)).sum(-1))
    torch.testing.assert_close(output.framewise, head.cla(features).transpose(1, 2))
    assert output.framewise.shape == (2, 7, 3)


def test_attention_stays_finite_where_probabilities_round_off():
    head = AttentionHead(1, 1)
    nn.init.ones_(head.cla.weight)
    for value in (-300.0, 300.0):
        clipwise = head(torch.full((1, 1, 4), value)).clipwise
        assert clipwise.item() == pytest.approx(value, rel=1e-3)


def test_max_head():
    torch.manual_seed(0)
    head = MaxHead(5, 3)
    features = torch.randn(2, 5, 7)
    output = head(features)
    expected = torch.einsum("bit,ci->btc", features, head.weight) + head.bias
    torch.testing.assert_close(output.framewise, expected)
    assert torch.equal(output.clipwise, output.framewise.max(1).values)
    assert torch.equal(output.pooled, output.clipwise)


def test_two_logits_a_class_are_softmax_cross_entropy():
    """Value and gradient of the pair's softmax cross-entropy, as PyTorch computes it."""
    torch.manual_seed(0)
    pairs = (5 * torch.randn(4, 3, 2)).requires_grad_()
    truth = torch.tensor([[0, 1, 1], [1, 0, 0], [0, 0, 1], [1, 1, 1]])
    expected = F.cross_entropy(pairs.permute(0, 2, 1), truth, reduction="none")
    (grad_expected,) = torch.autograd.grad(expected.sum(), pairs)
    logits = pair_logits(pairs.flatten(1), 2)
    assert logits.shape == (4, 3)
    loss = F.binary_cross_entropy_with_logits(logits, truth.float(), reduction="none")
    (grad,) = torch.autograd.grad(loss.sum(), pairs)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(grad, grad_expected)


@pytest.mark.parametrize("kind", [AttentionHead, MaxHead])
def test_heads_of_two_logits_give_present_minus_absent(kind):
    torch.manual_seed(0)
    head = kind(4, 3, logits_per_class=2)
    single = kind(4, 3)
    layer, plain = (head.cla, single.cla) if kind is AttentionHead else (head, single)
    with torch.no_grad():
        for mine, theirs in ((plain.weight, layer.weight), (plain.bias, layer.bias)):
            mine.copy_(theirs[1::2] - theirs[::2])
        if kind is AttentionHead:
            single.att.load_state_dict(head.att.state_dict())
    features = torch.randn(2, 4, 5)
    for mine, theirs in zip(head(features), single(features), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_time_features_by_hand():
    layer = TimeFeatures(2, 2, 0.0).eval()
    with torch.no_grad():
        layer.fc1.weight.copy_(torch.eye(2))
        layer.fc1.bias.zero_()
    x = torch.tensor([[[[1.0, 2.0, 6.0], [3.0, 4.0, 0.0]], [[0.0, 0.0, 9.0], [0.0, 0.0, 9.0]]]])
    # mean over frequency: 2 3 3 and 0 0 9; then max + average of 3 frames, zeros outside counted
    expected = torch.tensor([[[3 + 5 / 3, 3 + 8 / 3, 3 + 2], [0, 9 + 3, 9 + 3]]])
    torch.testing.assert_close(layer(x), expected)


class Strided(Network):
    """One convolution along time, so that its geometry is known: frame t sees t*stride - pad .. + kernel - 1."""

    def __init__(self, kernel, stride, pad, pool=None):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, (1, kernel), stride=(1, stride), padding=(0, pad))
        self.pool = pool or nn.Identity()

    def forward(self, planes):
        frames = self.pool(self.conv(planes)).mean(2).transpose(1, 2)
        return Output(frames.amax(1), frames)


@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "centre"),
    [(4, 4, 0, 1.5), (3, 2, 1, 0), (5, 2, 2, 0), (7, 4, 0, 3), (2, 2, 0, 0.5), (9, 9, 0, 4), (12, 12, 0, 5.5)],
)
def test_geometry_of_one_convolution(kernel, stride, pad, centre):
    assert time_geometry(Strided(kernel, stride, pad), 1, 4) == (stride, centre)


def test_max_pooling_does_not_shift_the_centre():
    assert time_geometry(Strided(2, 2, 0, nn.MaxPool2d((1, 3), 1, (0, 1))), 1, 4) == (2, 0.5)
    assert time_geometry(Strided(1, 1, 0, nn.MaxPool2d((1, 2))), 1, 4) == (2, 0.5)


def test_two_logits_do_not_cancel_out_in_the_geometry():
    for logits in (1, 2):
        recipe = load_recipe("demo", ["widths=[4, 4]", "time_pool=[2, 2]", f"logits_per_class={logits}"])
        assert time_geometry(build_network(recipe, 3), 1, 64) == (4, 1.0)


class Normed(Strided):
    def __init__(self):
        super().__init__(4, 4, 0)
        self.norm = nn.GroupNorm(1, 2)

    def forward(self, planes):
        frames = self.norm(self.conv(planes)).mean(2).transpose(1, 2)
        return Output(frames.amax(1), frames)


def test_norms_that_leave_nothing_of_equal_values_are_passed_by():
    assert time_geometry(Normed(), 1, 4) == (4, 1.5)


def test_frames_are_counted_without_computing_and_a_misfit_is_told():
    network = Strided(3, 2, 0).train()
    assert n_frames_of(network, 1, 4, 100) == network(torch.randn(1, 1, 4, 100)).framewise.shape[1]
    assert network.training
    with pytest.raises(ConfigError, match=r"cannot take 2 frames of 4 mel bands.*data.chunk_s"):
        n_frames_of(network, 1, 4, 2)


def test_what_belongs_to_classes_is_named():
    network = build_network(load_recipe("demo", ["widths=[4]", "time_pool=[2]"]), 3)
    assert network.class_tensors() == ["head.att.weight", "head.att.bias", "head.cla.weight", "head.cla.bias"]


def test_a_network_without_a_fixed_stride_is_refused():
    with pytest.raises(ConfigError, match="stride"):
        time_geometry(Strided(1, 1, 0, nn.AdaptiveAvgPool2d((4, 10))), 1, 4)


@pytest.mark.parametrize("time_pool", [(2, 2), (1, 1), (2, 4)])
def test_grid_of_the_small_cnn(time_pool):
    recipe = load_recipe("demo", ["widths=[4, 4]", f"time_pool={list(time_pool)}", "hop_length=320"])
    network = build_network(recipe, 3)
    grid = frame_grid(network, recipe.features)
    stride = time_pool[0] * time_pool[1]
    assert grid.step_s == grid.native_step_s == pytest.approx(stride * 0.01)
    # A stem of kernel 5 is centred on each stride's first frame; pooling then on the middle of its pair or four.
    centre = time_pool[0] * (time_pool[1] - 1) / 2
    assert grid.start_s == pytest.approx((centre - stride / 2) * 0.01)
    output = network(torch.randn(2, 1, 64, 64))
    assert output.clipwise.shape == (2, 3)
    assert output.framewise.shape == (2, 64 // stride, 3)


def test_a_click_lights_the_frame_that_the_grid_names():
    """The promise behind the heatmap: an untrained network reacts most where the grid says the click is."""
    recipe = load_recipe("demo", ["widths=[8, 8, 8]", "time_pool=[2, 2, 2]"])
    torch.manual_seed(0)
    network = build_network(recipe, 16).eval()
    stride, centre = time_geometry(network, 1, 64)
    with torch.no_grad():
        silent = torch.zeros(1, 1, 64, 256)
        place = 0.0
        for t in range(96, 160):
            click = silent.clone()
            click[..., t] = 1.0
            moved = (network(click).framewise - network(silent).framewise).abs().sum((0, 2))
            place += float((moved * torch.arange(len(moved))).sum() / moved.sum()) * stride + centre - t
    assert abs(place / 64) < stride / 4


def test_gradients_of_the_small_cnn_are_right_in_either_memory_format():
    """PyTorch's batch norm has given wrong gradients for unusual strides; finite differences do not err."""
    torch.manual_seed(0)
    network = SmallCnn(1, 8, 2, (3, 4), (2, 1), 0, 0.0, "tanh").double().eval()
    x = torch.randn(2, 1, 8, 12, dtype=torch.float64)
    for memory in (torch.contiguous_format, torch.channels_last):
        moved = network.to(memory_format=memory)
        inputs = x.clone().contiguous(memory_format=memory).requires_grad_()
        assert torch.autograd.gradcheck(lambda planes: moved(planes).framewise[:, 1:3], inputs, fast_mode=True)  # noqa: B023


class Gated(Network):
    """Frames of 8 input frames each, times a gate that overflows with positive weights."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(16, 4, 8, stride=8)
        nn.init.normal_(self.conv.weight, std=1e-3)

    def forward(self, planes):
        y = self.conv(planes[:, 0])
        frames = (y * torch.exp(300 * y)).transpose(1, 2)
        return Output(frames.amax(1), frames)


class Blind(Network):
    """Frames that all see everything alike."""

    def forward(self, planes):
        frames = planes.mean((1, 2, 3))[:, None, None].expand(-1, planes.shape[3] // 8, 3)
        return Output(frames.amax(1), frames)


def test_a_network_that_bears_no_positive_weights_is_measured_as_it_is():
    torch.manual_seed(0)
    stride, centre = time_geometry(Gated(), 1, 16)
    assert stride == 8
    assert centre == pytest.approx(3.5, abs=1.5)


def test_frames_that_lie_nowhere_are_refused():
    with pytest.raises(ConfigError, match="lies nowhere in particular"):
        time_geometry(Blind(), 1, 16)
