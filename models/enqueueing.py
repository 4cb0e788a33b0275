"""The one way to ask for a training: all that can be known to be wrong is said before anything is stored or read.

Pages, commands, stages, rounds and replays queue through here. What cannot be trained freezes no label version and
leaves no run behind. Importing this loads no torch; `check_recipe` asks a process of its own where it needs torch and
its caller must not load it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from labeling import runs
from labeling.collection import store
from labeling.errors import ArtefactError, ConfigError, DataError, EarmarkError
from labeling.journal import versions
from labeling.predictions.oof import read_oof
from labeling.records import Run
from labeling.runs import leaks
from labeling.runs.landmarks import Copy
from labeling.workspace import Workspace
from models.combining.request import KINDS
from models.config import Recipe, load_recipe, parse_override, recipe_names, recipe_of, recipe_to_toml
from models.folds.keeping import bring_like, check_like, recipe_like
from models.folds.making import check_groups
from models.linear.space import check_space
from models.networks.catalogue import NETWORKS, check_weights
from models.runfolder.trackers import check_trackers
from models.targets.teacher import open_teacher, teacher_rows

# ------------------------------------------------------------------------------------------------- what is checked


def check_training(
    workspace: Workspace,
    recipe: str,
    *,
    settings: Sequence[str] = (),
    folds: int | None = None,
    device: str = "auto",
    version: int | None = None,
    rank: int | None = None,
    load_torch: bool = False,
) -> Recipe:
    """The recipe with its settings and number of folds, as it would be trained on a label version (the labels now).

    ``rank`` is that of this process among several that share the training. With ``load_torch`` this process may load
    torch. Raises EarmarkError where the recipe cannot be trained in this workspace or on this machine.
    """
    own_folds = [] if folds is None else [f"folds.folds={folds}"]
    loaded = load_recipe(recipe, [*settings, *own_folds])
    if version is not None:
        with workspace.read() as connection:
            versions.get_version(connection, version)
    check_choices(workspace, loaded, version)
    check_recipe(loaded, device, rank, load_torch=load_torch)
    _check_groups(workspace, loaded)
    return loaded


def check_recipe(recipe: Recipe, device: str, rank: int | None = None, *, load_torch: bool = False) -> None:
    """Raise ConfigError or UnknownName where this machine lacks what a recipe needs, whatever it is trained on.

    That is a package, weights, the device, or a way to build the network. A network of one of Earmark's own recipes
    is known to build; any other is built once, here with ``load_torch``, else in a process of its own.
    """
    check_trackers(recipe.track)
    if recipe.linear.space:
        if rank is not None:
            raise ConfigError(
                f"linear.space = {recipe.linear.space!r} trains a linear head, which takes one process; start it "
                "without torchrun"
            )
        return
    for package in NETWORKS.get(recipe.network.name).packages:
        if find_spec(package) is None:
            raise ConfigError(
                f"network.name = {recipe.network.name!r} needs {package}, which is not installed; "
                f"run: pip install {package}, or choose another network"
            )
    check_weights(recipe)
    if device in ("auto", "cpu") and rank is None and _shape(recipe) in _known_shapes():
        return
    if load_torch:
        from models.training.trial import try_network

        try_network(recipe, device, rank)
    else:
        _try_elsewhere(recipe, device)


def check_choices(workspace: Workspace, recipe: Recipe, version: int | None = None) -> list[str]:
    """Raise EarmarkError where the workspace lacks the teacher, the run whose folds to keep, or a selection's clips.

    Returns warnings of what can be trained, but hardly well.
    """
    bring_like(workspace, recipe.folds)
    check_like(workspace.runs, recipe.folds)
    if recipe.linear.space:
        check_space(workspace, recipe.linear.space)
    teacher = None
    if recipe.targets.teacher or recipe.targets.reads_teacher:
        teacher = open_teacher(workspace, recipe.targets.teacher)
    chosen = {"data.clips": recipe.data.clips, "data.pretrain_clips": recipe.data.pretrain_clips}
    warnings: list[str] = []
    if teacher is None and set(chosen.values()) == {"all"}:
        return warnings
    with workspace.read() as connection:
        of_id = {clip.id: clip for clip in store.usable_clips(connection)}
        labels = versions.labels_at(connection)
        if version is not None:
            labels = versions.labels_of_version(connection, version)
    rows = [row for row, clip_id in enumerate(labels.clip_ids.tolist()) if clip_id in of_id]
    if teacher is not None:
        teacher_rows(teacher, labels, rows)
    if set(chosen.values()) != {"all"}:
        from models.folds.selection import few_clips, selected

        clips = [of_id[int(labels.clip_ids[row])] for row in rows]
        reviewed = np.asarray(labels.reviewed[rows].any(axis=1), dtype=bool)
        for setting, selection in chosen.items():
            taken = int(selected(setting, selection, clips, reviewed).sum())
            fewest = taken - -(-taken // recipe.folds.folds)
            warnings.append(few_clips(setting, selection, taken, len(clips), fewest, len(labels.classes)))
    return [warning for warning in warnings if warning]


def warnings_of(workspace: Workspace, recipe: Recipe) -> list[str]:
    """Warnings of `check_choices`; none for a recipe that it refuses, which is said when a training is asked for."""
    if {recipe.data.clips, recipe.data.pretrain_clips} == {"all"}:
        return []
    try:
        return check_choices(workspace, recipe)
    except EarmarkError:
        return []


def _check_groups(workspace: Workspace, recipe: Recipe) -> None:
    """Raise TooFewGroups: it is said here, not after the sound of all clips was read."""
    with workspace.read() as connection:
        clips = store.usable_clips(connection)
    if not clips:
        return  # said by the training
    place = {clip.id: at for at, clip in enumerate(clips)}
    _, known = leaks.known_copies(workspace) if recipe.folds.near_duplicates else (set(), [])
    copies = [Copy(place[a], place[b], *rest) for a, b, *rest in known if a in place and b in place]
    check_groups(clips, recipe.folds, copies)


def _shape(recipe: Recipe) -> tuple[Any, ...]:
    """All that decides whether a network can be built."""
    return recipe.network, recipe.features, recipe.data.chunk_s, recipe.predict.window_s


@cache
def _known_shapes() -> tuple[tuple[Any, ...], ...]:
    """The shapes of Earmark's own recipes, but of those whose weights have to be found."""
    own = (load_recipe(name) for name in recipe_names())
    return tuple(_shape(recipe) for recipe in own if not recipe.network.pretrained)


