"""team list, looks, assign, unassign: how many looks a cell needs, and whose work is what."""

from __future__ import annotations

import argparse

from labeling.commands.base import AddCommand, opened
from labeling.commands.ending import asked_by, checked_text
from labeling.storage.text import printable


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    command("team list", _list, "How many looks a cell needs, whose work is what, and what is left of it.")

    parser = command("team looks", _looks, "Say how many people each cell of a kind is asked of, blind to each other.")
    parser.add_argument(
        "--kind", required=True, choices=("missing", "false", "audit"),
        help="missing: not listed; false: listed; audit: drawn at random",
    )  # fmt: skip
    parser.add_argument(
        "--looks", required=True, type=int, metavar="N", help="1 to 5; 1 is what holds unless you say so"
    )

    parser = command("team assign", _assign, "Make a part of the collection somebody's work.")
    parser.add_argument("name", metavar="NAME", help="as decisions bear it")
    part = parser.add_mutually_exclusive_group(required=True)
    part.add_argument("--class", dest="code", metavar="CODE", help="the cells of a class")
    part.add_argument(
        "--share", metavar="PERCENT", help="so many of all clips that nobody has, or from which to which: 0-25"
    )
    part.add_argument(
        "--import", dest="import_id", metavar="NUMBER", help="the clips of an import, by its number in `status`"
    )
    part.add_argument("--folder", metavar="PATH", help="the clips below a folder, as the collection calls it")

    parser = command("team unassign", _unassign, "End an assignment; decisions stay.")
    parser.add_argument("number", metavar="NUMBER", type=int, help="the assignment's, from `team list`")


def _list(args: argparse.Namespace) -> None:
    from labeling.journal import looks
    from labeling.quality.scored_run import read_scored_run
    from labeling.records import WORTH_HEARING
    from labeling.review.workload import team_work
    from labeling.suspects import queue
    from labeling.team import assignments

    with opened(args).read() as connection:
        wanted = looks.needed(connection)
        every_assignment = assignments.all_assignments(connection)
        scored = queue.current(connection)
        run = read_scored_run(connection, *scored) if scored else None
        team = team_work(connection, run, min_p_wrong=WORTH_HEARING) if run else None
    print(f"looks at a cell: {wanted.missing} where a label is missing, {wanted.false} false, {wanted.audit} at random")
    for assignment in every_assignment:
        print(printable(f"{assignment.id}  {assignment.reviewer}: {assignment.words}"))
    if not every_assignment:
        print("nothing is assigned to anybody")
    if team is None:
        print("no run is scored yet, so that nothing is to do")
        return
    for work in team.people:
        of = "" if work.cells is None else f"{work.cells:,} cells in {work.clips:,} clips left, "
        print(printable(f"{work.name}: {of}{work.today.decisions:,} decided today, {work.recent:,} in seven days"))
    print(f"in all {team.cells:,} cells in {team.clips:,} clips are left, {team.looks:,} looks")


def _looks(args: argparse.Namespace) -> None:
    from labeling.journal import looks

    with opened(args).write() as connection:
        looks.set_needed(connection, args.kind, args.looks)
    people = "1 person" if args.looks == 1 else f"{args.looks} people, blind to each other"
    print(f"each {args.kind} cell is asked of {people}, from now on")


def _assign(args: argparse.Namespace) -> None:
    from labeling.team import assignments

    given = {"class": args.code, "share": args.share, "import": args.import_id, "folder": args.folder}
    kind, part = next((kind, part) for kind, part in given.items() if part is not None)
    name, part = checked_text("NAME", args.name), checked_text(f"--{kind}", part)
    with opened(args).write() as connection:
        made = assignments.assign(connection, name, kind, part, asked_by(args))
    print(printable(f"{made.reviewer} has {made.words} (assignment {made.id})"))


def _unassign(args: argparse.Namespace) -> None:
    from labeling.team import assignments

    with opened(args).write() as connection:
        ended = assignments.take_away(connection, args.number)
    print(printable(f"{ended.words} is {ended.reviewer}'s no longer"))
