"""What the groups of commands share: how one is added, the workspace that it names, and a bar for long work."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labeling.workspace import Workspace

AddCommand = Callable[[str, Callable[[argparse.Namespace], None], str], argparse.ArgumentParser]
"""``command(name, action, text)`` adds a command with --workspace, and returns its parser for more flags."""


def opened(args: argparse.Namespace, *, create: bool = False) -> Workspace:
    """The workspace that --workspace names."""
    from labeling.workspace import open_workspace

    return open_workspace(args.workspace, create=create)


def progress_bar(label: str) -> Callable[[int, int], None]:
    """A bar on a terminal, silence elsewhere."""
    from tqdm import tqdm

    bar = tqdm(desc=label, unit=" clips", disable=None, leave=False)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    return show
