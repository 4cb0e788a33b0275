"""Commands that combine several runs, and that say how labels go wrong."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labeling.storage.text import printable
from models.commands.base import AddCommand, progress_bar, summary

if TYPE_CHECKING:
    from models.combining.request import Combination

POST_HELP = (
    "post-processors, commas between them: cooccurrence (classes listed together), place_date (near by, then), "
    "elevation (as high)"
)
STACK_TEXT = (
    "A logistic model over the runs' out-of-fold predictions, cross-fitted over the folds; it becomes a run. The "
    "source of --noisy reports no gain: 0.8991 with the flag, 0.8997 without."
)
NOISE_TEXT = (
    "A classifier of wrong labels learned from your decisions, and P(given | true) by class. The source's own "
    "classifier reached a precision of 22 % out of fold and was given up; so was laying the error distribution over "
    "predictions (`evaluate --errors`): accuracy fell from 0.8924 to 0.8335, to 0.8870 where only flagged images were "
    "changed, and the leaderboard from 0.895 to 0.894."
)


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command("ensemble", _ensemble, "Average runs, or let them vote; the result is a run like any other.")
    _add_common(parser)
    parser.add_argument(
        "--weights", default="equal", metavar="W", help="equal, fitted, or one a run as in 0.6,0.4 (equal)"
    )
    parser.add_argument(
        "--objective", default="log_loss", choices=("log_loss", "macro_ap"), help="what fitted weights fit (log_loss)"
    )
    parser.add_argument("--vote", type=int, default=0, metavar="K", help="a hard vote; present where K runs agree")
    parser.add_argument(
        "--threshold", type=float, default=0.5, metavar="P", help="a run's vote: clipwise P or more (0.5)"
    )
    parser.add_argument(
        "--frame-threshold", type=float, default=0.0, metavar="P", help="and a frame of P or more (0: none needed)"
    )

    parser = command("stack", _stack, "Stack runs: a model fitted over their predictions; it becomes a run too.")
    parser.description = STACK_TEXT
    _add_common(parser)
    parser.add_argument("--per-class", action="store_true", help="classes with enough labels get a model of their own")
    parser.add_argument(
        "--noisy", action="store_true", help="with the noise classifier's view of the cell (no gain known)"
    )

    parser = command("noise", _noise, "How labels go wrong, learned from decisions and predictions.")
    parser.description = NOISE_TEXT
    parser.add_argument("--run", required=True, metavar="RUN", help="whose predictions to learn from")
    parser.add_argument("--json", action="store_true", help="for programs")


def add_evaluate_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of ``evaluate`` that this group's modules serve: ``--post``, ``--strength``, ``--errors``."""
    parser.add_argument("--post", default="", metavar="NAMES", help=POST_HELP)
    parser.add_argument("--strength", type=float, default=1.0, metavar="S", help="scales the post-processors (1)")
    parser.add_argument(
        "--errors", action="store_true",
        help="also times the error distribution (its source gave it up: 0.8924 became 0.8335)",
    )  # fmt: skip


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="runs that are done; clips and classes in common count")
    parser.add_argument("--post", default="", metavar="NAMES", help=POST_HELP)
    parser.add_argument("--strength", type=float, default=1.0, metavar="S", help="scales the post-processors (1)")
    parser.add_argument("--version", type=int, metavar="N", help="label version to fit and measure (the runs' newest)")
    parser.add_argument("--queue", action="store_true", help="leave it to a worker (`python -m models work`)")


def check_strength(args: argparse.Namespace) -> None:
    """Raise ConfigError where there is nothing that ``--strength`` could scale."""
    from labeling.errors import ConfigError

    if args.strength != 1 and not words(args.post):
        raise ConfigError(f"--strength {args.strength:g} scales post-processors; add --post NAMES, or leave it out")


def words(text: str) -> tuple[str, ...]:
    """The names in a list with commas."""
    return tuple(filter(None, (word.strip() for word in text.split(","))))


