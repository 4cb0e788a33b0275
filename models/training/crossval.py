"""Train K folds and predict each clip by the fold that never saw it: the whole of one run, in one folder.

Each fold trains ``train.members`` networks and keeps ``train.snapshots`` of each; what they predict of the fold's
clips is averaged. With ``train.all_data`` as many members more are trained on all clips. A run that was stopped or
killed goes on from its last finished epoch when it is started again on the same folder (models/runfolder/folder.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labeling.errors import ArtefactError, AudioError, Stopped
from labeling.predictions.oof import Oof
from labeling.records import Clip, FrameGrid, Labels
from labeling.runs import leaks
from labeling.runs.landmarks import Copy, find_copies
from models.config import Recipe
from models.evidence.files import keep_neighbours, lacks_neighbours
from models.folds.selection import check_selection
from models.folds.task import ALL_DATA, Task, TrainingData, resume_file
from models.inputs import augment
from models.inputs.clips import AudioStore
from models.networks.catalogue import build_network
from models.networks.heads import Network, frame_grid
from models.prediction.windows import predict_clips
from models.runfolder.folder import RunFolder
from models.runfolder.foldfiles import FoldPredictions, finished, history_of, write_finished
from models.runfolder.processes import ProcessGroup
from models.runfolder.progress import Progress
from models.runfolder.provenance import deterministic, pick_device, seeded
from models.runfolder.trackers import open_trackers
from models.training.assembling import assemble
from models.training.beginning import begin_folder, write_plan
from models.training.fold import FoldTrainer
from models.training.inputs import Context, Elsewhere, RunInputs, join_inputs
from models.training.resume import remove_training


def cross_validate(
    recipe: Recipe,
    clips: Sequence[Clip],
    labels: Labels,
    run_dir: Path,
    *,
    label_version: int,
    teacher: Oof | None = None,
    folds: int | None = None,
    device: str = "auto",
    report: Callable[[Mapping[str, Any]], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    truth: NDArray[np.bool_] | None = None,
    processes: ProcessGroup | None = None,
    cache_dir: Path | None = None,
    elsewhere: Elsewhere | None = None,
) -> dict[str, Any]:
    """Train and predict all folds into a run's folder; one that was begun there goes on.

    Parameters
    ----------
    recipe : Recipe
    clips : sequence of Clip
        Joined to ``labels`` by id. Clips that cannot be read are left out of the predictions, and named in ``run.json``
        (``skipped``) and the log.
    labels : Labels
        N clips, C classes.
    run_dir : Path
    label_version : int
    teacher : Oof, optional
        What ``targets.rule`` reads.
    folds, device : int, optional, and str
        In place of ``recipe.folds.folds``; ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    report, should_stop : callable
        Told of the progress, and asked between batches.
    truth : ndarray of bool, shape (N, C), optional
        Only compared with.
    processes : ProcessGroup, optional
        This process does its part of the networks; the first one assembles the predictions, the others return {}.
    cache_dir : Path, optional
        Decoded sound may be kept there.
    elsewhere : callable, optional
        Has the networks trained by other machines, which leave in the folder what this one would; see `Elsewhere`.

    Returns
    -------
    dict
        What ``metrics.json`` holds, see `metrics.score`.

    Raises
    ------
    Stopped, ConfigError, ArtefactError, WorkspaceFull
        What was finished is kept, and the run can be resumed.
    """
    if folds is not None:
        recipe = replace(recipe, folds=replace(recipe.folds, folds=folds))
    processes = processes or ProcessGroup(Path(run_dir))
    part = processes.part
    own = "cpu" if elsewhere else device  # others choose theirs
    chosen_device = pick_device(own, part.rank if part.count > 1 else None)
    inputs = join_inputs(recipe, clips, labels, label_version, teacher)
    folder = RunFolder(Path(run_dir), f"process {part.rank}: " if part.count > 1 else "")
    progress = Progress(folder, processes, inputs.n_folds, recipe.train.members, report)
    context = Context(
        folder, chosen_device, processes, progress, lambda: should_stop() or processes.must_stop(), cache_dir, elsewhere
    )
    try:
        with deterministic(context.device, recipe.train.deterministic):
            return _train_and_predict(inputs, context, truth)
    except Exception as error:
        folder.log(f"{type(error).__name__}: {error}")
        raise
    finally:
        progress.close()


def _train_and_predict(inputs: RunInputs, context: Context, truth: NDArray[np.bool_] | None) -> dict[str, Any]:
    recipe, folder, progress = inputs.recipe, context.folder, context.progress
    mine = context.processes.part.mine(inputs.networks)
    progress.networks = len(mine)
    skipped = _Skipped(folder)
    if context.leads:
        skipped.clips = begin_folder(inputs, context)
        context.processes.reached("begun")
    skipped.clips |= {clip.filename: clip.reason or clip.status for clip in inputs.clips if not clip.usable}
    backgrounds = backgrounds_of(recipe)
    grid = _grid(inputs)
    store = _read_sound(inputs, context)
    if context.leads:
        skipped.note(store, backgrounds)
    fold = _folds(inputs, context, store)
    tasks = {(k, m): task_of(inputs, k, m, fold) for k, m in inputs.networks}
    for k in range(inputs.n_folds):
        check_selection(recipe.data, tasks[k, 0], k, recipe.train.pretrain_epochs)
    if context.leads:
        progress.tracker = open_trackers(recipe.track, folder.root, folder.root.name, asdict(recipe), folder.log)
    if context.elsewhere is not None:
        context.elsewhere(inputs, context, fold, grid, list(tasks.values()))
    else:
        data = data_of(inputs, store, backgrounds)
        for place, network in enumerate(mine):
            train_network(inputs, context, place, tasks[network], data, grid)
    if not context.leads:
        context.processes.end("done")
        return {}
    others_done = context.processes.wait_for_others(
        context.should_stop, lambda: progress.say("waiting", progress.fraction(len(mine), 0.0))
    )
    if not others_done:
        raise Stopped("stopped while waiting for the other processes")
    progress.write_history()
    skipped.note(store, backgrounds)
    metrics_of_run = assemble(inputs, context, fold, grid, tasks, truth)
    context.processes.end("done")
    progress.say("done", 1.0)
    return metrics_of_run


# ---------------------------------------------------------------------------------------------- before the folds


@dataclass
class _Skipped:
    """Clips (why, by file name) and backgrounds that cannot be read: said once in the log; clips kept in run.json."""

    folder: RunFolder
    clips: dict[str, str] = field(default_factory=dict)
    backgrounds: set[str] = field(default_factory=set)

    def note(self, store: AudioStore, backgrounds: augment.Backgrounds | None) -> None:
        for row, reason in sorted(store.skipped.items()):
            name = store.clips[row].filename
            if name not in self.clips:
                self.folder.log(f"skipped {name}: {reason}")
            self.clips[name] = reason
        self.folder.write_facts(skipped=self.clips)
        for name, reason in backgrounds.skipped.items() if backgrounds else ():
            if name not in self.backgrounds:
                self.folder.log(f"background {name} left out: {reason}")
                self.backgrounds.add(name)


def _grid(inputs: RunInputs) -> FrameGrid:
    recipe = inputs.recipe
    with seeded(np.random.SeedSequence(recipe.train.seed), torch.device("cpu")):
        # The geometry does not depend on the weights; none need be loaded for it.
        bare = replace(recipe, network=replace(recipe.network, pretrained=False, weights=""))
        return frame_grid(build_network(bare, len(inputs.labels.classes)), recipe.features)


def _read_sound(inputs: RunInputs, context: Context) -> AudioStore:
    recipe, folder = inputs.recipe, context.folder
    planning = context.leads and recipe.folds.near_duplicates and not folder.read_folds()
    usable = [inputs.clips[k] for k in inputs.usable]
    store = AudioStore(usable, recipe.features, recipe.data, context.cache_dir, find_landmarks=planning)
    if recipe.features.precompute and store.kind != "mel":
        folder.log(f"features.precompute: the mel does not fit data.memory_gb = {recipe.data.memory_gb:g}")
    store.load(context.progress.reading, context.should_stop)
    for note in store.notes:
        folder.log(note)
    return store


def _folds(inputs: RunInputs, context: Context, store: AudioStore) -> NDArray[np.int32]:
    """The fold of each of the store's rows, -1 for clips left out; on resume as it was written."""
    readable = store.n_frames > 0
    if not readable.any():
        raise AudioError("no clip could be read; see log.txt for the reasons")
    if context.leads and not context.folder.read_folds():
        _plan_folds(inputs, context, store, np.flatnonzero(readable))
    context.processes.reached("planned")
    if not context.leads and not context.processes.wait_for("planned", context.should_stop):
        raise Stopped("stopped while waiting for the folds")
    planned = context.folder.read_folds()
    fold = np.array([planned.get(clip.id, -1) for clip in store.clips], dtype=np.int32)
    fold[~readable] = -1
    return fold


