"""Which clips are trained on: all, the reviewed ones, or those with a value in a column of their metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ConfigError
from labeling.records import Clip
from models.config import DataConfig

if TYPE_CHECKING:
    from models.folds.task import Task

SHOWN = 20
FEW = 20
"""A selection that leaves a fold fewer clips than this, or than there are classes, is warned of."""


def selected(setting: str, selection: str, clips: Sequence[Clip], reviewed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of ``clips`` (N,) a selection takes: ``all``, ``reviewed`` (at least one cell decided: ``reviewed`` (N,)
    bool), or COLUMN=VALUE of their metadata. Raises ConfigError where it takes none, with the values that exist.
    """
    if selection == "all":
        return np.ones(len(clips), dtype=bool)
    if selection == "reviewed":
        if not reviewed.any():
            raise ConfigError(f"{setting} = 'reviewed' but no clip of the label version is reviewed; review some first")
        return reviewed.copy()
    column, _, value = (part.strip() for part in selection.partition("="))
    matches = np.array([clip.metadata.get(column) == value for clip in clips], dtype=bool)
    if not matches.any():
        values = {clip.metadata[column] for clip in clips if column in clip.metadata}
        if values:
            raise ConfigError(f"{setting} = {selection!r} takes no clip; {column!r} is one of {_some(values)}")
        columns = {name for clip in clips for name in clip.metadata}
        raise ConfigError(f"{setting} = {selection!r}: the clips have no column {column!r}; known: {_some(columns)}")
    return matches


def few_clips(setting: str, selection: str, taken: int, of: int, fewest: int, n_classes: int) -> str:
    """A warning where a selection that takes ``taken`` of ``of`` clips leaves a fold only ``fewest`` to train on; ""
    where these are enough, and where it takes all."""
    if taken == of or fewest >= max(FEW, n_classes):
        return ""
    more = "review more" if selection == "reviewed" else "choose more clips"
    return (
        f"{setting} = {selection!r} takes {taken} of {of} clips, so that a fold trains on {fewest} of them, for "
        f"{n_classes} classes: too few to learn from; {more}, or set {setting} = 'all'"
    )


def check_selection(data: DataConfig, task: Task, fold: int, pretrain_epochs: int) -> None:
    """Raise ConfigError where a fold has nothing to train on, or to pretrain on."""
    parts = [("data.clips", data.clips, task.rows)]
    if pretrain_epochs:
        parts.append(("data.pretrain_clips", data.pretrain_clips, task.pretrain_rows))
    for setting, selection, rows in parts:
        if not len(rows):
            raise ConfigError(
                f"{setting} = {selection!r} leaves fold {fold} without a clip to train on: all that it takes are "
                "held out there; choose more clips, or fewer folds"
            )


def _some(names: set[str]) -> str:
    ordered = sorted(names)
    more = f", … ({len(ordered)} in all)" if len(ordered) > SHOWN else ""
    return (", ".join(repr(name) for name in ordered[:SHOWN]) or "none") + more
