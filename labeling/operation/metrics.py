"""Figures of a workspace in Prometheus' text format: decisions, jobs, workers, the database, the disk.

They are read when they are asked for. No label names a clip, a run, a class or a person, so that there are never more
series than kinds of jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.errors import EarmarkError
from labeling.operation import readiness
from labeling.runs import jobs
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace

KINDS = (jobs.TRAINING, jobs.REPLAY, jobs.EMBEDDING, jobs.PREDICTION, jobs.MAP)
STATES = ("queued", "running", "done", "failed", "stopped")
disable_created_metrics()  # type: ignore[no-untyped-call]  # when each series began is of no use here, and as many series again


class OfWorkspace(Collector):
    """Reads the figures of a workspace at each scrape; where it cannot be read, ``earmark_ready`` says so and the
    others are left out."""

    def __init__(self, workspace: Callable[[], Workspace]) -> None:
        self.workspace = workspace

    def describe(self) -> Iterable[Metric]:
        """Nothing: to register it reads no database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment."""
        checks = readiness.look(self.workspace)
        ready = GaugeMetricFamily("earmark_ready", "1 where a check is good (see /readyz)", labels=["check"])
        for check in checks:
            ready.add_metric([check.name], float(check.is_good))
        yield ready
        values = {check.name: check.value for check in checks if check.value is not None}
        for name, text, source in (
            ("earmark_database_latency_seconds", "What a question to the database takes", "database"),
            ("earmark_disk_free_bytes", "Free on the workspace's disk", "disk"),
            ("earmark_worker_heartbeat_age_seconds", "Since the last word of any worker", "worker"),
        ):
            if source in values:
                yield GaugeMetricFamily(name, text, value=values[source])
        try:
            with self.workspace().read() as connection:
                yield from list(_of_database(connection))
        except (EarmarkError, OSError):
            return


def _of_database(connection: Connection) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "earmark_decisions",
        "Entries of the journal: decisions, and those taken back",
        value=journal.position(connection),
    )
    runs = tables.runs.c
    counts = {(kind, state): 0 for kind in KINDS for state in STATES}
    for kind, state, count in db.fetch(
        connection, sa.select(runs.kind, runs.status, sa.func.count()).group_by(runs.kind, runs.status)
    ):
        if (kind, state) in counts:
            counts[kind, state] = count
    family = GaugeMetricFamily("earmark_jobs", "Jobs by kind and state; queued ones wait", labels=["kind", "state"])
    for (kind, state), count in counts.items():
        family.add_metric([kind, state], count)
    yield family
    progress = GaugeMetricFamily(
        "earmark_job_progress_ratio", "How far the running jobs of a kind are, the least of them", labels=["kind"]
    )
    done: dict[str, float] = {}
    for kind, told in connection.execute(sa.select(runs.kind, runs.progress).where(runs.status == "running")):
        fraction = told.get("fraction") if isinstance(told, dict) else None
        if kind in KINDS and isinstance(fraction, int | float):
            done[kind] = min(float(fraction), done.get(kind, 1.0))
    for kind, fraction in done.items():
        progress.add_metric([kind], fraction)
    yield progress
    heard = readiness.heard_of(connection)
    alive = sum(age_s < jobs.STALE_AFTER_S for age_s in heard.values())
    yield GaugeMetricFamily("earmark_workers", "Workers that were heard of within a minute", value=alive)


def registry_of(workspace: Callable[[], Workspace]) -> CollectorRegistry:
    """A registry with the figures of a workspace and of this process (memory, processor, open files)."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(OfWorkspace(workspace))
    return registry


def as_text(registry: CollectorRegistry) -> bytes:
    """What a scrape gets, in text format 0.0.4."""
    return generate_latest(registry)
