"""A TFLite model: waves in, tensors out by their names."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ConfigError
from models.frozen.contract import FloatArray


class LiteModel:
    """One TFLite file on the CPU, one thread. Every tensor can be read, not only what the file calls its outputs."""

    def __init__(self, path: Path, samples: int, input_name: str = "") -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.path, self.samples = path, samples
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that memory grows by what is kept is meant
                self.interpreter = Interpreter(
                    model_path=str(path), num_threads=1, experimental_preserve_all_tensors=True
                )
        except Exception as problem:  # the interpreter's errors have no common root
            raise ConfigError(f"{path} is no TFLite model ({str(problem)[:200]})") from None
        inputs = self.interpreter.get_input_details()
        found = [one for one in inputs if input_name in ("", one["name"])]
        if len(found) != 1:
            names = ", ".join(one["name"] for one in inputs)
            raise ConfigError(f"{path} has the inputs {names}; name one of them as `input`")
        self.input = found[0]
        self.rank = len(self.input["shape"])
        self.outputs = [one["name"] for one in self.interpreter.get_output_details()]
        self._count = 0

    def names(self) -> list[str]:
        """Every tensor's name."""
        return [one["name"] for one in self.interpreter.get_tensor_details()]

    def run(self, waves: FloatArray, outputs: list[str]) -> list[NDArray[Any]]:
        """Waves (B, samples) -> the tensors of these names. Raises ConfigError for one that is not there."""
        if len(waves) != self._count:
            shape = [len(waves), self.samples] if self.rank == 2 else [self.samples]
            try:
                self.interpreter.resize_tensor_input(self.input["index"], shape)
                self.interpreter.allocate_tensors()
            except (RuntimeError, ValueError) as problem:
                raise ConfigError(
                    f"{self.path} does not take {len(waves)} windows of {self.samples} samples ({problem}); "
                    "set sample_rate, window_s and batch as the model needs them"
                ) from None
            self._count = len(waves)
        index_of = {one["name"]: one["index"] for one in self.interpreter.get_tensor_details()}
        if missing := [name for name in outputs if name not in index_of]:
            raise ConfigError(f"{self.path} has no tensor {missing[0]!r}; its outputs are {', '.join(self.outputs)}")
        self.interpreter.set_tensor(self.input["index"], waves if self.rank == 2 else waves[0])
        self.interpreter.invoke()
        return [np.array(self.interpreter.get_tensor(index_of[name])) for name in outputs]
