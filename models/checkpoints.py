"""Tensors on disk: safetensors with JSON in its header, written beside and renamed. Nothing pickled is ever loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labeling.errors import ArtefactError, ConfigError
from labeling.files import write_atomically


def write_json(path: Path, value: Any) -> None:
    """Write JSON (no NaN) whole or not at all."""
    write_atomically(path, (json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode())


def save_tensors(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write tensors and JSON-able ``meta`` as one safetensors file, whole or not at all."""
    from safetensors.torch import save

    flat = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_atomically(path, save(flat, metadata={"earmark": json.dumps(meta)}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what ``save_tensors`` wrote; raises ArtefactError where it is missing, cut short or of another make."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt", device="cpu") as handle:
            meta = json.loads((handle.metadata() or {}).get("earmark", "{}"))
            return {name: handle.get_tensor(name) for name in handle.keys()}, meta  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise ArtefactError(f"{path} is not a whole checkpoint ({error}); resume the run to write it anew") from error


def load_foreign(path: str) -> dict[str, Tensor]:
    """Weights made elsewhere: a .safetensors file, or a PyTorch file read with weights_only (no code is run).

    A dict under ``model`` or ``state_dict`` is unwrapped. Raises ConfigError.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise ConfigError(f"network.weights: no file {file}; give the path of downloaded weights")
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            loaded: Any = load_file(str(file))
        else:
            loaded = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile file fails in many ways
        raise ConfigError(
            f"network.weights: {file} holds no plain tensors ({type(error).__name__}: {str(error)[:200]}); "
            "Earmark loads .safetensors, or .pth files with weights only"
        ) from None
    for key in ("model", "state_dict"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise ConfigError(f"network.weights: {file} is not a state dict of tensors; save model.state_dict()")
    return loaded