def _plan_folds(inputs: RunInputs, context: Context, store: AudioStore, rows: NDArray[np.int64]) -> None:
    clips = [store.clips[int(row)] for row in rows]
    copies: list[Copy] = []
    if inputs.recipe.folds.near_duplicates:
        copies = find_copies([store.landmarks[int(row)] for row in rows])
        leaks.write_copies(context.folder.root / leaks.COPIES_FILE, clips, [clip.id for clip in clips], copies)
    write_plan(inputs, context, clips, rows, copies)


def backgrounds_of(recipe: Recipe) -> augment.Backgrounds | None:
    """The sounds that the recipe mixes in, None where it mixes in none."""
    background = recipe.augment.background
    if not background.probability > 0:
        return None
    return augment.Backgrounds(background.folder, recipe.features.sample_rate, background.memory_mb)


def data_of(inputs: RunInputs, store: AudioStore, backgrounds: augment.Backgrounds | None) -> TrainingData:
    """What all networks of the run share; ``store`` holds its usable clips."""
    rows = inputs.rows[inputs.usable]
    truths = [inputs.truths[k] for k in inputs.usable]
    present, known = inputs.labels.present[rows], ~inputs.labels.unsure[rows]
    return TrainingData(store, truths, present, known, inputs.labels.classes, backgrounds)


