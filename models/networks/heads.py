"""What every network returns, the heads that turn feature maps into it, and where its frames lie in time."""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from labeling.errors import ConfigError
from labeling.records import FrameGrid
from models.config import FeatureConfig

M = TypeVar("M", bound=nn.Module)


class Output(NamedTuple):
    """Logits: ``clipwise`` (B, C), ``framewise`` (B, T, C) at the network's own frame rate.

    ``features`` (B, D, T) is what the classifying layers made the frames of: an embedding of the sound around each
    frame. A network that gives none is trained and predicts all the same; its clips have no neighbours.
    ``pooled`` (B, C) is the frames' logits pooled as they are, where ``clipwise`` is the logit of pooled
    probabilities; ``loss.pool = "logit"`` trains on it.
    """

    clipwise: Tensor
    framewise: Tensor
    features: Tensor | None = None
    pooled: Tensor | None = None


class Network(nn.Module):
    """A network: planes (B, channels, n_mels, T) -> Output. Subclasses give ``forward``."""

    def forward(self, planes: Tensor) -> Output:
        """Planes (B, channels, n_mels, T) -> Output."""
        raise NotImplementedError

    def embed(self, planes: Tensor) -> Tensor | None:
        """Planes (B, channels, n_mels, T) -> features (B, D, T'), one column for each frame of ``framewise``; None
        from a network whose Output holds no features."""
        output: Output = self(planes)
        return output.features

    def time_geometry(self, channels: int, n_mels: int) -> tuple[int, float]:
        """Stride and centre of the output frames, as the function ``time_geometry`` says; measured by default."""
        stride = time_stride(self, channels, n_mels)
        return stride, measured_centre(self, channels, n_mels, stride)

    def class_tensors(self) -> list[str]:
        """Names of the state's tensors whose rows belong to classes, in the classes' order.

        They are those that a module names in its ``class_layers``.
        """
        prefixes = [
            ".".join(part for part in (path, layer) if part)
            for path, module in self.named_modules()
            for layer in getattr(module, "class_layers", ())
        ]
        return [
            name
            for name, value in self.state_dict().items()
            if value.dim() and any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)
        ]


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def pair_logits(x: Tensor, logits_per_class: int) -> Tensor:
    """Bring the output of a last layer to one logit a class, at least float32.

    With two a class (rows 2c: absent, 2c + 1: present) the logit is their difference: softmax cross-entropy on the
    pair equals binary cross-entropy on the difference, for softmax([a, p])[1] = sigmoid(p - a). So value and
    gradient of the loss are the same; what differs is the parametrisation. Two rows of weights move in opposite
    directions, which doubles the step of their difference, and weight decay acts on each row.

    Parameters
    ----------
    x : Tensor, shape (B, C * logits_per_class, ...)
    logits_per_class : {1, 2}

    Returns
    -------
    Tensor, shape (B, C, ...)

    Examples
    --------
    >>> import torch
    >>> from models.networks.heads import pair_logits
    >>> pair_logits(torch.tensor([[1.0, 3.0, 2.0, 0.5]]), logits_per_class=2)
    tensor([[ 2.0000, -1.5000]])
    """
    x = _at_least_float32(x)
    if logits_per_class == 1:
        return x
    pairs = x.reshape(x.shape[0], -1, 2, *x.shape[2:])
    return pairs[:, :, 1] - pairs[:, :, 0]


class AttentionHead(nn.Module):
    """Attention over time: clipwise = sum_t attention_t * p_t, attention = softmax over time, each class its own.

    The published form sums probabilities; here the same number comes out as a logit, from log p and log(1 - p), so
    that a loss on logits stays exact where p rounds to 0 or 1. ``squash`` is what bounds the attention before the
    softmax: ``tanh`` (Cornell birdcall 6th place), ``clamp`` to -10..10 (PANNs), or ``linear``.
    ``logits_per_class`` is as in ``pair_logits``.
    """

    class_layers: tuple[str, ...] = ("att", "cla")

    def __init__(self, in_features: int, n_classes: int, squash: str = "tanh", logits_per_class: int = 1) -> None:
        super().__init__()
        self.squash = squash
        self.logits_per_class = logits_per_class
        self.att = nn.Conv1d(in_features, n_classes, 1)
        self.cla = nn.Conv1d(in_features, n_classes * logits_per_class, 1)
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
        frames = pair_logits(self.cla(features), self.logits_per_class)
        log_weight = F.log_softmax(attention, dim=-1)
        pooled = (log_weight.exp() * frames).sum(-1)
        return Output(mean_probability(frames, log_weight), frames.transpose(1, 2), features, pooled)


