"""Any timm backbone under an attention head over time: a sound event detector trained on weak labels.

The form is that of the 6th place of the 2020 Cornell birdcall challenge: the spectrogram as an image of 1 or 3
channels, the backbone's last feature map, its mean over frequency, and attention over what is left of time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from labeling.errors import ConfigError, UnknownName
from labeling.registry import unknown_name
from models.checkpoints import load_foreign
from models.config import Recipe
from models.heads import AttentionHead, Network, Output, TimeFeatures

NO_WEIGHTS = (
    "set network.pretrained=false to train from scratch, or network.weights=PATH to a file of the weights "
    "downloaded elsewhere"
)


class SedNetwork(Network):
    """Planes (B, channels, n_mels, T) -> Output, one frame for each step of the backbone's last feature map."""

    def __init__(
        self, backbone: nn.Module, in_features: int, n_classes: int, hidden: int, dropout: float, squash: str
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.time = TimeFeatures(in_features, hidden, dropout)
        self.head = AttentionHead(hidden, n_classes, squash)

    def forward(self, planes: Tensor) -> Output:
        """Planes (B, channels, n_mels, T) -> Output."""
        output: Output = self.head(self.time(self.backbone(planes)[-1]))
        return output


def build(recipe: Recipe, n_classes: int) -> Network:
    """The recipe's backbone and head.

    With ``network.weights`` they are read from that path; with ``network.pretrained`` timm fetches them, or takes
    them from its cache. Raises UnknownName for the backbone and ConfigError where no weights can be had.
    """
    import timm

    config = recipe.network
    known = timm.list_models(pretrained=False)
    if config.backbone.partition(".")[0] not in known:
        raise UnknownName(unknown_name("timm backbone", config.backbone, known))
    backbone: Any = create_backbone(
        config.backbone, len(recipe.features.channels), config.pretrained and not config.weights
    )
    if config.weights:
        load_backbone(backbone, load_foreign(config.weights), config.weights)
    in_features = int(backbone.feature_info.channels()[-1])
    hidden = config.hidden or in_features
    return SedNetwork(backbone, in_features, n_classes, hidden, config.dropout, config.attention)


def create_backbone(name: str, channels: int, pretrained: bool) -> nn.Module:
    """timm's backbone that returns its last feature map; its first layer is made to fit ``channels``."""
    import timm

    if pretrained:
        require_weights(name)
    options: dict[str, Any] = {"in_chans": channels, "features_only": True}
    try:
        # Asking for the whole list first, then for its end, works for every depth of backbone.
        whole: Any = timm.create_model(name, pretrained=False, **options)
        depth = len(whole.feature_info.channels())
        backbone: nn.Module = timm.create_model(name, pretrained=pretrained, out_indices=(depth - 1,), **options)
    except Exception as error:  # no network, no such tag, a backbone without feature maps: many kinds
        if pretrained:
            raise ConfigError(
                f"network.pretrained = true, but the weights of {name!r} cannot be fetched "
                f"({type(error).__name__}: {str(error)[:200]}); {NO_WEIGHTS}"
            ) from None
        raise ConfigError(f"network.backbone = {name!r} gives no feature maps ({str(error)[:200]})") from None
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
        # feature extractors of timm flatten the first level of names: blocks.0 -> blocks_0
        for key in (name, name.removeprefix("backbone."), name.replace(".", "_", 1)):
            if key not in mine:
                continue
            wanted = mine[key].shape
            if value.dim() == 4 and value.shape[1] != wanted[1] and value.shape[0] == wanted[0]:
                value = value.sum(1, keepdim=True).repeat(1, wanted[1], 1, 1) / wanted[1]
            if value.shape == wanted:
                fitting[key] = value
            break
    if len(fitting) < 0.9 * len(mine):
        raise ConfigError(
            f"network.weights = {source}: only {len(fitting)} of the backbone's {len(mine)} tensors are in it; "
            "give weights of the same timm model as network.backbone"
        )
    with torch.no_grad():
        backbone.load_state_dict({**mine, **fitting})
