"""predictions: bring the output of a model that was trained elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path

from labeling.commands.base import AddCommand, opened
from labeling.commands.ending import asked_by, checked_text
from labeling.storage.text import printable


def add(command: AddCommand) -> None:
    """Add this group's command."""
    parser = command(
        "predictions",
        _predictions,
        "Make a run of predictions made elsewhere: a table, an .npz, results of BirdNET-Analyzer, or Label Studio's.",
    )
    parser.add_argument("path", metavar="FILE", help="the file, or the folder of BirdNET-Analyzer's results")
    parser.add_argument("--reader", metavar="R", help="birdnet, labelstudio, long, npz or wide; found out by "
                        "itself when left out")  # fmt: skip
    parser.add_argument("--classes", metavar="CSV", help="their names of classes and ours: columns theirs, code")
    parser.add_argument("--add-class", action="append", default=[], metavar="NAME", help="add this class of the file, "
                        "which the workspace lacks; repeatable")  # fmt: skip
    parser.add_argument("--add-classes", type=float, metavar="P", help="add all classes that the workspace lacks and "
                        "whose highest probability is P or more")  # fmt: skip
    parser.add_argument("--folds", metavar="CSV", help="the fold that predicted each clip: columns filename, fold")
    parser.add_argument("--analysed", metavar="FILE", help="the recordings that were analysed, where the results list "
                        "detections alone: a text file, a table with a column filename, or their folder; nothing found "
                        "in one, or of a class that --classes names, is evidence of absence")  # fmt: skip
    parser.add_argument("--name", default="", metavar="TEXT", help="what to call it on the Runs page")
    unit = parser.add_mutually_exclusive_group()
    unit.add_argument("--logits", action="store_true", help="the values are logits: apply the sigmoid")
    unit.add_argument("--percent", action="store_true", help="the values are per cent: divide by 100")
    seen = parser.add_mutually_exclusive_group()
    seen.add_argument(
        "--trained-elsewhere", action="store_true", help="the model never saw these labels, as BirdNET did not"
    )
    seen.add_argument("--out-of-fold", action="store_true", help="each clip was predicted by a model that never saw it")


def _predictions(args: argparse.Namespace) -> None:
    from labeling.external import LOGIT, PERCENT, PROBABILITY
    from labeling.external.adding import Wish
    from labeling.external.importing import ImportRequest, import_predictions
    from labeling.runs.out_of_fold import CLAIMED, ELSEWHERE, UNKNOWN

    request = ImportRequest(
        Path(checked_text("FILE", args.path)),
        reader=args.reader,
        classes=Path(args.classes) if args.classes else None,
        folds=Path(args.folds) if args.folds else None,
        analysed=Path(checked_text("--analysed", args.analysed)).expanduser() if args.analysed else None,
        name=checked_text("--name", args.name),
        unit=LOGIT if args.logits else PERCENT if args.percent else PROBABILITY,
        wish=Wish(tuple(checked_text("--add-class", name) for name in args.add_class), args.add_classes),
        claim=CLAIMED if args.out_of_fold else ELSEWHERE if args.trained_elsewhere else UNKNOWN,
    )
    for line in import_predictions(opened(args), request, by=asked_by(args)).lines():
        print(printable(line))