def _try_elsewhere(recipe: Recipe, device: str) -> None:
    """Build the network in a process of its own. Raises ConfigError."""
    with tempfile.TemporaryDirectory(prefix="earmark-trial-") as folder:
        file = Path(folder) / "recipe.toml"
        file.write_text(recipe_to_toml(recipe), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "models.training.trial", device, str(file)],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        words = done.stdout.strip() or done.stderr.strip().rpartition("\n")[2] or f"it ended with {done.returncode}"
        raise ConfigError(words if done.stdout.strip() else f"the recipe's network could not be tried: {words}")


# -------------------------------------------------------------------------------------------------- what is queued


def enqueue_training(
    workspace: Workspace,
    recipe: str,
    *,
    reviewer: str,
    note: str,
    settings: Sequence[str] = (),
    folds: int | None = None,
    device: str = "auto",
    version: int | None = None,
    worker: str = "",
    rank: int | None = None,
    load_torch: bool = False,
    request: Mapping[str, Any] | None = None,
) -> Run:
    """Queue a training on a label version; the labels as they are now are frozen, with ``note``, where none is given.

    A recipe's file is kept by its whole path. ``worker`` claims the run at once. ``request`` says what the run is part
    of. Raises as `check_training`, before
    anything is stored.
    """
    check_training(
        workspace, recipe, settings=settings, folds=folds, device=device, version=version, rank=rank,
        load_torch=load_torch,
    )  # fmt: skip
    if version is None:
        version = versions.freeze(workspace, reviewer, note).number
    return runs.enqueue(
        workspace, kept_name(recipe), version, settings=settings, folds=folds, device=device, worker=worker,
        request=request,
    )  # fmt: skip


def enqueue_like(
    workspace: Workspace,
    run_id: str,
    reviewer: str,
    *,
    device: str = "",
    version: int | None = None,
    worker: str = "",
    rank: int | None = None,
    load_torch: bool = False,
) -> Run:
    """Queue a training with the recipe, settings, seed and folds of run ``run_id`` on a label version.

    The labels as they are now are frozen where no version is given. Raises DataError where there is no such run or no
    training can be like it, else as `check_training`.
    """
    with workspace.read() as connection:
        run = runs.get_run(connection, run_id)
    recipe, settings = recipe_like(workspace, run)
    return enqueue_training(
        workspace, recipe, reviewer=reviewer, note=f"training like {run.id}", settings=settings,
        device=device or run.device, version=version, worker=worker, rank=rank, load_torch=load_torch,
    )  # fmt: skip


