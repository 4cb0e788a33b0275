"""Replays as jobs of the one queue: asked for, worked on, kept in ``replays/<name>.json`` with their curves as a CSV.

While a replay waits or runs, its row in the queue says how far it is. What came of it lies in the files.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from labeling import runs
from labeling.errors import DataError, Stopped
from labeling.records import Run
from labeling.replay.curves import as_json, curves_csv
from labeling.replay.learning import (
    LearningPlan,
    check_learning,
    learning_csv,
    learning_json,
    learning_plan_of,
    replay_learning,
)
from labeling.replay.simulation import Plan, plan_of, read_start, replay
from labeling.runs.execution import Report, execute
from labeling.storage.files import write_atomically
from labeling.workspace import Workspace

FOLDER = "replays"
TRUTH_NAMES = ("truth_labels.csv", "truth_noise.csv")
_PREFIX = "replay-"  # a job's id is this and the replay's name, which no run's id is
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")


@dataclass(frozen=True)
class StoredReplay:
    """A replay as its row and its file say. ``status``: queued, running, done, stopped, failed.

    ``asked`` is what was to be replayed, as `Plan.as_json` gives it; ``curves`` as `curves.as_json` gives them,
    references last; ``facts`` the rest of `simulation.Outcome`. One that ``learns`` is of labels that were hidden:
    then they are of `learning`, as its `as_json` and `learning_json` give them.
    """

    name: str
    status: str
    created_at: str
    done: int = 0
    total: int = 0
    text: str = ""
    error: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    curves: Sequence[Mapping[str, Any]] = ()

    @property
    def lives(self) -> bool:
        """Whether it waits for its turn or runs."""
        return self.status in ("queued", "running")

    @property
    def learns(self) -> bool:
        """Whether it is of what to label next (labeling/replay/learning.py), not of a queue."""
        return "space" in self.asked


def enqueue(workspace: Workspace, plan: Plan | LearningPlan, name: str = "", *, worker: str = "") -> Run:
    """Queue a replay under a name, by default the next free number. ``worker`` claims it at once.

    Raises as `simulation.read_start` or `learning.check_learning` does, before anything is stored; DataError for a name
    that is not plain, or that of a replay which has not ended.
    """
    name = name or next_name(workspace)
    _path(workspace, name, "json")
    request, version = plan.as_json() | {"truth": str(plan.truth.resolve())}, 0
    if isinstance(plan, LearningPlan):
        check_learning(workspace, plan)
    else:
        begun = read_start(workspace, plan)
        request, version = request | {"run": begun.run.id}, begun.run.label_version
    return runs.enqueue_job(workspace, runs.REPLAY, _PREFIX + name, request, label_version=version, worker=worker)


def name_of(job: Run) -> str:
    """The name of the replay that a job is."""
    return job.id.removeprefix(_PREFIX)


def run_replay(
    workspace: Workspace,
    job: Run,
    worker: str,
    *,
    report: Report | None = None,
    interrupted: threading.Event | None = None,
) -> Run:
    """Do a claimed replay and keep what came of it. One that is interrupted waits in the queue to begin anew.

    Returns the job as it ended. Raises what `simulation.replay` raises, after recording it.
    """
    name = name_of(job)

    def work(tell: Report, should_stop: Callable[[], bool]) -> Mapping[str, Any]:
        def told(done: int, total: int, text: str) -> None:
            if should_stop():
                raise Stopped(f"replay {name} was stopped")
            tell({"done": done, "total": total, "phase": text, "fraction": done / max(1, total)})

        if "space" in job.request:
            learned = replay_learning(workspace, learning_plan_of(job.request), told)
            _keep(workspace, name, job, *learning_json(learned), learning_csv(learned))
            return {"cells": learned.cells}
        outcome = replay(workspace, plan_of(job.request), told)
        curves = [as_json(curve, outcome.errors, outcome.horizon) for curve in outcome.curves]
        facts = {key: value for key, value in vars(outcome).items() if key != "curves"}
        _keep(workspace, name, job, facts, curves, curves_csv(outcome.curves, outcome.errors))
        return {"errors": outcome.errors, "horizon": outcome.horizon}

    return execute(workspace, job, worker, work, _path(workspace, name, "log"), report=report, interrupted=interrupted)


def _keep(
    workspace: Workspace, name: str, job: Run, facts: Mapping[str, Any], curves: Sequence[Mapping[str, Any]], csv: bytes
) -> None:
    stored = StoredReplay(name, "done", job.created_at, asked=job.request, facts=facts, curves=curves)
    write_atomically(_path(workspace, name, "csv"), csv)
    write_atomically(_path(workspace, name, "json"), json.dumps(stored.__dict__, indent=1).encode())


def stop(workspace: Workspace, name: str) -> None:
    """Ask a replay to end; it does within some seconds. Raises DataError where there is none of this name."""
    runs.request_stop(workspace, _PREFIX + name)


def kept(workspace: Workspace) -> list[StoredReplay]:
    """All replays, newest first; a file that cannot be read is passed over."""
    with workspace.read() as connection:
        jobs = runs.all_jobs(connection, runs.REPLAY)
    replays = {path.stem: _read(path) for path in (workspace.root / FOLDER).glob("*.json")}
    for job in jobs:
        name = name_of(job)
        if job.status != "done":
            replays[name] = _of_row(name, job)
    return sorted(filter(None, replays.values()), key=lambda replay: replay.created_at, reverse=True)


def get(workspace: Workspace, name: str) -> StoredReplay | None:
    """One replay, None where it is not there."""
    with workspace.read() as connection:
        job = runs.get_job(connection, _PREFIX + name)
    if job is not None and job.status != "done":
        return _of_row(name, job)
    return _read(_path(workspace, name, "json"))


def _of_row(name: str, job: Run) -> StoredReplay:
    done, total = (int(job.progress.get(key, 0)) for key in ("done", "total"))
    text = str(job.progress.get("phase", ""))
    return StoredReplay(name, job.status, job.created_at, done, total, text, job.error, job.request)


def _read(path: Path) -> StoredReplay | None:
    """A replay that ended, by its file. Before replays were jobs, the file said how far one was: one that still says
    so was cut short."""
    known = {item.name for item in fields(StoredReplay)}
    with suppress(OSError, ValueError, TypeError, AttributeError):
        values = json.loads(path.read_text(encoding="utf-8"))
        stored = StoredReplay(**{key: value for key, value in values.items() if key in known})
        if stored.lives:
            return StoredReplay(stored.name, "failed", stored.created_at, error="it was cut short", asked=stored.asked)
        return stored
    return None


def csv_of(workspace: Workspace, name: str) -> bytes:
    """The curves of one that is done, as CSV; b"" where there are none."""
    try:
        return _path(workspace, name, "csv").read_bytes()
    except OSError:
        return b""


def next_name(workspace: Workspace) -> str:
    """The number after the highest: ``001`` first."""
    with workspace.read() as connection:
        names = [name_of(job) for job in runs.all_jobs(connection, runs.REPLAY)]
    names += [path.stem for path in (workspace.root / FOLDER).glob("*.json")]
    return f"{max((int(name) for name in names if name.isdecimal()), default=0) + 1:03d}"


def truth_files(workspace: Workspace) -> list[Path]:
    """The truth files that lie with the workspace: in ``truth/``, or ``demo/truth/`` of a synthesised collection."""
    folders = (workspace.root / "truth", workspace.root / "demo" / "truth")
    return [path for folder in folders for name in TRUTH_NAMES if (path := folder / name).is_file()]


def _path(workspace: Workspace, name: str, suffix: str) -> Path:
    if not _NAME.fullmatch(name):
        raise DataError(f"--name {name!r} is not a plain name; use up to 60 letters, digits, '-' and '_'")
    return workspace.root / FOLDER / f"{name}.{suffix}"
