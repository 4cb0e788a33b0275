"""Commands that list, train, repeat, evaluate and work through the queue."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from labeling.storage.text import printable, user_name
from models.commands.base import AddCommand, progress_bar, summary
from models.commands.combining import add_evaluate_flags, check_strength, words

if TYPE_CHECKING:
    from labeling.records import Run
    from labeling.workspace import Workspace
    from models.config import Recipe
    from models.runfolder.processes import Together


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    command("recipes", _recipes, "List the recipes.")

    one = command("train", _train, "Train a recipe's folds, predict out-of-fold, score the suspects.")
    one.add_argument("recipe", metavar="RECIPE", nargs="?", help="a recipe's name, or the path of a .toml file")
    one.add_argument("--folds", type=int, metavar="K", help="instead of the recipe's number")
    one.add_argument("--version", type=int, metavar="N", help="a label version (the labels now, frozen)")
    one.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where to train (auto)")
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting; repeatable")
    one.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped, failed or killed")
    one.add_argument("--like", metavar="RUN", help="recipe, settings, seed and folds of this run, on the labels now")
    one.epilog = (
        "Several GPUs of one machine: torchrun --nproc-per-node N -m models train ... starts N processes that share "
        "the run's networks; each takes the GPU of its rank and keeps the sound in memory of its own "
        "(data.memory_gb). The result is that of one process. If one dies the run fails, and --resume goes on."
    )

    one = command("rerun", _rerun, "Train a run again from its folder alone, as a new run, and compare the two.")
    one.add_argument("run", metavar="RUN", help="a run that is done")
    one.add_argument("--device", choices=("auto", "cpu", "cuda"), help="instead of the one it was trained on")

    one = command("runs", _runs, "List the runs.")
    one.add_argument("--json", action="store_true", help="for programs")

    one = command("evaluate", _evaluate, "Metrics of a run's out-of-fold predictions.")
    one.add_argument("--run", required=True, metavar="RUN")
    one.add_argument("--truth", metavar="FILE", help="a CSV of true labels: filename, and labels (';' between them)")
    one.add_argument("--json", action="store_true", help="for programs")
    add_evaluate_flags(one)

    one = command("work", _work, "Run queued trainings as they come.")
    one.add_argument("--once", action="store_true", help="end when the queue is empty")
    one.add_argument("--idle-exit", type=float, metavar="S", help="end after so many seconds without a job")


def _recipes(args: argparse.Namespace) -> None:
    from models.config import load_recipe, recipe_names

    names = recipe_names()
    width = max(map(len, names)) + 2
    for name in names:
        recipe = load_recipe(name)
        print(f"{name:<{width}}{recipe.title}\n{'':<{width}}{recipe.source}")


def _train(args: argparse.Namespace) -> None:
    from models import worker
    from models.runfolder.processes import Together, part_of_environment, share_run

    part = part_of_environment()
    workspace = worker.open_for_work(args.workspace)
    interrupted = threading.Event()
    if part.rank:
        run_id = share_run(part)
        stop_on_signal(interrupted)
        if run_id:
            from models.training.train_run import help_with

            help_with(workspace, run_id, part, args.device, interrupted.is_set)
        return
    if args.resume:
        claimed = _resumed(workspace, args)
        if claimed is None:
            print(f"run {args.resume} is done already")
            share_run(part)
            return
        run = claimed
    else:
        run = _queued(workspace, args, rank=0 if part.count > 1 else None)
    stop_on_signal(interrupted)
    together = Together(workspace.run_dir(run.id), part)
    share_run(part, run.id)
    print(f"run {run.id} on label version {run.label_version}", flush=True)
    finish(workspace, run, interrupted, together)


def _queued(workspace: Workspace, args: argparse.Namespace, rank: int | None) -> Run:
    """A new run, claimed. What cannot be trained is refused before there is a row for it."""
    from labeling import runs
    from labeling.errors import DataError
    from labeling.journal import versions
    from models.config import load_recipe
    from models.runfolder.processes import worker_name

    if args.like:
        return _queued_like(workspace, args, rank)
    if not args.recipe:
        raise DataError("name a recipe to train (see `python -m models recipes`), or a run with --resume")
    if args.folds is not None and args.folds < 2:
        raise DataError(f"--folds {args.folds} must be at least 2: each clip is predicted by a fold that never saw it")
    folds = [] if args.folds is None else [f"folds.folds={args.folds}"]
    recipe = load_recipe(args.recipe, [*args.set, *folds])
    if args.version is not None:
        with workspace.read() as connection:
            versions.get_version(connection, args.version)

    from models.training.train_run import check_recipe

    check_recipe(recipe, args.device, rank)
    _check_choices(workspace, recipe, args.version)
    number = args.version
    if number is None:
        number = versions.freeze(workspace, user_name(), f"training {args.recipe}").number
    return runs.enqueue(
        workspace,
        recipe_name(args.recipe),
        number,
        settings=args.set,
        folds=args.folds,
        device=args.device,
        worker=worker_name(),
    )


def _queued_like(workspace: Workspace, args: argparse.Namespace, rank: int | None) -> Run:
    """A new run, claimed, that differs from ``--like`` in its labels alone."""
    from labeling import runs
    from labeling.errors import DataError
    from models.config import load_recipe
    from models.folds.keeping import enqueue_like, recipe_like
    from models.runfolder.processes import worker_name
    from models.training.train_run import check_recipe

    given = [flag for flag, value in (("RECIPE", args.recipe), ("--set", args.set), ("--folds", args.folds)) if value]
    if given:
        raise DataError(
            f"--like takes recipe, settings and folds from run {args.like}; leave out {', '.join(given)}, or keep only "
            f"its folds: train RECIPE --set folds.like={args.like}"
        )
    with workspace.read() as connection:
        run = runs.get_run(connection, args.like)
    recipe = load_recipe(*recipe_like(workspace, run))
    check_recipe(recipe, args.device, rank)
    _check_choices(workspace, recipe, args.version)
    device = "" if args.device == "auto" else args.device
    return enqueue_like(workspace, run.id, user_name(), device=device, version=args.version, worker=worker_name())


def _check_choices(workspace: Workspace, recipe: Recipe, version: int | None) -> None:
    """Raise EarmarkError where the workspace lacks the teacher, the run whose folds to keep, or a selection's clips."""
    import numpy as np

    from labeling.collection import store
    from labeling.journal import versions
    from models.folds.keeping import check_like
    from models.folds.selection import selected
    from models.targets.teacher import open_teacher

    check_like(workspace.runs, recipe.folds)
    if recipe.targets.teacher:
        open_teacher(workspace, recipe.targets.teacher)
    chosen = {"data.clips": recipe.data.clips, "data.pretrain_clips": recipe.data.pretrain_clips}
    if set(chosen.values()) == {"all"}:
        return
    with workspace.read() as connection:
        of_id = {clip.id: clip for clip in store.usable_clips(connection)}
        labels = versions.labels_at(connection)
        if version is not None:
            labels = versions.labels_of_version(connection, version)
    rows = [row for row, clip_id in enumerate(labels.clip_ids.tolist()) if clip_id in of_id]
    clips = [of_id[int(labels.clip_ids[row])] for row in rows]
    reviewed = np.asarray(labels.reviewed[rows].any(axis=1), dtype=bool)
    for setting, selection in chosen.items():
        selected(setting, selection, clips, reviewed)