def task_of(inputs: RunInputs, k: int, member: int, fold: NDArray[np.int32]) -> Task:
    """The network ``member`` of fold ``k``: its rows of the store."""
    inside = (fold >= 0) & (fold != k)
    valid = np.flatnonzero(fold == k) if k != ALL_DATA else np.zeros(0, dtype=np.int64)
    train, pretrain = inputs.train_clips[inputs.usable], inputs.pretrain_clips[inputs.usable]
    return Task(k, member, np.flatnonzero(inside & train), np.flatnonzero(inside & pretrain), valid)


# ---------------------------------------------------------------------------------------------- one network


def train_network(
    inputs: RunInputs, context: Context, place: int, task: Task, data: TrainingData, grid: FrameGrid
) -> None:
    """Train a network and predict its fold's clips, or see that this was done before."""
    recipe, folder, progress = inputs.recipe, context.folder, context.progress
    clip_ids = _clip_ids(data.store, task)
    predicted = finished(folder.checkpoints, task, clip_ids, folder.log)
    if predicted is not None:
        remove_training(resume_file(folder.checkpoints, task))  # killed before it was removed
        progress.history[task.name] = predicted.history
        folder.log(f"{task.name}: finished before")
        if not lacks_neighbours(folder, recipe, task, data.store.clips):
            return
    with seeded(task.seed(recipe.train.seed, task.member), torch.device("cpu")):
        network = build_network(recipe, len(data.classes), data.classes)
    trainer = FoldTrainer(recipe, network, data, task, grid, context.device, folder.checkpoints, folder.log)
    if predicted is not None:
        if networks := _kept(trainer, task, folder):
            keep_neighbours(folder, recipe, networks[-1], trainer, context.should_stop)
        return
    pretrained = f" (pretrained on {len(task.pretrain_rows)})" if recipe.train.pretrain_epochs else ""
    folder.log(f"{task.name}: {len(task.rows)} clips to train on{pretrained}, {len(task.valid_rows)} to predict")

    def tell(state: Mapping[str, Any]) -> None:
        progress.training(task.name, place, state, trainer.state.history)

    networks = _kept(trainer, task, folder) or trainer.run(tell, context.should_stop)
    progress.history[task.name] = trainer.state.history
    clipwise = np.zeros((0, len(data.classes)), np.float32)
    framewise: list[NDArray[np.float32]] = []
    if len(task.valid_rows):
        progress.say("predicting", progress.fraction(place, 0.98), fold=task.fold + 1)
        clipwise, framewise = predict_clips(
            networks,
            trainer.front_end,
            data.store,
            task.valid_rows,
            recipe.predict,
            grid,
            recipe.train.precision,
            context.should_stop,
            seed=recipe.train.seed,
        )
    write_finished(folder.checkpoints, task, FoldPredictions(clip_ids, clipwise, framewise, trainer.state.history))
    remove_training(trainer.resume_file)
    progress.write_history()
    if lacks_neighbours(folder, recipe, task, data.store.clips):
        progress.say("predicting", progress.fraction(place, 0.99), fold=task.fold + 1)
        keep_neighbours(folder, recipe, networks[-1], trainer, context.should_stop)


def _kept(trainer: FoldTrainer, task: Task, folder: RunFolder) -> list[Network]:
    """The networks of a training that came to its end, [] where it did not: their predictions may be lost."""
    history = history_of(folder.checkpoints, task)
    if history is None or trainer.resume_file.exists():
        return []
    try:
        networks = trainer.snapshots()
    except (ArtefactError, RuntimeError) as error:
        folder.log(f"{task.name}: its snapshots cannot be used: {error}")
        return []
    trainer.state.history = history
    return networks


def _clip_ids(store: AudioStore, task: Task) -> list[int]:
    return [store.clips[int(row)].id for row in task.valid_rows]
