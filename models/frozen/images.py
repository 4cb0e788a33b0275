"""Any image model of timm, looking at log-mel: its pooled features of 5 s at 32 kHz.

The picture is one plane, 128 bands by about 500 frames, scaled to 0..1; timm adds up the weights of the colours.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labeling.errors import ConfigError
from labeling.registry import unknown_name
from labeling.workspace import Workspace
from models.config import FeatureConfig
from models.frozen.contract import sha256_of
from models.frozen.torch_models import MelModel
from models.inputs.features import FrontEnd
from models.networks.checkpoints import load_foreign
from models.runfolder.provenance import pick_device

WINDOW_S = 5.0
FEATURES = FeatureConfig(
    sample_rate=32000, n_fft=1024, hop_length=320, n_mels=128, fmin_hz=50, fmax_hz=16000, channels=("log",),
    standardize="image", top_db=80.0,
)  # fmt: skip


def load(workspace: Workspace, what: str, device: str) -> MelModel:
    """The model ``NAME``, with the weights that timm fetches, or ``NAME@PATH``, with those of a file. Raises
    ConfigError."""
    import timm

    name, _, path = what.partition("@")
    if name.partition(".")[0] not in timm.list_models():
        raise ConfigError(unknown_name("timm model", name, timm.list_models()))
    try:
        network: Any = timm.create_model(name, pretrained=not path, in_chans=1, num_classes=0)
    except Exception as problem:  # whatever the hub, the network or the model thinks of
        raise ConfigError(
            f"timm cannot make {name} with weights ({type(problem).__name__}: {str(problem)[:200]}); where it cannot "
            f"fetch them give a file: timm:{name}@PATH"
        ) from None
    licence = str((network.pretrained_cfg or {}).get("license") or "not told by timm")
    if path:
        _fill(network, path)
        licence, digest = "not told by its file", sha256_of(Path(path).expanduser())
    else:
        digest = hashlib.sha256(b"".join(v.cpu().numpy().tobytes() for v in network.state_dict().values())).hexdigest()
    place = pick_device(device)
    network = network.to(place).eval()

    def listen(planes: Tensor) -> tuple[Tensor, Tensor | None]:
        vectors: Tensor = network(planes)
        return vectors.flatten(1), None

    try:
        return MelModel(FrontEnd(FEATURES), listen, place, window_s=WINDOW_S, licence=licence, weights_sha256=digest)
    except (RuntimeError, AssertionError, ValueError) as problem:
        raise ConfigError(
            f"timm's {name} does not look at pictures of {FEATURES.n_mels} by 500 ({str(problem)[:200]}); "
            "choose one that takes any size, such as efficientnet_b0"
        ) from None


def _fill(network: Any, path: str) -> None:
    """Load a file's weights, but for the classifier; those of three colours are added up."""
    weights = load_foreign(path)
    mine = network.state_dict()
    for key, value in weights.items():
        if key in mine and value.dim() == 4 and value.shape[1] == 3 and mine[key].shape[1] == 1:
            weights[key] = value.sum(dim=1, keepdim=True)
    wrong = [key for key, value in mine.items() if key not in weights or weights[key].shape != value.shape]
    if wrong:
        raise ConfigError(f"{path} does not fit: {len(wrong)} tensors are missing or misshapen, such as {wrong[0]}")
    network.load_state_dict({key: torch.as_tensor(weights[key]) for key in mine})