def stop_on_signal(interrupted: threading.Event) -> None:
    """SIGTERM and SIGINT set ``interrupted`` from now on."""
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: interrupted.set())


def finish(workspace: Workspace, run: Run, interrupted: threading.Event, together: Together | None = None) -> None:
    """Train a claimed run; raises DataError where it did not come to its end."""
    from labeling.errors import DataError
    from models import worker
    from models.runfolder.processes import worker_name

    ended = worker.run_job(
        workspace,
        run,
        worker_name(),
        report=progress_bar(),
        interrupted=interrupted,
        when_interrupted="stopped",
        together=together,
    )
    if ended.status != "done":
        raise DataError(f"run {ended.id} was {ended.status}; go on with `train --resume {ended.id}`")
    print(f"run {ended.id} done: " + summary(ended.metrics))


def _rerun(args: argparse.Namespace) -> None:
    from labeling import runs
    from labeling.errors import ConfigError, DataError
    from models import worker
    from models.combining.request import KINDS
    from models.config import parse_override
    from models.runfolder.folder import recipe_of
    from models.runfolder.processes import worker_name
    from models.runfolder.provenance import differences, pick_device, surroundings
    from models.training.train_run import check_inputs, compare_runs, copy_inputs

    workspace = worker.open_for_work(args.workspace)
    with workspace.read() as connection:
        old = runs.get_run(connection, args.run)
    runs.check_trained(old)
    if old.recipe in KINDS:
        raise DataError(f"run {old.id} combines other runs and was not trained; repeat those")
    if old.status != "done":
        raise DataError(f"run {old.id} is {old.status}; only one that is done can be repeated and compared")
    folder = workspace.run_dir(old.id)
    then = check_inputs(folder)
    weights = recipe_of(folder).network.weights
    device = args.device or str(then.get("device", "auto")).partition(":")[0]
    try:
        now = surroundings(pick_device(device), weights)
    except ConfigError as problem:
        if args.device:
            raise
        print(f"warning: {problem}", file=sys.stderr)
        device, now = "auto", surroundings(pick_device("auto"), weights)
    for difference in differences(then, now):
        print(f"warning: {difference}: the result may differ", file=sys.stderr)
    run = runs.enqueue(
        workspace,
        old.recipe,
        old.label_version,
        settings=[one for one in old.settings if not parse_override(one)[0].startswith("iterate.")],
        folds=old.folds,
        device=device,
        worker=worker_name(),
    )
    try:
        copy_inputs(folder, workspace.run_dir(run.id))
    except Exception as problem:
        runs.finish(workspace, run.id, worker_name(), "failed", error=str(problem))
        raise
    interrupted = threading.Event()
    stop_on_signal(interrupted)
    print(f"run {run.id} repeats {old.id}", flush=True)
    finish(workspace, run, interrupted)
    print(f"{old.id} and {run.id}: {compare_runs(workspace, old.id, run.id)}")


