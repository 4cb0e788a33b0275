"""Commands that list, train, repeat, evaluate and work through the queue."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from labeling.commands.ending import asked_by
from labeling.storage.text import printable
from models.commands.base import AddCommand, add_cluster_flag, cluster_of, progress_bar, progress_lines, summary
from models.commands.combining import add_evaluate_flags, check_strength, words

if TYPE_CHECKING:
    from labeling.records import Run
    from labeling.workspace import Workspace
    from models.runfolder.processes import ProcessGroup


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    command("recipes", _recipes, "List the recipes.")

    parser = command("train", _train, "Train a recipe's folds, predict out-of-fold, score the suspects.")
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help="a recipe's name, or the path of a .toml file")
    parser.add_argument("--folds", type=int, metavar="K", help="instead of the recipe's number")
    parser.add_argument("--version", type=int, metavar="N", help="a label version (the labels now, frozen)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where to train (auto)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting; repeatable")
    parser.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped, failed or killed")
    parser.add_argument("--like", metavar="RUN", help="recipe, settings, seed and folds of this run, on the labels now")
    parser.add_argument("--dry-run", action="store_true", help="say whether the recipe could be trained; store nothing")
    add_cluster_flag(parser, "train the networks")
    parser.epilog = (
        "Several GPUs of one machine: torchrun --nproc-per-node N -m models train ... starts N processes that share "
        "the run's networks; each takes the GPU of its rank and keeps the sound in memory of its own "
        "(data.memory_gb). The result is that of one process. If one dies the run fails, and --resume goes on. "
        "Several machines: --cluster; docs/scale.md says how."
    )

    parser = command("rerun", _rerun, "Train a run again from its folder alone, as a new run, and compare the two.")
    parser.add_argument("run", metavar="RUN", help="a run that is done")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="instead of the one it was trained on")

    parser = command("runs", _runs, "List the runs.")
    parser.add_argument("--json", action="store_true", help="for programs")

    parser = command("evaluate", _evaluate, "Metrics of a run's out-of-fold predictions.")
    parser.add_argument("--run", required=True, metavar="RUN")
    parser.add_argument("--truth", metavar="FILE", help="a CSV of true labels: filename, and labels (';' between them)")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_evaluate_flags(parser)

    parser = command("work", _work, "Run queued trainings as they come.")
    parser.add_argument("--once", action="store_true", help="end when the queue is empty")
    parser.add_argument("--idle-exit", type=float, metavar="S", help="end after so many seconds without a job")
    add_cluster_flag(parser, "do what is queued")
    parser.add_argument("--nice", type=int, default=0, metavar="N", help="go behind other programs, as nice(1) does")


def _recipes(args: argparse.Namespace) -> None:
    from models.config import load_recipe, recipe_names

    names = recipe_names()
    width = max(map(len, names)) + 2
    for name in names:
        recipe = load_recipe(name)
        print(f"{name:<{width}}{recipe.title}\n{'':<{width}}{recipe.source}")


def _train(args: argparse.Namespace) -> None:
    from labeling.errors import DataError
    from labeling.runs.execution import worker_name
    from models import enqueueing, worker
    from models.runfolder.processes import ProcessGroup, part_of_environment, share_run

    part = part_of_environment()
    cluster = cluster_of(args)
    if cluster and part.count > 1:
        raise DataError("--cluster and torchrun are two ways to share out a run; leave one out")
    workspace = worker.open_for_work(args.workspace)
    if args.dry_run:
        _say_whether(workspace, args)
        return
    interrupted = threading.Event()
    if part.rank:
        run_id = share_run(part)
        stop_on_signal(interrupted)
        if run_id:
            from models.training.train_run import help_with

            help_with(workspace, run_id, part, args.device, interrupted.is_set)
        return
    if args.resume:
        worker.free_dead_jobs(workspace)
        claimed = enqueueing.claim_again(
            workspace, args.resume, worker_name(), recipe=args.recipe, settings=args.set, folds=args.folds,
            device=args.device, version=args.version, warn=lambda line: print(line, file=sys.stderr),
        )  # fmt: skip
        if claimed is None:
            print(f"run {args.resume} is done already")
            share_run(part)
            return
        run = claimed
    else:
        run = _queued(workspace, args, rank=0 if part.count > 1 else None, elsewhere=bool(cluster))
    stop_on_signal(interrupted)
    processes = ProcessGroup(workspace.run_dir(run.id), part)
    share_run(part, run.id)
    print(f"run {run.id} on label version {run.label_version}", flush=True)
    finish(workspace, run, interrupted, processes, cluster)


def _queued(workspace: Workspace, args: argparse.Namespace, rank: int | None, elsewhere: bool) -> Run:
    """A new run, claimed. What cannot be trained is refused before there is a row for it.

    ``elsewhere``: the device is that of other machines, which this one need not have.
    """
    from dataclasses import replace

    from labeling.runs.execution import worker_name
    from models import enqueueing

    _check_flags(args)
    if elsewhere and args.device != "auto":
        wanted = args.device
        args.device = "auto"
        return replace(_queued(workspace, args, rank, elsewhere), device=wanted)
    if args.like:
        device = "" if args.device == "auto" else args.device
        return enqueueing.enqueue_like(
            workspace, args.like, asked_by(args), device=device, version=args.version, worker=worker_name(), rank=rank,
            load_torch=True,
        )  # fmt: skip
    return enqueueing.enqueue_training(
        workspace, args.recipe, reviewer=asked_by(args), note=f"training {args.recipe}", settings=args.set,
        folds=args.folds, device=args.device, version=args.version, worker=worker_name(), rank=rank, load_torch=True,
    )  # fmt: skip


def _check_flags(args: argparse.Namespace) -> None:
    """Raise DataError where flags lack or contradict each other."""
    from labeling.errors import DataError

    if not args.like:
        if not args.recipe:
            raise DataError("name a recipe to train (see `python -m models recipes`), or a run with --resume")
        check_folds(args)
        return
    given = [flag for flag, value in (("RECIPE", args.recipe), ("--set", args.set), ("--folds", args.folds)) if value]
    if given:
        raise DataError(
            f"--like takes recipe, settings and folds from run {args.like}; leave out {', '.join(given)}, or keep only "
            f"its folds: train RECIPE --set folds.like={args.like}"
        )


def _say_whether(workspace: Workspace, args: argparse.Namespace) -> None:
    """``--dry-run``: one line where the training could begin, else its error."""
    from labeling.errors import DataError
    from models import enqueueing

    if args.resume or args.like:
        raise DataError("--dry-run checks a recipe and its settings; leave out --resume and --like")
    _check_flags(args)
    recipe = enqueueing.check_training(
        workspace, args.recipe, settings=args.set, folds=args.folds, device=args.device, version=args.version,
        load_torch=True,
    )  # fmt: skip
    for warning in enqueueing.warnings_of(workspace, recipe):
        print(printable(f"warning: {warning}"), file=sys.stderr)
    print(f"would train {args.recipe} ({recipe.title}), {recipe.folds.folds} folds")


def check_folds(args: argparse.Namespace) -> None:
    """Raise DataError for a number of ``--folds`` that leaves no clip out."""
    from labeling.errors import DataError

    if args.folds is not None and args.folds < 2:
        raise DataError(f"--folds {args.folds} must be at least 2: each clip is predicted by a fold that never saw it")


def stop_on_signal(interrupted: threading.Event) -> None:
    """SIGTERM and SIGINT set ``interrupted`` from now on."""
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: interrupted.set())


def finish(
    workspace: Workspace,
    run: Run,
    interrupted: threading.Event,
    processes: ProcessGroup | None = None,
    cluster: str = "",
) -> None:
    """Train a claimed run; raises DataError where it did not come to its end."""
    from labeling.errors import DataError
    from labeling.runs.execution import worker_name
    from models import worker

    ended = worker.run_job(
        workspace,
        run,
        worker_name(),
        report=progress_bar(),
        interrupted=interrupted,
        when_interrupted="stopped",
        processes=processes,
        cluster=cluster,
    )
    if ended.status != "done":
        raise DataError(f"run {ended.id} was {ended.status}; go on with `train --resume {ended.id}`")
    print(f"run {ended.id} done: " + summary(ended.metrics))


def _rerun(args: argparse.Namespace) -> None:
    from labeling.runs.execution import worker_name
    from models import enqueueing, worker
    from models.training.train_run import compare_runs

    workspace = worker.open_for_work(args.workspace)
    run = enqueueing.enqueue_repeat(
        workspace,
        args.run,
        device=args.device or "",
        worker=worker_name(),
        warn=lambda line: print(f"warning: {line}", file=sys.stderr),
    )
    interrupted = threading.Event()
    stop_on_signal(interrupted)
    print(f"run {run.id} repeats {args.run}", flush=True)
    finish(workspace, run, interrupted)
    print(f"{args.run} and {run.id}: {compare_runs(workspace, args.run, run.id)}")


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
    from labeling.log import lines
    from models import worker

    report = progress_lines() if lines.set_up() == "json" else progress_bar()
    worker.give_way(args.nice)
    cluster = cluster_of(args, must_answer=args.once)
    workspace = worker.open_for_work(args.workspace)
    count = worker.work(workspace, once=args.once, idle_exit_s=args.idle_exit, report=report, cluster=cluster)
    if not lines.is_json():
        print(f"{count} {'job' if count == 1 else 'jobs'} done")
