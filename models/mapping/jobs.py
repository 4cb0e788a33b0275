"""Maps as jobs of the one queue: asked for and checked here, done in making.py. Loads neither UMAP nor torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib.util import find_spec

from labeling import runs
from labeling.embeddings.space import space_facts
from labeling.errors import ConfigError
from labeling.records import Run
from labeling.workspace import Workspace

PREFIX = "map-"
NEIGHBOURS = (2, 200)


@dataclass(frozen=True)
class MapRequest:
    """Which space to make a map of, and how.

    ``neighbours`` is how many of the nearest stretches each is kept beside: few show detail, many the large shape.
    ``min_dist`` is how close points may come, 0 to 1. The same ``seed`` gives the same map.
    """

    space: str
    seed: int = 0
    neighbours: int = 15
    min_dist: float = 0.1

    def __post_init__(self) -> None:
        if not NEIGHBOURS[0] <= self.neighbours <= NEIGHBOURS[1]:
            raise ConfigError(f"--neighbours {self.neighbours} is outside {NEIGHBOURS[0]} to {NEIGHBOURS[1]}")
        if not 0 <= self.min_dist <= 1:
            raise ConfigError(f"--min-dist {self.min_dist:g} is outside 0 to 1")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"--seed {self.seed} is outside 0 to {2**32 - 1}")


def is_installed() -> bool:
    """Whether a map can be made here."""
    return find_spec("umap") is not None


def check(workspace: Workspace, request: MapRequest) -> None:
    """Raise UnknownName where there is no such space, ConfigError where UMAP is not installed."""
    space_facts(workspace, request.space)
    if not is_installed():
        raise ConfigError('a map needs umap-learn: pip install ".[map]"')


def enqueue_map(workspace: Workspace, request: MapRequest, *, worker: str = "") -> Run:
    """Queue the map of a space. ``worker`` claims it at once.

    Raises as `check` does, before anything is stored; DataError where this map is being made already.
    """
    check(workspace, request)
    return runs.enqueue_job(
        workspace, runs.MAP, PREFIX + request.space, dataclasses.asdict(request), device="cpu", worker=worker
    )


def request_of(job: Run) -> MapRequest:
    """What a job was asked to do. Raises DataError where its row does not say."""
    return runs.request_of(job, MapRequest, "map")


def map_jobs(workspace: Workspace) -> list[Run]:
    """The jobs that make maps, newest first."""
    with workspace.read() as connection:
        return runs.all_jobs(connection, runs.MAP)[::-1]


def words(job: Run) -> str:
    """How far a job is, or what came of it, in a line."""
    if job.status == "failed":
        return job.error
    if job.status == "done":
        made = job.metrics
        return f"{made.get('stretches', 0):,} stretches, {made.get('clusters', 0):,} clusters"
    if phase := job.progress.get("phase"):
        return f"{phase}, {float(job.progress.get('fraction') or 0):.0%}"
    return {"queued": "waits for a worker", "running": "starting"}.get(job.status, job.status)
