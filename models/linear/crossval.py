"""Train the K heads of a run on a frozen space, and predict each clip by the head that never saw it.

The folds, the labels, the masks, the run's folder, its evidence and its queue are those of any training
(models/training/); the space is embedded first where clips are missing in it. A head takes seconds, so a run that was
stopped goes on with the heads that are not finished.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from labeling.embeddings.space import Space
from labeling.errors import ArtefactError, AudioError
from labeling.records import Clip, FrameGrid, Labels
from labeling.runs import leaks
from labeling.runs.landmarks import Copy
from labeling.workspace import Workspace
from models.config import Recipe
from models.evidence.files import keep_found, lacks_neighbours, write_learned
from models.folds.selection import check_selection
from models.folds.task import ALL_DATA, Task
from models.frozen.embedding import Hearing
from models.linear.bags import Bags, bags_of, lesson_of
from models.linear.fold import LinearData, head_file, head_neighbours, predict_bags, train_head
from models.linear.head import Head, load_head, save_head
from models.linear.space import filled_space
from models.runfolder.folder import RunFolder
from models.runfolder.foldfiles import FoldPredictions, finished, write_finished
from models.runfolder.processes import ProcessGroup
from models.runfolder.progress import Progress
from models.runfolder.trackers import open_trackers
from models.training.assembling import assemble
from models.training.beginning import begin_folder, write_plan
from models.training.inputs import Context, RunInputs, join_inputs

EMBEDDING_SHARE, COMPARING_SHARE = 0.85, 0.92
"""How far the progress bar is when all clips are embedded, and when their sounds are compared, where that is done."""


def cross_validate_heads(
    workspace: Workspace,
    run_id: str,
    recipe: Recipe,
    clips: Sequence[Clip],
    labels: Labels,
    *,
    label_version: int,
    device: str = "auto",
    report: Callable[[Mapping[str, Any]], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    hearing: Hearing | None = None,
) -> dict[str, Any]:
    """Train and predict all folds into the folder of a run; one that was begun there goes on.

    Clips that the space does not hold, and that cannot be embedded, are left out, and named in ``run.json``
    (``skipped``) and the log. ``device`` is that of the embedding, which ``hearing`` does in place of this machine.
    Returns what ``metrics.json`` holds. Raises Stopped, ConfigError, ArtefactError, AudioError, WorkspaceFull.
    """
    inputs = join_inputs(recipe, clips, labels, label_version, None)
    folder = RunFolder(workspace.run_dir(run_id))
    processes = ProcessGroup(folder.root)
    progress = Progress(folder, processes, inputs.n_folds, 1, report)
    context = Context(folder, torch.device("cpu"), processes, progress, should_stop, None)
    try:
        skipped = begin_folder(inputs, context)
        return _train(workspace, inputs, context, skipped, device, hearing)
    except Exception as error:
        folder.log(f"{type(error).__name__}: {error}")
        raise
    finally:
        progress.close()


def _train(
    workspace: Workspace,
    inputs: RunInputs,
    context: Context,
    skipped: dict[str, str],
    device: str,
    hearing: Hearing | None,
) -> dict[str, Any]:
    recipe, folder, progress = inputs.recipe, context.folder, context.progress
    progress.networks = len(inputs.networks)
    usable = [inputs.clips[k] for k in inputs.usable]
    space = _space(workspace, recipe, usable, context, device, hearing)
    bags = bags_of(space, [clip.id for clip in usable])
    held = np.diff(bags.first) > 0
    skipped |= {clip.filename: clip.reason or clip.status for clip in inputs.clips if not clip.usable}
    for at in np.flatnonzero(~held):
        reason = f"space {recipe.linear.space!r} holds no stretch of it"
        if skipped.get(usable[at].filename) != reason:
            folder.log(f"skipped {usable[at].filename}: {reason}")
        skipped[usable[at].filename] = reason
    folder.write_facts(skipped=skipped)
    if not held.any():
        raise AudioError(f"space {recipe.linear.space!r} holds none of the {len(usable)} clips; embed them first")
    fold, group = _folds(workspace, inputs, context, usable, np.flatnonzero(held))
    tasks = {(k, m): _task(inputs, k, m, fold) for k, m in inputs.networks}
    for k in range(inputs.n_folds):
        check_selection(recipe.data, tasks[k, 0], k, 0)
    data = _data(inputs, usable, bags, group, space)
    progress.tracker = open_trackers(recipe.track, folder.root, folder.root.name, asdict(recipe), folder.log)
    apart = max(0, int(np.ceil(space.facts.window_s / space.facts.hop_s - 1e-6)) - 1)
    for place, task in enumerate(tasks.values()):
        _head(recipe, data, context, place, task, space, apart)
    progress.write_history()
    result = assemble(inputs, context, fold, data.grid, tasks, None)
    progress.say("done", 1.0)
    return result


def _space(
    workspace: Workspace,
    recipe: Recipe,
    clips: Sequence[Clip],
    context: Context,
    device: str,
    hearing: Hearing | None,
) -> Space:
    """The space with the clips that were missing embedded; the run notes which model made it."""
    folder = context.folder

    def tell(progress: Mapping[str, Any]) -> None:
        context.progress.before = EMBEDDING_SHARE
        rest = {key: value for key, value in progress.items() if key in ("clips", "total", "audio_s_per_s")}
        context.progress.say(str(progress["phase"]), EMBEDDING_SHARE * float(progress["fraction"]), **rest)

    space = filled_space(workspace, recipe.linear.space, clips, device, tell, context.should_stop, folder.log, hearing)
    facts, before = asdict(space.facts), folder.facts().get("space")
    if before not in (None, facts):
        raise ArtefactError(
            f"space {space.facts.name!r} was made anew in another way since this run began; start a new run"
        )
    folder.write_facts(space=facts)
    return space


def _data(inputs: RunInputs, clips: list[Clip], bags: Bags, group: NDArray[np.int64], space: Space) -> LinearData:
    rows = inputs.rows[inputs.usable]
    truths = [inputs.truths[k] for k in inputs.usable]
    lesson = lesson_of(bags, truths, [clip.duration_s for clip in clips], inputs.recipe.targets)
    hop_s = space.facts.hop_s
    grid = FrameGrid(0.0, hop_s, hop_s)
    present, known = inputs.labels.present[rows], ~inputs.labels.unsure[rows]
    return LinearData(clips, bags, lesson, present, known, group, inputs.labels.classes, grid)


def _folds(
    workspace: Workspace, inputs: RunInputs, context: Context, clips: list[Clip], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The fold of each of ``clips``, -1 for those left out (all but ``rows``), and its group; on resume as written."""
    folder = context.folder
    if not folder.read_folds():
        kept = [clips[int(row)] for row in rows]
        copies: list[Copy] = []
        if inputs.recipe.folds.near_duplicates:
            copies = _copies(workspace, context, kept)
        write_plan(inputs, context, kept, rows, copies)
    planned = folder.read_folds()
    table = pd.read_parquet(folder.root / "folds.parquet")
    groups = dict(zip(table["clip_id"].tolist(), table["group"].tolist(), strict=True))
    fold = np.array([planned.get(clip.id, -1) for clip in clips], dtype=np.int32)
    held = np.isin(np.arange(len(clips)), rows)
    return np.where(held, fold, -1).astype(np.int32), np.array([groups.get(clip.id, -1) for clip in clips], np.int64)


