"""Train a claimed run: from the workspace when it starts, from its own folder when it goes on or is repeated."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from labeling import runs
from labeling.collection import store
from labeling.errors import ArtefactError, EarmarkError, Stopped
from labeling.journal import versions
from labeling.predictions.oof import Oof, read_oof
from labeling.records import Clip, Labels, Run
from labeling.workspace import CACHE, Workspace
from models.config import Recipe, load_recipe, recipe_of
from models.folds.keeping import bring_like
from models.networks.checkpoints import write_json
from models.runfolder.folder import INPUTS, RunFolder, kept_teacher, read_inputs
from models.runfolder.processes import Part, ProcessGroup
from models.targets.teacher import open_teacher
from models.training.crossval import cross_validate
from models.training.inputs import Elsewhere


@dataclass(frozen=True)
class Inputs:
    """All that decides a training's result."""

    recipe: Recipe
    clips: list[Clip]
    labels: Labels
    teacher: Oof | None


def inputs_of(workspace: Workspace, run: Run) -> Inputs:
    """What a run trains on. One that has begun keeps to its folder: labels and clips may have changed since."""
    folder = workspace.run_dir(run.id)
    recipe = recipe_of(folder) if (folder / "recipe.toml").exists() else load_recipe(run.recipe, run.settings)
    with workspace.read() as connection:
        usable = store.usable_clips(connection)
        kept = read_inputs(folder)
        if kept is None:
            labels = versions.labels_of_version(connection, run.label_version)
            version = versions.get_version(connection, run.label_version)
    if kept is None:
        if labels.content_hash != version.content_hash:
            raise ArtefactError(
                f"label version {version.number} no longer folds to its content hash; the database was changed by hand"
            )
        clips = usable
    else:
        clips, labels = _where_they_are_now(kept[0], usable), kept[1]
    bring_like(workspace, recipe.folds)
    teacher = kept_teacher(folder)
    if teacher is None and recipe.targets.reads_teacher:
        teacher = open_teacher(workspace, recipe.targets.teacher, run.id)
    return Inputs(recipe, clips, labels, teacher)


def _where_they_are_now(clips: list[Clip], usable: list[Clip]) -> list[Clip]:
    """The clips of a run, each where the workspace knows its sound to lie today."""
    now = {(clip.id, clip.filename): clip for clip in usable}
    updated_clips = []
    for clip in clips:
        usable_clip = now.get((clip.id, clip.filename))
        updated_clips.append(
            clip
            if usable_clip is None
            else replace(clip, path=usable_clip.path, status=usable_clip.status, reason=usable_clip.reason)
        )
    return updated_clips


