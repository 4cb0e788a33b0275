"""Train one fold: AdamW, warm-up and cosine, a moving average of the weights, resumable after each epoch."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labeling.errors import ArtefactError, ConfigError
from labeling.records import FrameGrid
from models import augment, metrics
from models.checkpoints import load_tensors, save_tensors
from models.config import Recipe
from models.data import AudioStore, Chunks, Stopped, prefetch, training_chunks
from models.features import FrontEnd
from models.heads import Network
from models.losses import LOSSES, clip_and_frame_loss
from models.predict import precision_context, predict_clips
from models.targets import TARGET_RULES, ClipTruth

Report = Callable[[Mapping[str, Any]], None]


class MovingAverage:
    """An exponential moving average of a network's weights and batch-norm statistics.

    ``avg <- d avg + (1 - d) weights`` with ``d = min(decay, (1 + step) / (10 + step))``, so that a short training
    is not an average of its first steps.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network).eval()
        self.decay = decay
        self.step = 0

    @torch.no_grad()
    def update(self, network: Network) -> None:
        """Move the average towards the network's present weights."""
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        self.step += 1
        for mine, theirs in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1 - decay)
            else:
                mine.copy_(theirs)


def learning_rate_at(step: int, steps: int, peak: float, warmup_fraction: float) -> float:
    """Linear from 0 to ``peak`` over the warm-up, then half a cosine to 0 at ``steps``."""
    warmup = max(1, round(steps * warmup_fraction))
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _mean_of(losses: Sequence[Tensor]) -> float:
    return float(torch.stack(list(losses)).double().mean())


@dataclass
class FoldState:
    """Where the training of one fold stands after an epoch."""

    epoch: int = 0
    step: int = 0
    best_ap: float = -1.0
    best_epoch: int = 0
    since_best: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


