"""decide, freeze, export: verdicts from a table, label versions, and the corrected labels."""

from __future__ import annotations

import argparse
from pathlib import Path

from labeling.commands.base import AddCommand, opened
from labeling.commands.ending import checked_text
from labeling.storage.text import printable, user_name


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command(
        "decide",
        _decide,
        "Apply a table of decisions: filename, class, verdict, perhaps a region; or a filled list of `suspects --csv`.",
    )
    parser.add_argument("file", metavar="FILE.csv")
    parser.add_argument("--reviewer", required=True, metavar="NAME", help="who decided")
    parser.add_argument(
        "--asked",
        choices=("queue", "nothing"),
        default="",
        help="whether the file is the queue's list, filled row by row, so that its verdicts count for the likelihoods "
        "(by its columns)",
    )

    parser = command("freeze", _freeze, "Freeze the labels as they are now into a label version.")
    parser.add_argument("--note", default="", metavar="TEXT", help="what it is for")

    parser = command("export", _export, "Write corrected labels in the columns that came in.")
    parser.add_argument("--format", metavar="F", default="", help="the format that was imported")
    parser.add_argument("--out", required=True, metavar="DIR", help="a folder for the files")
    parser.add_argument("--version", type=int, metavar="N", help="a label version (the labels now, frozen)")


def _decide(args: argparse.Namespace) -> None:
    from labeling import journal
    from labeling.suspects.sheet import read_filled

    path, reviewer = Path(args.file), checked_text("--reviewer", args.reviewer)
    workspace = opened(args)
    with workspace.read() as connection:
        filled = read_filled(connection, path, reviewer, args.asked)
        before = journal.position(connection)
    stored = journal.append(workspace, filled.decisions)
    fresh = sum(entry.position > before for entry in stored)
    again = f"; {len(stored) - fresh} were in the journal already" if fresh < len(stored) else ""
    print(f"{fresh} decision{'s' * (fresh != 1)} stored{again}")
    for note in filled.notes:
        print(printable(note))


def _freeze(args: argparse.Namespace) -> None:
    from labeling.journal.versions import freeze

    version = freeze(opened(args), user_name(), args.note)
    print(f"label version {version.number} ({version.content_hash[:12]}) at journal position {version.position}")


def _export(args: argparse.Namespace) -> None:
    from labeling.journal.exporting import export_labels

    report = export_labels(
        opened(args), Path(args.out), format=args.format, version=args.version, exported_by=user_name()
    )
    for line in report.lines():
        print(printable(line))
    for file in report.files:
        print(f"  {file}")
