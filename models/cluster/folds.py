"""The networks of a run as pieces for a cluster: each is trained on one node, and left where the run's folder has it.

A network writes its state after each epoch, as on one machine. Where its node dies, Ray begins the piece anew on
another node, which goes on from there. What it gives is the same, bit for bit on CPUs of one kind with as many threads.
"""

from __future__ import annotations

import pickle
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labeling.errors import ArtefactError, ClusterError, Stopped
from labeling.records import Clip, FrameGrid, Labels, Run
from labeling.storage.files import write_atomically
from labeling.workspace import CACHE, Workspace
from models.cluster.places import Place, place_of
from models.cluster.spreading import spread
from models.cluster.work import Desk, Died, Piece, Told, Work
from models.config import Recipe
from models.evidence.files import lacks_neighbours
from models.folds.task import Task, resume_file
from models.inputs.clips import AudioStore
from models.runfolder.folder import RunFolder, kept_teacher
from models.runfolder.foldfiles import finished, history_of
from models.runfolder.processes import Part, ProcessGroup
from models.runfolder.progress import Progress
from models.runfolder.provenance import deterministic, device_name, pick_device
from models.training.crossval import backgrounds_of, data_of, task_of, train_network
from models.training.inputs import Context, Elsewhere, RunInputs, join_inputs

TREES = "folds"
"""On a store a network that is under way has a tree of its own, as a run's has one writer at a time."""
SEND_EVERY_S = 20.0
TELL_EVERY_S = 1.0


@dataclass(frozen=True)
class FoldWork:
    """What all networks of a run share, as nodes get it. ``fold`` (n,) is that of each usable clip."""

    place: Place
    run_id: str
    recipe: Recipe
    clips: list[Clip]
    labels: Labels
    label_version: int
    fold: NDArray[np.int32]
    grid: FrameGrid


# ------------------------------------------------------------------------------------------- on the machine that leads


def on_cluster(workspace: Workspace, run: Run, address: str) -> Elsewhere:
    """What has a run's networks trained by the cluster at ``address``."""

    def elsewhere(
        inputs: RunInputs, context: Context, fold: NDArray[np.int32], grid: FrameGrid, tasks: list[Task]
    ) -> None:
        workspace.publish(f"runs/{run.id}")  # its teacher
        _Leading(workspace, run, address, inputs, context, fold, grid, tasks).all()

    return elsewhere


