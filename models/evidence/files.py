"""What networks leave in ``checkpoints/`` as evidence for scoring labels, and the run's evidence.zarr made of it.

Evidence is not needed to go on: what is lost or damaged is left out, with a line in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labeling.errors import ArtefactError, Stopped, WorkspaceFull
from labeling.predictions.training_evidence import RunEvidence, without_neighbours, write_run_evidence
from labeling.records import Clip, FrameGrid
from models.config import Recipe
from models.evidence.dynamics import Learned
from models.evidence.embeddings import Neighbours, find_neighbours
from models.folds.task import Task
from models.inputs.clips import AudioStore
from models.inputs.features import FrontEnd
from models.networks.checkpoints import load_tensors, save_tensors
from models.networks.heads import Network
from models.runfolder.folder import RunFolder

Log = Callable[[str], None]
_CELLS = ("margin", "forgotten", "epoch_spread")
_STRETCHES = ("clip_ids", "offsets", "class_id", "onset_s", "neighbour_ids", "similarity")


class Trained(Protocol):
    """What is asked of a trainer: which network it trained, and on what."""

    task: Task
    store: AudioStore
    front_end: FrontEnd
    grid: FrameGrid


def learned_file(folder: Path, task: Task) -> Path:
    """Where a network's training dynamics lie."""
    return folder / f"{task.name}.dynamics.safetensors"


def neighbours_file(folder: Path, task: Task) -> Path:
    """Where the neighbours of a fold's clips lie."""
    return folder / f"{task.name}.neighbours.safetensors"


def write_learned(folder: Path, task: Task, learned: Learned, clips: Sequence[Clip]) -> None:
    """Keep a network's training dynamics, by clip id."""
    ids = torch.tensor([clips[int(row)].id for row in learned.rows], dtype=torch.int64)
    cells = {name: torch.from_numpy(getattr(learned, name)) for name in _CELLS}
    save_tensors(learned_file(folder, task), {"clip_ids": ids, **cells}, {})


def write_neighbours(folder: Path, task: Task, found: Neighbours) -> None:
    """Keep the neighbours of a fold's clips."""
    tensors = {name: torch.from_numpy(getattr(found, name)) for name in _STRETCHES}
    save_tensors(neighbours_file(folder, task), tensors, {})


def read_neighbours(folder: Path, task: Task, clip_ids: Sequence[int], k: int, log: Log) -> Neighbours | None:
    """The neighbours of the fold's clips ``clip_ids``, ``k`` a stretch; None where they are not there or not whole."""
    path = neighbours_file(folder, task)
    if not path.exists():
        return None
    try:
        tensors, _ = load_tensors(path)
        neighbours = Neighbours(**{name: tensors[name].numpy() for name in _STRETCHES})
        if not set(clip_ids) <= set(neighbours.clip_ids.tolist()):
            raise ValueError("it lacks clips of the fold")
        stretches = int(neighbours.offsets[-1])
        shapes = [
            neighbours.class_id.shape,
            neighbours.onset_s.shape,
            neighbours.neighbour_ids.shape,
            neighbours.similarity.shape,
        ]
        if shapes != [(stretches,), (stretches,), (stretches, k), (stretches, k)]:
            raise ValueError("its arrays do not fit each other")
    except (ArtefactError, OSError, KeyError, ValueError, IndexError, TypeError) as error:
        log(f"{task.name}: neighbours not whole ({error})")
        return None
    return neighbours


def lacks_neighbours(folder: RunFolder, recipe: Recipe, task: Task, clips: Sequence[Clip]) -> bool:
    """Whether neighbours of the fold's clips are still to be found; its first member's last network does that."""
    k = recipe.predict.neighbours
    if not k or task.member or not len(task.valid_rows):
        return False
    ids = [clips[int(row)].id for row in task.valid_rows]
    return read_neighbours(folder.checkpoints, task, ids, k, folder.log) is None


def keep_neighbours(
    folder: RunFolder, recipe: Recipe, network: Network, trained: Trained, should_stop: Callable[[], bool]
) -> None:
    """Find the neighbours of the fold's clips and keep them. What goes wrong is logged; raises Stopped and
    WorkspaceFull alone."""
    task = trained.task

    def find() -> Neighbours:
        return find_neighbours(
            network,
            trained.front_end,
            trained.store,
            task.rows,
            task.valid_rows,
            recipe.predict,
            trained.grid,
            recipe.train.precision,
            should_stop,
        )

    keep_found(folder, task, find)


def keep_found(folder: RunFolder, task: Task, find: Callable[[], Neighbours]) -> None:
    """Keep the neighbours that ``find`` finds of the fold's clips. What goes wrong is logged; raises Stopped and
    WorkspaceFull alone."""
    try:
        write_neighbours(folder.checkpoints, task, find())
    except (Stopped, WorkspaceFull):
        raise
    except Exception as error:  # evidence is worth no run: too little memory, a network of other hands
        folder.log(f"warning: {task.name}: no neighbours were found ({type(error).__name__}: {error})")