def train_run(
    workspace: Workspace,
    run: Run,
    *,
    report: Callable[[Mapping[str, Any]], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    processes: ProcessGroup | None = None,
    given: Inputs | None = None,
    elsewhere: Elsewhere | None = None,
) -> dict[str, Any]:
    """Train a claimed run to its end, in its folder.

    Parameters
    ----------
    workspace : Workspace
    run : Run
        As `runs.claim` gives it. One that has begun keeps to the labels and clips of its folder.
    report, should_stop, processes, elsewhere
        As `cross_validate` takes them.
    given : Inputs, optional
        Its `inputs_of`, where they were read already.

    Returns
    -------
    dict
        Its metrics.

    Raises
    ------
    Stopped
        ``should_stop`` said so; the run can be resumed.
    EarmarkError
        The recipe, the labels, the sound or the disk did not allow it.

    Examples
    --------
    Takes seconds, so that it is not run with the others:

    >>> from labeling import runs
    >>> from labeling.example import example_workspace
    >>> from models.training.train_run import train_run
    >>> workspace = example_workspace()
    >>> small = ["epochs=1", "folds.folds=2", "sample_rate=8000", "fmax_hz=4000", "n_fft=512", "hop_length=256"]
    >>> run = runs.enqueue(workspace, "quick", 1, settings=[*small, "chunk_s=2"], device="cpu", worker="me")
    >>> train_run(workspace, run)["overall"]["n_clips"]  # doctest: +SKIP
    12
    """
    folder = workspace.run_dir(run.id)
    processes = processes or ProcessGroup(folder)
    try:
        given = given or inputs_of(workspace, run)
        return cross_validate(
            given.recipe,
            given.clips,
            given.labels,
            folder,
            label_version=run.label_version,
            teacher=given.teacher,
            folds=run.folds,
            device=run.device,
            report=report,
            should_stop=should_stop,
            processes=processes,
            cache_dir=workspace.root / CACHE / "audio",
            elsewhere=elsewhere,
        )
    except Stopped:
        if problem := processes.settle():
            raise ArtefactError(problem) from None
        raise
    except BaseException:
        processes.settle()
        raise


def help_with(workspace: Workspace, run_id: str, part: Part, device: str, should_stop: Callable[[], bool]) -> None:
    """Do this process's part of a run that process 0 owns; returns when it is done or stopped. Raises EarmarkError."""
    folder = workspace.run_dir(run_id)
    processes = ProcessGroup(folder, part)
    try:
        if not processes.wait_for("begun", should_stop):
            raise Stopped("stopped before the run began")
        with workspace.read() as connection:
            run = runs.get_run(connection, run_id)
        train_part = replace(run, device=run.device if device == "auto" else device)
        train_run(workspace, train_part, should_stop=should_stop, processes=processes)
    except Stopped:
        processes.end("stopped")
    except EarmarkError as problem:
        processes.end("failed", str(problem))
        raise
    except Exception as problem:
        processes.end("failed", f"{type(problem).__name__}: {problem}")
        raise ArtefactError(f"process {part.rank} failed: {type(problem).__name__}: {problem}") from problem


# ------------------------------------------------------------------------------------------ the same once more


def check_inputs(folder: Path) -> dict[str, Any]:
    """A run's facts; raises ArtefactError where its folder lacks what it was trained on."""
    facts = RunFolder(folder).facts()
    optional = set() if facts.get("teacher") else {"teacher.zarr"}
    missing = [name for name in INPUTS if name not in optional and not (folder / name).exists()]
    if missing or not facts:
        raise ArtefactError(
            f"{folder} lacks {', '.join(missing) or 'run.json'}, so the run cannot be repeated from its folder alone; "
            "train its recipe anew"
        )
    return facts


def copy_inputs(old: Path, new: Path) -> None:
    """Begin a run's folder with what another one was trained on. Raises ArtefactError where that is not whole."""
    facts = check_inputs(old)
    try:
        new.mkdir(parents=True, exist_ok=True)
        for name in INPUTS:
            if (old / name).is_dir():
                shutil.copytree(old / name, new / name, dirs_exist_ok=True)
            elif (old / name).exists():
                shutil.copyfile(old / name, new / name)
    except OSError as error:
        raise ArtefactError(f"{old} cannot be copied to {new} ({error}); see to that") from error
    dropped_keys = ("started_at", "skipped", "repeats")
    write_json(
        new / "run.json",
        {key: value for key, value in facts.items() if key not in dropped_keys} | {"repeats": old.name},
    )


@dataclass(frozen=True)
class Comparison:
    """How two runs' out-of-fold predictions differ: the largest differences of a probability."""

    same: bool
    clipwise: float
    framewise: float

    def __str__(self) -> str:
        if self.same:
            return "the same bit for bit"
        return f"the largest difference is {self.clipwise:.3g} (clipwise), {self.framewise:.3g} (framewise)"


def compare_oof(one: Oof, other: Oof) -> Comparison:
    """Two runs' predictions of the same clips; raises ArtefactError where the clips or frames are others."""
    alike = one.classes == other.classes and np.array_equal(one.clip_ids, other.clip_ids)
    if not alike or not np.array_equal(one.offsets, other.offsets):
        raise ArtefactError(f"{one.path} and {other.path} do not predict the same clips, classes and frames")
    clipwise = float(np.abs(one.clipwise.astype(np.float64) - other.clipwise).max(initial=0.0))
    framewise, same = 0.0, np.array_equal(one.clipwise, other.clipwise) and np.array_equal(one.fold, other.fold)
    for mine, theirs in zip(one.iter_blocks(), other.iter_blocks(), strict=True):
        same = same and np.array_equal(mine.values, theirs.values)
        gap = np.abs(mine.values.astype(np.float32) - theirs.values.astype(np.float32)).max(initial=0.0)
        framewise = max(framewise, float(gap))
    return Comparison(bool(same), clipwise, framewise)


def compare_runs(workspace: Workspace, first: str, second: str) -> Comparison:
    """Compare two runs of a workspace, and note in the second's run.json how it repeats the first."""
    comparison = compare_oof(*(read_oof(workspace.run_dir(name) / "oof.zarr") for name in (first, second)))
    RunFolder(workspace.run_dir(second)).write_facts(
        repeats=first,
        repeated_exactly=comparison.same,
        largest_difference=max(comparison.clipwise, comparison.framewise),
    )
    workspace.publish(f"runs/{second}")
    return comparison
