"""Commands that run the stages of label correction."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from labeling.commands.ending import asked_by
from labeling.storage.text import printable
from models.commands.base import AddCommand
from models.commands.training import check_folds, finish, stop_on_signal

if TYPE_CHECKING:
    from labeling.records import Run
    from labeling.workspace import Workspace

ROUND_COLUMNS = (
    "round", "run", "status", "label_version", "macro_ap", "added", "removed", "taken_back", "share", "next_version",
    "settled",
)  # fmt: skip


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    from models.correcting.stage_notes import NOTES

    parser = command("stage1", _stage1, "Add the labels that a run finds missing, as machine labels.")
    parser.epilog = NOTES["stage1"]
    parser.add_argument("run", metavar="RUN", help="whose out-of-fold predictions to read")
    parser.add_argument("--threshold", type=float, default=0.9, metavar="P", help="add above this probability (0.9)")
    parser.add_argument("--any-clip", action="store_true", help="also in clips that have several labels")
    parser.add_argument("--dry-run", action="store_true", help="count what would be added, by class; store nothing")
    parser.add_argument("--undo", action="store_true", help="take back the newest stage 1 of this run instead")
    parser.add_argument("--json", action="store_true", help="for programs")

    parser = command("stage2", _stage2, "Train on the labels with what stage 1 of a run added.")
    parser.epilog = NOTES["stage2"]
    parser.add_argument("run", metavar="RUN", help="the run that stage 1 read")
    _add_run_flags(parser, "cornell_stage2")

    parser = command("stage3", _stage3, "Train with each label only where stage 2's run hears it; average thresholds.")
    parser.epilog = NOTES["stage3"]
    parser.add_argument("run", metavar="RUN", help="the teacher, whose out-of-fold frames to read: stage 2's run")
    parser.add_argument(
        "--thresholds", type=float, nargs="+", metavar="P", help="a member takes one each (0.3 0.4 0.5 0.6 0.7)"
    )
    parser.add_argument("--members", type=int, metavar="M", help="networks a fold (one a threshold)")
    _add_run_flags(parser, "cornell_stage3")

    parser = command("iterate", _iterate, "Train, correct the labels by the predictions, train again.")
    parser.epilog = NOTES["iterate"]
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe's name, or the path of a .toml file")
    parser.add_argument("--rounds", type=int, required=True, metavar="N", help="runs after the first, at most")
    _add_run_flags(parser, "")

    parser = command("rounds", _rounds, "The rounds that a run belongs to: what each changed, and how well it did.")
    parser.add_argument("run", metavar="RUN", help="any run of the rounds")
    parser.add_argument("--csv", metavar="FILE", help="write them here instead")


def _add_run_flags(parser: argparse.ArgumentParser, recipe: str) -> None:
    if recipe:
        parser.add_argument("--recipe", default=recipe, metavar="RECIPE", help=f"a name or a .toml file ({recipe})")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting; repeatable")
    parser.add_argument("--folds", type=int, metavar="K", help="instead of the recipe's number")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where to train (auto)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be queued; store nothing")
    parser.add_argument("--train-now", action="store_true", help="train here at once instead of queueing it")


def _stage1(args: argparse.Namespace) -> None:
    from labeling import machine_labels
    from labeling.errors import DataError
    from labeling.workspace import open_workspace
    from models.correcting import stages

    workspace = open_workspace(args.workspace)
    if args.undo and args.dry_run:
        raise DataError("--undo takes labels back and --dry-run stores nothing; give one of the two")
    if args.undo:
        with workspace.read() as connection:
            stored = machine_labels.batches(connection, "stage1")
        batch = next((batch for batch in stored if batch.run_id == args.run and batch.standing), None)
        if batch is None:
            raise DataError(f"no stage 1 of run {args.run!r} stands; nothing was undone")
        undone = machine_labels.undo_machine(workspace, batch.batch_id, asked_by(args))
        print(json.dumps({"taken_back": len(undone)}) if args.json else f"{len(undone)} machine labels taken back")
        return
    report = stages.stage1(
        workspace,
        args.run,
        threshold=args.threshold,
        reviewer=asked_by(args),
        dry_run=args.dry_run,
        single_label_only=not args.any_clip,
    )
    if args.json:
        version = report.version.number if report.version else None
        print(json.dumps({**report.__dict__, "version": version}, indent=1))
        return
    print(report.text)
    for code, count in report.by_class.items():
        print(printable(f"  {code:<16} {count}"))
    if report.version:
        offer = "; take it back with --undo" if report.batch_id else ""
        print(f"label version {report.version.number}{offer}")


def _stage2(args: argparse.Namespace) -> None:
    from models.correcting import stages

    chosen = stages.stage2_settings(args.set)
    if args.dry_run:
        stages.check_added(_done_in(args), args.run)
        _say(args.recipe, chosen, args)
        return
    workspace = _open(args)
    run = stages.stage2(
        workspace,
        args.run,
        recipe=args.recipe,
        settings=args.set,
        reviewer=asked_by(args),
        folds=args.folds,
        device=args.device,
        load_torch=True,
    )
    _train_or_leave(workspace, run, args)


def _stage3(args: argparse.Namespace) -> None:
    from models.correcting import stages

    thresholds = args.thresholds or stages.THRESHOLDS
    if args.dry_run:
        chosen = stages.stage3_settings(
            args.run, args.set, recipe=args.recipe, thresholds=thresholds, members=args.members
        )
        _doubt(_done_in(args), args.run)
        _say(args.recipe, chosen, args)
        return
    workspace = _open(args)
    run = stages.stage3(
        workspace,
        args.run,
        recipe=args.recipe,
        settings=args.set,
        thresholds=thresholds,
        members=args.members,
        reviewer=asked_by(args),
        folds=args.folds,
        device=args.device,
        load_torch=True,
    )
    _doubt(workspace, args.run)
    _train_or_leave(workspace, run, args)


def _iterate(args: argparse.Namespace) -> None:
    from models.correcting import rounds

    if args.dry_run:
        _say(args.recipe, rounds.iterate_settings(args.set, args.rounds), args)
        return
    workspace = _open(args)
    first = rounds.iterate(
        workspace,
        args.recipe,
        args.rounds,
        settings=args.set,
        reviewer=asked_by(args),
        folds=args.folds,
        device=args.device,
        load_torch=True,
    )
    run: Run | None = first
    while run is not None:
        _train_or_leave(workspace, run, args)
        run = _following(workspace, run) if args.train_now else None
    if args.train_now:
        _print_rounds(workspace, first.id)


def _rounds(args: argparse.Namespace) -> None:
    from labeling.workspace import open_workspace

    workspace = open_workspace(args.workspace)
    if args.csv:
        from labeling.storage.csvsafe import csv_bytes
        from labeling.storage.files import write_atomically
        from models.correcting.rounds import rounds_of

        rows = [tuple("" if value is None else value for value in round_.__dict__.values())
                for round_ in rounds_of(workspace, args.run)]  # fmt: skip
        write_atomically(Path(args.csv), csv_bytes(ROUND_COLUMNS, rows))
        print(f"{len(rows)} rounds written to {args.csv}")
        return
    _print_rounds(workspace, args.run)


def _print_rounds(workspace: Workspace, run_id: str) -> None:
    from models.correcting.rounds import rounds_of

    rounds = rounds_of(workspace, run_id)
    print("round  run                      labels  macro-AP  added  removed  taken back  changed")
    for round_ in rounds:
        macro_ap = "-" if round_.macro_ap is None else f"{round_.macro_ap:.3f}"
        share = (
            round_.status if round_.share is None else f"{round_.share:.2%}" + (", settled" if round_.settled else "")
        )
        print(
            f"{round_.number:>5}  {round_.run_id:<24} {round_.label_version:>6}  {macro_ap:>8}  {round_.added:>5}  "
            f"{round_.removed:>7}  {round_.taken_back:>10}  {share}"
        )


def _done_in(args: argparse.Namespace) -> Workspace:
    """The workspace; raises DataError where the run is not in it, or has no predictions."""
    from labeling.workspace import open_workspace
    from models.combining.evaluation import done_run

    workspace = open_workspace(args.workspace)
    with workspace.read() as connection:
        done_run(connection, args.run)
    return workspace


def _doubt(workspace: Workspace, run_id: str) -> None:
    """Warn where stage 3 reads the frames of another run than the source's."""
    from models.correcting import stages

    if doubt := stages.doubt_of_teacher(workspace, run_id):
        print(printable(f"warning: {doubt}"), file=sys.stderr)


