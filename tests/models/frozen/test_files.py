"""files.py: what the TOML says is what is heard; a file that does not fit is said, with what to write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from labeling.errors import ConfigError
from labeling.workspace import Workspace
from models.frozen import files
from models.frozen.contract import window_samples

WEIGHTS = np.random.default_rng(0).normal(size=(800, 3)).astype(np.float32)
TOML = """
model = "ears.onnx"
sample_rate = 8000
window_s = 0.1
output = "embedding"
licence = "MIT"
"""


def write_onnx(path: Path, batch: int | str = "B") -> None:
    """wave (B, 800) -> embedding (B, 3), logits (B, 2)."""
    last = np.ascontiguousarray(WEIGHTS[:3, :2])
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["wave", "w"], ["embedding"]),
            helper.make_node("MatMul", ["embedding", "v"], ["logits"]),
        ],
        "ears",
        [helper.make_tensor_value_info("wave", TensorProto.FLOAT, [batch, 800])],
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, 3]),
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 2]),
        ],
        [numpy_helper.from_array(WEIGHTS, "w"), numpy_helper.from_array(last, "v")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, str(path))


def described(folder: Path, more: str = "", toml: str = TOML) -> str:
    (folder / "ears.toml").write_text(toml + more)
    return str(folder / "ears.toml")


@pytest.mark.parametrize(("batch", "more"), [("B", "batch = 4"), (1, ""), (4, "batch = 4")])
def test_an_onnx_file_gives_vectors_and_probabilities_whatever_batch_it_takes(
    workspace: Workspace, tmp_path: Path, batch: int | str, more: str
) -> None:
    write_onnx(tmp_path / "ears.onnx", batch)
    (tmp_path / "labels.txt").write_text("crow\noriole\n")
    names = '\nclasses = "labels.txt"\nprobabilities = "logits"\nsquash = "sigmoid"\n'
    model = files.load(workspace, described(tmp_path, names + more), "auto")
    waves = np.random.default_rng(1).uniform(-1, 1, (model.batch, 800)).astype(np.float32)
    for count in {1, model.batch}:
        heard = model.hear(waves[:count])
        np.testing.assert_allclose(heard.vectors, waves[:count] @ WEIGHTS, atol=1e-4)
        wanted = 1 / (1 + np.exp(-(waves[:count] @ WEIGHTS @ WEIGHTS[:3, :2])))
        np.testing.assert_allclose(heard.probabilities, wanted, atol=1e-4)
    assert (model.size, model.classes, model.licence, window_samples(model)) == (3, ("crow", "oriole"), "MIT", 800)


def test_softmax_adds_up_to_one_also_for_large_values() -> None:
    np.testing.assert_allclose(files.SQUASHES["softmax"](np.array([[1e4, 1e4, -1e4]], np.float32)), [[0.5, 0.5, 0]])


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (TOML.replace('licence = "MIT"\n', ""), "lacks licence; it needs model"),
        (TOML + "hop = 1", "unknown key 'hop'; choose from model"),
        (TOML.replace("8000", '"8 kHz"'), "sample_rate = '8 kHz' is no int"),
        (TOML.replace("8000", "8"), r"sample_rate = 8 is outside 1000 to 500000"),
        (TOML.replace("ears.onnx", "eyes.onnx"), "no file .*eyes.onnx"),
        (TOML.replace("ears.onnx", "ears.toml"), r"neither \.onnx nor \.tflite"),
        (TOML.replace('"embedding"', '"features"'), "no output 'features'; choose from embedding, logits"),
        (TOML.replace("0.1", "0.2"), "does not take 1 windows of 1600 samples.*set sample_rate, window_s"),
        (TOML + 'input = "sound"', "has the inputs wave; name one of them"),
        (TOML + 'classes = "labels.txt"', "classes and probabilities belong together"),
        (TOML + 'classes = "labels.txt"\nprobabilities = "logits"', "2 values a window, and labels.txt 3 lines"),
        (TOML + 'squash = "relu"', "squash = 'relu'; choose from none"),
        ("model = ", "cannot be read"),
    ],
)
def test_what_does_not_fit_is_said(workspace: Workspace, tmp_path: Path, toml: str, words: str) -> None:
    write_onnx(tmp_path / "ears.onnx")
    (tmp_path / "labels.txt").write_text("crow\noriole\nowl\n")
    with pytest.raises(ConfigError, match=words):
        files.load(workspace, described(tmp_path, toml=toml), "cpu")


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_a_damaged_file_is_said(workspace: Workspace, tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"ears.{suffix}").write_bytes(b"no model at all")
    with pytest.raises(ConfigError, match=r"is no (ONNX|TFLite) model"):
        files.load(workspace, described(tmp_path, toml=TOML.replace("onnx", suffix)), "cpu")
