"""A claimed job on its way to its end: its worker says that it lives, and how the job ended is recorded."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from labeling.errors import ArtefactError, DataError, EarmarkError, Stopped, WorkspaceUnreachable
from labeling.log.redaction import redacted
from labeling.records import Run
from labeling.runs import jobs
from labeling.workspace import Workspace

HEARTBEAT_S = 3.0
_log = logging.getLogger(__name__)
PUBLISH_S = 120.0
"""How often a job's folder goes to a store that machines share."""

Report = Callable[[Mapping[str, Any]], None]
"""Is told how far a job is: ``fraction`` 0..1, and what else its screen shows."""
Work = Callable[[Report, Callable[[], bool]], Mapping[str, Any]]
"""``work(report, should_stop)`` does a job and returns its metrics; it raises Stopped where ``should_stop`` says so."""


class Heart(threading.Thread):
    """Beats for a job while it is worked on; ``stop`` is set when it must end."""

    def __init__(self, workspace: Workspace, job_id: str, worker: str) -> None:
        super().__init__(daemon=True, name="heartbeat")
        self.workspace, self.job_id, self.worker = workspace, job_id, worker
        self.progress: Mapping[str, Any] = {}
        self.stop = threading.Event()
        self.ended = threading.Event()

    def run(self) -> None:
        """Beat until the job ends. A database that is busy for a while does not end it."""
        while not self.ended.wait(HEARTBEAT_S if self.progress.get("fraction") else 0.5):
            try:
                if not jobs.heartbeat(self.workspace, self.job_id, self.worker, self.progress):
                    self.stop.set()
            except EarmarkError as problem:
                _log.warning("heartbeat of %s: %s", self.job_id, problem)

    def end(self) -> None:
        """Beat no more."""
        self.ended.set()
        self.join(timeout=HEARTBEAT_S * 4)


def execute(
    workspace: Workspace,
    job: Run,
    worker: str,
    work: Work,
    log: Path,
    *,
    report: Report | None = None,
    interrupted: threading.Event | None = None,
    when_interrupted: str = "queued",
    tree: str = "",
) -> Run:
    """Do the work of a claimed job, and record how it ended.

    Parameters
    ----------
    workspace : Workspace
    job : Run
        Claimed by ``worker``.
    worker : str
        As `worker_name` gives it.
    work : Work
    log : Path
        Gets the traceback of what nobody foresaw.
    report : Report, optional
        Is told what ``work`` reports.
    interrupted : threading.Event, optional
        Set by a signal: the job is then left as ``when_interrupted``, to be taken up again.
    when_interrupted : {"queued", "stopped"}
    tree : str
        The folder of the workspace in which the job leaves its work. Where machines share a store, what it has of the
        job is taken up first; it gets the folder every few minutes and at the job's end, before that is recorded, so
        that another machine can show it or go on with it.

    Returns
    -------
    Run
        As it ended: done, stopped, or queued again.

    Raises
    ------
    EarmarkError
        The work failed; this is recorded.
    """
    heart = Heart(workspace, job.id, worker)
    interrupted = interrupted or threading.Event()
    published_at = time.monotonic()

    def tell(progress: Mapping[str, Any]) -> None:
        nonlocal published_at
        heart.progress = {"warning": heart.progress.get("warning", ""), **progress}
        if report:
            report(progress)
        if tree and workspace.shared and time.monotonic() - published_at > PUBLISH_S and not heart.stop.is_set():
            try:
                workspace.publish(tree)  # by the thread that works, so that nothing is written meanwhile
            except WorkspaceUnreachable as problem:
                heart.progress = {**heart.progress, "warning": f"not on the shared store for now: {problem}"}
            published_at = time.monotonic()

    def send(progress: str) -> None:
        """Publish the job's folder, told as its phase; nothing where no store is shared."""
        if tree and workspace.shared is not None:
            of = heart.progress
            workspace.shared.publish(
                tree, lambda done, total: setattr(heart, "progress", {**of, "phase": _sent(progress, done, total)})
            )

    def end(status: str, error: str = "", metrics: Mapping[str, Any] | None = None) -> None:
        heart.end()
        jobs.finish(workspace, job.id, worker, status, error=error, metrics=metrics)

    def leave() -> None:
        """Publish what there is of a job that is not done; how it ended is recorded in any case."""
        try:
            send("sending what is done")
        except EarmarkError as problem:
            print(f"warning: {job.id} is not on the shared store: {problem}", file=sys.stderr)

    heart.start()
    try:
        if tree and workspace.shared is not None:
            workspace.shared.bring(tree, take_over=True)
        metrics = work(tell, lambda: heart.stop.is_set() or interrupted.is_set())
        send("sending the result")
        end("done", metrics=metrics)
    except Stopped:
        leave()
        end(when_interrupted if interrupted.is_set() else "stopped")
    except KeyboardInterrupt:
        end("stopped")
        raise
    except EarmarkError as problem:
        leave()
        end("failed", str(problem))
        raise
    except Exception as problem:
        text = unforeseen(problem, log)
        leave()
        end("failed", text)
        raise ArtefactError(f"{job.id} failed: {text}") from problem
    finally:
        heart.end()
    with workspace.read() as connection:
        ended = jobs.get_job(connection, job.id)
    if ended is None:
        raise DataError(f"{job.id} was taken out of the queue while it was worked on")
    return ended


def _sent(what: str, done: int, total: int) -> str:
    return f"{what}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB" if total else what


def unforeseen(problem: Exception, log: Path) -> str:
    """What went wrong that nobody foresaw, in one line; the traceback of the exception in hand goes into a log."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "a", encoding="utf-8") as file:
            file.write(redacted(traceback.format_exc()))
    except OSError:
        print(redacted(traceback.format_exc()), file=sys.stderr)
    return redacted(f"{type(problem).__name__}: {problem}; the traceback is in the log, {log.name}")


def worker_name(pid: int | None = None) -> str:
    """A process of this machine (this one), as a job's row names it: host and process id."""
    return f"{socket.gethostname()}:{os.getpid() if pid is None else pid}"
