"""The command line of the models: ``python -m models --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from labeling.commands.ending import run_command
from models.commands import activity, combining, embedding, mapping, prediction, staging, training

WITHOUT_WORKSPACE = ("recipes",)


def parser(program: str = "python -m models") -> argparse.ArgumentParser:
    """All commands and their flags."""
    top = argparse.ArgumentParser(
        prog=program, description="Train K folds on a label version, evaluate, work through the queue."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, action: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        subparser = commands.add_parser(name, help=text.replace("%", "%%"), description=text)
        subparser.set_defaults(action=action)
        if name not in WITHOUT_WORKSPACE:
            subparser.add_argument("--workspace", "-w", required=True, metavar="W", help="the workspace's folder")
        return subparser

    for group in (training, staging, prediction, activity, combining, embedding, mapping):
        group.add(command)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 = done, 1 = a clear message on stderr, 2 = wrong usage."""
    return run_command(parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
