"""leaks: whether near-copies of a run's clips sat in training."""

from __future__ import annotations

import argparse
from pathlib import Path

from labeling.commands.base import AddCommand, opened, progress_bar
from labeling.storage.text import printable

COLUMNS = ("clip", "other_clip", "reason", "detail")
MOST_SHOWN = 20


def add(command: AddCommand) -> None:
    """Add this group's command."""
    parser = command("leaks", _leaks, "Check whether the folds of a run part near-copies of one recording.")
    parser.add_argument("--run", metavar="RUN", help="which run (the newest that is done)")
    parser.add_argument("--no-sound", action="store_true", help="compare no sound that was not compared before")
    parser.add_argument("--csv", metavar="FILE", help="write the pairs as CSV")


def _leaks(args: argparse.Namespace) -> None:
    from labeling import runs
    from labeling.errors import DataError
    from labeling.runs import leaks
    from labeling.storage.csvsafe import csv_bytes
    from labeling.storage.files import write_atomically

    workspace = opened(args)
    with workspace.read() as connection:
        run = runs.get_run(connection, args.run) if args.run else runs.newest_done(connection)
    if run is None:
        raise DataError("no run is done yet; train one with `python -m models train RECIPE --workspace W`")
    report = leaks.find_leaks(workspace, run.id)
    if report.heard < report.clips and not args.no_sound:
        leaks.listen(workspace, progress_bar("Listening"))
        report = leaks.find_leaks(workspace, run.id)
    print(printable(f"run {run.id}: {report.sentence}"))
    for pair in report.pairs[:MOST_SHOWN]:
        why = ", ".join(filter(None, (pair.reason, pair.detail)))
        print(printable(f"  {pair.filename}  {pair.other_filename}  {why}"))
    if len(report.pairs) > MOST_SHOWN:
        print(f"  … and {len(report.pairs) - MOST_SHOWN:,} more")
    if args.csv:
        table = [(pair.filename, pair.other_filename, pair.reason, pair.detail) for pair in report.pairs]
        write_atomically(Path(args.csv), csv_bytes(COLUMNS, table))
        print(f"{len(table)} pairs written to {args.csv}")
