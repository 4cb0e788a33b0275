"""replay: what each order of the queue would find, by a simulated reviewer against a known truth."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeling.commands.base import AddCommand, opened
from labeling.commands.ending import ended_tidily
from labeling.storage.text import printable

if TYPE_CHECKING:
    from labeling.replay.jobs import StoredReplay
    from labeling.replay.learning import LearningPlan
    from labeling.replay.reviewer import SimulatedReviewer
    from labeling.replay.simulation import Plan
    from labeling.runs.execution import Report

USUAL_ERROR = 0.05


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    text = "A simulated reviewer works through the queue against a known truth: errors found against decisions made."
    parser = command("replay", _replay, text)
    parser.add_argument("--truth", required=True, metavar="FILE", help="truth_labels.csv (filename, labels) or "
                        "truth_noise.csv (filename, label: the wrong cells)")  # fmt: skip
    parser.add_argument("--run", default="", metavar="RUN", help="which run's suspects (the newest that is done)")
    parser.add_argument("--scorer", action="append", default=[], metavar="NAME", help="those that the run was scored "
                        "by; repeatable")  # fmt: skip
    parser.add_argument("--order", action="append", default=[], metavar="NAME", help="an order of the queue (likely, "
                        "worth, uncertain, audit); repeatable")  # fmt: skip
    parser.add_argument("--decisions", type=int, metavar="N", help="stop after so many (all, up to 20000)")
    parser.add_argument("--step", type=int, metavar="N", help="decisions between two readings of the list, each of "
                        "which learns from all verdicts so far (200 steps, at least 20)")  # fmt: skip
    parser.add_argument("--reviewer-error", type=float, default=USUAL_ERROR, metavar="P", help="share of answers that "
                        "are wrong (0.05)")  # fmt: skip
    parser.add_argument("--miss", type=float, metavar="P", help="of wrong labels, let stand (as --reviewer-error)")
    parser.add_argument("--false-alarm", type=float, metavar="P", help="of right labels, changed (as --reviewer-error)")
    parser.add_argument("--unsure", type=float, default=0.0, metavar="P", help="share of cells answered unsure (0)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another seed, another reviewer (0)")
    parser.add_argument("--ask-again", action="store_true", help="verdicts that the evidence speaks against are asked "
                        "once more, as on the review page; another slip is as likely as the first")  # fmt: skip
    parser.add_argument("--retrain", type=int, metavar="ROUNDS", help="train so often on the way, on a copy")
    parser.add_argument("--recipe", default="", metavar="NAME", help="what --retrain trains")
    parser.add_argument("--every", type=int, metavar="N", help="decisions from one --retrain round to the next")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the recipe; repeatable")
    parser.add_argument("--folds", type=int, metavar="K", help="instead of the recipe's number")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where to train (auto)")
    parser.add_argument("--learn", default="", metavar="SPACE", help="no queue: hide labels, and ask as `next` does, "
                        "by a head on this space; --order is of hybrid, uncertain, varied, random")  # fmt: skip
    parser.add_argument("--hidden", type=float, metavar="P", help="with --learn: share of clips without labels (0.9)")
    parser.add_argument("--held-out", type=float, metavar="P", help="with --learn: share of clips that measure (0.3)")
    parser.add_argument("--csv", metavar="FILE", help="write the curves there as well")
    parser.add_argument("--name", default="", metavar="NAME", help="to keep it under (the next number)")
    parser.add_argument("--queue", action="store_true", help="leave it to a worker: `python -m models work`")
    parser.epilog = (
        "The workspace's own journal is only read: decisions and trainings go to a copy that is thrown away. A replay "
        "is a job like a training; its curves are kept in W/replays/ and shown on the Label quality page."
    )


def _replay(args: argparse.Namespace) -> None:
    from labeling.errors import DataError
    from labeling.replay import jobs
    from labeling.runs.execution import worker_name
    from labeling.storage.files import write_atomically

    plan = _learning_plan(args) if args.learn else _plan(args)
    if args.csv and Path(args.csv).is_dir():
        raise DataError(f"--csv {args.csv} is a folder; name a file")
    workspace = opened(args)
    job = jobs.enqueue(workspace, plan, args.name, worker="" if args.queue else worker_name())
    name = jobs.name_of(job)
    if args.queue:
        print(f"replay {name} is queued; `python -m models work` does what is queued, and the app does so by itself")
        return
    with ended_tidily(), _bar() as show:
        ended = jobs.run_replay(workspace, job, worker_name(), report=show)
    stored = jobs.get(workspace, name)
    if stored is None or ended.status != "done":
        raise DataError(f"replay {name} was {ended.status}")
    (_print_learned if stored.learns else _print)(stored)
    print(f"kept as replay {name} in {workspace.root / jobs.FOLDER}")
    if args.csv:
        write_atomically(Path(args.csv), jobs.csv_of(workspace, name))
        print(f"curves written to {args.csv}")


def _plan(args: argparse.Namespace) -> Plan:
    """What the flags ask for; raises DataError for one that is out of bounds or lacks another."""
    from labeling.commands.ending import checked_text
    from labeling.errors import DataError
    from labeling.replay.simulation import USUAL_ORDERS, Plan
    from labeling.replay.training import Retraining

    for flag in ("hidden", "held_out"):
        if getattr(args, flag) is not None:
            raise DataError(f"--{flag.replace('_', '-')} says what is learned from; add --learn SPACE")
    reviewer = _reviewer(args)
    training = None
    if args.retrain is not None:
        if args.every is None:
            raise DataError("--retrain needs --every N: how many decisions lie between two trainings")
        training = Retraining(args.retrain, args.recipe, args.every, tuple(args.set), args.folds, args.device)
    elif args.recipe or args.every is not None or args.set or args.folds is not None:
        raise DataError("--recipe, --every, --set and --folds say how to retrain; add --retrain ROUNDS")
    return Plan(
        truth=Path(checked_text("--truth", args.truth)),
        run_id=args.run,
        scorers=tuple(dict.fromkeys(args.scorer)),
        orders=tuple(dict.fromkeys(args.order)) or USUAL_ORDERS,
        reviewer=reviewer,
        decisions=args.decisions,
        every=args.step,
        retraining=training,
        ask_again=args.ask_again,
    )


def _reviewer(args: argparse.Namespace) -> SimulatedReviewer:
    from labeling.errors import DataError
    from labeling.replay.reviewer import MOST_ERROR, SimulatedReviewer

    for flag in ("reviewer_error", "miss", "false_alarm", "unsure"):
        value = getattr(args, flag)
        if value is not None and not 0 <= value <= MOST_ERROR:
            raise DataError(f"--{flag.replace('_', '-')} {value:g} is outside 0 to {MOST_ERROR:g}; give a share")
    return SimulatedReviewer(
        miss=args.reviewer_error if args.miss is None else args.miss,
        false_alarm=args.reviewer_error if args.false_alarm is None else args.false_alarm,
        unsure=args.unsure,
        seed=args.seed,
    )


def _learning_plan(args: argparse.Namespace) -> LearningPlan:
    """The plan of hiding labels, which each order of `labeling.active` asks for."""
    from labeling.active.orders import ORDERS
    from labeling.commands.ending import checked_text
    from labeling.errors import DataError
    from labeling.replay.learning import LearningPlan

    for flag, usual in (("run", ""), ("scorer", []), ("ask_again", False), ("retrain", None), ("recipe", ""),
                        ("every", None), ("set", []), ("folds", None)):  # fmt: skip
        if getattr(args, flag) != usual:
            raise DataError(f"--{flag.replace('_', '-')} is of the queue of a run, which --learn does without")
    return LearningPlan(
        truth=Path(checked_text("--truth", args.truth)),
        space=checked_text("--learn", args.learn),
        orders=tuple(dict.fromkeys(args.order)) or tuple(ORDERS),
        hidden=0.9 if args.hidden is None else args.hidden,
        held_out=0.3 if args.held_out is None else args.held_out,
        decisions=args.decisions,
        every=20 if args.step is None else args.step,
        seed=args.seed,
        reviewer=_reviewer(args),
    )


def _print_learned(replay: StoredReplay) -> None:
    facts = replay.facts
    print(
        f"macro average precision on {facts['held_out_clips']} clips that were held out; of {facts['cells']} other "
        f"labels {facts['kept']} were known; the head learned anew after each {replay.asked['every']} decisions"
    )
    print(f"with all labels: {facts['all_true']:.3f} as they truly are, {facts['all_imported']:.3f} as imported")
    if facts["unknown"]:
        print(printable(f"labels of the truth that are no class here: {', '.join(facts['unknown'][:5])}"))
    print(f"{'order':<12} {'at first':>9} {'2.3 %':>7} {'8 %':>7} {'last':>7} {'decisions':>10}")
    for curve in replay.curves:
        part = " ".join(f"{'-' if value is None else f'{value:.3f}':>7}" for value in curve["at"].values())
        last = f"{curve['macro_ap'][-1]:>7.3f} {curve['decisions'][-1]:>10}"
        print(f"{curve['order']:<12} {curve['macro_ap'][0]:>9.3f} {part} {last}")


@contextmanager
def _bar() -> Iterator[Report]:
    """A bar on a terminal, silence elsewhere."""
    from tqdm import tqdm

    with tqdm(unit=" decisions", disable=None, leave=False) as bar:

        def show(progress: Mapping[str, Any]) -> None:
            bar.total = progress["total"]
            bar.set_description_str(progress["phase"], refresh=False)
            bar.update(progress["done"] - bar.n)

        yield show


def _print(replay: StoredReplay) -> None:
    """A line a curve: decisions to find half and nine tenths of the errors, and what the first so many find."""
    facts = replay.facts
    print(
        f"run {facts['run_id']}: {facts['errors']} wrong labels, {facts['reachable']} of them among the "
        f"{facts['cells']} suspects; this reviewer would put {facts['catches']} right. {facts['horizon']} decisions, "
        f"the list read anew every {facts['every']}."
    )
    if unknown := facts["unknown"]:
        more = ", ..." if len(unknown) > 5 else ""
        print(printable(f"{len(unknown)} labels of the truth are no class here: {', '.join(unknown[:5])}{more}"))
    first = f"first {facts['errors']}"
    print(
        f"{'scorer':<18} {'order':<14} {'50 %':>7} {'90 %':>7} {'90 %, h':>8} {first:>12} {'area':>6} {'spoiled':>8} "
        f"{'missed':>7} {'again':>6}"
    )
    for curve in replay.curves:
        summary = curve["summary"]
        half, most = (str(summary[key] or "-") for key in ("decisions_50", "decisions_90"))
        hours = "-" if summary["seconds_90"] is None else f"{summary['seconds_90'] / 3600:.2f}"
        print(
            f"{curve['scorer'] or '-':<18} {curve['order']:<14} {half:>7} {most:>7} {hours:>8} "
            f"{summary['in_first_n']:>12.1f} {summary['area']:>6.3f} {summary['spoiled']:>8.0f} "
            f"{summary.get('missed', 0):>7} {summary.get('again', 0):>6}"
        )
