"""Claim a queued job (a training, a replay, an embedding, a map, a prediction) and do it. Importing this loads no
torch.

A worker says every few seconds that it lives. The job of one that fell silent, or whose process is gone from this
machine, is free again, and resumes from what its run folder holds.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeling import runs
from labeling.disagreement.scoring import score_run
from labeling.errors import ArtefactError, ClusterError, EarmarkError, WorkspaceError
from labeling.log import lines
from labeling.records import Run
from labeling.runs.execution import Report, execute, unforeseen, worker_name
from labeling.workspace import Workspace, open_workspace
from models.runfolder.processes import lives

if TYPE_CHECKING:
    from models.frozen.embedding import Hearing
    from models.runfolder.processes import ProcessGroup

POLL_S = 2.0
AWAY_S = 15.0
"""So long a cluster that does not answer is not asked again."""
_log = logging.getLogger(__name__)
NICE = 10
"""By so much a worker that the app starts goes behind the app, and behind all else on the machine."""


def device_text() -> str:
    """What trainings on this machine would use, found without importing torch."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
        names = [line.strip() for line in listed.stdout.splitlines() if line.strip()]
    except (OSError, subprocess.TimeoutExpired):
        names = []
    if names:
        return f"CUDA: {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
    return f"CPU, {os.cpu_count()} cores"


def run_job(
    workspace: Workspace,
    run: Run,
    worker: str,
    *,
    report: Report | None = None,
    interrupted: threading.Event | None = None,
    when_interrupted: str = "queued",
    processes: ProcessGroup | None = None,
    cluster: str = "",
) -> Run:
    """Do a claimed job: a replay, an embedding, a map, a prediction, or a training, whose suspects are scored
    and whose next round, if any, is queued.

    ``interrupted`` is set by a signal: the job is then left as ``when_interrupted``, to be resumed. ``processes`` are
    the processes that train it; ``cluster``, HOST:PORT of a Ray cluster, has its networks and recordings done there.
    Raises EarmarkError where the job failed, after recording it.
    """
    folder = workspace.run_dir(run.id)
    if run.kind == runs.REPLAY:
        from labeling.replay.jobs import run_replay

        return run_replay(workspace, run, worker, report=report, interrupted=interrupted)
    if run.kind == runs.EMBEDDING:
        from models.frozen.embedding import run_embedding

        return run_embedding(
            workspace, run, worker, report=report, interrupted=interrupted, when_interrupted=when_interrupted,
            hearing=_hearing(cluster),
        )  # fmt: skip
    if run.kind == runs.MAP:
        from models.mapping.making import run_map

        return run_map(
            workspace, run, worker, report=report, interrupted=interrupted, when_interrupted=when_interrupted
        )
    if run.kind == runs.PREDICTION:
        from models.linear.recordings import load_for
        from models.prediction.jobs import run_prediction

        predicting = None
        if cluster:
            from models.cluster.recordings import predict_on

            predicting = predict_on(workspace, cluster, run.device)
        return run_prediction(
            workspace, run, worker, load_for(workspace), report=report, interrupted=interrupted,
            when_interrupted=when_interrupted, predicting=predicting,
        )  # fmt: skip
    if run.recipe == runs.IMPORTED:
        runs.finish(workspace, run.id, worker, "failed", error="an import that was cut short; bring the file again")
        runs.check_trained(run)

    def train(tell: Report, should_stop: Callable[[], bool]) -> Mapping[str, Any]:
        from models.combining.request import KINDS

        metrics: Mapping[str, Any]
        if run.recipe in KINDS:
            from models.combining.combine import run_combination

            metrics = run_combination(workspace, run, tell, should_stop)
        else:
            metrics = _train(workspace, run, tell, should_stop, processes, cluster)
        tell({"phase": "scoring suspects", "fraction": 1.0})
        overall: Mapping[str, Any] = metrics["overall"]
        return overall

    ended = execute(
        workspace, run, worker, train, folder / "log.txt", report=report, interrupted=interrupted,
        when_interrupted=when_interrupted, tree=f"runs/{run.id}",
    )  # fmt: skip
    if ended.status == "done":
        _follow_up(workspace, run)
    return ended


def _train(
    workspace: Workspace,
    run: Run,
    tell: Report,
    should_stop: Callable[[], bool],
    processes: ProcessGroup | None,
    cluster: str,
) -> Mapping[str, Any]:
    """Train a network, or a linear head where the recipe names a space."""
    from models.training.train_run import inputs_of, train_run

    given = inputs_of(workspace, run)
    if not given.recipe.linear.space:
        elsewhere = None
        if cluster:
            from models.cluster.folds import on_cluster

            elsewhere = on_cluster(workspace, run, cluster)
        return train_run(
            workspace, run, report=tell, should_stop=should_stop, processes=processes, given=given, elsewhere=elsewhere
        )
    from models.linear.crossval import cross_validate_heads

    recipe = given.recipe
    if run.folds is not None:
        recipe = replace(recipe, folds=replace(recipe.folds, folds=run.folds))
    return cross_validate_heads(
        workspace, run.id, recipe, given.clips, given.labels, label_version=run.label_version, device=run.device,
        report=tell, should_stop=should_stop, hearing=_hearing(cluster),
    )  # fmt: skip


def _hearing(cluster: str) -> Hearing | None:
    """What embeds on a cluster, None for this machine."""
    if not cluster:
        return None
    from models.cluster.recordings import hear_on

    return hear_on(cluster)


