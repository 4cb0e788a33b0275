"""Train again with the very folds of an earlier run (``folds.like``), so that only the labels differ. Loads no torch.

Clips of the earlier run stay in the folds that they had there. A clip that is new joins the fold of its group, or,
with a group that is new as a whole, the fold that needs its classes most. `recipe_like` gives the recipe, settings and
seed of such a training, which `models.enqueueing.enqueue_like` queues.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labeling import runs
from labeling.errors import ArtefactError, ConfigError, DataError, EarmarkError
from labeling.records import Clip, Run
from labeling.runs import run_folder
from labeling.workspace import Workspace
from models.combining.request import KINDS
from models.config import FoldConfig, load_recipe, toml_value
from models.config.settings import every_setting, value_of

if TYPE_CHECKING:
    from models.folds.making import FoldPlan

LIKE = "folds.like"
FOLDS_FILE = "folds.parquet"


def earlier_folds(runs_folder: Path, run_id: str) -> dict[int, int]:
    """Clip id to fold, as the run ``run_id`` in ``runs_folder`` had them.

    Raises ConfigError where there is no such run, ArtefactError where its folds cannot be read.
    """
    import pandas as pd

    if run_id in {".", ".."} or any(sign in run_id for sign in "/\\:\0"):
        raise ConfigError(f"{LIKE} = {run_id!r} is not a run's id; see `python -m models runs`")
    file = runs_folder / run_id / FOLDS_FILE
    if not file.exists():
        raise ConfigError(
            f"{LIKE} = {run_id!r}: {file} is not there, so its folds cannot be kept; name a run that was trained in "
            f"this workspace, or leave {LIKE} empty for folds of its own"
        )
    try:
        table = pd.read_parquet(file)
        return {int(clip): int(fold) for clip, fold in zip(table["clip_id"], table["fold"], strict=True) if fold >= 0}
    except Exception as error:  # a damaged file fails in many ways
        raise ArtefactError(f"{file} cannot be read ({error}); name another run for {LIKE}") from error


def bring_like(workspace: Workspace, folds: FoldConfig) -> None:
    """See to it that the run whose folds a recipe wants to keep lies here, where machines share a store."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", folds.like):
        workspace.run_dir(folds.like)


def check_like(runs_folder: Path, folds: FoldConfig) -> None:
    """Raise ConfigError or ArtefactError where the folds that a recipe wants to keep are not there, or too many."""
    if folds.like:
        _check_count(earlier_folds(runs_folder, folds.like), folds.folds)


def _check_count(earlier: Mapping[int, int], n_folds: int) -> None:
    had = max(earlier.values(), default=-1) + 1
    if had != n_folds:
        raise ConfigError(
            f"folds.folds = {n_folds}, but the run that {LIKE} names has {had}; set folds.folds = {had}"
            if had
            else f"the run that {LIKE} names has no clip in any fold; name another run"
        )


def keep_folds(
    plan: FoldPlan,
    clips: Sequence[Clip],
    present: NDArray[np.bool_],
    earlier: Mapping[int, int],
    n_folds: int,
    classes: Sequence[str] = (),
) -> FoldPlan:
    """``plan`` with each clip (N,) in the fold that it had ``earlier``; ``present`` (N, C) places what is new.

    Groups of the plan stay whole, new clips join their group; one whose earlier clips lie in several folds (two clips
    turned out to be copies since) stays where it was, with a warning. Raises ConfigError where no clip was there
    before, or the earlier run had another number of folds.
    """
    from models.folds.making import group_counts, without_positives

    _check_count(earlier, n_folds)
    fold = np.array([earlier.get(clip.id, -1) for clip in clips], dtype=np.int32)
    if (fold < 0).all():
        raise ConfigError(f"none of the {len(clips)} clips was in the run that {LIKE} names; name another run")
    n_groups = int(plan.group.max()) + 1
    seats = np.zeros((n_groups, n_folds), dtype=np.int64)
    np.add.at(seats, (plan.group[fold >= 0], fold[fold >= 0]), 1)
    of_group = np.where(seats.any(1), seats.argmax(1), -1)
    share = group_counts(plan.group, present, n_groups)
    share /= np.maximum(share.sum(0), 1)
    held = np.zeros((n_folds, share.shape[1]))
    np.add.at(held, of_group[of_group >= 0], share[of_group >= 0])
    for g in sorted(np.flatnonzero(of_group < 0).tolist(), key=lambda g: (-float(share[g].max()), g)):
        of_group[g] = int(np.argmin(held @ share[g]))  # as assign_groups does, without moving what is seated
        held[of_group[g]] += share[g]
    fold = np.where(fold >= 0, fold, of_group[plan.group].astype(np.int32))
    warnings = [line for line in plan.warnings if not line.startswith("fold ")]
    split = int(((seats > 0).sum(1) > 1).sum())
    if split:
        warnings.append(
            f"{split} group{'s' * (split > 1)} of clips lie{'s' * (split == 1)} in several folds, as in the run that "
            f"{LIKE} names; their predictions may look better than they are, in both runs"
        )
    return replace(plan, fold=fold, warnings=(*warnings, *without_positives(fold, present, n_folds, classes)))


# ------------------------------------------------------------------------------------------- the recipe of such a run


def why_not(workspace: Workspace, run: Run) -> str:
    """Why a training like this run cannot be started, "" where it can."""
    folder = workspace.run_dir(run.id)
    if run.recipe == runs.IMPORTED:
        return f"run {run.id} was brought from elsewhere and was not trained here; choose one that was"
    if run.recipe in KINDS:
        return f"run {run.id} combines other runs and was not trained; choose one of those"
    if run.status != "done":
        return f"run {run.id} is {run.status}; choose one that is done"
    lacking = [name for name in (FOLDS_FILE, "recipe.toml") if not (folder / name).exists()]
    if lacking:
        return f"{folder} lacks {' and '.join(lacking)}, so its folds and recipe cannot be kept; choose another run"
    return ""


def recipe_like(workspace: Workspace, run: Run) -> tuple[str, tuple[str, ...]]:
    """The recipe, as it is found, and the settings that make of it what the run was trained with, and its folds.

    Rounds are left out, since what follows is one training; a teacher that was the newest run then is named. Where the
    recipe is gone, the run's own copy takes its place. Raises DataError where no training can be like the run.
    """
    if reason := why_not(workspace, run):
        raise DataError(reason)
    folder = workspace.run_dir(run.id)
    was, name = load_recipe(str(folder / "recipe.toml")), run.recipe
    try:
        now = load_recipe(name)
    except EarmarkError:
        name = str(folder / "recipe.toml")
        now = was
    teacher = (run_folder.facts(folder).get("teacher") or {}).get("run") if was.targets.teacher == "newest" else ""
    settings = {LIKE: run.id, "targets.teacher": teacher or was.targets.teacher}
    wanted = {row.key: value_of(was, row.key) for row in every_setting(was) if not row.key.startswith("iterate.")}
    changes = {key: value for key, value in (wanted | settings).items() if value_of(now, key) != value}
    if now.iterate.rounds:
        changes["iterate.rounds"] = 0
    return name, tuple(
        f"{key}={value if _reads_as_text(value) else toml_value(value)}" for key, value in changes.items()
    )


def _reads_as_text(value: object) -> bool:
    """Whether a text can go without quotes, as people write it."""
    words = isinstance(value, str) and re.fullmatch(r"(\d+-)?[A-Za-z][A-Za-z0-9_-]*", value) is not None
    return words and value not in ("true", "false", "inf", "nan")
