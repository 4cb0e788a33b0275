"""What the groups of commands share: how one is added, and how progress and metrics are shown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Any

from labeling.storage.text import printable

AddCommand = Callable[[str, Callable[[argparse.Namespace], None], str], argparse.ArgumentParser]
"""``command(name, action, text)`` adds a command with --workspace, and returns its parser for more flags. ``text`` is a
line; what takes more goes into the parser's ``description`` or ``epilog``."""


def add_cluster_flag(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --cluster, which has a Ray cluster do ``what``."""
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help=f"{what} on the Ray cluster whose head is at HOST:PORT (EARMARK_CLUSTER)"
    )


def cluster_of(args: argparse.Namespace, must_answer: bool = True) -> str:
    """The cluster that is asked for by flag or EARMARK_CLUSTER, "" for none.

    Raises ConfigError where it is none, before anything is done, and ClusterError where it does not answer and must.
    """
    import os

    address = os.environ.get("EARMARK_CLUSTER", "") if args.cluster is None else str(args.cluster)
    if address:
        from models.cluster.spreading import check_cluster

        check_cluster(address, must_answer)
    return address


def summary(metrics: Mapping[str, Any]) -> str:
    """The overall numbers in a line. F1 is called the best, as its threshold was found on the same labels."""
    names = {
        "macro_ap": "macro-AP",
        "macro_auc": "macro-AUC",
        "lwlrap": "lwlrap",
        "macro_f1": "best macro F1",
        "micro_f1": "best micro F1",
    }
    return ", ".join(
        f"{text} {metrics[key]:.3f}" for key, text in names.items() if isinstance(metrics.get(key), int | float)
    )


def progress_lines() -> Callable[[Mapping[str, Any]], None]:
    """A line of the log for each phase and fold, in the place of a bar; ``facts`` as its screen would show them."""
    import logging

    log, said = logging.getLogger("models.worker"), list[object]()

    def show(progress: Mapping[str, Any]) -> None:
        key = (progress.get("phase"), progress.get("fold"))
        if said[-1:] != [key]:
            said[:] = [key]
            told = {name: progress[name] for name in ("phase", "fold", "folds") if progress.get(name) is not None}
            log.info("%s", progress.get("phase", "progress"), extra={"facts": told})

    return show


def progress_bar() -> Callable[[Mapping[str, Any]], None]:
    """A bar on a terminal; elsewhere one line as each fold begins."""
    from tqdm import tqdm

    bar = tqdm(total=100, unit="%", disable=None, leave=False, bar_format="{desc} {bar} {n:.0f}% {postfix}")
    seen: set[tuple[Any, Any]] = set()
    warned: set[str] = set()

    def show(progress: Mapping[str, Any]) -> None:
        key = (progress.get("phase"), progress.get("fold"))
        where = f"fold {progress.get('fold')}/{progress.get('folds')}" if progress.get("fold") else ""
        if bar.disable and key not in seen:
            seen.add(key)
            print(f"{progress.get('phase', '')} {where}".strip(), flush=True)
        if progress.get("warning") and progress["warning"] not in warned:
            warned.add(progress["warning"])
            bar.write(printable(f"warning: {progress['warning']}"), file=sys.stderr)
        epoch = f" epoch {progress['epoch']}/{progress.get('epochs')}" if progress.get("epoch") else ""
        bar.set_description_str(f"{progress.get('phase', '')} {where}{epoch}", refresh=False)
        eta = progress.get("eta_s")
        bar.set_postfix_str(f"{eta / 60:.0f} min left" if eta and eta > 90 else f"{eta:.0f} s left" if eta else "")
        bar.n = 100 * float(progress.get("fraction") or 0)
        bar.refresh()
        if progress.get("phase") == "done":
            bar.close()

    return show
