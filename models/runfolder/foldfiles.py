"""What a finished network leaves in ``checkpoints/``: its predictions of the fold's clips, and its curves."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labeling.errors import ArtefactError
from models.folds.task import Task
from models.networks.checkpoints import load_tensors, save_tensors, write_json

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class FoldPredictions:
    """Predictions of one member: ``clip_ids``, clipwise (n, C), framewise one (T_i, C) array a clip; its curves."""

    clip_ids: list[int]
    clipwise: FloatArray
    framewise: list[FloatArray]
    history: list[dict[str, Any]]


def write_finished(folder: Path, task: Task, done: FoldPredictions) -> None:
    """Keep what a network predicted. NAME.json comes last: with it the network is finished."""
    if len(task.valid_rows):
        offsets = np.cumsum([0, *(len(frames) for frames in done.framewise)])
        save_tensors(
            folder / f"{task.name}.predictions.safetensors",
            {
                "clip_ids": torch.tensor(done.clip_ids, dtype=torch.int64),
                "clipwise": torch.from_numpy(done.clipwise),
                "framewise": torch.from_numpy(np.concatenate(done.framewise)),
                "offsets": torch.from_numpy(offsets),
            },
            {},
        )
    write_json(folder / f"{task.name}.json", {"fold": task.fold, "member": task.member, "history": done.history})


def history_of(folder: Path, task: Task) -> list[dict[str, Any]] | None:
    """The curves of a network that is finished, or None."""
    try:
        return list(json.loads((folder / f"{task.name}.json").read_text(encoding="utf-8"))["history"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def finished(folder: Path, task: Task, ids: Sequence[int], log: Callable[[str], None]) -> FoldPredictions | None:
    """What a network predicted of the clips ``ids``, where it is finished and whole; else None."""
    history = history_of(folder, task)
    if history is None:
        return None
    if not len(task.valid_rows):
        return FoldPredictions([], np.zeros((0, 0), np.float32), [], history)
    try:
        tensors, _ = load_tensors(folder / f"{task.name}.predictions.safetensors")
        offsets = tensors["offsets"].numpy()
        frames = tensors["framewise"].numpy()
        at = {clip_id: i for i, clip_id in enumerate(tensors["clip_ids"].tolist())}
        # A clip that was read then and is not now keeps its prediction out; one new to the fold stays NaN.
        blank = np.full(frames.shape[1], np.nan, dtype=np.float32)
        clipwise = np.array([tensors["clipwise"][at[i]].numpy() if i in at else blank for i in ids])
        framewise = [frames[offsets[at[i]] : offsets[at[i] + 1]] if i in at else frames[:0] for i in ids]
    except (ArtefactError, OSError, KeyError, ValueError, IndexError, TypeError) as error:
        log(f"{task.name}: predictions not whole ({error}); made again")
        return None
    return FoldPredictions(list(ids), clipwise.reshape(len(ids), -1), framewise, history)


def mean_of_members(members: Sequence[FoldPredictions]) -> tuple[FloatArray, list[FloatArray]]:
    """The members' predictions of the same clips, averaged as probabilities; one member's are kept bit for bit."""
    first = members[0]
    if len(members) == 1:
        return first.clipwise, first.framewise
    framewise = []
    for parts in zip(*(member.framewise for member in members), strict=True):
        lost = any(len(part) != len(parts[0]) for part in parts)  # one member could not read the clip
        framewise.append(_mean([parts[0][:0]] if lost else parts))
    return _mean([member.clipwise for member in members]), framewise


def _mean(parts: Sequence[FloatArray]) -> FloatArray:
    return np.asarray(np.mean(parts, axis=0, dtype=np.float64), dtype=np.float32)
