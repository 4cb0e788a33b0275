"""Predictions of new recordings as jobs of the one queue: asked for and checked here, kept in ``predictions/<name>/``.

``recordings/`` holds what a browser sent, ``tables/`` what `predict` writes. Importing this loads no torch.
"""

from __future__ import annotations

import dataclasses
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeling import runs
from labeling.collection import store
from labeling.collection.allowed import is_below, real
from labeling.errors import DataError, WorkspaceFull, WorkspaceReadOnly
from labeling.predictions.oof import read_oof
from labeling.records import Run
from labeling.runs.execution import Report, execute
from labeling.workspace import Workspace
from models.combining.evaluation import done_run
from models.combining.mixture import mixture_of
from models.combining.request import KINDS
from models.prediction.post import post_processing
from models.prediction.sources import BatchSettings, Source, columns_of, count_in_collection, sources_of, within
from models.prediction.tables import Summary, begin_folder, undone
from models.prediction.thresholds import fitted_rule

if TYPE_CHECKING:
    from models.prediction.batch import Predicting
    from models.prediction.soundscape import Load

FOLDER, TABLES, SENT = "predictions", "tables", "recordings"
_PREFIX = "predict-"  # a job's id is this and the prediction's name, which no run's id is


@dataclass(frozen=True)
class PredictionRequest:
    """What to predict with which run. ``audio`` are files, folders, patterns or URLs; those of their recordings that
    lie in none of the folders ``below`` are refused (none named: no bounds)."""

    run: str
    audio: tuple[str, ...]
    settings: BatchSettings = field(default_factory=BatchSettings)
    below: tuple[str, ...] = ()


def new_name(workspace: Workspace) -> str:
    """The number after the highest, ``001`` first, whose folder is made. Raises WorkspaceFull, WorkspaceReadOnly."""
    folder = workspace.root / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        names = [path.name for path in folder.iterdir()] + [name_of(job) for job in predictions(workspace)]
        number = max((int(name) for name in names if name.isdecimal()), default=0)
        while True:
            number += 1
            try:
                (folder / f"{number:03d}").mkdir()
                return f"{number:03d}"
            except FileExistsError:  # somebody else's of this moment
                continue
    except OSError as problem:
        kind = WorkspaceReadOnly if isinstance(problem, PermissionError) else WorkspaceFull
        raise kind(f"no folder can be made in {folder}: {problem.strerror}; see to that and try again") from problem


def folder_of(workspace: Workspace, name: str) -> Path:
    """The folder of a prediction. Raises DataError for a name that is none."""
    if not name.isdecimal():
        raise DataError(f"prediction {name!r} is no number; choose one of those on the Predict page")
    return workspace.tree(f"{FOLDER}/{name}")


def name_of(job: Run) -> str:
    """The name of the prediction that a job is."""
    return job.id.removeprefix(_PREFIX)


def check_prediction(workspace: Workspace, request: PredictionRequest) -> list[Source]:
    """The recordings that can be predicted; all that can be known to be wrong without loading a network is said.

    Raises DataError, ConfigError, UnknownName, ArtefactError, FormatError.
    """
    run = _check_run(workspace, request.run)
    settings = request.settings
    classes = read_oof(workspace.run_dir(run.id) / "oof.zarr").classes
    columns_of(settings.classes, classes)
    post_processing(workspace, run, classes, settings, mixture_of(workspace, run) if run.recipe in KINDS else None)
    fitted_rule(workspace, run, classes, settings.threshold)
    found, outside = within(sources_of(request.audio), request.below)
    if not found:
        raise DataError(_outside(outside[0]))
    return found


def _check_run(workspace: Workspace, run_id: str) -> Run:
    """The run, of which each member has networks, or members that have."""
    with workspace.read() as connection:
        run = done_run(connection, run_id)
    runs.check_trained(run)
    if run.recipe in KINDS:
        for name in mixture_of(workspace, run).asked.members:
            _check_run(workspace, name)
    return run


def _outside(source: Source) -> str:
    return f"{source.filename} is a link out of the folders that the app may use; start it with --allow FOLDER"


