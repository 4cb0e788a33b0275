"""decide, freeze, export: verdicts from a table, label versions, and the corrected labels."""

from __future__ import annotations

import argparse
from pathlib import Path

from labeling.commands.base import AddCommand, opened, settings
from labeling.commands.ending import asked_by, checked_text
from labeling.errors import DataError
from labeling.storage.text import printable

MOST_SHOWN = 20


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
    parser.add_argument(
        "--rule",
        default="latest",
        metavar="R",
        help="what counts where several people decided: latest, any, majority, weighted or adjudicated (latest)",
    )

    parser = command("export", _export, "Write corrected labels in the columns that came in.")
    parser.add_argument(
        "--format",
        metavar="F",
        action="append",
        default=[],
        help="a format to write, see `formats`; may be given several times (default: all tables as they came in)",
    )
    parser.add_argument(
        "--files",
        choices=("link", "copy"),
        default="link",
        help="how a format that holds the sound itself gets it (link: hard links, or copies on another disk)",
    )
    parser.add_argument(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a setting of a format that is written anew, such as ontology=FILE of fsd50k; several may be given",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="a folder for the files")
    parser.add_argument("--version", type=int, metavar="N", help="a label version (the labels now, frozen)")


def _decide(args: argparse.Namespace) -> None:
    from labeling import journal
    from labeling.suspects.sheet import read_filled

    path, reviewer = Path(args.file), checked_text("--reviewer", args.reviewer)
    if args.signed_in and args.signed_in != reviewer.strip():
        raise DataError(
            f"the token is of {args.signed_in!r}, who cannot decide as {reviewer!r}; give --reviewer theirs"
        )
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
    from labeling.agreement.weights import rule_named
    from labeling.journal.versions import freeze

    workspace = opened(args)
    with workspace.read() as connection:
        rule = rule_named(connection, args.rule)
    version = freeze(workspace, asked_by(args), args.note, rule)
    by_rule = "" if version.rule == "latest" else f", by the rule {version.rule}"
    print(
        f"label version {version.number} ({version.content_hash[:12]}) at journal position {version.position}{by_rule}"
    )


def _export(args: argparse.Namespace) -> None:
    from labeling.journal.exporting import export_labels

    report = export_labels(
        opened(args),
        Path(args.out),
        format=args.format,
        version=args.version,
        exported_by=asked_by(args),
        options={**settings(args.option), "files": args.files},
    )
    for line in report.lines():
        print(printable(line))
    for file in report.files[:MOST_SHOWN]:
        print(printable(f"  {file}"))
    if len(report.files) > MOST_SHOWN:
        print(f"  and {len(report.files) - MOST_SHOWN:,} more files")
