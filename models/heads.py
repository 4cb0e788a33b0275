"""What every network returns, the heads that turn feature maps into it, and where its frames lie in time."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from labeling.errors import ConfigError
from labeling.records import FrameGrid
from models.config import FeatureConfig


class Output(NamedTuple):
    """Logits: ``clipwise`` (B, C), ``framewise`` (B, T, C) at the network's own frame rate."""

    clipwise: Tensor
    framewise: Tensor


class Network(nn.Module):
    """A network: planes (B, channels, n_mels, T) -> Output. Subclasses give ``forward``."""

    def forward(self, planes: Tensor) -> Output:
        """Planes (B, channels, n_mels, T) -> Output."""
        raise NotImplementedError


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


class AttentionHead(nn.Module):
    """Attention over time: clipwise = sum_t attention_t * p_t, attention = softmax over time, each class its own.

    The published form sums probabilities; here the same number comes out as a logit, from log p and log(1 - p), so
    that a loss on logits stays exact where p rounds to 0 or 1. ``squash`` is what bounds the attention before the
    softmax: ``tanh`` (Cornell birdcall 6th place), ``clamp`` to -10..10 (PANNs), or ``linear``.
    """

    def __init__(self, in_features: int, n_classes: int, squash: str = "tanh") -> None:
        super().__init__()
        self.squash = squash
        self.att = nn.Conv1d(in_features, n_classes, 1)
        self.cla = nn.Conv1d(in_features, n_classes, 1)
        for layer in (self.att, self.cla):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Output:
        """Features (B, in_features, T) -> Output with framewise (B, T, C)."""
        attention = _at_least_float32(self.att(features))
        if self.squash == "tanh":
            attention = torch.tanh(attention)
        elif self.squash == "clamp":
            attention = attention.clamp(-10, 10)
        log_attention = F.log_softmax(attention, dim=-1)
        frames = _at_least_float32(self.cla(features))
        present = torch.logsumexp(log_attention + F.logsigmoid(frames), dim=-1)
        absent = torch.logsumexp(log_attention + F.logsigmoid(-frames), dim=-1)
        return Output(present - absent, frames.transpose(1, 2))


class MaxHead(nn.Module):
    """clipwise = the maximum of framewise over time."""

    def __init__(self, in_features: int, n_classes: int) -> None:
        super().__init__()
        self.cla = nn.Conv1d(in_features, n_classes, 1)

    def forward(self, features: Tensor) -> Output:
        """Features (B, in_features, T) -> Output with framewise (B, T, C)."""
        frames = _at_least_float32(self.cla(features))
        return Output(frames.amax(-1), frames.transpose(1, 2))


class TimeFeatures(nn.Module):
    """A feature map (B, channels, F, T) -> (B, hidden, T): mean over frequency, max + average over 3 frames,
    dropout, one linear layer with ReLU, dropout (Cornell birdcall 6th place; PANNs' decision-level networks)."""

    def __init__(self, channels: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.fc1 = nn.Linear(channels, hidden)

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, F, T) -> (B, hidden, T)."""
        x = features.mean(2)
        x = F.max_pool1d(x, 3, 1, 1) + F.avg_pool1d(x, 3, 1, 1)
        x = F.dropout(x, self.dropout, self.training)
        x = F.relu(self.fc1(x.transpose(1, 2))).transpose(1, 2)
        return F.dropout(x, self.dropout, self.training)


class _EvenPooling(TorchFunctionMode):
    """Max pooling as average pooling: of equal values the maximum would hand its gradient to the first."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        pooled = {F.max_pool1d: F.avg_pool1d, F.max_pool2d: F.avg_pool2d}
        average = pooled.get(func) or {torch.max_pool1d: F.avg_pool1d, torch.max_pool2d: F.avg_pool2d}.get(func)
        if average is None:
            return func(*args, **kwargs)
        names = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
        given = dict(zip(names, args, strict=False)) | kwargs
        given.pop("dilation", None)
        given.pop("return_indices", None)
        return average(**given, count_include_pad=False)


def time_geometry(network: Network, channels: int, n_mels: int) -> tuple[int, float]:
    """How a network's output frames sit on its input frames: (stride, centre of output frame 0), in input frames.

    Measured on a copy: the stride from the number of outputs of two lengths, the centre from the gradient of one
    output frame with every weight made positive, so that the gradient is a symmetric bump around what it sees.
    Raises ConfigError for a network without a fixed stride.
    """
    probe = copy.deepcopy(network).cpu().float().eval()
    with torch.no_grad():
        for name, value in probe.named_parameters():
            if value.dim() > 1:
                value.fill_(1.0 / max(1, value[0].numel()))
            else:
                value.fill_(1.0 if name.endswith("weight") else 0.0)
        for name, buffer in probe.named_buffers():
            if name.endswith("running_mean"):
                buffer.zero_()
            elif name.endswith("running_var"):
                buffer.fill_(1.0)
    short, long = 1024, 2048
    with torch.no_grad():
        n_short = probe(torch.ones(1, channels, n_mels, short)).framewise.shape[1]
    x = torch.ones(1, channels, n_mels, long, requires_grad=True)
    with torch.enable_grad(), _EvenPooling():
        frames = probe(x).framewise
        n_long = frames.shape[1]
        if n_long <= n_short or (long - short) % (n_long - n_short):
            raise ConfigError(
                f"the network gives {n_short} frames for {short} input frames and {n_long} for {long}: "
                "it has no fixed time stride, so its frames cannot be placed in time"
            )
        stride = (long - short) // (n_long - n_short)
        middle = n_long // 2
        (gradient,) = torch.autograd.grad(frames[:, middle].sum(), x)
    seen = gradient.abs().sum((0, 1, 2)).double()
    # What the frame sees of everywhere alike (squeeze-and-excitation) tells nothing of its place.
    seen = (seen - seen.median()).clamp_min(0)
    centre = float((seen * torch.arange(long)).sum() / seen.sum()) - middle * stride
    return stride, round(centre * 2) / 2


def frame_grid(network: Network, features: FeatureConfig) -> FrameGrid:
    """Where the network's frames lie in seconds from the start of its input, native resolution."""
    stride, centre = time_geometry(network, len(features.channels), features.n_mels)
    hop_s = features.hop_length / features.sample_rate
    step_s = stride * hop_s
    return FrameGrid(centre * hop_s - step_s / 2, step_s, step_s)
