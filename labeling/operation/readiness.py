"""Whether this machine can serve: the database answers and is of this version, the disk takes a file and has room, and
workers were heard of.

Who asks may be anybody (``/readyz``), so that what is said are words of this file, and nothing of paths, addresses or
errors; `earmark doctor` says those.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.errors import EarmarkError
from labeling.runs.jobs import STALE_AFTER_S
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace

LEAST_FREE_BYTES = 500_000_000
"""Below this an import or a training would soon fill the disk, and decisions could not be stored."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. ``needed``: without it nothing can be served; ``value`` in its check's unit."""

    name: str
    is_good: bool
    said: str
    needed: bool = True
    value: float | None = None


def look(workspace: Callable[[], Workspace]) -> list[Check]:
    """All checks, in a bounded time: what cannot be asked counts as not good.

    Parameters
    ----------
    workspace : callable
        Opens it, or gives the one that is open.

    Returns
    -------
    list of Check
        ``database`` (seconds that an answer took), ``migrations``, ``disk`` (bytes free), and ``worker`` (seconds since
        the last word of any), which is not needed: jobs wait without one, and people can go on.

    Examples
    --------
    >>> from labeling.example import example_workspace
    >>> from labeling.operation.readiness import is_ready, look
    >>> workspace = example_workspace()
    >>> is_ready(look(lambda: workspace))
    True
    """
    try:
        opened = workspace()
    except (EarmarkError, OSError):
        return [Check(name, False, "the workspace cannot be opened") for name in ("database", "migrations", "disk")]
    return [*_database(opened), _disk(opened), _worker(opened)]


def is_ready(checks: list[Check]) -> bool:
    """Whether all that is needed is good."""
    return all(check.is_good for check in checks if check.needed)


def _database(workspace: Workspace) -> list[Check]:
    began = time.perf_counter()
    try:
        with workspace.read() as connection:
            connection.exec_driver_sql("SELECT 1")
        took_s = time.perf_counter() - began
        is_current = db.is_current(workspace.engine)
    except (EarmarkError, OSError):
        return [Check("database", False, "it does not answer"), Check("migrations", False, "not known")]
    of_another = "the database is of another version of Earmark"
    return [
        Check("database", True, "it answers", value=took_s),
        Check("migrations", is_current, "of this version" if is_current else of_another),
    ]


def _disk(workspace: Workspace) -> Check:
    try:
        with tempfile.TemporaryFile(dir=workspace.root) as file:
            file.write(b"ready")
            file.flush()
        free = workspace.free_bytes()
    except OSError:
        return Check("disk", False, "the workspace's folder takes no file")
    if free < LEAST_FREE_BYTES:
        return Check("disk", False, f"less than {LEAST_FREE_BYTES // 10**6} MB are free", value=free)
    return Check("disk", True, "it takes files and has room", value=free)


def _worker(workspace: Workspace) -> Check:
    try:
        with workspace.read() as connection:
            heard = heard_of(connection)
    except (EarmarkError, OSError):
        return Check("worker", False, "not known", needed=False)
    if not heard:
        return Check("worker", False, "none was heard of; the app starts one for a job", needed=False)
    age_s = min(heard.values())
    is_good = age_s < STALE_AFTER_S
    return Check("worker", is_good, "it was heard of" if is_good else "silent", needed=False, value=age_s)


def heard_of(connection: Connection) -> Mapping[str, float]:
    """Worker (``host:pid``) to the seconds since its last word, be it that it waits or that it works at a job."""
    waiting = sa.select(tables.workers.c.name, tables.workers.c.heartbeat_at)
    working = sa.select(tables.runs.c.worker, tables.runs.c.heartbeat_at).where(
        tables.runs.c.status == "running", tables.runs.c.worker != "", tables.runs.c.heartbeat_at != ""
    )
    now, ages = datetime.now(UTC), dict[str, float]()
    for name, at in [*connection.execute(waiting), *connection.execute(working)]:
        age_s = abs((now - datetime.fromisoformat(at)).total_seconds())  # a word from the future is of another clock
        ages[name] = min(age_s, ages.get(name, age_s))
    return ages


def worker_here(connection: Connection) -> float | None:
    """Seconds since the last word of a worker of this machine, None where there was none."""
    host = socket.gethostname()
    return min((age for name, age in heard_of(connection).items() if name.rpartition(":")[0] == host), default=None)
