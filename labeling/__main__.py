"""The command line of the labels: ``python -m labeling --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from labeling.commands import (
    agreement,
    backup,
    classes,
    collection,
    deciding,
    embeddings,
    formats,
    gain,
    leaks,
    next_to_label,
    predictions,
    readiness,
    replay,
    scoring,
    searching,
    store,
    team,
    users,
)
from labeling.commands.ending import run_command

#: one file a group, in the order that --help shows; each has ``add(command)`` and imports what it needs when it runs
GROUPS = (
    collection,
    formats,
    classes,
    predictions,
    embeddings,
    scoring,
    searching,
    next_to_label,
    deciding,
    readiness,
    replay,
    gain,
    leaks,
    agreement,
    team,
    store,
    backup,
    users,
)


def parser(program: str = "python -m labeling") -> argparse.ArgumentParser:
    """All commands and their flags."""
    top = argparse.ArgumentParser(
        prog=program, description="Import a collection, rank its suspect labels, decide, export."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    groups = {"": commands}

    def command(
        name: str, action: Callable[[argparse.Namespace], None], text: str, workspace: bool = True
    ) -> argparse.ArgumentParser:
        group, _, last = name.rpartition(" ")  # "classes add": one of several that share a first word
        if group not in groups:
            parent = commands.add_parser(group, help=f"{group} --help lists what there is to do with them")
            groups[group] = parent.add_subparsers(dest="action_name", required=True, metavar="ACTION")
        text = text.replace("%", "%%")
        command_parser = groups[group].add_parser(last, help=text, description=text)
        command_parser.set_defaults(action=action)
        if workspace:
            command_parser.add_argument("--workspace", "-w", required=True, metavar="W", help="the workspace's folder")
        return command_parser

    for group in GROUPS:
        group.add(command)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 = done, 1 = a clear message on stderr, 2 = wrong usage."""
    return run_command(parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
