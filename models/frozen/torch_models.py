"""What the frozen models that are networks of torch share: mel in, features out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from models.frozen.contract import FloatArray, Heard
from models.inputs.features import FrontEnd

Listen = Callable[[Tensor], tuple[Tensor, Tensor | None]]
"""Planes (B, channels, n_mels, T) -> vectors (B, D), and probabilities (B, C) where there are any."""


class MelModel:
    """A network that sees planes of mel, on one device."""

    def __init__(
        self,
        front_end: FrontEnd,
        listen: Listen,
        device: torch.device,
        *,
        window_s: float,
        licence: str,
        weights_sha256: str,
        classes: tuple[str, ...] = (),
    ) -> None:
        self.front_end, self.listen, self.device = front_end.to(device), listen, device
        self.sample_rate, self.window_s = front_end.config.sample_rate, window_s
        self.licence, self.weights_sha256, self.classes = licence, weights_sha256, classes
        self.batch = 64 if device.type == "cuda" else 4
        samples = round(window_s * self.sample_rate)
        self.size = self.hear(np.zeros((1, samples), dtype=np.float32)).vectors.shape[1]

    def hear(self, waves: FloatArray) -> Heard:
        """Windows (B, S) -> vectors (B, D), and probabilities where the network has classes."""
        with torch.inference_mode():
            power = self.front_end.power_of_chunks(torch.from_numpy(np.ascontiguousarray(waves)).to(self.device))
            vectors, probabilities = self.listen(self.front_end.planes(power))
        return Heard(
            vectors.float().cpu().numpy(), None if probabilities is None else probabilities.float().cpu().numpy()
        )