def _say(recipe: str, settings: tuple[str, ...], args: argparse.Namespace) -> None:
    """What would be queued; a mistake in it is an error as it would be then."""
    from models.config import load_recipe

    folds = [] if args.folds is None else [f"folds.folds={args.folds}"]
    loaded = load_recipe(recipe, [*settings, *folds])
    print(f"would queue {recipe} ({loaded.title}), {loaded.folds.folds} folds, with")
    for setting in settings:
        print(printable(f"  {setting}"))


def _open(args: argparse.Namespace) -> Workspace:
    from models import worker

    check_folds(args)
    return worker.open_for_work(args.workspace)


def _train_or_leave(workspace: Workspace, run: Run, args: argparse.Namespace) -> None:
    """Train a queued run here, or say who will."""
    from labeling import runs
    from labeling.errors import DataError
    from labeling.runs.execution import worker_name

    if not args.train_now:
        print(f"run {run.id} on label version {run.label_version} is queued; `python -m models work` trains it")
        return
    claimed = runs.claim(workspace, worker_name(), run.id)
    if claimed is None:
        raise DataError(f"run {run.id} is being trained by another worker; see `python -m models runs`")
    interrupted = threading.Event()
    stop_on_signal(interrupted)
    print(f"run {run.id} on label version {run.label_version}", flush=True)
    finish(workspace, claimed, interrupted)


def _following(workspace: Workspace, run: Run) -> Run | None:
    """The run that was queued after this one, or None where the rounds are over."""
    from labeling import runs
    from models.correcting.rounds import rounds_of

    later = [round_.run_id for round_ in rounds_of(workspace, run.id) if round_.status == "queued"]
    with workspace.read() as connection:
        return runs.get_run(connection, later[0]) if later else None
