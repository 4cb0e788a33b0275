"""Commands that predict sound outside the collection."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from labeling.storage.text import printable
from models.commands.base import AddCommand, add_cluster_flag, cluster_of, progress_bar


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command("predict", _predict, "Predict recordings of any length with a run, also an ensemble or a stack.")
    parser.add_argument("run", metavar="RUN", help="the run whose networks predict; a combination's members in turn")
    parser.add_argument("--audio", nargs="+", required=True, metavar="PATH", help="files, folders, patterns or URLs")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the tables")
    parser.add_argument("--segment", type=float, default=5.0, metavar="S", help="seconds a row of the CSV (5)")
    parser.add_argument(
        "--threshold",
        default="per_class",
        metavar="RULE",
        help="what counts as an event: per_class (each class's best F1 out of fold), a number or global (one for "
        "all), quantile:Q, clip_and_frame:CLIP,FRAME or two:LONG,SHORT (per_class)",
    )
    parser.add_argument("--classes", metavar="A,B", help="only these classes")
    parser.add_argument(
        "--merge-gap", type=float, default=0.5, metavar="S", help="events closer than this are one (0.5)"
    )
    parser.add_argument(
        "--shortest", type=float, default=0.1, metavar="S", help="events shorter than this are none (0.1)"
    )
    parser.add_argument("--post", metavar="A,B", help="post-processors, such as cooccurrence, place_date, elevation")
    parser.add_argument("--strength", type=float, default=1.0, metavar="S", help="scales the post-processors (1)")
    parser.add_argument("--about", metavar="CSV", help="filename, latitude, longitude, date of recordings, for --post")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where to compute (auto)")
    parser.add_argument("--overwrite", action="store_true", help="predict recordings again that are done")
    add_cluster_flag(parser, "predict the recordings")


def _predict(args: argparse.Namespace) -> None:
    from labeling.errors import DataError
    from labeling.workspace import open_workspace
    from models.prediction.sources import BatchSettings, count_in_collection, sources_of
    from models.prediction.tables import Summary, begin_folder, undone

    settings = BatchSettings(
        segment_s=args.segment,
        threshold=args.threshold,
        classes=None if args.classes is None else _names(args.classes),
        merge_gap_s=args.merge_gap,
        shortest_s=args.shortest,
        post=_names(args.post or ""),
        strength=args.strength,
        about=Path(args.about) if args.about else None,
        device=args.device,
    )
    cluster = cluster_of(args)
    sources = sources_of(args.audio)
    workspace = open_workspace(args.workspace)
    from models.linear.recordings import load_for
    from models.prediction.batch import Predicting, load_batch, predict_batch

    predicting: Predicting = predict_batch
    if cluster:
        from models.cluster.recordings import predict_on

        predicting = predict_on(workspace, cluster, args.device)
        settings = replace(settings, device="cpu")  # what is loaded here only tells what does not fit
    batch = load_batch(workspace, args.run, settings, load_for(workspace))
    for line in batch.lines():
        print(printable(line))
    if seen := count_in_collection(workspace, sources):
        _warn(
            f"{seen} of {len(sources)} recordings are clips of the collection, which these networks were trained on: "
            "their probabilities are too good; use the run's out-of-fold predictions for them"
        )

    out = Path(args.out)
    begin_folder(out, batch.facts(), args.overwrite)
    summary = Summary(out)
    if summary.warning:
        _warn(summary.warning)
    todo = undone(sources, out, args.overwrite)
    if len(todo) < len(sources):
        print(f"{len(sources) - len(todo)} recordings were done before; --overwrite predicts them again")
    failed = predicting(batch, todo, out, summary, progress_bar())
    if failed:
        print(f"{failed} of {len(todo)} recordings could not be read; the reasons are in {summary.file}",
              file=sys.stderr)  # fmt: skip
        if failed == len(sources):
            raise DataError(f"no recording could be read; the first: {summary.first_reason()}")
    print(f"{len(todo) - failed} recordings predicted into {out}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _warn(text: str) -> None:
    print(printable(f"warning: {text}"), file=sys.stderr)
