"""The command line of the models: ``python -m models --help``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeling.commandline import printable, run_command, user_name

if TYPE_CHECKING:
    from labeling.records import Run
    from labeling.workspace import Workspace


def parser() -> argparse.ArgumentParser:
    """All commands and their flags."""
    top = argparse.ArgumentParser(
        prog="python -m models", description="Train K folds on a label version, evaluate, work through the queue."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, action: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(action=action)
        if name != "recipes":
            one.add_argument("--workspace", "-w", required=True, metavar="W", help="the workspace's folder")
        return one

    command("recipes", _recipes, "List the recipes.")

    one = command("train", _train, "Train a recipe's folds, predict out-of-fold, score the suspects.")
    one.add_argument("recipe", metavar="RECIPE", nargs="?", help="a recipe's name, or the path of a .toml file")
    one.add_argument("--folds", type=int, metavar="K", help="instead of the recipe's number")
    one.add_argument("--version", type=int, metavar="N", help="a label version (the labels now, frozen)")
    one.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where to train (auto)")
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting; repeatable")
    one.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped, failed or killed")

    one = command("runs", _runs, "List the runs.")
    one.add_argument("--json", action="store_true", help="for programs")

    one = command("evaluate", _evaluate, "Metrics of a run's out-of-fold predictions.")
    one.add_argument("--run", required=True, metavar="RUN")
    one.add_argument("--truth", metavar="FILE", help="a CSV of true labels: filename, and labels (';' between them)")
    one.add_argument("--json", action="store_true", help="for programs")

    one = command("work", _work, "Run queued trainings as they come.")
    one.add_argument("--once", action="store_true", help="end when the queue is empty")
    one.add_argument("--idle-exit", type=float, metavar="S", help="end after so many seconds without a job")
    return top


def _recipes(args: argparse.Namespace) -> None:
    from models.config import load_recipe, recipe_names

    for name in recipe_names():
        recipe = load_recipe(name)
        print(f"{name:<12} {recipe.title}\n{'':<12} {recipe.source}")


def _train(args: argparse.Namespace) -> None:
    from labeling import runs, versions
    from labeling.errors import DataError
    from models import jobs
    from models.config import load_recipe

    workspace = jobs.open_for_work(args.workspace)
    if args.resume:
        claimed = _resumed(workspace, args)
        if claimed is None:
            print(f"run {args.resume} is done already")
            return
        run = claimed
    else:
        if not args.recipe:
            raise DataError("name a recipe to train (see `python -m models recipes`), or a run with --resume")
        if args.folds is not None and args.folds < 2:
            raise DataError(
                f"--folds {args.folds} must be at least 2: each clip is predicted by a fold that never saw it"
            )
        folds = [] if args.folds is None else [f"folds.folds={args.folds}"]
        load_recipe(args.recipe, [*args.set, *folds])  # a mistake in it shows before anything is queued
        number = args.version
        if number is None:
            number = versions.freeze(workspace, user_name(), f"training {args.recipe}").number
        with workspace.read() as connection:
            versions.get_version(connection, number)
        run = runs.enqueue(
            workspace,
            _recipe_name(args.recipe),
            number,
            settings=args.set,
            folds=args.folds,
            device=args.device,
            worker=jobs.worker_name(),
        )
    interrupted = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: interrupted.set())
    print(f"run {run.id} on label version {run.label_version}", flush=True)
    ended = jobs.run_job(
        workspace,
        run,
        jobs.worker_name(),
        report=_progress(),
        interrupted=interrupted,
        when_interrupted="stopped",
    )
    if ended.status != "done":
        raise DataError(f"run {ended.id} was {ended.status}; go on with --resume {ended.id}")
    print(f"run {ended.id} done: " + _summary(ended.metrics))


def _recipe_name(given: str) -> str:
    """As a run keeps it: a file by its whole path."""
    return str(Path(given).resolve()) if given.endswith(".toml") else given


def _resumed(workspace: Workspace, args: argparse.Namespace) -> Run | None:
    """The run to go on with, claimed; None where it is done and whole. What else is given must be the run's own."""
    from dataclasses import replace

    from labeling import runs
    from labeling.errors import ArtefactError, DataError
    from labeling.predictions import read_oof
    from models import jobs

    jobs.free_dead_jobs(workspace)
    with workspace.read() as connection:
        run = runs.get_run(connection, args.resume)
    given = {
        "RECIPE": (_recipe_name(args.recipe) if args.recipe else None, run.recipe),
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
    claimed = runs.claim(workspace, jobs.worker_name(), run.id)
    if claimed is None:
        raise DataError(f"run {run.id} is being trained by another worker; wait, or stop that one first")
    return claimed if args.device == "auto" else replace(claimed, device=args.device)


def _summary(metrics: Mapping[str, Any]) -> str:
    names = {
        "macro_ap": "macro-AP",
        "macro_auc": "macro-AUC",
        "lwlrap": "lwlrap",
        "macro_f1": "macro F1",
        "micro_f1": "micro F1",
    }
    return ", ".join(
        f"{text} {metrics[key]:.3f}" for key, text in names.items() if isinstance(metrics.get(key), int | float)
    )


def _progress() -> Callable[[Mapping[str, Any]], None]:
    """A bar on a terminal; elsewhere one line as each fold begins."""
    from tqdm import tqdm

    bar = tqdm(total=100, unit="%", disable=None, leave=False, bar_format="{desc} {bar} {n:.0f}% {postfix}")
    seen: set[tuple[Any, Any]] = set()

    def show(progress: Mapping[str, Any]) -> None:
        key = (progress.get("phase"), progress.get("fold"))
        where = f"fold {progress.get('fold')}/{progress.get('folds')}" if progress.get("fold") else ""
        if bar.disable and key not in seen:
            seen.add(key)
            print(f"{progress.get('phase', '')} {where}".strip(), flush=True)
        if progress.get("warning"):
            bar.write(printable(f"warning: {progress['warning']}"), file=sys.stderr)
        epoch = f" epoch {progress['epoch']}/{progress.get('epochs')}" if progress.get("epoch") else ""
        bar.set_description_str(f"{progress.get('phase', '')} {where}{epoch}", refresh=False)
        eta = progress.get("eta_s")
        bar.set_postfix_str(f"{eta / 60:.0f} min left" if eta and eta > 90 else f"{eta:.0f} s left" if eta else "")
        bar.n = 100 * float(progress.get("fraction") or 0)
        bar.refresh()
        if progress.get("phase") == "done":
            bar.close()

    return show


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
        print(f"{run.id:<24} {run.status:<8} label version {run.label_version:<4} {_summary(run.metrics)}{run.error}")
    if not every_run:
        print("no runs yet")


def _evaluate(args: argparse.Namespace) -> None:
    from labeling.workspace import open_workspace
    from models.evaluation import evaluate_run

    result = evaluate_run(open_workspace(args.workspace), args.run, Path(args.truth) if args.truth else None)
    if args.json:
        print(json.dumps(result, indent=1))
        return
    for name in ("labels", "truth"):
        if name in result:
            part = result[name]
            print(f"against the {name}: {_summary(part['overall'])}")
            for code, row in part["per_class"].items():
                numbers = "  ".join(
                    f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
                )
                print(printable(f"  {code:<16} {numbers}"))


def _work(args: argparse.Namespace) -> None:
    from models import jobs

    count = jobs.work(
        jobs.open_for_work(args.workspace), once=args.once, idle_exit_s=args.idle_exit, report=_progress()
    )
    print(f"{count} trainings run")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 = done, 1 = a clear message on stderr, 2 = wrong usage."""
    return run_command(parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
