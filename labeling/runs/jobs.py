"""The jobs of a workspace, trainings and others: queued, claimed by a worker, watched, stopped, finished.

A row is the queue's entry and the job's record in one. A run is a training's; replays are read in labeling/replay,
embeddings in models/frozen, predictions of new recordings in models/prediction. The work itself is in
models/worker.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.errors import DataError
from labeling.journal import versions
from labeling.records import Run
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

STALE_AFTER_S = 60.0  # a worker says that it lives every few seconds; after this silence its job is free again
TRAINING, REPLAY, EMBEDDING, PREDICTION, MAP = "training", "replay", "embedding", "prediction", "map"
"""The kinds of jobs."""
IMPORTED = "brought"
"""The recipe of a run whose predictions were made elsewhere (labeling/external/importing.py)."""

Request = TypeVar("Request", bound="DataclassInstance")


def enqueue(
    workspace: Workspace,
    recipe: str,
    label_version: int,
    *,
    settings: Sequence[str] = (),
    folds: int | None = None,
    device: str = "auto",
    worker: str = "",
    request: Mapping[str, Any] | None = None,
) -> Run:
    """Queue a training on a frozen label version.

    Parameters
    ----------
    workspace : Workspace
    recipe : str
        Its name or file. It is not read here; `models` checks it before.
    label_version : int
    settings : sequence of str
        Changes to the recipe, ``KEY=VALUE`` each.
    folds : int, optional
        By default as the recipe says.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    worker : str
        Where given, the run is claimed by this worker at once.
    request : mapping, optional
        What the training is part of, such as a stage of label correction; it changes nothing in it.

    Returns
    -------
    Run
        Its ``id`` names its folder: `Workspace.run_dir`.

    Raises
    ------
    DataError
        There is no such version.

    Examples
    --------
    >>> from labeling import runs
    >>> from labeling.example import example_workspace
    >>> workspace = example_workspace()
    >>> run = runs.enqueue(workspace, "quick", label_version=1, settings=["train.epochs=4"])
    >>> run.id, run.status
    ('002-quick', 'queued')
    >>> runs.claim(workspace, "worker-1").id
    '002-quick'
    """
    with workspace.write() as connection:
        db.lock_table(connection, tables.runs)
        versions.get_version(connection, label_version)
        trainings = sa.select(sa.func.count()).select_from(tables.runs).where(tables.runs.c.kind == TRAINING)
        count = connection.scalar(trainings) or 0
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", recipe.rsplit("/", 1)[-1].removesuffix(".toml")).strip("-") or "run"
        return _insert(
            connection,
            Run(
                id=f"{count + 1:03d}-{name[:40]}",
                recipe=recipe,
                label_version=label_version,
                status="queued",
                created_at=db.now(),
                settings=tuple(settings),
                folds=folds,
                device=device,
                request=request or {},
            ),
            worker,
        )


def enqueue_job(
    workspace: Workspace,
    kind: str,
    job_id: str,
    request: Mapping[str, Any],
    *,
    label_version: int = 0,
    device: str = "auto",
    worker: str = "",
) -> Run:
    """Queue a job that is no training: what ``request`` says, on a label version (0: on none).

    An ended one of the same id makes room. ``worker`` claims it at once. Raises DataError where one of this id is
    queued or runs.
    """
    with workspace.write() as connection:
        db.lock_table(connection, tables.runs)
        same = (tables.runs.c.id == job_id) & (tables.runs.c.kind == kind)
        ended = tables.runs.c.status.not_in(("queued", "running"))
        connection.execute(sa.delete(tables.runs).where(same, ended))
        if connection.scalar(sa.select(tables.runs.c.id).where(tables.runs.c.id == job_id)) is not None:
            raise DataError(f"{job_id} is queued or runs; wait for its end, stop it, or take another name")
        job = Run(job_id, "", label_version, "queued", db.now(), device=device, kind=kind, request=request)
        return _insert(connection, job, worker)


def forget_job(workspace: Workspace, job_id: str) -> None:
    """Take a job that ended, and is no training, out of the list. Raises DataError where it waits or runs."""
    with workspace.write() as connection:
        job = get_job(connection, job_id)
        if job is None or job.kind == TRAINING:
            return
        if job.status in ("queued", "running"):
            raise DataError(f"{job_id} is {job.status}; stop it first")
        connection.execute(sa.delete(tables.runs).where(tables.runs.c.id == job_id))


def drop_waiting(workspace: Workspace, job_id: str) -> None:
    """Take a job out of the queue where it waits there, so that it can be asked for anew."""
    with workspace.read() as connection:
        job = get_job(connection, job_id)
    if job is not None and job.status == "queued":
        request_stop(workspace, job_id)


def request_of(job: Run, kind: type[Request], doing: str) -> Request:
    """What a job was asked to do, as a dataclass of this kind; what that does not know is passed over.

    Raises DataError where the job's row lacks something; the message says that it is of ``doing`` so.
    """
    known = {item.name for item in fields(kind)}
    try:
        return kind(**{key: value for key, value in job.request.items() if key in known})
    except TypeError as problem:
        raise DataError(f"job {job.id} does not say what to {doing} ({problem}); ask for it again") from problem


def _insert(connection: Connection, job: Run, worker: str) -> Run:
    """Store a new job, claimed where a worker is named."""
    if worker:
        now = db.now()
        job = replace(job, status="running", started_at=now, heartbeat_at=now, worker=worker)
    row = {key: getattr(job, key) for key in tables.runs.c.keys()}  # noqa: SIM118
    stored = {"settings": list(job.settings), "request": dict(job.request), "label_version": job.label_version or None}
    connection.execute(sa.insert(tables.runs).values(row | stored))
    return job


def all_jobs(connection: Connection, kind: str = "") -> list[Run]:
    """Every job, or those of one kind, oldest first."""
    query = sa.select(tables.runs).order_by(tables.runs.c.created_at, tables.runs.c.id)
    return [_run(row) for row in connection.execute(query.where(tables.runs.c.kind == kind) if kind else query)]


def all_runs(connection: Connection) -> list[Run]:
    """Every run, oldest first."""
    return all_jobs(connection, TRAINING)


def get_run(connection: Connection, run_id: str) -> Run:
    """One run; raises DataError with the runs that exist."""
    job = get_job(connection, run_id)
    if job is None or job.kind != TRAINING:
        known = ", ".join(run.id for run in all_runs(connection)) or "none yet"
        raise DataError(f"no run {run_id!r}; choose from {known}")
    return job


def get_job(connection: Connection, job_id: str) -> Run | None:
    """One job of any kind, None where it is not there."""
    row = connection.execute(sa.select(tables.runs).where(tables.runs.c.id == job_id)).first()
    return _run(row) if row else None


def check_trained(run: Run) -> None:
    """Raise DataError for a run whose predictions were made elsewhere: there is nothing to train or predict with."""
    if run.recipe == IMPORTED:
        raise DataError(
            f"run {run.id} was brought from elsewhere and has no recipe and no network here; bring newer predictions "
            "with `python -m labeling predictions FILE`, or train a run of a recipe"
        )


def newest_done(connection: Connection) -> Run | None:
    """The run that ended last with predictions, or None."""
    done = (tables.runs.c.status == "done") & (tables.runs.c.kind == TRAINING)
    row = connection.execute(
        sa.select(tables.runs).where(done).order_by(tables.runs.c.ended_at.desc()).limit(1)
    ).first()
    return _run(row) if row else None


def release(workspace: Workspace, run_id: str, worker: str) -> None:
    """Give a job back to the queue, for instance because its worker is known to be dead."""
    with workspace.write() as connection:
        mine = (tables.runs.c.id == run_id) & (tables.runs.c.worker == worker) & (tables.runs.c.status == "running")
        connection.execute(sa.update(tables.runs).where(mine).values(_given_back()))


def _given_back() -> dict[str, Any]:
    """A job without a worker: queued again, or stopped where somebody asked for that."""
    stop = tables.runs.c.stop_requested
    return {
        "status": sa.case((stop, "stopped"), else_="queued"),
        "ended_at": sa.case((stop, db.now()), else_=""),
        "worker": "",
    }


def claim(workspace: Workspace, worker: str, run_id: str | None = None) -> Run | None:
    """Take the oldest queued run, or one whose worker has fallen silent; None where there is none.

    With ``run_id``, take that run and no other, also one that was stopped or failed (to resume it).
    """
    with workspace.write() as connection:
        _heed_the_clock(connection)
        silent = (tables.runs.c.status == "running") & (tables.runs.c.heartbeat_at < _stale_time())
        if run_id is None:  # nobody is left to hear that it should stop
            connection.execute(sa.update(tables.runs).where(silent, tables.runs.c.stop_requested).values(_given_back()))
        free = (tables.runs.c.status == "queued") | silent
        if run_id is not None:
            free = (tables.runs.c.id == run_id) & (free | tables.runs.c.status.in_(("stopped", "failed")))
        query = sa.select(tables.runs.c.id).where(free).order_by(tables.runs.c.created_at, tables.runs.c.id).limit(1)
        claimed_id = connection.scalar(query.with_for_update(skip_locked=True))
        if claimed_id is None:
            return None
        connection.execute(
            sa.update(tables.runs)
            .where(tables.runs.c.id == claimed_id)
            .values(
                status="running",
                worker=worker,
                started_at=sa.case((tables.runs.c.started_at == "", db.now()), else_=tables.runs.c.started_at),
                heartbeat_at=db.now(),
                ended_at="",
                error="",
                stop_requested=False,
            )
        )
        return get_job(connection, claimed_id)


def heartbeat(workspace: Workspace, run_id: str, worker: str, progress: Mapping[str, Any]) -> bool:
    """Say that the worker lives and how far it is. Returns False where it must stop: asked to, or job taken away."""
    with workspace.write() as connection:
        mine = (tables.runs.c.id == run_id) & (tables.runs.c.worker == worker) & (tables.runs.c.status == "running")
        changed = connection.execute(
            sa.update(tables.runs).where(mine).values(heartbeat_at=db.now(), progress=dict(progress))
        ).rowcount
        stop = connection.scalar(sa.select(tables.runs.c.stop_requested).where(tables.runs.c.id == run_id))
        return changed == 1 and not stop


def finish(
    workspace: Workspace,
    run_id: str,
    worker: str,
    status: str,
    *,
    metrics: Mapping[str, Any] | None = None,
    error: str = "",
) -> None:
    """Record how a run ended: done, failed, stopped, or queued again for another worker."""
    with workspace.write() as connection:
        values: dict[str, Any] = {"status": status, "error": error[:4000], "ended_at": db.now(), "worker": ""}
        if status == "queued":
            values |= _given_back()
        if metrics is not None:
            values["metrics"] = dict(metrics)
        connection.execute(
            sa.update(tables.runs).where(tables.runs.c.id == run_id, tables.runs.c.worker == worker).values(values)
        )


def request_stop(workspace: Workspace, run_id: str) -> None:
    """Ask the worker to stop; a run still in the queue, or whose worker fell silent, stops at once."""
    with workspace.write() as connection:
        if get_job(connection, run_id) is None:
            get_run(connection, run_id)  # says which there are
        here = tables.runs.c.id == run_id
        _heed_the_clock(connection)
        silent = (tables.runs.c.status == "running") & (tables.runs.c.heartbeat_at < _stale_time())
        # conditions in the statement itself: a worker may claim the run at this moment
        asked = sa.update(tables.runs).where(here, tables.runs.c.status.in_(("queued", "running")))
        connection.execute(asked.values(stop_requested=True))
        idle = sa.update(tables.runs).where(here, (tables.runs.c.status == "queued") | silent)
        connection.execute(idle.values(status="stopped", ended_at=db.now(), worker=""))


def requeue(workspace: Workspace, run_id: str) -> None:
    """Put a stopped or failed run back into the queue; it resumes where it was."""
    with workspace.write() as connection:
        changed = connection.execute(
            sa.update(tables.runs)
            .where(tables.runs.c.id == run_id, tables.runs.c.status.in_(("stopped", "failed")))
            .values(status="queued", stop_requested=False, error="", ended_at="", worker="")
        ).rowcount
        if not changed:
            status = get_run(connection, run_id).status
            raise DataError(f"run {run_id} is {status}; only a stopped or failed one can be resumed")


def worker_seen(workspace: Workspace, name: str, device: str) -> None:
    """Say that a worker waits for jobs."""
    with workspace.write() as connection:
        connection.execute(sa.delete(tables.workers).where(tables.workers.c.name == name))
        connection.execute(sa.insert(tables.workers).values(name=name, device=device, heartbeat_at=db.now()))


def worker_gone(workspace: Workspace, name: str) -> None:
    """Say that a worker has ended."""
    with workspace.write() as connection:
        connection.execute(sa.delete(tables.workers).where(tables.workers.c.name == name))


def live_workers(connection: Connection) -> dict[str, str]:
    """Workers heard of lately, and the device of each."""
    lately = tables.workers.c.heartbeat_at.between(_stale_time(), _stale_time(ahead=True))
    query = sa.select(tables.workers.c.name, tables.workers.c.device).where(lately)
    return dict(db.fetch(connection, query))


def set_metrics(workspace: Workspace, run_id: str, metrics: Mapping[str, Any]) -> None:
    """Replace the numbers kept with a run."""
    with workspace.write() as connection:
        connection.execute(sa.update(tables.runs).where(tables.runs.c.id == run_id).values(metrics=dict(metrics)))


def _heed_the_clock(connection: Connection) -> None:
    """Count the silence of a job from now on whose last word lies in the future.

    The clock was set back, or its worker's runs ahead: who lives says so again within seconds, who does not is silent.
    """
    now = db.now()
    for table in (tables.runs, tables.workers):
        late = sa.update(table).where(table.c.heartbeat_at > now)
        connection.execute(late.values(heartbeat_at=now))


def _stale_time(ahead: bool = False) -> str:
    silence = timedelta(seconds=STALE_AFTER_S)
    return (datetime.now(UTC) + (silence if ahead else -silence)).isoformat(timespec="microseconds")


def is_alive(run: Run) -> bool:
    """Whether a running run's worker was heard of lately."""
    if run.status != "running" or not run.heartbeat_at:
        return False
    silence = datetime.now(UTC) - datetime.fromisoformat(run.heartbeat_at)
    return abs(silence) < timedelta(seconds=STALE_AFTER_S)  # a word from the future is of another clock


def _run(row: Any) -> Run:
    values = dict(row._mapping)
    return Run(**values | {"settings": tuple(values["settings"]), "label_version": values["label_version"] or 0})
