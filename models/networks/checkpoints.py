"""Tensors on disk: safetensors with JSON in its header, written beside and renamed. Nothing pickled is ever loaded.

Weights come from a run's own checkpoint (``load_network``, ``load_run``) or from elsewhere (``load_foreign``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from labeling.errors import ArtefactError, ConfigError
from labeling.storage.files import write_atomically

if TYPE_CHECKING:
    from models.networks.heads import Network


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


def is_run_checkpoint(path: str) -> bool:
    """Whether the file is a .safetensors that Earmark wrote."""
    from safetensors import SafetensorError, safe_open

    file = Path(path).expanduser()
    if file.suffix != ".safetensors" or not file.is_file():
        return False
    try:
        with safe_open(str(file), framework="pt", device="cpu") as handle:
            return "earmark" in (handle.metadata() or {})
    except (OSError, SafetensorError):
        return False


def classes_of(path: Path, meta: Mapping[str, Any]) -> list[str]:
    """Class codes of a run's checkpoint: from its own meta, the .json beside it, or its run.json; [] if none has them.

    A file that cannot be read counts as one without classes.
    """
    tables = [meta]
    for file in (path.with_suffix(".json"), path.resolve().parent.parent / "run.json"):
        try:
            tables.append(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue
    for table in tables:
        classes = table.get("classes") if isinstance(table, Mapping) else None
        if isinstance(classes, list) and classes:
            return [str(code) for code in classes]
    return []


def load_run(network: Network, path: str, classes: Sequence[str] = ()) -> int:
    """Start ``network`` from another run's checkpoint; returns how many of ``classes`` found their rows in it.

    Rows that belong to classes (``Network.class_tensors``) are matched by class code, those of other classes stay as
    initialised; without ``classes``, or codes in the checkpoint, all of them stay. Every other tensor must be there
    with its shape. Raises ConfigError, ArtefactError.
    """
    file = Path(path).expanduser()
    theirs, meta = load_tensors(file)
    mine = network.state_dict()
    by_class = set(network.class_tensors())
    wrong = [
        name
        for name in sorted((set(mine) | set(theirs)) - by_class)
        if name not in mine or name not in theirs or mine[name].shape != theirs[name].shape
    ]
    if wrong:
        shapes = [tuple(tensors[wrong[0]].shape) if wrong[0] in tensors else "none" for tensors in (theirs, mine)]
        raise ConfigError(
            f"network.weights = {file} is no finished checkpoint of the recipe's network: {len(wrong)} tensors differ, "
            f"such as {wrong[0]} (there {shapes[0]}, here {shapes[1]}); give the network, features and resize settings "
            "of that run's recipe.toml, or another checkpoint"
        )
    codes = {code: row for row, code in enumerate(classes_of(file, meta))}
    pairs = [(row, codes[code]) for row, code in enumerate(classes) if code in codes]
    state = {name: theirs[name] for name in mine if name not in by_class}
    for name in by_class:
        old = mine[name]
        state[name] = old
        new = theirs.get(name)
        # Rows of a class are one, or two with two logits a class; of another count they stand for something else.
        rows = old.shape[0] // len(classes) if classes else 0
        if not pairs or new is None or new.shape != (rows * len(codes), *old.shape[1:]):
            continue
        there, here = torch.tensor([j for _, j in pairs]), torch.tensor([i for i, _ in pairs])
        by_row = old.clone().reshape(len(classes), rows, *old.shape[1:])
        by_row[here] = new.reshape(len(codes), rows, *old.shape[1:])[there].to(old.dtype)
        state[name] = by_row.reshape(old.shape)
    network.load_state_dict(state)
    return len(pairs)