def enqueue_repeat(
    workspace: Workspace, run_id: str, *, device: str = "", worker: str, warn: Callable[[str], None]
) -> Run:
    """Claim a new run that trains a finished one again from its folder alone. Loads torch.

    ``warn`` gets a line for each thing by which this machine differs from the one that trained it; ``device`` is
    instead of that run's. Raises DataError for a run that cannot be repeated, ConfigError, ArtefactError.
    """
    from models.runfolder.provenance import differences, pick_device, surroundings
    from models.training.train_run import check_inputs, copy_inputs

    with workspace.read() as connection:
        old = runs.get_run(connection, run_id)
    runs.check_trained(old)
    if old.recipe in KINDS:
        raise DataError(f"run {old.id} combines other runs and was not trained; repeat those")
    if old.status != "done":
        raise DataError(f"run {old.id} is {old.status}; only one that is done can be repeated and compared")
    folder = workspace.run_dir(old.id)
    then, recipe = check_inputs(folder), recipe_of(folder)
    wanted = device or str(then.get("device", "auto")).partition(":")[0]
    try:
        now = surroundings(pick_device(wanted), recipe.network.weights)
    except ConfigError as problem:
        if device:
            raise
        warn(str(problem))
        wanted, now = "auto", surroundings(pick_device("auto"), recipe.network.weights)
    for difference in differences(then, now):
        warn(f"{difference}: the result may differ")
    check_recipe(recipe, wanted, load_torch=True)
    run = runs.enqueue(
        workspace,
        old.recipe,
        old.label_version,
        settings=[setting for setting in old.settings if not parse_override(setting)[0].startswith("iterate.")],
        folds=old.folds,
        device=wanted,
        worker=worker,
    )
    try:
        copy_inputs(folder, workspace.run_dir(run.id))
        workspace.publish(f"runs/{run.id}")
    except Exception as problem:
        runs.finish(workspace, run.id, worker, "failed", error=str(problem))
        raise
    return run


def enqueue_again(workspace: Workspace, run_id: str) -> None:
    """Put a stopped or failed run back into the queue; it goes on where it was.

    Raises DataError for a run that is neither, and as `check_recipe` where this machine lacks what it needs now.
    """
    with workspace.read() as connection:
        run = runs.get_run(connection, run_id)
    _check_still(workspace, run)
    runs.requeue(workspace, run_id)


def _check_still(workspace: Workspace, run: Run, device: str = "auto", *, load_torch: bool = False) -> None:
    """Check what has to be there to go on with a run: its folder keeps the recipe, the folds and the targets."""
    runs.check_trained(run)
    if run.recipe in KINDS:
        return
    kept = workspace.run_dir(run.id) / "recipe.toml"
    if kept.exists():
        check_recipe(recipe_of(kept.parent), device, load_torch=load_torch)
    else:
        check_training(
            workspace, run.recipe, settings=run.settings, folds=run.folds, device=device, version=run.label_version,
            load_torch=load_torch,
        )  # fmt: skip


def claim_again(
    workspace: Workspace,
    run_id: str,
    worker: str,
    *,
    recipe: str | None = None,
    settings: Sequence[str] = (),
    folds: int | None = None,
    device: str = "auto",
    version: int | None = None,
    warn: Callable[[str], None],
) -> Run | None:
    """Claim a run that was stopped, failed or killed, to go on with it; None where it is done and whole.

    What else is given must be the run's own, but for the device. ``warn`` is told where predictions of a run that is
    done are damaged, so that it is trained again. Loads torch. Raises DataError, and as `check_recipe` where this
    machine lacks what the run needs.
    """
    with workspace.read() as connection:
        run = runs.get_run(connection, run_id)
    given = {
        "RECIPE": (kept_name(recipe) if recipe else None, run.recipe),
        "--folds": (folds, run.folds),
        "--version": (version, run.label_version),
        "--set": (tuple(settings) or None, run.settings),
    }
    for flag, (wanted, own) in given.items():
        if wanted not in (None, own):
            raise DataError(
                f"{flag} {wanted!r} is not what run {run.id} was started with ({own!r}); "
                "leave it out, or start a new run"
            )
    if run.status == "done":
        try:
            read_oof(workspace.run_dir(run.id) / "oof.zarr")
            return None
        except ArtefactError as problem:
            warn(str(problem))
            runs.finish(workspace, run.id, run.worker, "stopped", error=str(problem))
    _check_still(workspace, run, run.device if device == "auto" else device, load_torch=True)
    claimed = runs.claim(workspace, worker, run.id)
    if claimed is None:
        raise DataError(f"run {run.id} is being trained by another worker; wait, or stop that one first")
    return claimed if device == "auto" else replace(claimed, device=device)


def kept_name(recipe: str) -> str:
    """A recipe's name as a run keeps it: a file by its whole path."""
    return str(Path(recipe).resolve()) if recipe.endswith(".toml") else recipe
