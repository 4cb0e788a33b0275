"""aiSFX (Ma and Lerch, ISMIR 2022), the weights of its wheel: 512 numbers for 2.3 s of any sound.

The mel is that of the paper: 96 HTK bands of unit sum, power, log10(1e4 x + 1) / 9.4578. A window holds its 100 frames
whole, so that no frame sees padding; its first frame is centred 1,024 samples after the window's start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from labeling.errors import ConfigError
from labeling.workspace import Workspace
from models.frozen.catalogue import FROZEN, package_folder
from models.frozen.contract import FloatArray, Heard, sha256_of
from models.runfolder.provenance import pick_device

SAMPLE_RATE, N_FFT, HOP, BANDS, FRAMES = 44100, 2048, 1024, 96, 100
HIGHEST = 9.457798957824707  # of all spectrograms that it was trained on
SAMPLES = (FRAMES - 1) * HOP + N_FFT


def htk_bands() -> FloatArray:
    """Weights (BANDS, N_FFT // 2 + 1) of the spectrum's powers: HTK's triangles, those of each band adding up to 1."""
    hz = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    highest = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, highest, BANDS + 2) / 2595) - 1)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)).clip(0)
    return np.asarray(triangles / triangles.sum(axis=1, keepdims=True), dtype=np.float32)


class Aisfx:
    """The model, on one device."""

    sample_rate, window_s, size = SAMPLE_RATE, SAMPLES / SAMPLE_RATE, 512
    classes: tuple[str, ...] = ()
    licence = FROZEN.get("aisfx").licence

    def __init__(self, network: nn.Module, device: torch.device, weights_sha256: str) -> None:
        self.network, self.device, self.weights_sha256 = network.to(device), device, weights_sha256
        self.batch = 256 if device.type == "cuda" else 8  # what fits into a CPU's caches
        self.bands = torch.from_numpy(htk_bands()).to(device)
        self.window = torch.hann_window(N_FFT, dtype=torch.float64).float().to(device)

    def mel(self, waves: Tensor) -> Tensor:
        """Waves (B, SAMPLES) -> what the network was trained on, (B, FRAMES, BANDS)."""
        spectrum = torch.stft(waves, N_FFT, HOP, window=self.window, center=False, return_complex=True)
        power = torch.matmul(self.bands, spectrum.real.square() + spectrum.imag.square())
        return torch.log10(1e4 * power + 1).transpose(1, 2) / HIGHEST

    def hear(self, waves: FloatArray) -> Heard:
        """Windows (B, SAMPLES) -> vectors (B, 512)."""
        with torch.inference_mode():
            vectors: Tensor = self.network(self.mel(torch.from_numpy(np.ascontiguousarray(waves)).to(self.device)))
        return Heard(vectors.float().cpu().numpy())


def load(workspace: Workspace, what: str, device: str) -> Aisfx:
    """The model with the weights of the installed package. Raises ConfigError where these are not what they were."""
    from aisfx.models.cnn2d import EmbeddingNet

    checkpoint = package_folder("aisfx") / "models" / "checkpoint.pth"
    network = EmbeddingNet("max", 3, 1, 64)
    try:
        network.load_state_dict(_weights(checkpoint))
    except Exception as problem:  # a damaged file fails in many ways
        raise ConfigError(
            f"the weights of aisfx in {checkpoint} cannot be read ({type(problem).__name__}: {str(problem)[:200]}); "
            f"install it again: {FROZEN.get('aisfx').install}"
        ) from None
    network.eval()
    for block in (network.conv_block1, network.conv_block2, network.conv_block3, network.conv_block4):
        block.conv1, block.bn1 = fuse_conv_bn_eval(block.conv1, block.bn1), nn.Identity()
        block.conv2, block.bn2 = fuse_conv_bn_eval(block.conv2, block.bn2), nn.Identity()
    network.to(memory_format=torch.channels_last)
    return Aisfx(network, pick_device(device), sha256_of(checkpoint))


def _weights(checkpoint: Path) -> dict[str, Any]:
    """The tensors of the network. The numbers of classes beside them are numpy's; no code of the file is run."""
    from numpy._core import multiarray

    allowed: list[Any] = [(multiarray.scalar, "numpy.core.multiarray.scalar"), np.dtype, np.dtypes.Int64DType]
    with torch.serialization.safe_globals(allowed):
        weights, _ = torch.load(checkpoint, map_location="cpu", weights_only=True)
    mine = "embedding_net."
    return {name.removeprefix(mine): value for name, value in weights.items() if name.startswith(mine)}