class _Leading:
    """A run's networks, handed out and followed."""

    def __init__(
        self,
        workspace: Workspace,
        run: Run,
        address: str,
        inputs: RunInputs,
        context: Context,
        fold: NDArray[np.int32],
        grid: FrameGrid,
        tasks: list[Task],
    ) -> None:
        self.workspace, self.run, self.address, self.inputs, self.context = workspace, run, address, inputs, context
        self.tasks = {task.name: task for task in tasks}
        self.shares = dict.fromkeys(self.tasks, 0.0)
        self.nodes: dict[str, Any] = {}
        self.common = FoldWork(
            place_of(workspace), run.id, inputs.recipe, inputs.clips, inputs.labels, inputs.label_version, fold, grid
        )

    def all(self) -> None:
        """Have every network trained that is not. Raises as a training."""
        folder, clips = self.context.folder, [self.inputs.clips[k] for k in self.inputs.usable]
        for name, task in self.tasks.items():
            ids = [clips[int(row)].id for row in task.valid_rows]
            predicted = finished(folder.checkpoints, task, ids, folder.log)
            if predicted is not None and not lacks_neighbours(folder, self.inputs.recipe, task, clips):
                self._finished(name, predicted.history)
                folder.log(f"{name}: finished before")
        pieces = [Piece(name, (task.fold, task.member)) for name, task in self.tasks.items() if self.shares[name] < 1]
        folder.log(f"{len(pieces)} networks for the cluster at {self.address}")
        self._say("waiting for the cluster", None)
        work = Work(
            "models.cluster.folds:train_on_node", pickle.dumps(self.common), self.run.device, torch.get_num_threads()
        )
        for ended in spread(self.address, work, pieces, self.context.should_stop, self._told, folder.log):
            if isinstance(ended, Died):
                raise ClusterError(
                    f"{ended.name}: its process on the cluster died each time ({ended.why}), perhaps for want of "
                    "memory (data.memory_gb says how much sound one holds). What is finished is kept; resume the run"
                )
            self._take(ended.name)
            self._finished(ended.name, ended.value["history"])
            self.nodes[ended.name] = {key: ended.value[key] for key in ("node", "device", "device_name")}
            folder.log(f"{ended.name}: done on {ended.value['node']}, {ended.value['device_name']}")
            self._say("training", None)
        if self.nodes:
            kinds = [f"{one['device']}" for one in self.nodes.values()]
            names = sorted({one["device_name"] for one in self.nodes.values()})
            before = folder.facts().get("cluster", {})
            folder.write_facts(device=kinds[0], device_name=", ".join(names), cluster=before | self.nodes)

    def _take(self, name: str) -> None:
        """Where machines share a store: what a node left of a network, into the run's folder."""
        if self.workspace.shared is None:
            return
        tree = f"{TREES}/{self.run.id}.{name}"
        came = self.workspace.shared.bring(tree, take_over=True)
        for path in sorted((came / "checkpoints").glob(f"{name}.*")):
            target = self.context.folder.checkpoints / path.name
            beside = target.with_name(f".{path.name}.partial")
            shutil.copyfile(path, beside)
            beside.replace(target)
        task = self.tasks[name]
        if history_of(self.context.folder.checkpoints, task) is None:
            raise ArtefactError(f"{self.workspace.shared.url}/{tree} lacks {name}.json; resume the run")
        self.workspace.shared.remove(tree)
        shutil.rmtree(came, ignore_errors=True)

    def _finished(self, name: str, history: list[dict[str, Any]]) -> None:
        self.shares[name] = 1.0
        self.context.progress.history[name] = history
        self.context.progress.write_history()

    def _told(self, told: Told) -> None:
        message, progress = told.message, self.context.progress
        if line := message.get("log"):
            self.context.folder.log(line)
        if "history" in message:
            progress.history[told.name] = message["history"]
            progress.write_history()
        if "share" in message:
            self.shares[told.name] = min(0.99, float(message["share"]))
            self._say(str(message["phase"]), message.get("more"))

    def _say(self, phase: str, more: Mapping[str, Any] | None) -> None:
        done = sum(self.shares.values()) / max(1, len(self.shares))
        progress = self.context.progress
        progress.say(phase, progress.before + (0.99 - progress.before) * done, **(more or {}))


# ------------------------------------------------------------------------------------------------------- on a node


class ToldFolder(RunFolder):
    """A run's folder whose log is written by the machine that leads: two machines do not write to one file."""

    def __init__(self, root: Path, desk: Desk) -> None:
        super().__init__(root)
        self.desk = desk

    def log(self, line: str) -> None:
        """See RunFolder."""
        self.desk.tell({"log": f"node {self.desk.node}: {line}"})


class ToldProgress(Progress):
    """How far a network on a node is, as the machine that leads is told."""

    def __init__(self, folder: ToldFolder, recipe: Recipe) -> None:
        super().__init__(folder, ProcessGroup(folder.root), recipe.folds.folds, recipe.train.members, lambda _: None)
        self.desk, self.told_at = folder.desk, 0.0

    def say(self, phase: str, fraction: float, now: bool = False, **more: Any) -> None:
        """See Progress; about once a second."""
        if now or time.monotonic() - self.told_at > TELL_EVERY_S:
            self.told_at = time.monotonic()
            self.desk.tell({"phase": phase, "share": fraction, "more": more})

    def write_history(self) -> None:
        """See Progress."""
        for history in self.history.values():
            self.desk.tell({"history": history})


_held: list[tuple[str, AudioStore]] = []
"""The sound of the last run that this process worked for: it trains several of its networks."""


def train_on_node(common: FoldWork, network: tuple[int, int], desk: Desk) -> dict[str, Any]:
    """Train a network of a run here and leave it where the run's folder has it; returns its curves and the device.

    Raises Stopped, also where another node has taken it over, and EarmarkError.
    """
    workspace, recipe = common.place.workspace(desk.node), common.recipe
    torch.set_num_threads(desk.threads)
    device = pick_device(desk.device)
    run_folder = workspace.root / "runs" / common.run_id
    if workspace.shared is not None:
        workspace.shared.bring(f"runs/{common.run_id}", _teacher_only, take_over=True)
    inputs = join_inputs(recipe, common.clips, common.labels, common.label_version, kept_teacher(run_folder))
    task = task_of(inputs, *network, common.fold)
    where = _Where(workspace, common.run_id, task, desk)
    folder = ToldFolder(where.root, desk)
    folder.checkpoints.mkdir(parents=True, exist_ok=True)
    progress = ToldProgress(folder, recipe)
    context = Context(
        folder, device, ProcessGroup(folder.root, Part()), progress, where.should_stop,
        workspace.root / CACHE / "audio",
    )  # fmt: skip
    store = _sound(common, inputs, context, desk)
    try:
        with deterministic(device, recipe.train.deterministic):
            data = data_of(inputs, store, backgrounds_of(recipe))
            where.after_each_epoch(progress)
            train_network(inputs, context, 0, task, data, common.grid)
    except Stopped:
        where.leave()
        raise
    where.publish()
    return {
        "history": progress.history[task.name], "node": desk.node, "device": str(device),
        "device_name": device_name(device),
    }  # fmt: skip


