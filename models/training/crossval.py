"""Train K folds and predict each clip by the fold that never saw it: the whole of one run, in one folder.

Each fold trains ``train.members`` networks and keeps ``train.snapshots`` of each; what they predict of the fold's
clips is averaged. With ``train.all_data`` as many members more are trained on all clips. A run that was stopped or
killed goes on from its last finished epoch when it is started again on the same folder (models/runfolder/folder.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labeling.errors import ArtefactError, AudioError, ConfigError, Stopped
from labeling.predictions import metrics
from labeling.predictions.oof import Oof, write_oof
from labeling.records import Clip, FrameGrid, Labels
from labeling.runs import leaks
from labeling.runs.landmarks import Copy, find_copies
from models.config import Recipe
from models.evidence.files import keep_neighbours, lacks_neighbours, write_evidence
from models.folds.keeping import earlier_folds, keep_folds
from models.folds.making import make_folds
from models.folds.selection import check_selection, selected
from models.folds.task import ALL_DATA, Task, TrainingData, resume_file
from models.inputs import augment
from models.inputs.clips import AudioStore
from models.networks.catalogue import build_network
from models.networks.checkpoints import write_json
from models.networks.heads import Network, frame_grid
from models.prediction.windows import predict_clips
from models.runfolder.folder import RunFolder
from models.runfolder.foldfiles import FoldPredictions, finished, history_of, mean_of_members, write_finished
from models.runfolder.processes import Together
from models.runfolder.progress import READING_SHARE, Progress
from models.runfolder.provenance import deterministic, differences, pick_device, seeded, surroundings
from models.runfolder.trackers import open_trackers
from models.targets.rules import truths_of
from models.training.fold import FoldTrainer

__all__ = ["Stopped", "cross_validate", "pick_device"]


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
    together: Together | None = None,
    cache_dir: Path | None = None,
) -> dict[str, Any]:
    """Train and predict all folds into ``run_dir``; returns what ``metrics.json`` holds.

    ``clips`` are joined to ``labels`` by id. ``teacher`` is what ``targets.rule`` reads. ``truth`` (rows of
    ``labels``, its classes) is only compared with. Clips that cannot be read are left out of the predictions and
    named in ``run.json`` (``skipped``) and the log. With ``together`` this process does its part of the networks;
    the first one assembles the predictions, the others return {}. Decoded sound may be kept in ``cache_dir``.
    Raises Stopped, ConfigError, ArtefactError, WorkspaceFull.
    """
    if folds is not None:
        recipe = replace(recipe, folds=replace(recipe.folds, folds=folds))
    run = _Run(
        recipe, clips, labels, Path(run_dir), label_version, teacher, device, report, should_stop, together, cache_dir
    )
    try:
        with deterministic(run.device, recipe.train.deterministic):
            return run.go(truth)
    except Exception as error:
        run.folder.log(f"{type(error).__name__}: {error}")
        raise
    finally:
        run.progress.close()


class _Run:
    def __init__(
        self,
        recipe: Recipe,
        clips: Sequence[Clip],
        labels: Labels,
        folder: Path,
        label_version: int,
        teacher: Oof | None,
        device: str,
        report: Callable[[Mapping[str, Any]], None],
        should_stop: Callable[[], bool],
        together: Together | None,
        cache_dir: Path | None,
    ) -> None:
        self.cache_dir = cache_dir
        self.together = together or Together(folder)
        part = self.together.part
        self.recipe, self.labels, self.label_version, self.teacher = recipe, labels, label_version, teacher
        self.n_folds, self.members = recipe.folds.folds, recipe.train.members
        self.device = pick_device(device, part.rank if part.count > 1 else None)
        self.should_stop = lambda: should_stop() or self.together.must_stop()
        row_of = {int(clip_id): row for row, clip_id in enumerate(labels.clip_ids)}
        self.clips = [clip for clip in clips if clip.id in row_of]
        self.rows = np.array([row_of[clip.id] for clip in self.clips], dtype=np.int64)
        if not labels.classes:
            raise ConfigError("the labels have no classes; import a table with labels first")
        if not self.clips:
            raise ConfigError("no clip has labels; import clips first")
        reviewed = np.asarray(labels.reviewed[self.rows].any(1), dtype=bool)
        self.train_clips = selected("data.clips", recipe.data.clips, self.clips, reviewed)
        self.pretrain_clips = selected("data.pretrain_clips", recipe.data.pretrain_clips, self.clips, reviewed)
        self.truths = truths_of(labels, [int(row) for row in self.rows], teacher, recipe.targets)
        self.folder = RunFolder(folder, f"process {part.rank}: " if part.count > 1 else "")
        self.skipped: dict[str, str] = {}
        self.progress = Progress(self.folder, self.together, self.n_folds, self.members, report)
        self.jobs = [(k, m) for k in range(self.n_folds) for m in range(self.members)]
        if recipe.train.all_data:
            self.jobs += [(ALL_DATA, m) for m in range(self.members)]
        self.mine = part.mine(self.jobs)
        self.progress.networks = len(self.mine)
        self.backgrounds: augment.Backgrounds | None = None
        self.skipped_backgrounds: set[str] = set()

    @property
    def leads(self) -> bool:
        return self.together.leads

    def go(self, truth: NDArray[np.bool_] | None) -> dict[str, Any]:
        if self.leads:
            self._begin()
            self.together.reached("begun")
        background = self.recipe.augment.background
        if background.probability > 0:
            self.backgrounds = augment.Backgrounds(
                background.folder, self.recipe.features.sample_rate, background.memory_mb
            )
        grid = self._grid()
        readable = [clip for clip in self.clips if clip.usable]
        self.skipped |= {clip.filename: clip.reason or clip.status for clip in self.clips if not clip.usable}
        use = np.array([k for k, clip in enumerate(self.clips) if clip.usable], dtype=np.int64)
        planning = self.leads and self.recipe.folds.near_duplicates and not self.folder.read_folds()
        store = AudioStore(readable, self.recipe.features, self.recipe.data, self.cache_dir, find_landmarks=planning)
        if self.recipe.features.precompute and store.kind != "mel":
            self.folder.log(
                f"features.precompute: the mel does not fit data.memory_gb = {self.recipe.data.memory_gb:g}"
            )
        store.load(self.progress.reading, self.should_stop)
        for note in store.notes:
            self.folder.log(note)
        self._note_skipped(store)
        fold = self._folds(store, use)
        rows = self.rows[use]
        data = TrainingData(
            store,
            [self.truths[int(row)] for row in use],
            self.labels.present[rows],
            ~self.labels.unsure[rows],
            self.labels.classes,
            self.backgrounds,
        )
        tasks = {(k, m): self._task(k, m, use, fold) for k, m in self.jobs}
        for k in range(self.n_folds):
            check_selection(self.recipe.data, tasks[k, 0], k, self.recipe.train.pretrain_epochs)
        if self.leads:
            root = self.folder.root
            self.progress.tracker = open_trackers(
                self.recipe.track, root, root.name, asdict(self.recipe), self.folder.log
            )
        for place, job in enumerate(self.mine):
            self._do(place, tasks[job], data, grid)
        if not self.leads:
            self.together.end("done")
            return {}
        waiting = self.together.wait_for_others(
            self.should_stop, lambda: self.progress.say("waiting", self.progress.fraction(len(self.mine), 0.0))
        )
        if not waiting:
            raise Stopped("stopped while waiting for the other processes")
        self.progress.write_history()
        self._note_skipped(store)
        return self._assemble(data, use, fold, grid, tasks, truth)

    # ------------------------------------------------------------------------------------------ before the folds

    def _begin(self) -> None:
        folder = self.folder
        again = folder.begin(self.recipe, self.clips, self.labels, self.label_version, self.teacher)
        now = surroundings(self.device, self.recipe.network.weights)
        if again:
            old = folder.facts()
            self.skipped = dict(old.get("skipped", {}))
            repeats = old.get("repeats") if not (folder.root / "log.txt").exists() else None
            folder.log(f"repeats {repeats}" if repeats else "resumed")
            for difference in differences(old, now):
                folder.log(f"{difference}: the result may differ in the last digits")
        else:
            folder.log(
                f"started: recipe {self.recipe.name}, {len(self.clips)} clips, {self.n_folds} folds, {self.device}"
            )
        folder.write_facts(**now)

    def _grid(self) -> FrameGrid:
        with seeded(np.random.SeedSequence(self.recipe.train.seed), torch.device("cpu")):
            # The geometry does not depend on the weights; none need be loaded for it.
            bare = replace(self.recipe, network=replace(self.recipe.network, pretrained=False, weights=""))
            return frame_grid(build_network(bare, len(self.labels.classes)), self.recipe.features)

    def _note_skipped(self, store: AudioStore) -> None:
        if not self.leads:
            return
        for row, reason in sorted(store.skipped.items()):
            name = store.clips[row].filename
            if name not in self.skipped:
                self.folder.log(f"skipped {name}: {reason}")
            self.skipped[name] = reason
        self.folder.write_facts(skipped=self.skipped)
        for name, reason in self.backgrounds.skipped.items() if self.backgrounds else ():
            if name not in self.skipped_backgrounds:
                self.folder.log(f"background {name} left out: {reason}")
                self.skipped_backgrounds.add(name)

    def _folds(self, store: AudioStore, use: NDArray[np.int64]) -> NDArray[np.int32]:
        """The fold of each of the store's rows, -1 for clips left out; on resume as it was written."""
        read = store.n_frames > 0
        rows = np.flatnonzero(read)
        if not len(rows):
            raise AudioError("no clip could be read; see log.txt for the reasons")
        if self.leads and not self.folder.read_folds():
            self._plan_folds(store, rows, self.labels.present[self.rows[use[rows]]])
        self.together.reached("planned")
        if not self.leads and not self.together.wait_for("planned", self.should_stop):
            raise Stopped("stopped while waiting for the folds")
        known = self.folder.read_folds()
        fold = np.array([known.get(clip.id, -1) for clip in store.clips], dtype=np.int32)
        fold[~read] = -1
        return fold

    def _plan_folds(self, store: AudioStore, rows: NDArray[np.int64], present: NDArray[np.bool_]) -> None:
        config = self.recipe.folds
        clips = [store.clips[int(row)] for row in rows]
        copies: list[Copy] = []
        if config.near_duplicates:
            copies = find_copies([store.landmarks[int(row)] for row in rows])
            leaks.write_copies(self.folder.root / leaks.COPIES_FILE, clips, [clip.id for clip in clips], copies)
        together = leaks.belonging(clips, copies, config.same_outing)
        pairs = leaks.pairs_of(together)
        plan = make_folds(clips, present, self.n_folds, self.recipe.train.seed, pairs, self.labels.classes)
        if config.like:
            earlier = earlier_folds(self.folder.root.parent, config.like)
            plan = keep_folds(plan, clips, present, earlier, self.n_folds, self.labels.classes)
        for reason, count in leaks.counts(together).items():
            self.folder.log(f"kept in one fold: {count} clips, {leaks.WORDS[reason]}")
        for warning in plan.warnings:
            self.folder.log(f"warning: {warning}")
            self.progress.say("reading audio", READING_SHARE, warning=warning)
        self.folder.write_folds(clips, plan.fold, plan.group)
        self.folder.write_facts(
            ungrouped=plan.n_ungrouped,
            kept_together=leaks.counts(together),
            near_copies=leaks.pairs_to_tell(together, clips),
            warnings=list(plan.warnings),
        )

    def _task(self, k: int, member: int, use: NDArray[np.int64], fold: NDArray[np.int32]) -> Task:
        inside = (fold >= 0) & (fold != k)
        valid = np.flatnonzero(fold == k) if k != ALL_DATA else np.zeros(0, dtype=np.int64)
        pretrain = np.flatnonzero(inside & self.pretrain_clips[use])
        return Task(k, member, np.flatnonzero(inside & self.train_clips[use]), pretrain, valid)

    # ------------------------------------------------------------------------------------------- one network

    def _do(self, place: int, task: Task, data: TrainingData, grid: FrameGrid) -> None:
        """Train a network and predict its fold's clips, or see that this was done before."""
        folder = self.folder
        found = finished(folder.checkpoints, task, self._ids(data.store, task), folder.log)
        if found is not None:
            resume_file(folder.checkpoints, task).unlink(missing_ok=True)  # killed before it was removed
            self.progress.history[task.name] = found.history
            folder.log(f"{task.name}: finished before")
            if not lacks_neighbours(folder, self.recipe, task, data.store):
                return
        with seeded(task.seed(self.recipe.train.seed, task.member), torch.device("cpu")):
            network = build_network(self.recipe, len(self.labels.classes), self.labels.classes)
        trainer = FoldTrainer(self.recipe, network, data, task, grid, self.device, folder.checkpoints, folder.log)
        if found is not None:
            if networks := self._kept(trainer, task):
                keep_neighbours(folder, self.recipe, networks[-1], trainer, self.should_stop)
            return
        pretrained = f" (pretrained on {len(task.pretrain_rows)})" if self.recipe.train.pretrain_epochs else ""
        folder.log(f"{task.name}: {len(task.rows)} clips to train on{pretrained}, {len(task.valid_rows)} to predict")

        def told(progress: Mapping[str, Any]) -> None:
            self.progress.training(task.name, place, progress, trainer.state.history)

        networks = self._kept(trainer, task) or trainer.run(told, self.should_stop)
        self.progress.history[task.name] = trainer.state.history
        clipwise = np.zeros((0, len(data.classes)), np.float32)
        framewise: list[NDArray[np.float32]] = []
        if len(task.valid_rows):
            self.progress.say("predicting", self.progress.fraction(place, 0.98), fold=task.fold + 1)
            clipwise, framewise = predict_clips(
                networks,
                trainer.front_end,
                data.store,
                task.valid_rows,
                self.recipe.predict,
                grid,
                self.recipe.train.precision,
                self.should_stop,
                seed=self.recipe.train.seed,
            )
        ids = self._ids(data.store, task)
        write_finished(folder.checkpoints, task, FoldPredictions(ids, clipwise, framewise, trainer.state.history))
        trainer.resume_file.unlink(missing_ok=True)
        self.progress.write_history()
        if lacks_neighbours(folder, self.recipe, task, data.store):
            self.progress.say("predicting", self.progress.fraction(place, 0.99), fold=task.fold + 1)
            keep_neighbours(folder, self.recipe, networks[-1], trainer, self.should_stop)

    def _kept(self, trainer: FoldTrainer, task: Task) -> list[Network]:
        """The networks of a training that came to its end, [] where it did not: their predictions may be lost."""
        history = history_of(self.folder.checkpoints, task)
        if history is None or trainer.resume_file.exists():
            return []
        try:
            networks = trainer.snapshots()
        except (ArtefactError, RuntimeError) as error:
            self.folder.log(f"{task.name}: its snapshots cannot be used: {error}")
            return []
        trainer.state.history = history
        return networks

    @staticmethod
    def _ids(store: AudioStore, task: Task) -> list[int]:
        return [store.clips[int(row)].id for row in task.valid_rows]

    # ------------------------------------------------------------------------------------------ after the folds

    def _assemble(
        self,
        data: TrainingData,
        use: NDArray[np.int64],
        fold: NDArray[np.int32],
        grid: FrameGrid,
        tasks: Mapping[tuple[int, int], Task],
        truth: NDArray[np.bool_] | None,
    ) -> dict[str, Any]:
        store, n_classes = data.store, len(data.classes)
        clipwise = np.full((len(store.clips), n_classes), np.nan, dtype=np.float32)
        framewise: list[NDArray[np.float32]] = [np.zeros((0, n_classes), np.float32)] * len(store.clips)
        for k in range(self.n_folds):
            members = []
            for m in range(self.members):
                task = tasks[k, m]
                found = finished(self.folder.checkpoints, task, self._ids(store, task), self.folder.log)
                if found is None:
                    raise ArtefactError(f"{task.name}: its predictions are gone; resume the run to make them again")
                members.append(found)
            inside = tasks[k, 0].valid_rows
            clipwise[inside], frames = mean_of_members(members)
            for row, one in zip(inside, frames, strict=True):
                framewise[int(row)] = one
        kept = np.flatnonzero((fold >= 0) & np.isfinite(clipwise[:, 0]))
        if not len(kept):
            raise AudioError("no clip could be read, so nothing was predicted; see log.txt for the reasons")
        of_folds = [task for task in tasks.values() if task.fold != ALL_DATA]
        ids = np.array([store.clips[int(row)].id for row in kept], dtype=np.int64)
        write_evidence(self.folder, self.recipe, of_folds, ids, data.classes)
        write_oof(
            self.folder.root / "oof.zarr",
            clip_ids=ids,
            filenames=[store.clips[int(row)].filename for row in kept],
            classes=list(data.classes),
            clipwise=clipwise[kept],
            framewise=[framewise[int(row)] for row in kept],
            fold=fold[kept],
            grid=grid,
            label_version=self.label_version,
            label_hash=self.labels.content_hash,
        )
        result = metrics.score(clipwise[kept], data.present[kept], data.classes, known=data.known[kept])
        result["against"] = "labels"
        if truth is not None:
            result["truth"] = metrics.score(clipwise[kept], truth[self.rows[use[kept]]], data.classes)
        write_json(self.folder.root / "metrics.json", result)
        overall = result["overall"]
        self.folder.log(
            f"done: macro-AP {overall['macro_ap']}, lwlrap {overall['lwlrap']} against the labels trained on"
        )
        self.together.end("done")
        self.progress.say("done", 1.0)
        return result
