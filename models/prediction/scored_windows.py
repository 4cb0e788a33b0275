"""The scored windows of a finished prediction, of a folder that `predict` wrote, or of a run. Loads no torch."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labeling import runs
from labeling.activity import clips
from labeling.activity.of_run import windows_of_run
from labeling.activity.packed import packed
from labeling.activity.windows import Recording, Windows
from labeling.errors import DataError, FormatError
from labeling.predictions.oof import read_oof
from labeling.records import Run
from labeling.storage.csvsafe import unguard
from labeling.storage.diskcache import DiskCache
from labeling.storage.kept import Kept, engine_key
from labeling.workspace import CACHE, Workspace
from models.combining.evaluation import done_run
from models.prediction import jobs, tables
from models.prediction.sources import Source

FOLDER = "windows"  # of the workspace's cache
_windows: Kept[Windows] = Kept(4)


@dataclass(frozen=True)
class Scored:
    """What has scored windows: a prediction by its number, or a run by its name; and what it is in words."""

    name: str
    title: str


def scored(workspace: Workspace) -> list[Scored]:
    """Finished predictions of recordings, newest first, and then finished runs, newest first."""
    with workspace.read() as connection:
        done = [run for run in runs.all_runs(connection)[::-1] if run.status == "done"]
    found = [Scored(jobs.name_of(job), _title(job)) for job in jobs.predictions(workspace) if job.status == "done"]
    return [*found, *(Scored(run.id, f"Run {run.id}: the collection") for run in done)]


def _title(job: Run) -> str:
    count = int(job.metrics.get("recordings", 0)) - int(job.metrics.get("failed", 0))
    words = f"{count:,} recording{'s' * (count != 1)}"
    return f"Prediction {jobs.name_of(job)}: {words} by {job.request.get('run', '')}, {job.ended_at[:10]}"


def windows_of(workspace: Workspace, name: str) -> Windows:
    """The scored windows of a prediction or a run, kept as one file in the workspace's cache.

    Parameters
    ----------
    workspace : Workspace
    name : str
        The number of a prediction, or the name of a run.

    Returns
    -------
    Windows
        With the clips of the collection that the recordings are.

    Raises
    ------
    DataError
        There is none of that name, or it is not finished.
    FormatError, ArtefactError
        Its tables, or its predictions, are damaged.
    """
    with workspace.read() as connection:
        state = clips.state(connection)
        if not name.isdecimal():
            run = done_run(connection, name)
            mark = _mark(name, run.ended_at, str(state[1:]))
            key = engine_key(connection), mark, state
            return _windows.get(key, lambda: clips.with_clips(connection, _of_run(workspace, run, mark)))
    return windows_of_folder(workspace, _tables_of(workspace, name))


def windows_of_folder(workspace: Workspace, out: Path) -> Windows:
    """As `windows_of`, of a folder that ``earmark predict --out`` wrote."""
    mark = _mark(str(out.resolve()), _bytes(out / tables.SUMMARY_FILE).hex(), _bytes(out / tables.SETTINGS_FILE).hex())

    with workspace.read() as connection:
        state = clips.state(connection)

    def read() -> Windows:
        found = packed(_cache(workspace), mark, lambda: windows_in(out))
        with workspace.read() as again:
            return clips.with_clips(again, found)

    return _windows.get((mark, state), read)


def _tables_of(workspace: Workspace, name: str) -> Path:
    job = next((job for job in jobs.predictions(workspace) if jobs.name_of(job) == name), None)
    if job is None:
        raise DataError(f"there is no prediction {name}; choose one of those on the Predict page")
    if job.status != "done":
        raise DataError(f"prediction {name} is {job.status}; it has windows when it is done")
    return jobs.folder_of(workspace, name) / jobs.TABLES


def _bytes(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as problem:
        raise FormatError(f"{path} cannot be read ({problem.strerror}); predict the recordings again") from problem


def _mark(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _cache(workspace: Workspace) -> DiskCache:
    return DiskCache(workspace.root / CACHE / FOLDER)


def _of_run(workspace: Workspace, run: Run, mark: str) -> Windows:
    def make() -> Windows:
        with workspace.read() as connection:
            lengths = clips.durations(connection)
        return windows_of_run(read_oof(workspace.run_dir(run.id) / "oof.zarr"), lengths)

    return packed(_cache(workspace), mark, make)


def windows_in(out: Path) -> Windows:
    """The windows of a folder that `predict` wrote: a row of its segments each.

    Raises DataError where no recording in it is done, FormatError for a damaged table.
    """
    summary = tables.Summary(out)
    if summary.warning:
        raise FormatError(summary.warning.partition(";")[0] + "; predict the recordings again")
    rows = [row for _, row in sorted(summary.rows.items()) if row[2] == "done"]
    classes: tuple[str, ...] | None = None
    recordings, counts, onsets, ends, values = [], [], [], [], []
    for row in rows:
        name, path = str(row[0]), str(row[1])
        file = Source(path, name).file(out, tables.PARTS[-1])
        if not file.exists():
            continue
        own, spans, scores = _segments(file)
        if classes is None:
            classes = own
        elif own != classes:
            raise FormatError(f"{file} has other classes than those before it; predict that recording again")
        try:
            length_s = float(str(row[4]))
        except ValueError:
            length_s = float(spans[-1, 1]) if len(spans) else 0.0
        recordings.append(Recording(name, path, length_s))
        counts.append(len(spans))
        onsets.append(spans[:, 0])
        ends.append(spans[:, 1])
        values.append(scores)
    if classes is None:
        raise DataError(f"{out} holds no recording that is done")
    return Windows(
        tuple(recordings),
        classes,
        np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        np.concatenate(onsets).astype(np.float32),
        np.concatenate(ends).astype(np.float32),
        _Columns(values),
    )


class _Columns:
    """Scores (n, C) by recording, given as rows (N,) by class."""

    def __init__(self, values: list[np.ndarray]) -> None:
        self.values = values

    def __getitem__(self, column: int) -> np.ndarray:
        return np.concatenate([own[:, column] for own in self.values])


def _segments(file: Path) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """A recording's classes, its windows' spans (n, 2) in seconds, and their scores (n, C)."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    try:
        with open(file, newline="", encoding="utf-8") as lines:
            header = next(csv.reader(lines))
        wanted = header[2:]
        table = arrow.read_csv(
            file,
            read_options=arrow.ReadOptions(use_threads=False),
            parse_options=arrow.ParseOptions(newlines_in_values=True),
            convert_options=arrow.ConvertOptions(
                include_columns=wanted, column_types=dict.fromkeys(wanted, pa.float32())
            ),
        )
        columns = [column.to_numpy() for column in table.columns]
        if wanted[:2] != ["start_s", "end_s"]:
            raise ValueError("its columns are others")
        spans = np.stack(columns[:2], axis=1)
        scores = np.stack(columns[2:], axis=1) if columns[2:] else np.zeros((len(spans), 0), np.float32)
    except (OSError, ValueError, StopIteration, pa.ArrowException) as problem:
        raise FormatError(f"{file} cannot be read ({problem}); predict that recording again") from problem
    return tuple(map(unguard, wanted[2:])), spans, scores.astype(np.float32)
