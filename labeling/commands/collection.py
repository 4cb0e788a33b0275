"""import, demo, status: a collection comes in, and where it stands."""

from __future__ import annotations

import argparse
import json

from labeling.commands.base import AddCommand, opened, progress_bar


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command("import", _import, "Bring in a collection: a table and the audio that it names.")
    parser.add_argument("path", metavar="PATH", help="the collection's folder, or its table")
    parser.add_argument("--format", metavar="F", help="birdclef, esc50 or table; found out by itself when left out")
    parser.add_argument("--audio", metavar="DIR", help="folder or URL of the audio, where it is not beside the table")
    for flag, text in (
        ("path-column", "column with the audio file's name"),
        ("label-column", "column with one label"),
        ("labels-column", "column with several labels"),
        ("separator", "what parts the labels of a labels column"),
        ("group-column", "column that must not be split between folds: recordist, site"),
        ("fold-column", "column with a fold"),
    ):
        parser.add_argument(f"--{flag}", metavar="X", help=f"table only: {text}")

    parser = command("demo", _demo, "Make a small synthesised collection with planted label errors, and import it.")
    parser.add_argument("--clips", type=int, default=160, metavar="N", help="how many clips (160)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another seed, another collection (0)")

    parser = command("status", _status, "Where the collection stands.")
    parser.add_argument("--json", action="store_true", help="for programs")


def _import(args: argparse.Namespace) -> None:
    from labeling.collection.importing import import_collection

    names = ("path_column", "label_column", "labels_column", "separator", "group_column", "fold_column")
    options = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    workspace = opened(args, create=True)
    report = import_collection(
        workspace, args.path, format=args.format, audio=args.audio, options=options, progress=progress_bar("Importing")
    )
    print(report.text())


def _demo(args: argparse.Namespace) -> None:
    from labeling.collection.demo import build_demo
    from labeling.collection.importing import import_collection
    from labeling.errors import DataError

    if not 1 <= args.clips <= 100_000:
        raise DataError(f"--clips {args.clips} is outside 1 to 100000")
    workspace = opened(args, create=True)
    folder = workspace.root / "demo"
    summary = build_demo(folder, clips=args.clips, seed=args.seed, progress=progress_bar("Synthesising"))
    print(
        f"{summary.clips} clips, {summary.classes} species, {summary.hours:.2f} hours in {folder}\n"
        f"planted: {summary.missing} missing, {summary.spurious} spurious, {summary.wrong_primary} wrong primaries"
    )
    print(import_collection(workspace, str(folder), progress=progress_bar("Importing")).text())


def _status(args: argparse.Namespace) -> None:
    from labeling.review.overview import overview

    facts = overview(opened(args))
    if args.json:
        print(json.dumps(facts, indent=1))
        return
    width = max(len(key) for key in facts)
    for key, value in facts.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        shown = f"{shown:.2f}" if isinstance(shown, float) else shown
        print(f"{key.replace('_', ' '):{width}}  {shown if shown != '' else '-'}")