def mean_probability(frames: Tensor, log_weight: Tensor) -> Tensor:
    """The logit of sum_t w_t sigmoid(frames_t): frames (B, C, T), log w that adds up to 1 over T -> (B, C)."""
    present = torch.logsumexp(log_weight + F.logsigmoid(frames), dim=-1)
    absent = torch.logsumexp(log_weight + F.logsigmoid(-frames), dim=-1)
    return present - absent


class MaxHead(nn.Linear):
    """clipwise = the maximum of framewise over time (PANNs' DecisionLevelMax; a linear layer, named as released)."""

    class_layers: tuple[str, ...] = ("weight", "bias")

    def __init__(self, in_features: int, n_classes: int, logits_per_class: int = 1) -> None:
        super().__init__(in_features, n_classes * logits_per_class)
        self.logits_per_class = logits_per_class
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, features: Tensor) -> Output:  # type: ignore[override]
        """Features (B, in_features, T) -> Output with framewise (B, T, C)."""
        scores = F.linear(features.transpose(1, 2), self.weight, self.bias)
        frames = pair_logits(scores.transpose(1, 2), self.logits_per_class)
        highest = frames.amax(-1)
        return Output(highest, frames.transpose(1, 2), features, highest)


def pad_short(planes: Tensor, shortest: int) -> Tensor:
    """Planes (B, channels, n_mels, T) with the last frame repeated until there are ``shortest`` frames."""
    missing = shortest - planes.shape[3]
    return F.pad(planes, (0, missing, 0, 0), mode="replicate") if missing > 0 else planes


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


class _Even(TorchFunctionMode):
    """Max pooling as average pooling: of equal values the maximum would hand its gradient to the first. Attention as
    each token's to itself: what it sees of everywhere tells nothing of its place."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is F.scaled_dot_product_attention and args[0].shape == args[2].shape:
            return args[2]
        if func in (F.softmax, torch.softmax, Tensor.softmax) and (*args[1:2], kwargs.get("dim"))[0] == -1:
            size = args[0].shape
            if len(size) > 2 and size[-1] == size[-2]:
                return torch.eye(size[-1], dtype=args[0].dtype, device=args[0].device).expand(size)
        pooled = {F.max_pool1d: F.avg_pool1d, F.max_pool2d: F.avg_pool2d}
        average = pooled.get(func) or {torch.max_pool1d: F.avg_pool1d, torch.max_pool2d: F.avg_pool2d}.get(func)
        if average is None:
            return func(*args, **kwargs)
        names = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
        given = dict(zip(names, args, strict=False)) | kwargs
        given.pop("dilation", None)
        given.pop("return_indices", None)
        return average(**given, count_include_pad=False)


class _ShapesOnly(TorchFunctionMode):
    """Leaves out what changes no shape and PyTorch follows in Python, at a hundred times the cost of a convolution."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (F.batch_norm, F.logsigmoid, F.log_softmax):
            return args[0]
        return (torch.amax if func is torch.logsumexp else func)(*args, **(kwargs or {}))


