"""predictions: bring the output of a model that was trained elsewhere."""

from __future__ import annotations

import argparse

from labeling.commands.base import AddCommand, opened
from labeling.commands.ending import checked_text
from labeling.storage.text import printable, user_name


def add(command: AddCommand) -> None:
    """Add this group's command."""
    one = command(
        "predictions",
        _predictions,
        "Make a run of predictions made elsewhere: a table, an .npz, or BirdNET-Analyzer's results.",
    )
    one.add_argument("path", metavar="FILE", help="the file, or the folder of BirdNET-Analyzer's results")
    one.add_argument("--reader", metavar="R", help="birdnet, long, npz or wide; found out by itself when left out")
    one.add_argument("--classes", metavar="CSV", help="their names of classes and ours: columns theirs, code")
    one.add_argument("--folds", metavar="CSV", help="the fold that predicted each clip: columns filename, fold")
    one.add_argument("--name", default="", metavar="TEXT", help="what to call it on the Runs page")
    unit = one.add_mutually_exclusive_group()
    unit.add_argument("--logits", action="store_true", help="the values are logits: apply the sigmoid")
    unit.add_argument("--percent", action="store_true", help="the values are per cent: divide by 100")
    seen = one.add_mutually_exclusive_group()
    seen.add_argument(
        "--trained-elsewhere", action="store_true", help="the model never saw these labels, as BirdNET did not"
    )
    seen.add_argument("--out-of-fold", action="store_true", help="each clip was predicted by a model that never saw it")


def _predictions(args: argparse.Namespace) -> None:
    from labeling.external import LOGIT, PERCENT, PROBABILITY
    from labeling.external.importing import import_predictions

    report = import_predictions(
        opened(args),
        checked_text("FILE", args.path),
        reader=args.reader,
        classes=args.classes,
        folds=args.folds,
        name=checked_text("--name", args.name),
        unit=LOGIT if args.logits else PERCENT if args.percent else PROBABILITY,
        claimed=args.out_of_fold,
        elsewhere=args.trained_elsewhere,
        by=user_name(),
    )
    for line in report.lines():
        print(printable(line))
