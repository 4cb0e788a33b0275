"""score, suspects: from a run's predictions to a ranked list."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from labeling.commands.base import AddCommand, opened
from labeling.storage.text import printable


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command("score", _score, "Score every cell of a run's predictions and store the ranking.")
    parser.add_argument("--run", metavar="RUN", help="which run (the newest that is done)")
    parser.add_argument("--scorer", default="earmark", metavar="NAME", help="how to score (earmark)")

    parser = command("suspects", _suspects, "List the suspects, best first.")
    parser.add_argument("--run", metavar="RUN", default="", help="which run (the newest scored)")
    parser.add_argument("--scorer", default="", metavar="NAME", help="which scoring of it")
    parser.add_argument("--kind", choices=("missing", "false", "swapped"), help="only this kind")
    parser.add_argument(
        "--order", default="rank", metavar="O", help="likely, worth, uncertain, next, audit, ... (rank)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many (all)")
    parser.add_argument("--csv", metavar="FILE", help="write a CSV instead; fill its last column for `decide`")


def _score(args: argparse.Namespace) -> None:
    from labeling.disagreement.scoring import score_run

    run_id, count = score_run(opened(args), args.run, args.scorer)
    print(f"{count} cells of run {run_id} ranked by {args.scorer}")


def _not_scored(args: argparse.Namespace, scored: Sequence[tuple[str, str, int]]) -> str:
    """What to say where a run is not scored, or not so."""
    remedy = "`python -m labeling score` adds more"
    runs = list(dict.fromkeys(run for run, _, _ in scored))
    if args.run and args.run not in runs:
        return f"run {args.run} is not scored; scored are {', '.join(runs)}. {remedy}"
    names = dict.fromkeys(name for run, name, _ in scored if args.run in ("", run))
    what = f"run {args.run}" if args.run else "nothing"
    return f"{what} is{' not' if args.run else ''} scored by {args.scorer}; there is {', '.join(names)}. {remedy}"


def _suspects(args: argparse.Namespace) -> None:
    from labeling.active.teaching import in_turn
    from labeling.disagreement.columns import COLUMNS
    from labeling.errors import DataError
    from labeling.quality.scored_run import read_scored_run
    from labeling.storage.csvsafe import csv_bytes
    from labeling.storage.files import write_atomically
    from labeling.suspects import queue
    from labeling.suspects.filter import QueueFilter

    if args.limit is not None and args.limit < 1:
        raise DataError(f"--limit {args.limit} must be at least 1")
    workspace = opened(args)
    with workspace.read() as connection:
        scored = queue.current(connection, args.run, args.scorer)
        if scored is None:
            raise DataError("nothing scored yet; run `python -m labeling score --workspace W` after a training")
        if args.run not in ("", scored[0]) or args.scorer not in ("", scored[1]):
            raise DataError(_not_scored(args, queue.scored(connection)))
        wanted = QueueFilter(kinds=(args.kind,) if args.kind else (), order=args.order)
        run = in_turn(workspace, connection, read_scored_run(connection, *scored), wanted)
        rows = queue.rows(connection, run, wanted, limit=args.limit)
    decimals = {
        name: column.meaning.decimals for name, column in COLUMNS.items() if column.meaning.decimals is not None
    }
    table = [
        (
            suspect.rank, suspect.filename, suspect.class_code, suspect.kind,
            *(round(getattr(suspect, name), digits) for name, digits in decimals.items()),
            suspect.run_id, round(row.probability, 6), row.why, scored[1], place, row.verdict,
        )
        for place, row in enumerate(rows, 1)
        for suspect in [row.suspect]
    ]  # fmt: skip
    if args.csv:
        header = (
            "rank",
            "filename",
            "class",
            "kind",
            *decimals,
            "run",
            "likely_wrong",
            "why",
            "scorer",
            "place",
            "verdict",
        )
        write_atomically(Path(args.csv), csv_bytes(header, table))
        print(f"{len(table)} suspects written to {args.csv}")
        return
    for row in table:
        rank, filename, code, kind, *_, likely, why, _, _, _ = row
        print(printable(f"{rank:>6}  {kind:<8} {likely:5.2f}  {code:<16} {filename}  {why}"))
    if not table:
        print("no suspects to do")
