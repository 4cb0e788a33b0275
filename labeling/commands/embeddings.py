"""embeddings: bring vectors that another program made."""

from __future__ import annotations

import argparse
from pathlib import Path

from labeling.commands.base import AddCommand, opened
from labeling.commands.ending import checked_text
from labeling.storage.text import printable


def add(command: AddCommand) -> None:
    """Add this group's command."""
    parser = command(
        "embeddings",
        _embeddings,
        "Make a space of vectors made elsewhere: a Hoplite folder, BirdNET-Analyzer's CSV, or an .npz.",
    )
    parser.add_argument("path", metavar="FILE", help="the file, or the folder of a Hoplite database")
    parser.add_argument("--space", required=True, metavar="NAME", help="what to call it")
    parser.add_argument("--model", default="", metavar="TEXT", help="which model made them (as the file says)")
    parser.add_argument("--licence", default="", metavar="TEXT", help="of the model's weights (as the file says)")


def _embeddings(args: argparse.Namespace) -> None:
    from labeling.external.spaces import import_space

    report = import_space(
        opened(args),
        Path(checked_text("FILE", args.path)),
        args.space,
        model=checked_text("--model", args.model),
        licence=checked_text("--licence", args.licence),
    )
    for line in report.lines():
        print(printable(line))
