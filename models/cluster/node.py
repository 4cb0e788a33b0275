"""A piece of work on a node, in a process that Ray started there. What is the same for all pieces is kept."""

from __future__ import annotations

import pickle
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labeling.errors import EarmarkError, Stopped
from labeling.log.redaction import redacted
from models.cluster.work import Desk, Failed, called, versions

ASK_EVERY_S = 1.0
_kept: dict[str, Any] = {}
"""The last work's ``common``, by its name: the process does many pieces of it."""


@dataclass(frozen=True)
class Order:
    """A piece as it goes to a node. ``of`` names the work; ``wanted`` are the versions of the machine that leads."""

    of: str
    function: str
    name: str
    device: str
    threads: int
    node: str
    wanted: Mapping[str, str]


def do(
    order: Order, common: bytes, what: Any, tell: Callable[[dict[str, Any]], None], stopping: Callable[[], bool]
) -> bytes | Failed | Stopped:
    """What the function returns, pickled, or Failed, or Stopped (the exception). Raises nothing: its words would be
    lost."""
    here = f"node {order.node}"
    try:
        for name, wanted in order.wanted.items():
            if versions()[name] != wanted:
                return Failed(
                    "ClusterError",
                    f"{here} has {name} {versions()[name]}, the machine that leads has {wanted}; install the same "
                    "there and start its Ray again, or take the node out of the cluster",
                )
        desk = Desk(order.node, order.device, order.threads, tell, _now_and_then(stopping))
        if order.of not in _kept:
            _kept.clear()
            _kept[order.of] = pickle.loads(common)
        return pickle.dumps(called(order.function)(_kept[order.of], what, desk))
    except Stopped as stopped:
        return stopped
    except EarmarkError as problem:
        return Failed(type(problem).__name__, f"{problem} ({here})")
    except Exception as problem:
        trace = redacted(traceback.format_exc())
        return Failed("ArtefactError", redacted(f"{order.name} on {here}: {type(problem).__name__}: {problem}"), trace)


def _now_and_then(stopping: Callable[[], bool]) -> Callable[[], bool]:
    """Ask no oftener than once a second: it is asked between batches."""
    asked, said = time.monotonic(), False

    def ask() -> bool:
        nonlocal asked, said
        if not said and time.monotonic() - asked > ASK_EVERY_S:
            said, asked = stopping(), time.monotonic()
        return said

    return ask
