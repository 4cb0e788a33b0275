"""The command line of the models: ``python -m models --help``."""

from __future__ import annotations

import argparse
import getpass
import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


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
        if args.recipe or args.version or args.folds or args.set:
            raise DataError("--resume goes on with a run as it was started; give no recipe, version, folds or settings")
        jobs.free_dead_jobs(workspace)
        with workspace.read() as connection:
            if runs.get_run(connection, args.resume).status == "done":
                print(f"run {args.resume} is done already")
                return
        claimed = runs.claim(workspace, jobs.worker_name(), args.resume)
        if claimed is None:
            raise DataError(f"run {args.resume} is being trained by another worker; wait, or stop that one first")
        run = claimed
    else:
        if not args.recipe:
            raise DataError("name a recipe to train (see `python -m models recipes`), or a run with --resume")
        load_recipe(args.recipe, args.set)  # a mistake in it shows before anything is queued
        if args.folds is not None and args.folds < 2:
            raise DataError(
                f"--folds {args.folds} must be at least 2: each clip is predicted by a fold that never saw it"
            )
        number = args.version or versions.freeze(workspace, getpass.getuser(), f"training {args.recipe}").number
        with workspace.read() as connection:
            versions.get_version(connection, number)
        recipe = str(Path(args.recipe).resolve()) if args.recipe.endswith(".toml") else args.recipe
        run = runs.enqueue(
            workspace,
            recipe,
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
                print(f"  {code:<16} {numbers}")


def _work(args: argparse.Namespace) -> None:
    from models import jobs

    count = jobs.work(
        jobs.open_for_work(args.workspace), once=args.once, idle_exit_s=args.idle_exit, report=_progress()
    )
    print(f"{count} trainings run")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 = done, 1 = a clear message on stderr, 2 = wrong usage."""
    from labeling.errors import EarmarkError

    args = parser().parse_args(argv)
    try:
        args.action(args)
    except EarmarkError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