def write_evidence(
    folder: RunFolder, recipe: Recipe, tasks: Sequence[Task], clip_ids: NDArray[np.int64], classes: Sequence[str]
) -> None:
    """Write evidence.zarr for the clips ``clip_ids`` (N,) from what the networks ``tasks`` of the folds have left.

    Nothing is written where the recipe wants none. What a file lacks stays unknown. Raises WorkspaceFull.
    """
    k = recipe.predict.neighbours
    if not recipe.train.dynamics and not k:
        return
    evidence = without_neighbours(clip_ids, classes)
    if recipe.train.dynamics:
        cells = _mean_dynamics(folder.checkpoints, tasks, clip_ids, len(classes), folder.log)
        evidence = replace(evidence, margin=cells[0], forgotten=cells[1], epoch_spread=cells[2])
    if k:
        first = [task for task in tasks if task.member == 0]
        evidence = _with_neighbours(evidence, folder.checkpoints, first, k, folder.log)
    try:
        write_run_evidence(folder.root / "evidence.zarr", evidence)
    except ArtefactError as error:
        folder.log(f"warning: no evidence beside the predictions ({error})")


def _mean_dynamics(
    folder: Path, tasks: Sequence[Task], clip_ids: NDArray[np.int64], n_classes: int, log: Log
) -> list[NDArray[np.float32]]:
    """Margin, forgotten and spread (N, C), the mean over the networks trained on a clip; NaN where none was."""
    row_of = {clip_id: row for row, clip_id in enumerate(clip_ids.tolist())}
    total = {name: np.zeros((len(clip_ids), n_classes), dtype=np.float32) for name in _CELLS}
    networks = np.zeros((len(clip_ids), 1), dtype=np.float32)
    for task in tasks:
        try:
            tensors, _ = load_tensors(learned_file(folder, task))
            ids = tensors["clip_ids"].tolist()
            known = np.array([place for place, clip_id in enumerate(ids) if clip_id in row_of], dtype=np.int64)
            cells = {name: _finite(tensors[name], (len(ids), n_classes))[known] for name in _CELLS}
        except (ArtefactError, OSError, KeyError, ValueError, TypeError) as error:
            log(f"{task.name}: training dynamics left out ({error})")
            continue
        rows = np.array([row_of[ids[place]] for place in known], dtype=np.int64)
        for name, values in cells.items():
            total[name][rows] += values
        networks[rows] += 1
    with np.errstate(invalid="ignore"):
        return [values / networks for values in total.values()]  # 0 / 0: not known


def _finite(tensor: Tensor, shape: tuple[int, int]) -> NDArray[np.float32]:
    values = np.asarray(tensor.numpy(), dtype=np.float32)
    if values.shape != shape or not np.isfinite(values).all():
        raise ValueError(f"its arrays have the shape {values.shape}, not {shape}, or endless values")
    return values


def _with_neighbours(evidence: RunEvidence, folder: Path, tasks: Sequence[Task], k: int, log: Log) -> RunEvidence:
    """The evidence with the stretches of all folds, in the order of its clips."""
    n_classes, ids = len(evidence.classes), evidence.clip_ids
    row_of = {clip_id: row for row, clip_id in enumerate(ids.tolist())}
    row: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    parts: list[Neighbours] = []
    for task in tasks:
        part = read_neighbours(folder, task, [], k, log)
        if part is None:
            log(f"{task.name}: no neighbours in the evidence")
        elif len(part.class_id) and not 0 <= part.class_id.min() <= part.class_id.max() < n_classes:
            log(f"{task.name}: neighbours left out (classes that the run does not have)")
        else:
            rows = np.array([row_of.get(clip_id, -1) for clip_id in part.clip_ids.tolist()], dtype=np.int64)
            row.append(np.repeat(rows, np.diff(part.offsets)))
            parts.append(part)
    if not parts:
        return evidence
    every = np.concatenate(row)
    order = np.argsort(every, kind="stable")
    order = order[every[order] >= 0]
    neighbour_ids = np.concatenate([part.neighbour_ids for part in parts])[order]
    known, back = np.unique(neighbour_ids, return_inverse=True)
    places = np.array([row_of.get(clip_id, -1) for clip_id in known.tolist()], dtype=np.int32)
    neighbour = places[back].reshape(neighbour_ids.shape) if known.size else neighbour_ids.astype(np.int32)
    similarity = np.concatenate([part.similarity for part in parts])[order]
    return replace(
        evidence,
        stretch_offsets=np.searchsorted(every[order], np.arange(len(ids) + 1)).astype(np.int64),
        stretch_class=np.concatenate([part.class_id for part in parts])[order],
        stretch_onset_s=np.concatenate([part.onset_s for part in parts])[order],
        neighbour=neighbour,
        similarity=np.where(neighbour >= 0, similarity, np.float16(0)),
    )
