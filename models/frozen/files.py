"""An ONNX or TFLite file that a small TOML describes.

::

    model = "perch_v2.onnx"        # beside the TOML, or a whole path
    sample_rate = 32000            # Hz
    window_s = 5.0
    output = "embedding"           # the tensor with the vectors
    licence = "Apache-2.0"         # of the weights
    input = "waveform"             # where the file has several
    batch = 8                      # windows at a time (1)
    classes = "labels.txt"         # one name a line; then also:
    probabilities = "logits"       # the tensor with a value for each class
    squash = "sigmoid"             # none, sigmoid or softmax: what makes probabilities of it (none)
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ConfigError
from labeling.logistic import sigmoid
from labeling.workspace import Workspace
from models.frozen.contract import FloatArray, Heard, sha256_of

Run = Callable[[FloatArray, list[str]], list[NDArray[Any]]]
NEEDED: dict[str, type] = {"model": str, "sample_rate": int, "window_s": float, "output": str, "licence": str}
OPTIONAL: dict[str, type] = {"input": str, "batch": int, "classes": str, "probabilities": str, "squash": str}
SQUASHES: dict[str, Callable[[FloatArray], NDArray[Any]]] = {
    "none": lambda x: x,
    "sigmoid": sigmoid,
    "softmax": lambda x: (
        np.exp(x - x.max(1, keepdims=True)) / np.exp(x - x.max(1, keepdims=True)).sum(1, keepdims=True)
    ),
}
RATES, WINDOWS_S = (1000, 500_000), (0.05, 120.0)


class FileModel:
    """The file's model on the CPU, one thread."""

    def __init__(self, run: Run, facts: dict[str, Any], classes: tuple[str, ...], weights_sha256: str) -> None:
        self.run, self.facts, self.classes, self.weights_sha256 = run, facts, classes, weights_sha256
        self.sample_rate, self.window_s = int(facts["sample_rate"]), float(facts["window_s"])
        self.licence, self.batch = str(facts["licence"]), int(facts.get("batch", 1))
        samples = round(self.sample_rate * self.window_s)
        self.size = self.hear(np.zeros((self.batch, samples), dtype=np.float32)).vectors.shape[1]

    def hear(self, waves: FloatArray) -> Heard:
        """Windows (B, S) -> vectors (B, D), and probabilities where the file has classes."""
        count = len(waves)
        if count < self.batch:  # a file may take no other number
            waves = np.concatenate([waves, np.zeros((self.batch - count, waves.shape[1]), np.float32)])
        vectors, *rest = self.run(
            waves, [self.facts["output"], *([self.facts["probabilities"]] if self.classes else [])]
        )
        if vectors.ndim < 2 or len(vectors) != self.batch:
            raise ConfigError(
                f"{self.facts['model']}: {self.facts['output']!r} has shape {vectors.shape} for {self.batch} windows; "
                "name as `output` the tensor with one vector a window"
            )
        vectors = vectors.reshape(self.batch, -1)[:count].astype(np.float32)
        if not rest:
            return Heard(vectors)
        values = rest[0].reshape(self.batch, -1)[:count].astype(np.float32)
        if values.shape[1] != len(self.classes):
            raise ConfigError(
                f"{self.facts['model']}: {self.facts['probabilities']!r} has {values.shape[1]} values a window, and "
                f"{self.facts['classes']} {len(self.classes)} lines; give one name for each value"
            )
        return Heard(vectors, SQUASHES[self.facts.get("squash", "none")](values))


