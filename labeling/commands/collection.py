"""import, relink, demo, status: a collection comes in, its files are found again, and where it stands."""

from __future__ import annotations

import argparse
import json

from labeling.commands.base import AddCommand, opened, progress_bar, settings

ALLOW_HELP = "a folder outside the collection into which its links may lead; may be given several times"


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command("import", _import, "Bring in a collection: a table and the audio that it names.")
    parser.add_argument("path", metavar="PATH", help="the collection's folder, or its table")
    parser.add_argument("--format", metavar="F", help="one of `formats`; found out by itself when left out")
    parser.add_argument("--audio", metavar="DIR", help="folder or URL of the audio, where it is not beside the table")
    parser.add_argument(
        "--label-column", metavar="X", help="column with one label; of event files the column or the tier of the labels"
    )
    for flag, text in (
        ("path-column", "column with the audio file's name"),
        ("labels-column", "column with several labels"),
        ("separator", "what parts the labels of a labels column"),
        ("group-column", "column that must not be split between folds: recordist, site"),
        ("fold-column", "column with a fold"),
        ("onset-column", "column with the second at which a label begins"),
        ("offset-column", "column with the second at which it ends"),
        ("low-column", "column with the lower bound of its band, in Hz"),
        ("high-column", "column with the upper bound of its band, in Hz"),
    ):
        parser.add_argument(f"--{flag}", metavar="X", help=f"table only: {text}")
    parser.add_argument(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a setting of the format, such as ratings=none of fsd50k, or level=2 of folders; several may be given",
    )
    parser.add_argument("--name", metavar="X", default="", help="what the table is called in the column import")
    parser.add_argument(
        "--collection", metavar="X", default="", help="the collection that its clips belong to (found out by itself)"
    )
    parser.add_argument(
        "--changed-labels",
        choices=("keep", "take", "suspects"),
        default="keep",
        help="labels that the table says otherwise than before: keep those of before and tell (the default), take the "
        "new ones, and times that it adds, where nobody decided, or list what differs among the suspects",
    )

    parser.add_argument("--allow", metavar="DIR", action="append", default=[], help=ALLOW_HELP)

    parser = command("relink", _relink, "Find the files of clips that are gone from their place; decisions are kept.")
    parser.add_argument("--audio", metavar="DIR", default="", help="folder below which to look (their old places)")
    parser.add_argument("--collection", metavar="X", default="", help="only clips of this collection")
    parser.add_argument(
        "--again",
        action="store_true",
        help="read the files that are at their place again too: lengths and channels of clips that came in by an older "
        "Earmark may be wrong, and an import passes over files that are as they were",
    )
    parser.add_argument("--allow", metavar="DIR", action="append", default=[], help=ALLOW_HELP)

    parser = command("demo", _demo, "Make a small synthesised collection with planted label errors, and import it.")
    parser.add_argument("--clips", type=int, default=160, metavar="N", help="how many clips (160)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another seed, another collection (0)")

    parser = command("status", _status, "Where the collection stands.")
    parser.add_argument("--json", action="store_true", help="for programs")


def _import(args: argparse.Namespace) -> None:
    from labeling.collection.allowed import allow
    from labeling.collection.importing import import_collection
    from labeling.collection.report import no_usable
    from labeling.errors import DataError

    columns = ("path", "label", "labels", "group", "fold", "onset", "offset", "low", "high")
    names = ["separator", *(f"{column}_column" for column in columns)]
    options = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    options |= settings(args.option)
    allow(args.allow)
    workspace = opened(args, create=True)
    report = import_collection(
        workspace,
        args.path,
        format=args.format,
        audio=args.audio,
        options=options,
        name=args.name,
        collection=args.collection,
        labels=args.changed_labels,
        progress=progress_bar("Importing"),
    )
    print(report.text())
    if not report.usable:
        raise DataError(no_usable(args.path, report))


def _relink(args: argparse.Namespace) -> None:
    from labeling.collection.allowed import allow
    from labeling.collection.relinking import relink

    allow(args.allow)
    bar = progress_bar("Reading")
    report = relink(opened(args), args.audio, collection=args.collection, again=args.again, progress=bar)
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