class FoldTrainer:
    """One fold's training. ``run`` goes on from ``checkpoint`` where there is one, and returns the chosen network.

    All randomness of an epoch comes from (seed, fold, epoch), so that a resumed training repeats an uninterrupted
    one bit for bit on a CPU.
    """

    def __init__(
        self,
        recipe: Recipe,
        network: Network,
        store: AudioStore,
        truths: Sequence[ClipTruth],
        train_rows: NDArray[np.int64],
        valid_rows: NDArray[np.int64],
        classes: Sequence[str],
        fold: int,
        grid: FrameGrid,
        device: torch.device,
        checkpoint: Path,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.recipe, self.store, self.truths, self.classes = recipe, store, truths, classes
        self.train_rows, self.valid_rows, self.fold, self.grid = train_rows, valid_rows, fold, grid
        self.device, self.checkpoint, self.log = device, checkpoint, log
        self.front_end = FrontEnd(recipe.features).to(device)
        memory = torch.channels_last
        self.network = network.to(device).to(memory_format=memory)
        self.loss = LOSSES.get(recipe.train.loss)
        self.rule = TARGET_RULES.get(recipe.data.target_rule)
        self.average = MovingAverage(self.network, recipe.train.ema_decay)
        decayed = [p for p in self.network.parameters() if p.requires_grad and p.dim() > 1]
        plain = [p for p in self.network.parameters() if p.requires_grad and p.dim() <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": recipe.train.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=recipe.train.learning_rate,
        )
        self.best: dict[str, Tensor] = {}
        self.state = FoldState()
        visits = len(train_rows) * recipe.data.chunks_per_clip
        self.steps_per_epoch = -(-visits // recipe.train.batch_size)
        self.steps = self.steps_per_epoch * recipe.train.epochs
        self.chunk_frames = round(recipe.data.chunk_s / store.hop_s)

    def run(self, report: Report = lambda progress: None, should_stop: Callable[[], bool] = lambda: False) -> Network:
        """Train to the end; ``report`` gets a dict about once a second and after each epoch. Raises Stopped."""
        self._resume()
        train = self.recipe.train
        while self.state.epoch < train.epochs:
            if train.patience and self.state.since_best >= train.patience:
                self.log(f"fold {self.fold}: no better epoch for {train.patience} validations; stopped early")
                break
            self._epoch(report, should_stop)
        chosen = self.average.network
        if train.select == "best" and self.best:
            chosen.load_state_dict(self.best)
        return chosen.eval()

    def _epoch(self, report: Report, should_stop: Callable[[], bool]) -> None:
        state, train = self.state, self.recipe.train
        started = time.monotonic()
        seeds = np.random.SeedSequence([train.seed, self.fold, state.epoch]).spawn(3)
        chunk_rng, augment_rng = np.random.default_rng(seeds[0]), np.random.default_rng(seeds[1])
        chunks = training_chunks(chunk_rng, self.store, self.train_rows, self.chunk_frames, train.batch_size)
        losses: list[Tensor] = []
        told = 0.0
        with torch.random.fork_rng():
            torch.manual_seed(int(seeds[2].generate_state(1)[0]))
            self.network.train()
            for chunk, (raw, readable) in prefetch(self.store.batch, chunks, self.store.data.workers):
                if should_stop():
                    raise Stopped(f"stopped in fold {self.fold}, epoch {state.epoch + 1}")
                losses.append(self._step(chunk, raw, readable, augment_rng))
                if time.monotonic() - told > 1:
                    told = time.monotonic()
                    report(self._progress(train_loss=_mean_of(losses[-20:])))
        train_loss = _mean_of(losses)
        if not math.isfinite(train_loss):
            raise ConfigError(
                f"fold {self.fold}, epoch {state.epoch + 1}: the training loss is {train_loss}; "
                f"lower train.learning_rate (now {train.learning_rate:g}) or set train.precision = 'float32'"
            )
        state.epoch += 1
        row: dict[str, Any] = {"fold": self.fold, "epoch": state.epoch, "step": state.step}
        row |= {"lr": self.optimizer.param_groups[0]["lr"], "train_loss": train_loss}
        row |= {"valid_loss": None, "valid_macro_ap": None}
        if state.epoch % train.validate_every == 0 or state.epoch == train.epochs:
            row |= self._validate(should_stop)
        row["seconds"] = round(time.monotonic() - started, 3)
        state.history.append(row)
        self._save()
        report(self._progress(**{key: row[key] for key in ("train_loss", "valid_loss", "valid_macro_ap")}))

    def _step(self, chunk: Chunks, raw: Tensor, readable: NDArray[np.bool_], rng: np.random.Generator) -> Tensor:
        recipe, store = self.recipe, self.store
        targets, weight = self._targets(chunk)
        weight[~readable] = 0
        hop_s = store.hop_s
        drawn = augment.draw(rng, recipe.augment, len(chunk.rows), recipe.features.n_mels, chunk.n_frames, hop_s)
        y, w = torch.from_numpy(targets).to(self.device), torch.from_numpy(weight).to(self.device)
        with torch.no_grad():
            power = store.power(raw, self.front_end)
            power, y, w = augment.apply(power, y, w, drawn, recipe.augment)
            planes = augment.apply_masks(self.front_end.planes(power), drawn)
            planes = planes.contiguous(memory_format=torch.channels_last)
        smooth = recipe.train.label_smoothing
        y = y * (1 - smooth) + smooth / 2
        with precision_context(self.device, recipe.train.precision):
            output = self.network(planes)
        loss = clip_and_frame_loss(
            output.clipwise.float(), output.framewise.float(), y, w, self.loss, recipe.train.framewise_weight
        )
        rate = learning_rate_at(self.state.step, self.steps, recipe.train.learning_rate, recipe.train.warmup_fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.train.gradient_clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), recipe.train.gradient_clip)
        self.optimizer.step()
        self.average.update(self.network)
        self.state.step += 1
        # Still a tensor: asking for its value would make the GPU wait at every step.
        return loss.detach()

    def _targets(self, chunk: Chunks) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        hop_s = self.store.hop_s
        pairs = []
        for row, start in zip(chunk.rows, chunk.starts, strict=True):
            whole = self.store.n_frames[row] <= chunk.n_frames
            onset_s = 0.0 if whole else float(start) * hop_s
            offset_s = float(self.store.duration_s[row]) if whole else onset_s + chunk.n_frames * hop_s
            pairs.append(self.rule(self.truths[int(row)], onset_s, offset_s))
        return np.stack([one for one, _ in pairs]), np.stack([one for _, one in pairs])

    def _validate(self, should_stop: Callable[[], bool]) -> dict[str, float | None]:
        clipwise, _ = predict_clips(
            self.average.network,
            self.front_end,
            self.store,
            self.valid_rows,
            self.recipe.predict,
            self.grid,
            self.recipe.train.precision,
            should_stop,
        )
        read = np.isfinite(clipwise[:, 0])
        present = np.stack([self.truths[int(row)].present for row in self.valid_rows])[read]
        known = ~np.stack([self.truths[int(row)].unsure for row in self.valid_rows])[read]
        p = np.clip(clipwise[read].astype(np.float64), 1e-7, 1 - 1e-7)
        cells = -np.where(present, np.log(p), np.log1p(-p))
        valid_loss = float(cells[known].mean()) if known.any() else None
        ap = metrics.score(p, present, self.classes, known=known)["overall"]["macro_ap"]
        state = self.state
        if ap is not None and ap > state.best_ap:
            state.best_ap, state.best_epoch, state.since_best = ap, state.epoch, 0
            if self.recipe.train.select == "best":
                self.best = {name: value.clone() for name, value in self.average.network.state_dict().items()}
        else:
            state.since_best += 1
        return {"valid_loss": valid_loss, "valid_macro_ap": ap}

    def _progress(self, **numbers: float | None) -> dict[str, Any]:
        return {
            "phase": "training",
            "fold": self.fold + 1,
            "epoch": min(self.state.epoch + (self.state.step % self.steps_per_epoch > 0), self.recipe.train.epochs),
            "epochs": self.recipe.train.epochs,
            "step": self.state.step,
            "steps": self.steps,
            **numbers,
        }

    def _save(self) -> None:
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.network.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for number, entry in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": torch.as_tensor(value) for name, value in entry.items()}
        state = self.state
        save_tensors(
            self.checkpoint,
            tensors,
            {
                "epoch": state.epoch,
                "step": state.step,
                "average_step": self.average.step,
                "best_ap": state.best_ap,
                "best_epoch": state.best_epoch,
                "since_best": state.since_best,
                "history": state.history,
            },
        )

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        try:
            tensors, meta = load_tensors(self.checkpoint)
            parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "best": {}}
            optimizer: dict[int, dict[str, Tensor]] = {}
            for name, value in tensors.items():
                part, _, rest = name.partition(".")
                if part == "optimizer":
                    number, _, key = rest.partition(".")
                    optimizer.setdefault(int(number), {})[key] = value
                else:
                    parts[part][rest] = value
            state = FoldState(
                meta["epoch"],
                meta["step"],
                meta["best_ap"],
                meta["best_epoch"],
                meta["since_best"],
                list(meta["history"]),
            )
            self.average.step = int(meta["average_step"])
            self.network.load_state_dict(parts["network"])
            self.average.network.load_state_dict(parts["average"])
            whole = self.optimizer.state_dict()
            self.optimizer.load_state_dict({"state": optimizer, "param_groups": whole["param_groups"]})
        except (ArtefactError, KeyError, ValueError, RuntimeError) as error:
            raise ArtefactError(
                f"{self.checkpoint} cannot be resumed from ({error}); delete it to train the fold anew"
            ) from error
        self.best = {name: value.to(self.device) for name, value in parts["best"].items()}
        self.state = state
        self.log(f"fold {self.fold}: resumed after epoch {state.epoch}")
