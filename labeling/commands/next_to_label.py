"""next: which cells to label next for a model's sake, on a terminal."""

from __future__ import annotations

import argparse

from labeling.commands.base import AddCommand, opened
from labeling.commands.ending import checked_text
from labeling.storage.text import printable


def add(command: AddCommand) -> None:
    """Add this group's command."""
    parser = command("next", _next, "What to label next: the clips and classes that would teach a model most.")
    parser.add_argument("--space", default="", metavar="NAME", help="whose vectors the head reads (the first by name)")
    parser.add_argument("--order", default="hybrid", choices=("hybrid", "uncertain", "varied", "random"),
                        help="uncertain and varied, one of both alone, or by chance (hybrid)")  # fmt: skip
    parser.add_argument("--among", default="unlabelled", choices=("unlabelled", "all"), help="clips that came without "
                        "labels, or all (unlabelled)")  # fmt: skip
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (20)")


def _next(args: argparse.Namespace) -> None:
    from labeling.active.questions import next_to_label
    from labeling.embeddings.space import list_spaces
    from labeling.errors import DataError

    workspace = opened(args)
    name = checked_text("--space", args.space)
    if not name:
        spaces = list_spaces(workspace)
        if not spaces:
            raise DataError("there is no space to learn on; make one: earmark embed aisfx -w W")
        name = spaces[0].name
    with workspace.read() as connection:
        asked = next_to_label(workspace, connection, name, args.order, args.among, args.limit)
    for one in asked.questions:
        stretch = f"{one.filename}@{one.onset_s:.2f}-{one.offset_s:.2f}"
        print(printable(f"{one.class_code}  {stretch}  {one.reason}"))
    print(f"{len(asked.questions):,} of {asked.open:,} cells to ask; learned from {asked.known:,} known ones in {name}")
    if not asked.questions and args.among == "unlabelled":
        print("every clip came with labels; --among all asks of those, too")
