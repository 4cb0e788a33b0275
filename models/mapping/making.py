"""The work of a map: UMAP in a process of its own, clusters of what comes of it, both kept beside the space.

UMAP's compiled loops hold the interpreter for minutes. In a process of its own it neither keeps the worker from saying
that it lives, nor has to be asked to stop: it is ended. The same seed gives the same map, on one core.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.embeddings.space import FOLDER, open_space, tree_of
from labeling.errors import ArtefactError, DataError, Stopped
from labeling.landscape.clustering import clusters_of
from labeling.landscape.principal import principal_components
from labeling.landscape.projection import keep_projection, space_digest
from labeling.records import Run
from labeling.runs.execution import Report, execute
from labeling.workspace import Workspace
from models.mapping.jobs import MapRequest, request_of

MOST_AXES = 64
"""Vectors of more numbers are first reduced to so many principal components: neighbours are found ten times as fast."""
LEAST_ROWS = 10
BEGUN, LAID_OUT = 0.3, 0.95
"""How far the work is when the layout begins, and when it ends."""
ENDS_S = 30.0
"""So long a process that is done may take to leave."""


def run_map(
    workspace: Workspace,
    job: Run,
    worker: str,
    *,
    report: Report | None = None,
    interrupted: threading.Event | None = None,
    when_interrupted: str = "queued",
) -> Run:
    """Do a claimed map. Returns the job as it ended; raises EarmarkError after recording it."""
    request = request_of(job)

    def work(tell: Report, should_stop: Callable[[], bool]) -> Mapping[str, Any]:
        return make_map(workspace, request, tell, should_stop)

    return execute(
        workspace, job, worker, work, workspace.root / FOLDER / f"{request.space}.log", report=report,
        interrupted=interrupted, when_interrupted=when_interrupted, tree=tree_of(request.space),
    )  # fmt: skip


def make_map(
    workspace: Workspace, request: MapRequest, tell: Report, should_stop: Callable[[], bool]
) -> Mapping[str, Any]:
    """Make the map of a space, and keep it. Returns what `jobs.words` tells. Raises Stopped, with nothing kept."""
    tell({"phase": "reading the space", "fraction": 0.01})
    digest = space_digest(workspace, request.space)
    space = open_space(workspace, request.space)
    if len(space) < LEAST_ROWS:
        raise DataError(
            f"space {request.space!r} has {len(space)} stretches, and a map needs {LEAST_ROWS}; embed more clips"
        )
    if space.facts.size > MOST_AXES:
        vectors = principal_components(space.vectors, MOST_AXES)
    else:
        vectors = np.asarray(space.vectors, np.float32)
    positions = _in_a_process(vectors, request, tell, should_stop)
    tell({"phase": "finding clusters", "fraction": LAID_OUT})
    cluster = clusters_of(positions)
    if should_stop():
        raise Stopped("stopped before the map was kept")
    settings = {"seed": request.seed, "neighbours": request.neighbours, "min_dist": request.min_dist}
    keep_projection(workspace, request.space, digest, positions, cluster, settings)
    tell({"phase": "done", "fraction": 1.0})
    return {"stretches": len(space), "clusters": int(cluster.max(initial=-1)) + 1}


def laid_out(
    vectors: NDArray[np.float32], request: MapRequest, tell: Callable[[float], None] = lambda share: None
) -> NDArray[np.float32]:
    """Where UMAP lays vectors (N, D), as (N, 2); it begins with their principal components. The same seed, the same
    positions. ``tell`` gets which share of the layout is done."""
    from umap import UMAP

    _keep_compiled()

    class Told:
        """In the place of the terminal to which UMAP's bar writes."""

        def write(self, text: str) -> None:
            share, percent, _ = text.rpartition("%|")
            if percent and (number := share.rpartition(":")[2].strip()).isdigit():
                tell(int(number) / 100)

        def flush(self) -> None:
            """Nothing is held back."""

    model = UMAP(
        n_neighbors=min(request.neighbours, len(vectors) - 1), min_dist=request.min_dist, metric="euclidean",
        init="pca", random_state=request.seed, n_jobs=1, tqdm_kwds={"file": Told(), "disable": False, "ascii": True},
    )  # fmt: skip
    return np.asarray(model.fit_transform(vectors), np.float32)


def _keep_compiled() -> None:
    """Have numba keep on this disk what it compiles of UMAP, which takes ten seconds, so that the next map need not."""
    from umap import umap_, utils

    for function in (utils.fast_knn_indices, umap_.smooth_knn_dist, umap_.compute_membership_strengths):
        with suppress(RuntimeError):  # no folder that may be written to
            function.enable_caching()


def _in_a_process(
    vectors: NDArray[np.float32], request: MapRequest, tell: Report, should_stop: Callable[[], bool]
) -> NDArray[np.float32]:
    tell({"phase": "finding neighbours", "fraction": 0.05})
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="earmark-map-") as folder:
        np.save(Path(folder) / "vectors.npy", vectors)
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(folder, request, theirs), daemon=True)
        process.start()
        theirs.close()
        try:
            while True:
                if should_stop():
                    raise Stopped("stopped while the map was made")
                if not ours.poll(0.5):
                    continue
                told = ours.recv()
                if told is None:
                    process.join(ENDS_S)
                    break
                if isinstance(told, str):
                    raise ArtefactError(f"the map was not made: {told}")
                share = BEGUN + told * (LAID_OUT - BEGUN)
                tell({"phase": "laying out", "fraction": share})
        except EOFError as problem:
            process.join()
            raise ArtefactError(
                f"the map was not made: its process ended with code {process.exitcode}, as one does whose memory runs "
                "out; free some, or make a map of a smaller space"
            ) from problem
        finally:
            process.terminate()
            process.join()
            ours.close()
        return np.asarray(np.load(Path(folder) / "positions.npy"), np.float32)


def _work(folder: str, request: MapRequest, told: Connection) -> None:
    """In a process of its own, which ends with its parent."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends what is begun
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True, name="end with the parent").start()
    try:
        vectors = np.load(Path(folder) / "vectors.npy", mmap_mode="r")
        np.save(Path(folder) / "positions.npy", laid_out(np.asarray(vectors), request, told.send))
        told.send(None)
    except Exception as problem:  # of a library; the parent says it
        told.send(f"{type(problem).__name__}: {problem}")