def _ensemble(args: argparse.Namespace) -> None:
    from labeling.errors import ConfigError
    from models.combining.request import ENSEMBLE, Combination

    if not args.vote and (args.threshold != 0.5 or args.frame_threshold):
        raise ConfigError("--threshold and --frame-threshold are for votes; add --vote K, or leave them out")
    if args.weights != "fitted" and args.objective != "log_loss":
        raise ConfigError(f"--objective {args.objective} is what --weights fitted fits; add that, or leave it out")
    asked = Combination(
        ENSEMBLE,
        tuple(args.runs),
        weights=args.weights,
        objective=args.objective,
        vote=args.vote,
        threshold=args.threshold,
        frame_threshold=args.frame_threshold,
        post=words(args.post),
        strength=args.strength,
    )
    _start(args, asked)


def _stack(args: argparse.Namespace) -> None:
    from models.combining.request import STACK, Combination

    asked = Combination(
        STACK,
        tuple(args.runs),
        per_class=args.per_class,
        noisy=args.noisy,
        post=words(args.post),
        strength=args.strength,
    )
    _start(args, asked)


def _start(args: argparse.Namespace, asked: Combination) -> None:
    from labeling.errors import DataError
    from labeling.runs import run_folder
    from labeling.runs.execution import worker_name
    from models import worker
    from models.combining import request

    check_strength(args)
    workspace = worker.open_for_work(args.workspace)
    name = "" if args.queue else worker_name()
    run = request.enqueue(workspace, asked, version=args.version, worker=name)
    if args.queue:
        print(f"run {run.id} waits for a worker")
        return
    ended = worker.run_job(workspace, run, name, report=progress_bar())
    if ended.status != "done":
        raise DataError(f"run {ended.id} was {ended.status}; combine the runs again")
    folder = workspace.run_dir(run.id)
    facts, metrics = run_folder.facts(folder), run_folder.metrics(folder)
    for line in _lines(facts, metrics):
        print(printable(line))
    print(f"run {ended.id} done: " + summary(ended.metrics))


def _lines(facts: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[str]:
    """What a combination found, in words: its members, their weights, and what was gained."""
    lines = []
    for row in facts.get("members", ()):
        weight = row.get("weight")
        weight_text = "" if weight is None else f"weight {weight:.3f}, "
        lines.append(f"  {row['run']:<24} {weight_text}{summary(metrics['members'][row['run']])}")
    gain = metrics.get("weights")
    if gain:
        lines.append(
            f"  {gain['objective']} ({gain['better']} is better): equal weights {_number(gain['equal'])}, fitted "
            f"{_number(gain['fitted'])} on folds not fitted on, {_number(gain['fitted_in_sample'])} in sample"
        )
    vote = metrics.get("vote")
    if vote:
        figures = ", ".join(f"{name} {_number(vote[name])}" for name in ("precision", "recall", "micro_f1"))
        lines.append(f"  present where {vote['votes']} or more agree: {figures}")
    for key, caption in (
        ("equal_weights", "plain average instead"),
        ("without_is_noisy", "without is_noisy"),
        ("without_post", "before post-processing"),
    ):
        if key in metrics:
            lines.append(f"  {caption}: {summary(metrics[key])}")
    if "noise_classifier" in metrics:
        lines.append("  " + _noise_line(metrics["noise_classifier"]))
    return lines


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def _noise_line(report: Mapping[str, Any]) -> str:
    return (
        f"noise classifier, out of fold on {report['decisions']} decisions ({report['wrong']} wrong): precision "
        f"{_number(report['precision'])}, recall {_number(report['recall'])}, average precision "
        f"{_number(report['average_precision'])}; the source reached a precision of "
        f"{report['precision_of_the_source']:.2f}"
    )


def _noise(args: argparse.Namespace) -> None:
    from labeling.workspace import open_workspace
    from models.combining.noise_report import noise_report

    report = noise_report(open_workspace(args.workspace), args.run)
    if args.json:
        print(json.dumps(report, indent=1))
        return
    classifier = report["classifier"]
    print(_noise_line(classifier) if "decisions" in classifier else classifier["refused"])
    print(f"{'class':<16} {'missing':>9} {'spurious':>9} {'decided':>8}  given instead, where it is the primary")
    for code, row in report["per_class"].items():
        other = ", ".join(f"{given} {share:.2f}" for given, share in row["given_instead"].items())
        print(printable(f"{code:<16} {row['miss']:>9.4f} {row['spurious']:>9.4f} {row['decided']:>8}  {other}"))
    print(report["verdict"])
