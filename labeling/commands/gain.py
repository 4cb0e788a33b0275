"""gain: what retraining on other labels brought."""

from __future__ import annotations

import argparse
import json
import sys

from labeling.commands.base import AddCommand, opened
from labeling.storage.text import printable


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command("gain", _gain, "What retraining on corrected labels brought, on cells that people decided.")
    parser.add_argument("--before", metavar="RUN", help="the run before (with --after; the newest pair trained alike)")
    parser.add_argument("--after", metavar="RUN", help="the run after, best trained with `models train --like BEFORE`")
    parser.add_argument(
        "--cells", metavar="WHICH", default="", help="collection or decided (collection where it can be)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the resamples (0)")
    parser.add_argument("--json", action="store_true", help="for programs")


def _gain(args: argparse.Namespace) -> None:
    from dataclasses import asdict

    from labeling import runs
    from labeling.errors import DataError
    from labeling.gain import measurement, words

    if args.seed < 0:
        raise DataError(f"--seed {args.seed} must be at least 0")
    workspace = opened(args)
    before, after = args.before, args.after
    if bool(before) != bool(after):
        raise DataError("--before and --after go together; give both, or neither for the newest pair trained alike")
    if not before:
        with workspace.read() as connection:
            pair = measurement.pair_of(runs.all_runs(connection))
        if pair is None:
            raise DataError(
                "no run was trained like an earlier one on other labels; train one (`python -m models train --like "
                "RUN`), or name two runs with --before and --after"
            )
        before, after = pair[0].id, pair[1].id
    measured = measurement.measure(workspace, before, after, scope=args.cells, seed=args.seed)
    if args.json:
        facts = asdict(measured) | {"before": before, "after": after, "outcome": measured.outcome}
        facts["per_hour"] = asdict(measured.per_hour) if measured.per_hour else None
        print(json.dumps(facts, indent=1))
        return
    for line in words.sentences(measured):
        print(printable(line))
    for metric in measured.metrics:
        interval = "" if metric.low is None else f"  ({metric.low:+.4f} to {metric.high:+.4f})"
        numbers = f"{metric.before:.4f} -> {metric.after:.4f}  gain {metric.gain:+.4f}{interval}"
        print(f"  {words.METRICS[metric.metric]:<58}  {numbers}  {metric.cells} cells")
    for kind in measured.kinds:
        print("  " + words.of_kind(kind))
    for line in words.warnings(measured):
        print(printable(f"warning: {line}"), file=sys.stderr)