def _follow_up(workspace: Workspace, run: Run) -> None:
    """Score the suspects of a finished run and queue its next round."""
    try:
        score_run(workspace, run.id)
        _queue_next_round(workspace, run)
    except EarmarkError:
        raise
    except Exception as problem:
        text = unforeseen(problem, workspace.run_dir(run.id) / "log.txt")
        raise ArtefactError(f"run {run.id} is done, but what follows it failed: {text}") from problem


def _queue_next_round(workspace: Workspace, run: Run) -> None:
    from models.combining.request import KINDS
    from models.config import recipe_of
    from models.correcting.rounds import next_round
    from models.runfolder.folder import RunFolder

    folder = workspace.run_dir(run.id)
    if run.recipe in KINDS or RunFolder(folder).facts().get("repeats"):
        return
    recipe = recipe_of(folder)
    if recipe.iterate.rounds > 0:
        next_round(workspace, run, recipe)


def _resume_rounds(workspace: Workspace) -> None:
    from models.correcting.rounds import resume_rounds

    try:
        resume_rounds(workspace)
    except EarmarkError as problem:
        print(f"warning: the next round of a finished run was not queued: {problem}", file=sys.stderr)


def free_dead_jobs(workspace: Workspace) -> list[str]:
    """Give back the jobs of this machine's workers whose process is gone; returns their ids."""
    host = socket.gethostname()
    freed = []
    with workspace.read() as connection:
        running = [job for job in runs.all_jobs(connection) if job.status == "running"]
        waiting = runs.live_workers(connection)
    for name in {job.worker for job in running} | set(waiting):
        where, _, pid = name.rpartition(":")
        if where == host and pid.isdigit() and not lives(int(pid)):
            for job in running:
                if job.worker == name:
                    runs.release(workspace, job.id, name)
                    freed.append(job.id)
            runs.worker_gone(workspace, name)
    return freed


def work(
    workspace: Workspace,
    *,
    once: bool = False,
    idle_exit_s: float | None = None,
    report: Report | None = None,
    cluster: str = "",
) -> int:
    """Do queued jobs one after the other; returns how many were done.

    ``once`` ends after the queue is empty; ``idle_exit_s`` after so long without a job; ``cluster`` as of `run_job`.
    SIGTERM and SIGINT give the job in hand back to the queue.
    """
    worker, device = worker_name(), f"Ray cluster at {cluster}" if cluster else device_text()
    interrupted = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: interrupted.set())
    done, idle_since = 0, time.monotonic()
    _log.info("%s waits for jobs, on %s", worker, device)
    try:
        _resume_rounds(workspace)
        while not interrupted.is_set():
            runs.worker_seen(workspace, worker, device)
            free_dead_jobs(workspace)
            if cluster and not _answers(cluster, once):
                interrupted.wait(AWAY_S)
                continue
            run = runs.claim(workspace, worker)
            if run is None:
                if once or (idle_exit_s is not None and time.monotonic() - idle_since > idle_exit_s):
                    break
                interrupted.wait(POLL_S)
                continue
            try:
                with lines.in_hand(job=run.id):
                    _log.info("begins")
                    run_job(workspace, run, worker, report=report, interrupted=interrupted, cluster=cluster)
                    _log.info("ended")
            except EarmarkError as problem:
                lines.say_error(f"{run.id}: {problem}")
            done, idle_since = done + 1, time.monotonic()
    finally:
        runs.worker_gone(workspace, worker)
    return done


def _answers(cluster: str, once: bool) -> bool:
    """Whether the cluster can be reached: a job is claimed only then, or it would fail. ``once``: raises ClusterError
    where it cannot."""
    from models.cluster.spreading import check_cluster

    try:
        check_cluster(cluster)
    except ClusterError as problem:
        if once:
            raise
        _log.warning("%s", problem)
        return False
    return True


def give_way(nice: int) -> None:
    """Let other programs have the processors first, by so much as nice(1) counts; where a system knows of no such
    thing, nothing."""
    if nice <= 0 or not hasattr(os, "nice"):
        return
    value = os.nice(nice)
    # Linux may share the processors by session before it looks at single processes
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(value), encoding="ascii")


def ensure_worker(workspace: Workspace) -> bool:
    """Start a worker process of its own unless one lives; returns whether one was started.

    It outlives this process, so that a training survives a restart of the app, and ends when it has nothing to do.
    """
    free_dead_jobs(workspace)
    with workspace.read() as connection:
        every_job = runs.all_jobs(connection)
        if not any(job.status == "queued" for job in every_job) or runs.live_workers(connection):
            return False
        if any(runs.is_alive(job) for job in every_job):
            return False
    try:
        log = open(workspace.root / "worker.log", "ab")  # noqa: SIM115
    except OSError as problem:
        raise WorkspaceError(
            f"no worker started: {problem.filename}: {problem.strerror}; see to that, or run `python -m models work`"
        ) from problem
    with log:
        process = subprocess.Popen(
            [sys.executable, "-m", "models", "work", "-w", str(workspace.root), "--idle-exit", "30", f"--nice={NICE}"],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True, name="reaper of the worker").start()  # leaves no zombie
    # It needs seconds to say so itself; a page drawn again in between must not start another.
    runs.worker_seen(workspace, worker_name(process.pid), device_text())
    return True


def open_for_work(root: str) -> Workspace:
    """The workspace at ``root``; a worker waits long for a busy database rather than losing a training."""
    return open_workspace(root, busy_timeout_s=120)