def first_line(error: Exception) -> str:
    """What an error of another library says, in a line; its name where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def without_values(module: M) -> M:
    """A copy that holds shapes alone, on the meta device: whatever it is asked for, nothing is computed. Of such a copy
    it is the copy itself, for a large network takes longer to be copied than to be followed.

    PyTorch's ``functional_call`` would do the same, but leaves a module that lies in two places without its weights.
    """
    tensors = (*module.parameters(), *module.buffers())
    if tensors and all(tensor.is_meta for tensor in tensors):
        return module
    memo: dict[int, Any] = {id(tensor): torch.empty_like(tensor, device="meta") for tensor in tensors}
    return copy.deepcopy(module, memo)


SHORT, LONG = 1152, 2304
"""Lengths that networks are measured with; strides of powers of 2, 3, 9 and their products fit into them."""


def n_frames_of(network: Network, channels: int, n_mels: int, n_frames: int) -> int:
    """How many output frames the network makes of ``n_frames``. Nothing is computed: only shapes are followed.

    Raises ConfigError where the network cannot take planes of this size.
    """
    try:
        with torch.no_grad(), _ShapesOnly():
            planes = torch.empty(1, channels, n_mels, n_frames, device="meta")
            output: Output = without_values(network).eval()(planes)
    except Exception as error:  # networks of other hands fail in many ways
        raise ConfigError(
            f"the network cannot take {n_frames} frames of {n_mels} mel bands ({first_line(error)}); "
            "try a longer data.chunk_s and predict.window_s, or more features.n_mels"
        ) from None
    return output.framewise.shape[1]


def time_stride(network: Network, channels: int, n_mels: int) -> int:
    """Input frames per output frame; raises ConfigError for a network without a fixed stride."""
    shapes = without_values(network)
    n_short, n_long = (n_frames_of(shapes, channels, n_mels, length) for length in (SHORT, LONG))
    if n_long <= n_short or (LONG - SHORT) % (n_long - n_short):
        raise ConfigError(
            f"the network gives {n_short} frames for {SHORT} input frames and {n_long} for {LONG}: "
            "it has no fixed time stride, so its frames cannot be placed in time"
        )
    return (LONG - SHORT) // (n_long - n_short)


def time_geometry(network: Network, channels: int, n_mels: int) -> tuple[int, float]:
    """How a network's output frames sit on its input frames: (stride, centre of output frame 0), in input frames.

    Raises ConfigError for a network without a fixed stride.
    """
    return network.time_geometry(channels, n_mels)


def measured_centre(network: Network, channels: int, n_mels: int, stride: int, length: int = SHORT) -> float:
    """The centre of output frame 0, measured on a copy shown ``length`` input frames: from the gradient of one output
    frame with every weight made positive, so that the gradient is a symmetric bump around what it sees.

    Some networks cannot bear such weights (products of what they see grow without bound); of these the gradients of
    several frames with the weights as they are say it, to within a few input frames. Raises ConfigError where these
    tell of no place either.
    """
    probe = copy.deepcopy(network).cpu().float().eval()
    by_class = set(probe.class_tensors())
    with torch.no_grad():
        for name, value in probe.named_parameters():
            if value.dim() > 1:
                value.fill_(1.0 / max(1, value[0].numel()))
            else:
                value.fill_(1.0 if name.endswith("weight") else 0.0)
            if name in by_class:
                value[::2] /= 2  # else the two logits of a class would cancel out
        for name, buffer in probe.named_buffers():
            if name.endswith("running_mean"):
                buffer.zero_()
            elif name.endswith("running_var"):
                buffer.fill_(1.0)
    for module in probe.modules():
        if isinstance(module, nn.LayerNorm | nn.GroupNorm):
            module.forward = lambda x: x  # type: ignore[method-assign,assignment]  # of equal values it leaves nothing
    x = torch.ones(1, channels, n_mels, length, requires_grad=True)
    with torch.enable_grad(), _Even():
        frames = probe(x).framewise
        middle = frames.shape[1] // 2
        (gradient,) = torch.autograd.grad(frames[:, middle].sum(), x)
    centre = _centre(gradient.abs().sum((0, 1, 2)).double()) - middle * stride
    if not math.isfinite(centre):
        centre = _centre_as_it_is(copy.deepcopy(network).cpu().float().eval(), x, stride)
    if not math.isfinite(centre):
        raise ConfigError("what the network's frames see lies nowhere in particular, so they cannot be placed in time")
    placed: float = round(centre * 2) / 2
    return placed


def _centre(seen: Tensor) -> float:
    """The middle of a bump over input frames (T,); NaN where there is none."""
    # What the frame sees of everywhere alike (squeeze-and-excitation) tells nothing of its place.
    seen = (seen - seen.median()).clamp_min(0)
    return float((seen * torch.arange(len(seen))).sum() / seen.sum())


def _centre_as_it_is(network: Network, like: Tensor, stride: int) -> float:
    """The centre of output frame 0, from squares of gradients of the middle frames on noise."""
    x = torch.randn(like.shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    seen = torch.zeros(4 * stride + 1, dtype=torch.float64)
    with torch.enable_grad(), _Even():
        frames = network(x).framewise
        middle = frames.shape[1] // 2
        for frame in range(max(2, middle - 4), min(frames.shape[1] - 2, middle + 5)):
            (gradient,) = torch.autograd.grad(frames[:, frame].sum(), x, retain_graph=True)
            of_frame = gradient.double().square().sum((0, 1, 2))
            near = of_frame[(frame - 2) * stride : (frame + 2) * stride + 1]
            seen += near / near.sum()
    return _centre(seen) - 2 * stride


def frame_grid(network: Network, features: FeatureConfig) -> FrameGrid:
    """Say where a network's frames lie in time.

    Parameters
    ----------
    network : Network
    features : FeatureConfig
        What its input frames are.

    Returns
    -------
    FrameGrid
        In seconds from the start of its input, at native resolution: measured, not declared.

    Raises
    ------
    ConfigError
        The network has no fixed stride, or cannot take such input.

    Examples
    --------
    >>> from models.config import load_recipe
    >>> from models.networks.catalogue import build_network
    >>> from models.networks.heads import frame_grid
    >>> recipe = load_recipe("quick", ["network.widths=[4,4]", "network.time_pool=[2,2]", "n_mels=16"])
    >>> grid = frame_grid(build_network(recipe, 3), recipe.features)
    >>> hop_s = recipe.features.hop_length / recipe.features.sample_rate
    >>> round(grid.step_s / hop_s)
    4
    """
    stride, centre = time_geometry(network, len(features.channels), features.n_mels)
    hop_s = features.hop_length / features.sample_rate
    step_s = stride * hop_s
    return FrameGrid(centre * hop_s - step_s / 2, step_s, step_s)