def _copies(workspace: Workspace, context: Context, clips: Sequence[Clip]) -> list[Copy]:
    """The copies among ``clips``; the sound of clips that were never compared is compared now."""
    heard, pairs = leaks.known_copies(workspace)
    if not {clip.id for clip in clips} <= heard:
        before = context.progress.before
        context.progress.before = max(before, COMPARING_SHARE)

        def tell(done: int, total: int) -> None:
            share = before + (context.progress.before - before) * done / total
            context.progress.say("comparing sounds", share)

        leaks.listen(workspace, tell, context.should_stop)
        heard, pairs = leaks.known_copies(workspace)
    place = {clip.id: at for at, clip in enumerate(clips)}
    copies = [Copy(place[a], place[b], *rest) for a, b, *rest in pairs if a in place and b in place]
    leaks.write_copies(
        context.folder.root / leaks.COPIES_FILE, clips, [clip.id for clip in clips if clip.id in heard], copies
    )
    return copies


def _task(inputs: RunInputs, k: int, member: int, fold: NDArray[np.int32]) -> Task:
    inside = (fold >= 0) & (fold != k) & inputs.train_clips[inputs.usable]
    valid = np.flatnonzero(fold == k) if k != ALL_DATA else np.zeros(0, dtype=np.int64)
    return Task(k, member, np.flatnonzero(inside), np.zeros(0, dtype=np.int64), valid)


def _head(recipe: Recipe, data: LinearData, context: Context, place: int, task: Task, space: Space, apart: int) -> None:
    """Train a head and predict its fold's clips, or see that this was done before."""
    folder, progress = context.folder, context.progress
    ids = [data.clips[int(row)].id for row in task.valid_rows]
    predicted = finished(folder.checkpoints, task, ids, folder.log)
    if predicted is not None and head_file(folder.checkpoints, task).exists():
        progress.history[task.name] = predicted.history
        folder.log(f"{task.name}: finished before")
        if lacks_neighbours(folder, recipe, task, data.clips):
            head = load_head(head_file(folder.checkpoints, task))
            _neighbours(recipe, data, context, task, head, apart)
        return
    folder.log(f"{task.name}: {len(task.rows)} clips to train on, {len(task.valid_rows)} to predict")

    def tell(share: float) -> None:
        progress.say("training", progress.fraction(place, 0.9 * share), fold=task.fold + 1)

    tell(0.0)
    trained = train_head(recipe, data, task, tell, context.should_stop)
    folder.log(f"{task.name}: {trained.words}")
    meta = {"fold": task.fold, "member": task.member, "snapshot": 0, "classes": list(data.classes)}
    meta |= {"grid": asdict(data.grid), "space": asdict(space.facts)}
    save_head(head_file(folder.checkpoints, task), trained.head, meta)
    if trained.dynamics is not None:
        write_learned(folder.checkpoints, task, trained.dynamics.learned(), data.clips)
    clipwise = np.zeros((0, len(data.classes)), np.float32)
    framewise: list[NDArray[np.float32]] = []
    if len(task.valid_rows):
        durations = [data.clips[int(row)].duration_s for row in task.valid_rows]
        clipwise, framewise = predict_bags([trained.head], data.bags.take(task.valid_rows), durations, data.grid)
    write_finished(folder.checkpoints, task, FoldPredictions(ids, clipwise, framewise, trained.history))
    progress.history[task.name] = trained.history
    progress.write_history()
    if lacks_neighbours(folder, recipe, task, data.clips):
        progress.say("predicting", progress.fraction(place, 0.95), fold=task.fold + 1)
        _neighbours(recipe, data, context, task, trained.head, apart)


def _neighbours(recipe: Recipe, data: LinearData, context: Context, task: Task, head: Head, apart: int) -> None:
    k, stop = recipe.predict.neighbours, context.should_stop
    keep_found(context.folder, task, lambda: head_neighbours(head, data, task, k, apart, stop))
