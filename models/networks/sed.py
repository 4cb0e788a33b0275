"""Any timm backbone under an attention head over time: a sound event detector trained on weak labels.

The form is that of the 6th place of the 2020 Cornell birdcall challenge: the spectrogram as an image of 1 or 3
channels, the backbone's last feature map, its mean over frequency, and attention over what is left of time. The 1st
place had the same with DenseNet121 and ``network.hidden`` = 1024.
"""

from __future__ import annotations

import bisect
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labeling.errors import ConfigError, UnknownName
from labeling.registry import unknown_name
from models.config import Recipe
from models.networks.checkpoints import load_foreign
from models.networks.heads import (
    SHORT,
    AttentionHead,
    Network,
    Output,
    TimeFeatures,
    measured_centre,
    n_frames_of,
    pad_short,
    time_stride,
    without_values,
)
from models.networks.tiles import Tiling, map_of_tiles, tiling_of

NO_WEIGHTS = (
    "set network.pretrained=false to train from scratch, or network.weights=PATH to a file of the weights "
    "downloaded elsewhere"
)


class SedNetwork(Network):
    """Planes (B, channels, n_mels, T) -> Output, one frame for each step of the backbone's last feature map.

    The map is the backbone's output before its pooling and classifier, as published. ``pad`` is how many frames the
    backbone's unpadded layers lose; so many are put around the input (its edge frames repeated), so that every
    ``stride`` input frames have their output frame. A backbone that takes pictures of one size is shown ``tiles``.
    """

    def __init__(
        self,
        backbone: Any,
        n_classes: int,
        hidden: int,
        dropout: float,
        squash: str,
        logits_per_class: int = 1,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.time = TimeFeatures(backbone.num_features, hidden or backbone.num_features, dropout)
        self.head = AttentionHead(hidden or backbone.num_features, n_classes, squash, logits_per_class)
        self.pad = 0
        self.stride = 1
        self.tiles: Tiling | None = None
        self.whole = False
        """Whether the backbone takes whole strides alone."""

    def forward(self, planes: Tensor) -> Output:
        """Planes (B, channels, n_mels, T) -> Output."""
        wanted = max(1, planes.shape[3] // self.stride)
        planes = pad_short(planes, -(-planes.shape[3] // self.stride) * self.stride if self.whole else self.stride)
        if self.pad:
            planes = F.pad(planes, (self.pad // 2, self.pad - self.pad // 2, 0, 0), mode="replicate")
        if self.tiles is not None:
            features = map_of_tiles(self.backbone, planes, self.tiles)
        else:
            features = self.backbone.forward_features(planes)
            if features.dim() != 4:
                raise ValueError("its features are no map of rows and columns")
            if self.whole:
                features = features[..., :wanted]
        output: Output = self.head(self.time(features))
        return output

    def fit(self, channels: int, n_mels: int) -> None:
        """Fit the backbone to planes of any length, by tiles where it takes pictures of one size alone.

        Raises ConfigError where neither gives a map. Parts of it that come after its last map are dropped.
        """
        any_length = ConfigError("its map has the channels last")
        called: set[str] = set()
        hooks = [
            module.register_forward_hook(lambda *_, name=name: called.add(name.partition(".")[0]))
            for name, module in self.backbone.named_modules()
        ]
        try:
            if getattr(self.backbone, "output_fmt", None) in (None, "NCHW"):
                try:
                    self._fit_padding(channels, n_mels)
                except ConfigError as error:
                    any_length = error
            if self.stride == 1:
                tiles = tiling_of(self.backbone, channels)
                if tiles.columns % tiles.wide:  # its frames would last no whole number of input frames
                    raise any_length
                self.tiles, self.stride, self.pad = tiles, tiles.stride, 0
        finally:
            for hook in hooks:
                hook.remove()
        for name, child in list(self.backbone.named_children()):
            if name in called or not any(True for _ in child.parameters()):
                continue
            setattr(self.backbone, name, nn.Identity())
            try:
                n_frames_of(self, channels, n_mels, SHORT)
            except ConfigError:  # it is used, but not called as a module is
                setattr(self.backbone, name, child)

    def time_geometry(self, channels: int, n_mels: int) -> tuple[int, float]:
        """Stride and centre of the output frames: of tiles measured within one, else as any network's."""
        if self.tiles is None:
            return super().time_geometry(channels, n_mels)
        try:
            return self.stride, measured_centre(self, channels, n_mels, self.stride, self.tiles.columns)
        except ConfigError:  # each of its columns sees all of the tile alike, and stands for its own frames
            return self.stride, (self.stride - 1) / 2

    def _fit_padding(self, channels: int, n_mels: int) -> None:
        """Set ``stride`` and the least ``pad`` that gives a frame for each stride of input; raises ConfigError."""
        shapes = without_values(self)
        stride = time_stride(shapes, channels, n_mels)
        try:
            for more in (1, stride // 2 + 1):
                n_frames_of(shapes, channels, n_mels, SHORT + more)
        except ConfigError:
            self.whole = shapes.whole = True
        wanted = SHORT // stride
        missing = wanted - n_frames_of(shapes, channels, n_mels, SHORT)
        self.stride = shapes.stride = stride
        if missing > 0:
            candidates = range((missing + 1) * stride)
            self.pad = bisect.bisect_left(
                candidates, wanted, key=lambda pad: n_frames_of(shapes, channels, n_mels, SHORT + pad)
            )


def build(recipe: Recipe, n_classes: int) -> Network:
    """The recipe's backbone and head.

    With ``network.weights`` they are read from that path; with ``network.pretrained`` timm fetches them, or takes
    them from its cache. Raises UnknownName for the backbone and ConfigError where no weights can be had, or where
    the backbone cannot take spectrograms of this many bands and of any length.
    """
    import timm

    config = recipe.network
    known = timm.list_models(pretrained=False)
    if config.backbone.partition(".")[0] not in known:
        raise UnknownName(unknown_name("timm backbone", config.backbone, known))
    channels = len(recipe.features.channels)
    backbone = create_backbone(config.backbone, channels, config.pretrained and not config.weights)
    network = SedNetwork(backbone, n_classes, config.hidden, config.dropout, config.attention, config.logits_per_class)
    try:
        network.fit(channels, recipe.features.n_mels)
    except ConfigError as error:
        raise ConfigError(
            f"network.backbone = {config.backbone!r} gives no feature map of the planes: {error}; "
            "or choose another backbone, such as resnest50d, tf_efficientnet_b0, convnext_atto or vit_small_patch16_224"
        ) from None
    if config.weights:
        load_backbone(network.backbone, load_foreign(config.weights), config.weights)
    return network


def create_backbone(name: str, channels: int, pretrained: bool) -> nn.Module:
    """timm's backbone without pooling and classifier; its first layer is made to fit ``channels``."""
    import timm

    if pretrained:
        require_weights(name)
    try:
        given: dict[str, Any] = {"pretrained": pretrained, "in_chans": channels, "num_classes": 0}
        try:
            backbone: nn.Module = timm.create_model(name, global_pool="", **given)
        except (AssertionError, ValueError):  # its head wants to pool; only what comes before it is used
            backbone = timm.create_model(name, **given)
    except Exception as error:  # no network, no such tag, a backbone of fixed channels: many kinds
        if pretrained:
            raise ConfigError(
                f"network.pretrained = true, but the weights of {name!r} cannot be fetched "
                f"({type(error).__name__}: {str(error)[:200]}); {NO_WEIGHTS}"
            ) from None
        raise ConfigError(
            f"network.backbone = {name!r} with {channels} planes cannot be made ({str(error)[:200]})"
        ) from None
    return backbone


def require_weights(name: str) -> None:
    """Fail at once, not after minutes of retries, where timm's weights are neither cached nor to be fetched.

    Raises ConfigError with the remedy.
    """
    import os
    import socket
    import urllib.parse

    import timm
    from huggingface_hub import constants, try_to_load_from_cache

    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError:
        config = None
    if config is None or not config.has_weights:
        raise ConfigError(f"network.pretrained = true, but timm has no weights for {name!r}; {NO_WEIGHTS}")
    repo = config.hf_hub_id
    names = ("model.safetensors", "pytorch_model.bin")
    if not repo or any(isinstance(try_to_load_from_cache(repo, file), str) for file in names):
        return
    host = urllib.parse.urlsplit(constants.ENDPOINT)
    proxied = any(os.environ.get(key) for key in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"))
    reason = "the hub's client is set to offline" if constants.HF_HUB_OFFLINE else ""
    if not reason and not proxied:
        try:
            socket.create_connection((host.hostname or "", host.port or 443), timeout=5).close()
        except OSError as error:
            reason = f"{host.hostname} cannot be reached ({error})"
    if reason:
        raise ConfigError(
            f"network.pretrained = true, but the weights of {name!r} are not on this machine and {reason}; {NO_WEIGHTS}"
        )


def load_backbone(backbone: nn.Module, weights: dict[str, Tensor], source: str) -> None:
    """Load a timm state dict; its classifier is left out, and the first layer is fitted to our channels.

    Raises ConfigError if less than nine tenths of the backbone's tensors find their weights.
    """
    mine = backbone.state_dict()
    fitting: dict[str, Tensor] = {}
    for name, value in weights.items():
        key = name if name in mine else name.removeprefix("backbone.")
        if key not in mine:
            continue
        wanted = mine[key].shape
        if value.dim() == 4 and value.shape[1] != wanted[1] and value.shape[0] == wanted[0]:
            value = value.sum(1, keepdim=True).repeat(1, wanted[1], 1, 1) / wanted[1]
        if value.shape == wanted:
            fitting[key] = value
    if len(fitting) < 0.9 * len(mine):
        raise ConfigError(
            f"network.weights = {source}: only {len(fitting)} of the backbone's {len(mine)} tensors are in it; "
            "give weights of the same timm model as network.backbone"
        )
    with torch.no_grad():
        backbone.load_state_dict({**mine, **fitting})
