"""search and cut: more like this, and clips of what was found in recordings, on a terminal."""

from __future__ import annotations

import argparse

from labeling.commands.base import AddCommand, opened
from labeling.commands.ending import checked_text
from labeling.storage.text import printable


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command("search", _search, "Find stretches that sound like some, in a space of embeddings.")
    parser.add_argument(
        "--like", action="append", default=[], metavar="FILE@FROM-TO", help="an example, in seconds; may be given again"
    )
    parser.add_argument(
        "--unlike", action="append", default=[], metavar="FILE@FROM-TO", help="a counter-example; may be given again"
    )
    parser.add_argument("--class", dest="class_code", default="", metavar="C", help="the class: what is decided of it "
                        "is left out, and learned from")  # fmt: skip
    parser.add_argument("--verified", action="store_true", help="the verified stretches of the class are examples too")
    parser.add_argument("--space", default="", metavar="NAME", help="where to search (the first space by name)")
    parser.add_argument("--which", default="missing", choices=("missing", "false", "all"), help="clips that do not "
                        "list the class, that do, or all (missing)")  # fmt: skip
    parser.add_argument("--among", default="all", choices=("all", "labelled", "recordings"), help="where (all)")
    parser.add_argument("--order", default="alike", choices=("alike", "likely", "uncertain", "varied", "random"),
                        help="alike, or one that learns from the verdicts (alike)")  # fmt: skip
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (20)")
    parser = command("cut", _cut, "Make a clip of each stretch of a recording in which a class was found present.")
    parser.add_argument("--class", dest="class_code", required=True, metavar="C", help="the class")
    parser.add_argument("--pad", type=float, default=0.0, metavar="S", help="so many seconds more on both sides (0)")
    parser.epilog = "The files lie in W/cuts/; the recordings are only read, and what is a clip already is passed over."


def _search(args: argparse.Namespace) -> None:
    from labeling.search.finding import more_like
    from labeling.search.naming import query_named, read_stretch
    from labeling.search.remaining import left_in_words

    workspace = opened(args)
    with workspace.read() as connection:
        query = query_named(
            workspace, connection, [read_stretch(one) for one in args.like], [read_stretch(one) for one in args.unlike],
            class_code=checked_text("--class", args.class_code), verified=args.verified,
            space=checked_text("--space", args.space), which=args.which, among=args.among, order=args.order,
        )  # fmt: skip
        answer = more_like(workspace, connection, query.query, args.limit)
    for one in answer.found:
        likely = "" if one.likely is None else f"  {one.likely:.2f} likely"
        where = f"{query.names.get(one.clip_id, one.clip_id)}@{one.onset_s:.2f}-{one.offset_s:.2f}"
        print(printable(f"{one.similarity:.3f}{likely}  {where}"))
    print(f"{len(answer.found):,} of {answer.among:,} that nobody decided, in space {query.query.space}")
    if answer.outlook is not None:
        ahead = answer.outlook
        print(f"of the next {ahead.of} about {ahead.expected:.0f} are it (likely {ahead.low} to {ahead.high})")
    if answer.remaining is not None and answer.remaining.at_most is not None:
        print(left_in_words(answer.remaining))


def _cut(args: argparse.Namespace) -> None:
    from labeling.search.cutting import cut_clips

    done = cut_clips(opened(args), checked_text("--class", args.class_code), args.pad)
    print(printable(done.text()))
