"""ready: whether an app, or a worker, of this machine does its work; for health checks of containers."""

from __future__ import annotations

import argparse

from labeling.commands.base import AddCommand, opened


def add(command: AddCommand) -> None:
    """Add this group's command."""
    parser = command("ready", _ready, "Say whether the workspace can be served; ends with 1 where it cannot.")
    parser.add_argument("--worker", action="store_true", help="also whether a worker of this machine is alive")


def _ready(args: argparse.Namespace) -> None:
    from contextlib import closing

    from labeling.errors import WorkspaceError
    from labeling.operation import readiness
    from labeling.runs.jobs import STALE_AFTER_S

    with closing(opened(args)) as workspace:
        checks = readiness.look(lambda: workspace)
        for check in checks:
            print(f"{'ok ' if check.is_good else 'odd' if not check.needed else 'BAD'} {check.name}: {check.said}")
        if bad := [check.name for check in checks if check.needed and not check.is_good]:
            raise WorkspaceError(f"not ready: {', '.join(bad)}; `earmark doctor -w {args.workspace}` says more")
        if args.worker:
            with workspace.read() as connection:
                age_s = readiness.worker_here(connection)
            if age_s is None or age_s >= STALE_AFTER_S:
                last = "no worker of this machine was heard of" if age_s is None else f"last heard of {age_s:.0f} s ago"
                raise WorkspaceError(f"the worker is silent: {last}, above {STALE_AFTER_S:.0f} s; start it again")
