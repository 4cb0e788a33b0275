"""formats: which files of others come in and go out."""

from __future__ import annotations

import argparse

from labeling.commands.base import AddCommand


def add(command: AddCommand) -> None:
    """Add this group's command."""
    parser = command("formats", _formats, "Which formats can be imported, exported, or both.", workspace=False)
    parser.add_argument("--markdown", action="store_true", help="as the page docs/formats.md has them")


def _formats(args: argparse.Namespace) -> None:
    from labeling.collection.formats.listing import as_markdown, as_text

    print(as_markdown() if args.markdown else as_text(), end="")
