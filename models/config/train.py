"""[train]: optimiser, schedule, stages, and how the weights to keep are chosen. [track]: where curves are logged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from labeling.errors import ConfigError
from models.config.checks import Bound, OneOf, check_fields, within

OPTIMIZERS = ("adamw", "adam")
SCHEDULES = ("cosine", "cosine_cycle", "constant")


@dataclass(frozen=True)
class TrainConfig:
    """Each fold: pretraining if asked for, then ``epochs`` on the clips of data.clips."""

    epochs: Annotated[int, Bound(1, 100000)] = 30
    """How often the training visits each clip."""
    batch_size: Annotated[int, Bound(1, 65536)] = 32
    """Chunks a step; halve it if memory runs out."""
    accumulate: Annotated[int, Bound(1, 4096)] = 1
    """Batches whose gradients are averaged before the weights move: a large batch in little memory. Batch norms still
    see one batch at a time."""
    optimizer: Annotated[str, OneOf(OPTIMIZERS)] = "adamw"
    """adamw, or adam."""
    learning_rate: Annotated[float, Bound(1e-9, 10)] = 1e-3
    """The peak, after the warm-up."""
    learning_rate_min: float = 0.0
    """The rate at the bottom of the cosine."""
    weight_decay: Annotated[float, Bound(0, 10)] = 1e-2
    """How strongly kernels and matrices are pulled towards 0; with adam as an L2 penalty."""
    schedule: Annotated[str, OneOf(SCHEDULES)] = "cosine"
    """After the warm-up: cosine to learning_rate_min; cosine_cycle (down in cycle_epochs, up again, and so on, as
    PyTorch's CosineAnnealingLR does beyond T_max); constant."""
    cycle_epochs: Annotated[int, Bound(1, 100000)] = 10
    """cosine_cycle: epochs from the top to the bottom; the rate changes once an epoch."""
    warmup_fraction: Annotated[float, Bound(0, 0.9)] = 0.1
    """Share of each stage's steps over which the rate rises to its peak."""
    pretrain_epochs: Annotated[int, Bound(0, 100000)] = 0
    """Epochs on data.pretrain_clips before the others, with their own schedule and optimiser state."""
    pretrain_learning_rate: Annotated[float, Bound(1e-9, 10)] = 1e-3
    """The peak rate of the pretraining."""
    freeze_bn_fraction: Annotated[float, Bound(0, 1)] = 0.0
    """For this first share of the epochs (pretraining aside) batch norms keep their statistics and weights."""
    gradient_clip: Annotated[float, Bound(0)] = 5.0
    """Largest norm of the gradient; 0 = no limit."""
    ema_decay: Annotated[float, Bound(0, 0.99999)] = 0.999
    """Decay of the moving average of the weights, with warm-up; 0 = the weights themselves."""
    members: Annotated[int, Bound(1, 100)] = 1
    """Networks a fold, each with its own seed; their predictions are averaged."""
    snapshots: Annotated[int, Bound(1, 100)] = 1
    """Each member's last so many snapshots are averaged too: at the ends of cosine_cycle's cycles, else after each
    of the last epochs."""
    all_data: bool = False
    """Train as many members on all clips as well, to predict recordings outside the collection. They have no
    validation: the last epoch is kept, whatever ``select`` says."""
    select: Annotated[str, OneOf(("last", "best"))] = "last"
    """last: keep the last epoch; best: the epoch with the best validation macro-AP. ``best`` chooses by the
    same noisy labels that the OOF predictions are later compared with, so it flatters them slightly."""
    patience: Annotated[int, Bound(0)] = 0
    """With select = best: stop after this many validations without a better one; 0 = never."""
    validate_every: Annotated[int, Bound(1, 100000)] = 1
    """Epochs from one validation to the next."""
    precision: Annotated[str, OneOf(("auto", "float32", "bfloat16"))] = "auto"
    """auto: bfloat16 on a GPU that computes in it, else float32."""
    compile: bool = False
    """torch.compile the network; pays off on a GPU after some minutes."""
    deterministic: bool = False
    """On a GPU: hold cuDNN to algorithms that repeat their result, at some cost in speed; a CPU always repeats."""
    dynamics: bool = True
    """Record how each clip was learned, epoch by epoch: evidence for finding wrong labels, at no cost to speak of."""
    seed: Annotated[int, Bound(0, 2**31 - 1)] = 0
    """Same seed, recipe and labels: the same predictions."""

    def __post_init__(self) -> None:
        check_fields("train", self)
        within("train.learning_rate_min", self.learning_rate_min, 0, self.learning_rate)
        if self.schedule == "constant" and self.learning_rate_min:
            raise ConfigError(
                f"train.learning_rate_min = {self.learning_rate_min:g} but train.schedule = 'constant' never falls; "
                "set train.schedule = 'cosine' or train.learning_rate_min = 0"
            )
        if self.patience and self.select == "last":
            raise ConfigError(
                f"train.patience = {self.patience} stops at the best epoch but train.select = 'last' keeps the last; "
                "set train.select = 'best' or train.patience = 0"
            )
        if self.snapshots > 1 and self.select == "best":
            raise ConfigError(
                f"train.snapshots = {self.snapshots} averages several epochs but train.select = 'best' keeps one; "
                "set train.select = 'last' or train.snapshots = 1"
            )
        if len(self.snapshot_epochs()) < self.snapshots:
            ends = f"cycles of {self.cycle_epochs} that end in them" if self.schedule == "cosine_cycle" else "epochs"
            raise ConfigError(
                f"train.snapshots = {self.snapshots} but train.epochs = {self.epochs} has only "
                f"{len(self.snapshot_epochs())} {ends}; lower train.snapshots or raise train.epochs"
            )
        if self.select == "best" and 1 < self.epochs <= self.validate_every:
            raise ConfigError(
                f"train.select = 'best' chooses among validations but train.validate_every = {self.validate_every} "
                f"leaves one in train.epochs = {self.epochs}; lower train.validate_every or set train.select = 'last'"
            )

    def snapshot_epochs(self) -> tuple[int, ...]:
        """After which epochs (from 1, pretraining aside) weights are kept, rising; at most ``snapshots`` of them.

        One snapshot is that of the last epoch. Of cosine_cycle the learning rate is lowest after ``cycle_epochs``
        epochs, and then after each two cycles more.
        """
        if self.snapshots == 1:
            return (self.epochs,)
        if self.schedule != "cosine_cycle":
            return tuple(range(max(1, self.epochs - self.snapshots + 1), self.epochs + 1))
        first = self.warmup_fraction * self.epochs + self.cycle_epochs
        count = math.floor((self.epochs - first) / (2 * self.cycle_epochs) + 1 + 1e-9)
        ends = [math.ceil(first + 2 * self.cycle_epochs * k - 1e-9) for k in range(max(0, count))]
        return tuple(ends[-self.snapshots :])


@dataclass(frozen=True)
class TrackConfig:
    """Where the curves go, besides history.csv. Nothing is sent anywhere unless mlflow or wandb says so."""

    tensorboard: bool = True
    """Write curves for TensorBoard into the run's folder."""
    mlflow: bool = False
    """Log to MLflow as well."""
    wandb: bool = False
    """Log to Weights & Biases as well, which sends the curves there."""
    project: str = "earmark"
    """The project's name in TensorBoard, MLflow and Weights & Biases."""