def enqueue_prediction(workspace: Workspace, request: PredictionRequest, name: str = "", *, worker: str = "") -> Run:
    """Queue a prediction under a name of `new_name`; ``worker`` claims it at once.

    Raises as `check_prediction`, before anything is stored.
    """
    check_prediction(workspace, request)
    values = dataclasses.asdict(request)
    values["settings"]["about"] = str(request.settings.about or "")
    name = name or new_name(workspace)
    return runs.enqueue_job(
        workspace, runs.PREDICTION, _PREFIX + name, values, device=request.settings.device, worker=worker
    )


def request_of(job: Run) -> PredictionRequest:
    """What a job was asked to do. Raises DataError where its row does not say."""
    try:
        values = dict(job.request)
        settings = dict(values["settings"])
        for key in ("classes", "post"):
            settings[key] = None if settings[key] is None else tuple(settings[key])
        settings["about"] = Path(settings["about"]) if settings["about"] else None
        return PredictionRequest(
            values["run"], tuple(values["audio"]), BatchSettings(**settings), tuple(values["below"])
        )
    except (KeyError, TypeError) as problem:
        raise DataError(f"job {job.id} does not say what to predict ({problem}); ask for it again") from problem


def run_prediction(
    workspace: Workspace,
    job: Run,
    worker: str,
    load: Load,
    *,
    report: Report | None = None,
    interrupted: threading.Event | None = None,
    when_interrupted: str = "queued",
    predicting: Predicting | None = None,
) -> Run:
    """Do a claimed prediction; one that was interrupted goes on where it was. ``load`` finds a run's networks;
    ``predicting`` predicts with them in place of this machine.

    Returns the job as it ended. Raises EarmarkError where it failed, after recording it.
    """
    folder = folder_of(workspace, name_of(job))

    def work(tell: Report, should_stop: Callable[[], bool]) -> Mapping[str, Any]:
        from models.prediction.batch import load_batch, predict_batch

        request, out = request_of(job), folder / TABLES
        tell({"phase": "loading the networks", "fraction": 0.0})
        found, outside = within(sources_of(request.audio), request.below)
        settings = dataclasses.replace(request.settings, device="cpu") if predicting else request.settings
        batch = load_batch(workspace, request.run, settings, load)
        begin_folder(out, batch.facts(), overwrite=False)
        summary = Summary(out)
        for source in outside:
            summary.note(source, "failed", _outside(source))
        (predicting or predict_batch)(batch, undone(found, out, overwrite=False), out, summary, tell, should_stop)
        failed = sum(row[2] == "failed" for row in summary.rows.values())
        if failed == len(summary.rows):
            raise DataError(f"no recording could be read; the first: {summary.first_reason()}")
        return {
            "recordings": len(summary.rows),
            "failed": failed,
            "in_collection": count_in_collection(workspace, found),
            "lines": batch.lines(),
        }

    return execute(
        workspace, job, worker, work, folder / "log.txt", report=report, interrupted=interrupted,
        when_interrupted=when_interrupted, tree=f"{FOLDER}/{name_of(job)}",
    )  # fmt: skip


def predictions(workspace: Workspace) -> Sequence[Run]:
    """The jobs that predict, newest first."""
    with workspace.read() as connection:
        return runs.all_jobs(connection, runs.PREDICTION)[::-1]


def remove(workspace: Workspace, name: str) -> None:
    """Take away a prediction that ended: its tables, and the recordings that were sent for it, unless these were
    imported since and are clips of the collection.

    Raises DataError where it waits or runs.
    """
    folder = folder_of(workspace, name)
    runs.forget_job(workspace, _PREFIX + name)
    with workspace.read() as connection:
        clips = any(is_below(clip.path, [str(folder / SENT), real(str(folder / SENT))])
                    for clip in store.known_clips(connection))  # fmt: skip
    if clips:
        for path in folder.iterdir():
            if path.name != SENT:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        return
    if workspace.shared is not None:
        workspace.shared.remove(f"{FOLDER}/{name}")
    shutil.rmtree(folder, ignore_errors=True)
