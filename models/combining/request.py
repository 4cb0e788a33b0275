"""What a combination of runs is asked to be, and how its run's row keeps that. Torch-free.

The row has the recipe ``ensemble`` or ``stack``; :mod:`models.combined_run` makes the run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling import runs
from labeling.disagreement import priors
from labeling.errors import ConfigError, DataError
from labeling.journal import versions
from labeling.predictions.oof import read_oof
from labeling.records import Run
from labeling.registry import unknown_name
from labeling.workspace import Workspace
from models.combining import ensemble, stacking
from models.combining.ensemble import OBJECTIVES

ENSEMBLE, STACK = "ensemble", "stack"
KINDS = (ENSEMBLE, STACK)


@dataclass(frozen=True)
class Combination:
    """What is asked for. ``weights``: equal, fitted, or numbers with commas between them, one a run.

    ``vote`` above 0: a hard vote, in which so many runs must reach ``threshold`` (and, where ``frame_threshold`` is
    above 0, that one in some frame too); the score is the share of votes. ``per_class`` and ``noisy`` are a stack's.
    ``post`` names post-processors, ``strength`` scales their shifts.
    """

    kind: str
    members: tuple[str, ...]
    weights: str = "equal"
    objective: str = "log_loss"
    vote: int = 0
    threshold: float = 0.5
    frame_threshold: float = 0.0
    per_class: bool = False
    noisy: bool = False
    post: tuple[str, ...] = ()
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(unknown_name("combination", self.kind, list(KINDS)))
        if len(set(self.members)) != len(self.members):
            raise ConfigError(f"runs {', '.join(self.members)}: name each run once; give weights to count one more")
        if len(self.members) < (1 if self.post else 2):
            raise ConfigError(f"{len(self.members)} run to combine; name two or more, or one with --post")
        if self.objective not in OBJECTIVES:
            raise ConfigError(unknown_name("objective", self.objective, list(OBJECTIVES)))
        if not 0 <= self.vote <= len(self.members):
            raise ConfigError(f"--vote {self.vote} of {len(self.members)} runs; ask for 1 to {len(self.members)}")
        for name in ("threshold", "frame_threshold"):
            if not 0 <= getattr(self, name) <= 1 or (name == "threshold" and not self.threshold):
                raise ConfigError(f"{name} {getattr(self, name):g} must be above 0 and at most 1")
        if self.vote and self.weights != "equal":
            raise ConfigError("a vote counts runs and knows no weights; leave out --vote or --weights")
        for name in self.post:
            priors.POSTPROCESSORS.get(name)
        if not 0 <= self.strength <= 10:
            raise ConfigError(f"strength {self.strength:g} must be from 0 to 10; 1 takes the prior at its word")
        self.given_weights()

    def given_weights(self) -> NDArray[np.float64] | None:
        """Weights of sum 1 (K,), or None where they are to be fitted; raises ConfigError."""
        if self.weights in ("equal", "fitted"):
            return np.full(len(self.members), 1 / len(self.members)) if self.weights == "equal" else None
        try:
            numbers = [float(word) for word in self.weights.split(",")]
        except ValueError:
            raise ConfigError(
                f"weights {self.weights!r} are not numbers; give equal, fitted, or one number a run as in 0.6,0.4"
            ) from None
        return ensemble.checked_weights(numbers, len(self.members))

    def settings(self) -> list[str]:
        """As a run's row keeps them: KEY=VALUE, only what differs from the default."""
        pairs = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "kind" and value != field.default:
                text = ",".join(value) if isinstance(value, tuple) else str(value)
                pairs.append(f"{field.name}={text}")
        return pairs


def combination_of(run: Run) -> Combination:
    """What a run's row asks for; raises ConfigError where its settings are no combination's."""
    values: dict[str, Any] = {"kind": run.recipe, "members": ()}
    readers: dict[str, Callable[[str], Any]] = {
        "members": lambda text: tuple(filter(None, text.split(","))),
        "post": lambda text: tuple(filter(None, text.split(","))),
        "vote": int,
        "threshold": float,
        "frame_threshold": float,
        "strength": float,
        "per_class": lambda text: text == "True",
        "noisy": lambda text: text == "True",
        "weights": str,
        "objective": str,
    }
    for setting in run.settings:
        key, _, text = setting.partition("=")
        if key not in readers:
            raise ConfigError(unknown_name("setting", key, sorted(readers)))
        try:
            values[key] = readers[key](text)
        except ValueError:
            raise ConfigError(f"setting {setting!r} of run {run.id} is not a number; start a new combination") from None
    return Combination(**values)


def enqueue(workspace: Workspace, combination: Combination, *, version: int | None = None, worker: str = "") -> Run:
    """Queue a combination (or, with ``worker``, claim it at once); raises DataError where a member is not done.

    ``version`` is the label version that weights are fitted to and metrics measured on: the members' newest.
    """
    with workspace.read() as connection:
        members = [runs.get_run(connection, name) for name in combination.members]
    for member in members:
        if member.status != "done":
            raise DataError(f"run {member.id} is {member.status}; combine runs that are done")
        read_oof(workspace.run_dir(member.id) / "oof.zarr")
    number = max(member.label_version for member in members) if version is None else version
    if combination.noisy:
        with workspace.read() as connection:
            labels = versions.labels_of_version(connection, number)
        stacking.check_decisions(int((labels.reviewed & ~labels.unsure).sum()))
    return runs.enqueue(workspace, combination.kind, number, settings=combination.settings(), worker=worker)
