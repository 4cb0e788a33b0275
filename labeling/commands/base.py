"""What the groups of commands share: how one is added, the workspace that it names, and a bar for long work."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from labeling.errors import DataError

if TYPE_CHECKING:
    from labeling.workspace import Workspace


class AddCommand(Protocol):
    """``command(name, action, text)`` adds a command with --workspace, and returns its parser for more flags."""

    def __call__(
        self, name: str, action: Callable[[argparse.Namespace], None], text: str, workspace: bool = True
    ) -> argparse.ArgumentParser: ...


def opened(args: argparse.Namespace, *, create: bool = False) -> Workspace:
    """The workspace that --workspace names."""
    from labeling.workspace import open_workspace

    return open_workspace(args.workspace, create=create)


def settings(given: Sequence[str]) -> dict[str, str]:
    """What --option says; raises DataError for what is no NAME=VALUE."""
    options = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise DataError(f"--option {text!r} is no setting; write NAME=VALUE")
        options[name.strip()] = value
    return options


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
