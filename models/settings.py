"""The settings that the retrain page offers. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One setting that the retrain page offers: its key, a label, and its bounds for a form."""

    key: str
    label: str
    kind: str
    low: float
    high: float
    step: float
    help: str


MAIN_SETTINGS: tuple[Setting, ...] = (
    Setting("train.epochs", "Epochs", "int", 1, 500, 1, "How often the training visits each clip."),
    Setting("train.batch_size", "Batch size", "int", 1, 512, 1, "Chunks a step; halve it if memory runs out."),
    Setting("train.learning_rate", "Learning rate", "float", 1e-6, 0.1, 1e-4, "The peak, after the warm-up."),
    Setting("data.chunk_s", "Chunk (s)", "float", 1, 60, 0.5, "Length of the stretch shown to the network."),
    Setting("folds.folds", "Folds", "int", 2, 20, 1, "Each clip is predicted by the fold that never saw it."),
    Setting("augment.mixup_probability", "Mixup", "float", 0, 1, 0.05, "Share of chunks mixed with another."),
    Setting("train.seed", "Seed", "int", 0, 2**31 - 1, 1, "Same seed, recipe and labels: the same predictions."),
)