def load(workspace: Workspace, what: str, device: str) -> FileModel:
    """The model that the TOML ``what`` describes; always on the CPU. Raises ConfigError for what does not fit."""
    toml = Path(what)
    facts = _read(toml)
    model = toml.parent / Path(facts["model"]).expanduser()
    if not model.is_file():
        raise ConfigError(f"{toml}: model = {facts['model']!r}: no file {model}; give it beside the TOML, or its path")
    classes: tuple[str, ...] = ()
    if "classes" in facts:
        names = toml.parent / Path(facts["classes"]).expanduser()
        try:
            classes = tuple(names.read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as problem:
            raise ConfigError(f"{toml}: classes = {facts['classes']!r} cannot be read ({problem})") from None
    samples = round(facts["sample_rate"] * facts["window_s"])
    return FileModel(_opened(model, samples, facts.get("input", "")), facts, classes, sha256_of(model))


def _read(toml: Path) -> dict[str, Any]:
    """What the TOML says, checked."""
    try:
        facts = tomllib.loads(toml.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise ConfigError(f"{toml} cannot be read: {problem}") from None
    if isinstance(facts.get("window_s"), int):
        facts["window_s"] = float(facts["window_s"])
    for key in NEEDED:
        if key not in facts:
            raise ConfigError(f"{toml} lacks {key}; it needs {', '.join(NEEDED)}")
    for key, value in facts.items():
        wanted = (NEEDED | OPTIONAL).get(key)
        if wanted is None:
            raise ConfigError(f"{toml}: unknown key {key!r}; choose from {', '.join(NEEDED | OPTIONAL)}")
        if type(value) is not wanted:
            raise ConfigError(f"{toml}: {key} = {value!r} is no {wanted.__name__}")
    bounds = {"sample_rate": RATES, "window_s": WINDOWS_S, "batch": (1, 1024)}
    for key, (low, high) in bounds.items():
        if not low <= facts.get(key, low) <= high:
            raise ConfigError(f"{toml}: {key} = {facts[key]} is outside {low} to {high}")
    if ("classes" in facts) != ("probabilities" in facts):
        raise ConfigError(f"{toml}: classes and probabilities belong together; give both or neither")
    if facts.get("squash", "none") not in SQUASHES:
        raise ConfigError(f"{toml}: squash = {facts['squash']!r}; choose from {', '.join(SQUASHES)}")
    return facts


def _opened(model: Path, samples: int, input_name: str) -> Run:
    packages = {".onnx": ("onnxruntime", "onnxruntime"), ".tflite": ("ai_edge_litert", "ai-edge-litert")}
    if model.suffix.lower() not in packages:
        raise ConfigError(f"{model} is neither .onnx nor .tflite; export it as one of them")
    module, package = packages[model.suffix.lower()]
    if find_spec(module) is None:
        raise ConfigError(f"{model.name} needs {package}, which is not installed; run: pip install {package}")
    if module == "onnxruntime":
        return _onnx(model, input_name)
    from models.frozen.litert import LiteModel

    return LiteModel(model, samples, input_name).run


def _onnx(model: Path, input_name: str) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime's errors have no common root
        raise ConfigError(
            f"{model} is no ONNX model that onnxruntime takes ({' '.join(str(problem).split())[:300]})"
        ) from None
    inputs = {one.name: one for one in session.get_inputs() if input_name in ("", one.name)}
    if len(inputs) != 1:
        names = ", ".join(one.name for one in session.get_inputs())
        raise ConfigError(f"{model} has the inputs {names}; name one of them as `input`")
    name, rank = next((name, len(one.shape)) for name, one in inputs.items())
    known = [one.name for one in session.get_outputs()]

    def run(waves: FloatArray, outputs: list[str]) -> list[NDArray[Any]]:
        if missing := [output for output in outputs if output not in known]:
            raise ConfigError(f"{model} has no output {missing[0]!r}; choose from {', '.join(known)}")
        try:
            given = waves[:, None] if rank == 3 else waves if rank == 2 else waves[0]
            return [np.asarray(value) for value in session.run(outputs, {name: given})]
        except Exception as problem:
            why = " ".join(str(problem).split())[:300]
            raise ConfigError(
                f"{model} does not take {waves.shape[0]} windows of {waves.shape[1]} samples ({why}); "
                "set sample_rate, window_s and batch as the model needs them"
            ) from None

    return run
