"""Train one network of one fold: its stages, its moving average, its snapshots; resumable after each epoch."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labeling.errors import ArtefactError, ConfigError, Stopped
from labeling.predictions import metrics
from labeling.records import FrameGrid
from models.config import Recipe
from models.evidence.dynamics import DynamicsRecorder
from models.evidence.files import write_learned
from models.folds.task import ALL_DATA, Task, TrainingData, resume_file
from models.inputs import augment
from models.inputs.clips import Chunks, balanced_share, prefetch, training_chunks
from models.inputs.features import FrontEnd
from models.networks.averaging import MovingAverage
from models.networks.checkpoints import load_tensors, save_tensors
from models.networks.heads import Network, Output
from models.prediction.windows import precision_context, predict_clips
from models.runfolder.provenance import fastest, seeded
from models.targets.rules import make_rule
from models.training.losses import class_balance, clip_and_frame_loss, clip_logits, held_weights, make_loss, smooth
from models.training.resume import FoldState, cannot_resume, load_training, save_training
from models.training.schedule import (
    PRETRAIN,
    Stage,
    batch_norms,
    freeze_batch_norms,
    learning_rate_at,
    make_optimizer,
    stages_of,
)

Report = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class _Loaded:
    """A batch as the threads that read ahead hand it over: sound, targets and weight (B, C), and what to change.

    ``rows`` (B,) are the chunks' clips; ``plain`` (B,) which chunks hold the sound of their clip and no other's.
    """

    rows: NDArray[np.int64]
    plain: NDArray[np.bool_]
    raw: Tensor
    targets: Tensor
    weight: Tensor
    drawn: augment.Draw


def _mean_of(losses: Sequence[Tensor]) -> float:
    return float(torch.stack(list(losses)).double().mean())


class FoldTrainer:
    """One network's training. ``run`` goes on from ``folder``/NAME.resume.safetensors where there is one.

    All randomness of an epoch comes from (seed, fold, epoch, member), so that a resumed training repeats an
    uninterrupted one bit for bit on a CPU. Snapshots go to NAME.s0.safetensors, NAME.s1.safetensors and so on.
    """

    def __init__(
        self,
        recipe: Recipe,
        network: Network,
        data: TrainingData,
        task: Task,
        grid: FrameGrid,
        device: torch.device,
        folder: Path,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.recipe, self.data, self.store, self.task = recipe, data, data.store, task
        self.grid, self.device, self.folder, self.log = grid, device, folder, log
        self.resume_file = resume_file(folder, task)
        self.front_end = FrontEnd(recipe.features).to(device)
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.forward: Callable[[Tensor], Any] = self.network
        self.compiling = recipe.train.compile
        self.average: MovingAverage
        self.norms = batch_norms(self.network)
        self.rule = make_rule(recipe.targets, task.member)
        self.stages = stages_of(recipe.train)
        self.epochs = self.stages[-1].first + self.stages[-1].epochs
        self.chunk_frames = round(recipe.data.chunk_s / self.store.hop_s)
        self.best: dict[str, Tensor] = {}
        self.state = FoldState()
        self.dynamics: DynamicsRecorder | None = None
        if recipe.train.dynamics and task.fold != ALL_DATA:
            self.dynamics = DynamicsRecorder(task.rows, data.present[task.rows])
        self._enter(self.stages[0])

    # ------------------------------------------------------------------------------------------- the plan

    def _rows(self, stage: Stage) -> NDArray[np.int64]:
        return self.task.pretrain_rows if stage.name == PRETRAIN else self.task.rows

    def _steps_per_epoch(self, stage: Stage) -> int:
        return -(-len(self._rows(stage)) * self.recipe.data.chunks_per_clip // self.recipe.train.batch_size)

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(self._steps_per_epoch(stage) * stage.epochs for stage in self.stages)

    def _enter(self, stage: Stage) -> None:
        """Begin a stage: its own optimiser, loss and average. A later stage begins at the average of the former."""
        if stage is not self.stages[0]:
            self.network.load_state_dict(self.average.network.state_dict())
        self.stage = stage
        self.first_step = sum(
            self._steps_per_epoch(earlier_stage) * earlier_stage.epochs
            for earlier_stage in self.stages
            if earlier_stage.first < stage.first
        )
        freeze_batch_norms(self.norms, False)
        self.average = MovingAverage(self.network, self.recipe.train.ema_decay)
        self.optimizer = make_optimizer(self.network, self.recipe.train)
        balance = None
        if self.recipe.loss.positive_weight == 0:
            rows = self._rows(stage)
            ratio = class_balance(self.data.present[rows], self.data.known[rows])
            balance = torch.from_numpy(ratio).to(self.device)
            if held := held_weights(self.recipe.loss, ratio):
                self.log(f"{self.task.name}: {held}")
        self.loss = make_loss(self.recipe.loss, balance)
        balanced = self.recipe.data.sampling == "balanced"
        self.share = balanced_share(self.data.present[self._rows(stage)]) if balanced else None

    # -------------------------------------------------------------------------------------------- training

    def run(
        self, report: Report = lambda progress: None, should_stop: Callable[[], bool] = lambda: False
    ) -> list[Network]:
        """Train to the end; ``report`` gets a dict about once a second and after each epoch. Returns the snapshots.

        Raises Stopped, ConfigError where the loss is no longer finite or memory runs out, ArtefactError.
        """
        self._resume()
        train = self.recipe.train
        try:
            while self.state.epoch < self.epochs:
                stage = next(stage for stage in self.stages if self.state.epoch < stage.first + stage.epochs)
                if stage is not self.stage:
                    self._enter(stage)
                if train.patience and self.state.since_best >= train.patience and stage is self.stages[-1]:
                    self.log(f"{self.task.name}: no better epoch for {train.patience} validations; stopped early")
                    break
                self._epoch(report, should_stop)
        except torch.OutOfMemoryError as error:
            raise ConfigError(
                f"{self.task.name}: the GPU's memory does not hold a batch of {train.batch_size} chunks of "
                f"{self.recipe.data.chunk_s:g} s ({str(error)[:200]}); lower train.batch_size or data.chunk_s"
            ) from None
        if train.select == "best":
            weights = self.best or self.average.network.state_dict()
            self._save_snapshot(0, weights, self.state.best_epoch if self.best else self.state.epoch)
        if self.dynamics is not None:
            write_learned(self.folder, self.task, self.dynamics.learned(), self.store.clips)
        return self.snapshots()

    def snapshots(self) -> list[Network]:
        """The networks that were kept, on the device, in evaluation mode. Raises ArtefactError."""
        networks = []
        for number in range(self.recipe.train.snapshots):
            tensors, _ = load_tensors(self.snapshot_file(number))
            network = copy.deepcopy(self.average.network)
            network.load_state_dict(tensors)
            networks.append(network.eval())
        return networks

    def snapshot_file(self, number: int) -> Path:
        """Where a snapshot lies."""
        return self.folder / f"{self.task.name}.s{number}.safetensors"

    def _epoch(self, report: Report, should_stop: Callable[[], bool]) -> None:
        state, train, task, stage = self.state, self.recipe.train, self.task, self.stage
        started = time.monotonic()
        inside = state.epoch - stage.first
        seeds = task.seed(train.seed, state.epoch, task.member).spawn(3)
        chunks = training_chunks(
            np.random.default_rng(seeds[0]),
            self.store,
            self._rows(stage),
            self.chunk_frames,
            train.batch_size,
            self.share,
        )
        ahead = list(zip(chunks, seeds[1].spawn(len(chunks)), strict=True))
        load = partial(self._load, mixing=inside < self.recipe.augment.mixing_share * stage.epochs)
        losses: list[Tensor] = []
        told = 0.0
        with seeded(seeds[2], self.device), fastest(self.device, not train.deterministic):
            self.network.train()
            freeze_batch_norms(self.norms, inside < stage.frozen_epochs)
            if self.dynamics is not None:
                self.dynamics.begin_epoch()
            for _, batch in prefetch(load, ahead, self.store.data.workers):
                if should_stop():
                    raise Stopped(f"stopped in {task.name}, epoch {state.epoch + 1}")
                losses.append(self._step(batch))
                if time.monotonic() - told > 1:
                    told = time.monotonic()
                    report(self._progress(train_loss=_mean_of(losses[-20:])))
        train_loss = _mean_of(losses)
        if not math.isfinite(train_loss):
            rate = "pretrain_learning_rate" if stage.name == PRETRAIN else "learning_rate"
            raise ConfigError(
                f"{task.name}, epoch {state.epoch + 1}: the training loss is {train_loss}; "
                f"lower train.{rate} (now {stage.learning_rate:g}) or set train.precision = 'float32'"
            )
        if lost := self._lost_weights():  # by the last step: the loss is of the weights before it
            rate = "pretrain_learning_rate" if stage.name == PRETRAIN else "learning_rate"
            raise ConfigError(
                f"{task.name}, epoch {state.epoch + 1}: {lost} is no longer finite, and all that it would predict is "
                f"lost; lower train.{rate} (now {stage.learning_rate:g}) or set train.precision = 'float32'"
            )
        state.epoch += 1
        if self.dynamics is not None:
            self.dynamics.end_epoch(late=2 * inside >= stage.epochs)
        row: dict[str, Any] = {"fold": task.fold, "member": task.member, "stage": stage.name}
        row |= {"epoch": state.epoch, "step": state.step}
        row |= {"lr": self.optimizer.param_groups[0]["lr"], "train_loss": train_loss}
        row |= {"valid_loss": None, "valid_macro_ap": None}
        if len(task.valid_rows) and (state.epoch % train.validate_every == 0 or state.epoch == self.epochs):
            row |= self._validate(should_stop)
        row["seconds"] = round(time.monotonic() - started, 3)
        state.history.append(row)
        kept = train.snapshot_epochs()
        if stage is self.stages[-1] and train.select == "last" and state.epoch - stage.first in kept:
            self._save_snapshot(kept.index(state.epoch - stage.first), self.average.network.state_dict(), state.epoch)
        self._save()
        report(self._progress(**{key: row[key] for key in ("train_loss", "valid_loss", "valid_macro_ap")}))

    def _lost_weights(self) -> str:
        """The first weight that is not finite, "" where all are."""
        both = [*self.network.state_dict().items(), *self.average.network.state_dict().items()]
        floats = [(name, value) for name, value in both if value.is_floating_point()]
        whole = torch.stack([torch.isfinite(value).all() for _, value in floats]).tolist()
        return next((name for (name, _), is_whole in zip(floats, whole, strict=True) if not is_whole), "")

    def _load(self, item: tuple[Chunks, np.random.SeedSequence], mixing: bool) -> _Loaded:
        """All of a batch that needs no GPU; runs in the threads that read ahead."""
        chunk, seed = item
        features = self.recipe.features
        raw, readable = self.store.batch(chunk)
        targets, weight = self._targets(chunk)
        weight[~readable] = 0
        shape = augment.Batch(
            len(chunk.rows),
            features.n_mels,
            chunk.n_frames,
            chunk.n_frames * features.hop_length,
            features.sample_rate,
            self.store.hop_s,
        )
        rng, changes = np.random.default_rng(seed), self.recipe.augment
        drawn = augment.draw(rng, changes, shape, mixing=mixing, backgrounds=self.data.backgrounds)
        pair = torch.from_numpy(targets), torch.from_numpy(weight)
        if self.device.type == "cuda":
            pair = pair[0].pin_memory(), pair[1].pin_memory()
        plain = readable & ~augment.with_partner(drawn, changes)
        return _Loaded(chunk.rows, plain, raw, *pair, drawn)

    def _step(self, batch: _Loaded) -> Tensor:
        recipe, store = self.recipe, self.store
        raw, drawn = batch.raw, batch.drawn
        y, w = batch.targets.to(self.device, non_blocking=True), batch.weight.to(self.device, non_blocking=True)
        with torch.no_grad():
            if store.kind != "mel" and recipe.augment.needing_samples():
                raw = raw.to(self.device, non_blocking=True)
                raw = augment.apply_to_samples(raw, drawn, recipe.augment)
            power = store.power(raw, self.front_end)
            power, y, w = augment.apply_to_power(power, y, w, drawn, recipe.augment, recipe.features)
            planes = augment.apply_to_planes(self.front_end.planes(power), drawn, recipe.augment)
            planes = planes.contiguous(memory_format=torch.channels_last)
        y = smooth(y, recipe.loss.label_smoothing)
        output = self._outputs(planes)
        if self.dynamics is not None and self.stage is self.stages[-1]:
            self.dynamics.add(batch.rows, batch.plain, output.clipwise)
        clipwise, framewise = clip_logits(output, recipe.loss.pool).float(), output.framewise.float()
        loss = clip_and_frame_loss(clipwise, framewise, y, w, self.loss, recipe.loss.framewise_weight)
        rate = learning_rate_at(
            self.state.step - self.first_step, self._steps_per_epoch(self.stage), self.stage, recipe.train
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        each, of_epoch = recipe.train.accumulate, self._steps_per_epoch(self.stage)
        place = (self.state.step - self.first_step) % of_epoch
        together = min(each, of_epoch - place // each * each)  # fewer at the end of an epoch
        if place % each == 0:
            self.optimizer.zero_grad(set_to_none=True)
        (loss / together).backward()  # type: ignore[no-untyped-call]
        if (place + 1) % each == 0 or place + 1 == of_epoch:
            if recipe.train.gradient_clip:
                torch.nn.utils.clip_grad_norm_(self.network.parameters(), recipe.train.gradient_clip)
            self.optimizer.step()
            self.average.update()
        self.state.step += 1
        # Still a tensor: asking for its value would make the GPU wait at every step.
        return loss.detach()

    def _outputs(self, planes: Tensor) -> Output:
        with precision_context(self.device, self.recipe.train.precision):
            if self.compiling:
                try:
                    if self.forward is self.network:
                        self.forward = torch.compile(self.network)
                    return Output(*self.forward(planes))
                except torch.OutOfMemoryError:
                    raise
                except Exception as error:  # a compiler fails in many ways: none installed, a layer it does not know
                    why = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
                    self.log(f"warning: train.compile: the network could not be compiled ({why}); training without it")
                    self.forward, self.compiling = self.network, False
            return Output(*self.forward(planes))

    def _targets(self, chunk: Chunks) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        hop_s = self.store.hop_s
        pairs = []
        for row, start in zip(chunk.rows, chunk.starts, strict=True):
            whole = self.store.n_frames[row] <= chunk.n_frames
            onset_s = 0.0 if whole else float(start) * hop_s
            offset_s = float(self.store.duration_s[row]) if whole else onset_s + chunk.n_frames * hop_s
            pairs.append(self.rule(self.data.truths[int(row)], onset_s, offset_s))
        return np.stack([targets for targets, _ in pairs]), np.stack([weight for _, weight in pairs])

    def _validate(self, should_stop: Callable[[], bool]) -> dict[str, float | None]:
        """Loss and macro-AP of the fold's held-out clips, one view of each window."""
        rows = self.task.valid_rows
        clipwise, _ = predict_clips(
            self.average.network,
            self.front_end,
            self.store,
            rows,
            replace(self.recipe.predict, tta_views=1, clip_crops=0),
            self.grid,
            self.recipe.train.precision,
            should_stop,
        )
        read = np.isfinite(clipwise[:, 0])
        present, known = self.data.present[rows][read], self.data.known[rows][read]
        p = np.clip(clipwise[read].astype(np.float64), 1e-7, 1 - 1e-7)
        cells = -np.where(present, np.log(p), np.log1p(-p))
        valid_loss = float(cells[known].mean()) if known.any() else None
        ap = metrics.score(p, present, self.data.classes, known=known)["overall"]["macro_ap"]
        state = self.state
        if self.stage is not self.stages[-1]:
            return {"valid_loss": valid_loss, "valid_macro_ap": ap}
        if ap is not None and ap > state.best_ap:
            state.best_ap, state.best_epoch, state.since_best = ap, state.epoch, 0
            if self.recipe.train.select == "best":
                self.best = {name: value.clone() for name, value in self.average.network.state_dict().items()}
        else:
            state.since_best += 1
        return {"valid_loss": valid_loss, "valid_macro_ap": ap}

    def _progress(self, **numbers: float | None) -> dict[str, Any]:
        state = self.state
        begun = (state.step - self.first_step) % self._steps_per_epoch(self.stage) > 0
        return {
            "phase": "training",
            "fold": self.task.fold + 1,
            "member": self.task.member + 1,
            "stage": self.stage.name,
            "epoch": min(state.epoch + begun, self.epochs),
            "epochs": self.epochs,
            "step": state.step,
            "steps": self.steps,
            **numbers,
        }

    # ---------------------------------------------------------------------------------------------- files

    def _save_snapshot(self, number: int, weights: Mapping[str, Tensor], epoch: int) -> None:
        meta = {
            "fold": self.task.fold,
            "member": self.task.member,
            "snapshot": number,
            "epoch": epoch,
            "select": self.recipe.train.select,
            "network": self.recipe.network.name,
            "classes": list(self.data.classes),
            "grid": asdict(self.grid),
        }
        save_tensors(self.snapshot_file(number), weights, meta)

    def _save(self) -> None:
        dynamics = self.dynamics.state() if self.dynamics is not None else {}
        save_training(self.resume_file, self.network, self.average, self.optimizer, self.best, self.state, dynamics)

    def _resume(self) -> None:
        if not self.resume_file.exists():
            return
        try:
            saved = load_training(self.resume_file)
            # The stage of the epoch before: the next one is entered from its average, as it would have been.
            stage = next(stage for stage in self.stages if saved.state.epoch <= stage.first + stage.epochs)
            if stage is not self.stage:
                self._enter(stage)
            saved.restore(self.network, self.average, self.optimizer)
            if self.dynamics is not None:
                self.dynamics.restore(saved.parts["dynamics"])
        except (ArtefactError, KeyError, ValueError, TypeError, RuntimeError, StopIteration) as error:
            raise cannot_resume(self.resume_file, error) from error
        self.best = {name: value.to(self.device) for name, value in saved.parts["best"].items()}
        self.state = saved.state
        self.log(f"{self.task.name}: resumed after epoch {self.state.epoch}")
