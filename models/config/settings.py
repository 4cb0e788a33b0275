"""The settings that the retrain page offers. Imports no torch."""

from __future__ import annotations

import ast
import inspect
import itertools
import typing
from dataclasses import dataclass, is_dataclass
from functools import cache
from typing import Any

from models.config import SECTIONS, Recipe, all_settings, toml_value
from models.config.linear import used


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
    Setting("train.batch_size", "Batch size", "int", 2, 512, 1, "Chunks a step; halve it if memory runs out."),
    Setting("train.learning_rate", "Learning rate", "float", 1e-6, 0.1, 1e-4, "The peak, after the warm-up."),
    Setting("data.chunk_s", "Chunk (s)", "float", 1, 60, 0.5, "Length of the stretch shown to the network."),
    Setting("folds.folds", "Folds", "int", 2, 20, 1, "Each clip is predicted by the fold that never saw it."),
    Setting("augment.mixup.probability", "Mixup", "float", 0, 1, 0.05, "Share of chunks mixed with another."),
    Setting("train.seed", "Seed", "int", 0, 2**31 - 1, 1, "Same seed, recipe and labels: the same predictions."),
)


LINEAR_SETTINGS: tuple[Setting, ...] = (
    Setting("linear.sharpness", "Sharpness", "float", 0, 100, 0.5, "0: a clip's mean counts; high: its best stretch."),
    Setting("linear.strength", "Strength", "float", 0, 1000, 0.01, "Pull of the weights to 0; 0: inner folds choose."),
    Setting("linear.cleaning", "Cleaning", "float", 0, 0.5, 0.05, "Share of the targets that are softened once."),
    *(setting for setting in MAIN_SETTINGS if setting.key in ("folds.folds", "train.seed")),
)


def main_settings(recipe: Recipe) -> tuple[Setting, ...]:
    """The main settings of a recipe's kind: those of a network, or of a linear head."""
    return LINEAR_SETTINGS if recipe.linear.space else MAIN_SETTINGS


def in_use(recipe: Recipe, key: str) -> bool:
    """Whether a setting means something for the recipe's kind, by its full key."""
    return used(key) if recipe.linear.space else not key.startswith("linear.")


@dataclass(frozen=True)
class SettingRow:
    """One setting of a recipe: its full key, the recipe's value as TOML writes it (text without quotes), and
    what it is."""

    key: str
    value: str
    help: str


def value_of(recipe: Recipe, key: str) -> Any:
    """A setting's value by its full key."""
    value: Any = recipe
    for name in key.split("."):
        value = getattr(value, name)
    return value


def every_setting(recipe: Recipe) -> list[SettingRow]:
    """All settings of ``recipe`` in the order of its file."""
    rows = []
    for key in all_settings():
        value = value_of(recipe, key)
        text = value if isinstance(value, str) else "none" if value is None else toml_value(value)
        rows.append(SettingRow(key, text, help_of(key)))
    return rows


@cache
def _helps() -> dict[str, str]:
    helps: dict[str, str] = {}
    for section, kind in SECTIONS.items():
        _read_helps(kind, f"{section}.", helps)
    return helps


def _read_helps(kind: type, prefix: str, helps: dict[str, str]) -> None:
    """The text under each field of a section's class, and the class's own for the tables inside it."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    hints = typing.get_type_hints(kind)
    for before, after in itertools.pairwise([*body.body, ast.Pass()]):
        if not (isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)):
            continue
        name = before.target.id
        if is_dataclass(hints[name]):
            inner = typing.cast("type", hints[name])
            helps[f"{prefix}{name}"] = inspect.cleandoc(inner.__doc__ or "")
            _read_helps(inner, f"{prefix}{name}.", helps)
        elif isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            helps[f"{prefix}{name}"] = " ".join(str(after.value.value).split())


def help_of(key: str) -> str:
    """What a setting is, in a sentence; of a table's probability, what the table does."""
    helps = _helps()
    table, _, name = key.rpartition(".")
    if name == "probability":
        return f"Share of chunks. {helps.get(table, '')}".strip()
    return helps.get(key, "")