def _teacher_only(name: str) -> bool:
    return name.startswith("teacher.zarr/")


def _sound(common: FoldWork, inputs: RunInputs, context: Context, desk: Desk) -> AudioStore:
    """The run's sound, read once a process. Raises ClusterError where this node lacks what the machine that leads has
    read: else it would train on less, and nobody would know."""
    same = hash((common.fold.tobytes(), *(clip.path for clip in inputs.clips)))
    key = f"{common.place.token}{common.place.store_url} {common.run_id} {same}"
    if _held and _held[0][0] == key:
        return _held[0][1]
    _held.clear()
    recipe = inputs.recipe
    store = AudioStore([inputs.clips[k] for k in inputs.usable], recipe.features, recipe.data, context.cache_dir)
    store.load(lambda done, total: context.progress.say("reading audio", 0.0), context.should_stop)
    lost = [row for row in store.skipped if common.fold[row] >= 0]
    if lost:
        raise ClusterError(
            f"node {desk.node} cannot read {len(lost)} of the {int((common.fold >= 0).sum())} clips that the machine "
            f"that leads has read (the first: {store.skipped[lost[0]]}); let it see the sound under the same paths"
        )
    context.progress.before = 0.0
    _held.append((key, store))
    return store


class _Where:
    """Where a network's files lie while it is trained: in the run's folder, or, with a store, in a tree of its own."""

    def __init__(self, workspace: Workspace, run_id: str, task: Task, desk: Desk) -> None:
        self.workspace, self.task, self.desk = workspace, task, desk
        self.run_folder = workspace.root / "runs" / run_id
        self.tree = f"{TREES}/{run_id}.{task.name}"
        self.root = self.run_folder
        self.sent_at = self.looked_at = time.monotonic()
        self.owner = uuid.uuid4().hex
        self.owner_file = self.run_folder / "ranks" / f"{task.name}.owner"
        self.taken = False
        if workspace.shared is None:
            write_atomically(self.owner_file, self.owner.encode())
            return
        self.root = workspace.shared.bring(self.tree, take_over=True)
        if not resume_file(self.root / "checkpoints", task).exists():
            self._from_run()

    def _from_run(self) -> None:
        """What the run's folder on the store has of this network, from a training that was begun elsewhere."""
        prefix = f"checkpoints/{self.task.name}."
        shared = self.workspace.shared
        assert shared is not None
        held = shared.bring(f"runs/{self.run_folder.name}", lambda name: name.startswith(prefix), take_over=True)
        for path in (held / "checkpoints").glob(f"{self.task.name}.*"):
            target = self.root / "checkpoints" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)

    def should_stop(self) -> bool:
        """Whether whoever leads says so, or another node works on this network: this one was taken for dead."""
        if self.workspace.shared is None and not self.taken and time.monotonic() - self.looked_at > 1.0:
            self.looked_at = time.monotonic()
            try:
                self.taken = self.owner_file.read_text(encoding="ascii") != self.owner
            except OSError:
                self.taken = False
        return self.taken or self.desk.should_stop()

    def after_each_epoch(self, progress: ToldProgress) -> None:
        """Send the network's state to the store after epochs, every SEND_EVERY_S at most."""
        if self.workspace.shared is None:
            return
        before: Callable[[], None] = progress.write_history

        def also_send() -> None:
            before()
            if time.monotonic() - self.sent_at > SEND_EVERY_S:
                self.publish()

        progress.write_history = also_send  # type: ignore[method-assign]

    def publish(self) -> None:
        """Put what there is on the store, where there is one."""
        if self.workspace.shared is not None:
            self.workspace.shared.publish(self.tree)
            self.sent_at = time.monotonic()

    def leave(self) -> None:
        """Leave what there is of a network that was stopped."""
        if not self.taken:
            self.publish()