def recipe_name(given: str) -> str:
    """As a run keeps it: a file by its whole path."""
    return str(Path(given).resolve()) if given.endswith(".toml") else given


def _resumed(workspace: Workspace, args: argparse.Namespace) -> Run | None:
    """The run to go on with, claimed; None where it is done and whole. What else is given must be the run's own."""
    from dataclasses import replace

    from labeling import runs
    from labeling.errors import ArtefactError, DataError
    from labeling.predictions.oof import read_oof
    from models import worker
    from models.runfolder.processes import worker_name

    worker.free_dead_jobs(workspace)
    with workspace.read() as connection:
        run = runs.get_run(connection, args.resume)
    given = {
        "RECIPE": (recipe_name(args.recipe) if args.recipe else None, run.recipe),
        "--folds": (args.folds, run.folds),
        "--version": (args.version, run.label_version),
        "--set": (tuple(args.set) or None, run.settings),
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
            print(f"{problem}", file=sys.stderr)
            runs.finish(workspace, run.id, run.worker, "stopped", error=str(problem))
    claimed = runs.claim(workspace, worker_name(), run.id)
    if claimed is None:
        raise DataError(f"run {run.id} is being trained by another worker; wait, or stop that one first")
    return claimed if args.device == "auto" else replace(claimed, device=args.device)


def _runs(args: argparse.Namespace) -> None:
    from dataclasses import asdict

    from labeling import runs
    from labeling.workspace import open_workspace

    with open_workspace(args.workspace).read() as connection:
        every_run = runs.all_runs(connection)
    if args.json:
        print(json.dumps([asdict(run) for run in every_run], indent=1))
        return
    for run in every_run:
        print(f"{run.id:<24} {run.status:<8} label version {run.label_version:<4} {summary(run.metrics)}{run.error}")
    if not every_run:
        print("no runs yet")


def _evaluate(args: argparse.Namespace) -> None:
    from labeling.workspace import open_workspace
    from models.combining.evaluation import evaluate_run

    check_strength(args)
    result = evaluate_run(
        open_workspace(args.workspace),
        args.run,
        Path(args.truth) if args.truth else None,
        post=words(args.post),
        strength=args.strength,
        errors=args.errors,
    )
    if args.json:
        print(json.dumps(result, indent=1))
        return
    if result.get("truth_unknown"):
        named = ", ".join(repr(code) for code in result["truth_unknown"][:10])
        print(printable(f"warning: {args.truth} names {named}, no class of the run; left out"), file=sys.stderr)
    changed = {"": "", "_post": f", after {args.post}", "_errors": ", times the error distribution"}
    for name in (f"{against}{what}" for against in ("labels", "truth") for what in changed):
        if name in result:
            part = result[name]
            against, _, what = name.partition("_")
            print(f"against the {against}{changed[what and '_' + what]}: {summary(part['overall'])}")
            for code, row in part["per_class"].items():
                numbers = "  ".join(
                    f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
                )
                print(printable(f"  {code:<16} {numbers}"))


def _work(args: argparse.Namespace) -> None:

    from models import worker

    count = worker.work(
        worker.open_for_work(args.workspace), once=args.once, idle_exit_s=args.idle_exit, report=progress_bar()
    )
    print(f"{count} trainings run")
