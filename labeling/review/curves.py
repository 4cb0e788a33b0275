"""What runs say of one clip over time: the run on show, a second one to compare, the spread over all, thresholds.

Files are opened once a process and read clip by clip.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import journal, runs
from labeling.collection import store
from labeling.disagreement.evidence import class_confidence
from labeling.errors import ArtefactError
from labeling.predictions.oof import Oof, read_oof
from labeling.records import FrameGrid
from labeling.review.pooling import whole_numbers
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.kept import Kept, engine_key
from labeling.workspace import Workspace

MOST_RUNS = 8  # the spread is over so many runs, the newest first
THRESHOLD_EVERY = 1000  # decisions: what is typical of a class moves slowly


@dataclass(frozen=True)
class ClipPrediction:
    """What one run predicts of one clip: ``clipwise`` (C,) and ``framewise`` (T, C) float32, columns by class code."""

    run_id: str
    column: Mapping[str, int]
    clipwise: NDArray[np.float32]
    framewise: NDArray[np.float32]
    grid: FrameGrid
    fold: int

    def clipwise_by_code(self) -> dict[str, float]:
        """Clipwise probability by class code."""
        return dict(zip(self.column, self.clipwise.tolist(), strict=True))

    def frames_of_class(self, code: str) -> NDArray[np.float32]:
        """Framewise (T,) of one class; empty where the run does not know it."""
        return self.framewise[:, self.column[code]] if code in self.column else np.zeros(0, np.float32)

    def frames_of(self, codes: Sequence[str]) -> NDArray[np.float32]:
        """Framewise (T, K) of these classes; NaN where the run does not know the class."""
        frames = np.full((len(self.framewise), len(codes)), np.nan, np.float32)
        known = [place for place, code in enumerate(codes) if code in self.column]
        frames[:, known] = self.framewise[:, [self.column[codes[place]] for place in known]]
        return frames


@dataclass(frozen=True)
class _Opened:
    oof: Oof
    row_of: Mapping[int, int]
    column: Mapping[str, int]


def _open(path: Path) -> _Opened:
    oof = read_oof(path)
    return _Opened(
        oof,
        {clip_id: row for row, clip_id in enumerate(oof.clip_ids.tolist())},
        {code: index for index, code in enumerate(oof.classes)},
    )


_runs: Kept[_Opened] = Kept(3)
_runs_for_frames: Kept[_Opened] = Kept(2 * MOST_RUNS)


def _opened(workspace: Workspace, run_id: str) -> tuple[tuple[str, int], _Opened]:
    """A run's predictions, and which state of which file they are; raises ArtefactError or OSError."""
    path = workspace.run_dir(run_id) / "oof.zarr"
    state = str(path), path.stat().st_mtime_ns
    return state, _runs.get(state, lambda: _open(path))


def _opened_for_frames(workspace: Workspace, run_id: str) -> tuple[tuple[str, int], _Opened]:
    """The same without the clipwise matrix, which for a large collection is most of what a run takes in memory."""
    path = workspace.run_dir(run_id) / "oof.zarr"
    state = str(path), path.stat().st_mtime_ns

    def without_clipwise() -> _Opened:
        opened = _open(path)
        return replace(opened, oof=replace(opened.oof, clipwise=opened.oof.clipwise[:0].copy()))

    return state, _runs_for_frames.get(state, without_clipwise)


#: of the newest clips, 16 MB: a decision shows its clip anew, with the same frames
_frames: Kept[NDArray[np.float32]] = Kept(64, lambda frames: frames.size, total=4_000_000)


def _frames_of(opened: _Opened, state: tuple[str, int], row: int) -> NDArray[np.float32]:
    """The frames of a clip, not to be written to; those of a long recording are read each time."""
    oof = opened.oof
    if int(oof.offsets[row + 1] - oof.offsets[row]) * len(oof.classes) > _frames.total:
        return oof.frames(row)

    def read() -> NDArray[np.float32]:
        frames = oof.frames(row)
        frames.setflags(write=False)
        return frames

    return _frames.get((state, row), read)


def prediction(workspace: Workspace, run_id: str, clip_id: int) -> ClipPrediction | None:
    """What a run predicts of a clip; None where it does not, or where its predictions cannot be read."""
    return _prediction(workspace, run_id, clip_id, frames_only=False)


def _prediction(workspace: Workspace, run_id: str, clip_id: int, *, frames_only: bool) -> ClipPrediction | None:
    try:
        state, opened = (_opened_for_frames if frames_only else _opened)(workspace, run_id)
        row = opened.row_of.get(clip_id)
        if row is None:
            return None
        frames = _frames_of(opened, state, row)
    except (ArtefactError, OSError):
        return None
    clipwise = np.zeros(0, np.float32) if frames_only else opened.oof.clipwise[row]
    return ClipPrediction(run_id, opened.column, clipwise, frames, opened.oof.grid, int(opened.oof.fold[row]))


Spread = tuple[NDArray[np.float32], NDArray[np.float32]]
#: of so many clips, and steps of a class in all of them: 16 MB
_spreads: Kept[Spread | None] = Kept(64, lambda spread: spread[0].size if spread else 0, total=2_000_000)


def spread(
    workspace: Workspace, connection: Connection, shown: ClipPrediction, clip_id: int, codes: Sequence[str]
) -> Spread | None:
    """Lowest and highest framewise over the finished runs that predicted the clip, each (S, K) for K classes.

    S are the native steps of the run ``shown``, which takes part. None where fewer than two runs say something of
    the clip. The newest clips are kept: a reviewer's next decision on the clip does not read the runs again.
    """
    finished = (
        (tables.runs.c.kind == runs.TRAINING) & (tables.runs.c.status == "done") & (tables.runs.c.id != shown.run_id)
    )
    query = sa.select(tables.runs.c.id).where(finished).order_by(tables.runs.c.ended_at.desc()).limit(MOST_RUNS - 1)
    others: tuple[str, ...] = tuple(connection.scalars(query))
    return _spreads.get(
        (str(workspace.root), shown.run_id, others, clip_id, tuple(codes)),
        lambda: _spread(workspace, others, shown, clip_id, codes),
    )


def _spread(
    workspace: Workspace, others: Sequence[str], shown: ClipPrediction, clip_id: int, codes: Sequence[str]
) -> Spread | None:
    predictions = [_prediction(workspace, run_id, clip_id, frames_only=True) for run_id in others]
    spoken = [
        clip_prediction
        for clip_prediction in predictions
        if clip_prediction is not None and len(clip_prediction.framewise)
    ]
    low = native_frames(shown.frames_of(codes), shown.grid)
    if not spoken or not len(low):
        return None
    high = low
    for clip_prediction in spoken:
        values = resampled(
            native_frames(clip_prediction.frames_of(codes), clip_prediction.grid),
            clip_prediction.grid,
            shown.grid,
            len(low),
        )
        low, high = np.fmin(low, values), np.fmax(high, values)  # past NaN: a class that one run does not know
    return low, high


def native_frames(framewise: NDArray[np.float32], grid: FrameGrid) -> NDArray[np.float32]:
    """Framewise output (T,) or (T, C) at the network's own step, ``grid.native_step_s``.

    A network that repeats each of its outputs to fill a finer grid must not look as if it knew more: each native step
    is one value, the largest of the frames that it covers.
    """
    values = np.asarray(framewise, dtype=np.float32)
    frames_a_step = grid.native_step_s / grid.step_s
    count = max(1, math.ceil(len(values) / frames_a_step - 1e-6)) if len(values) else 0
    if count == 0:
        return values
    # a frame belongs to the step that its middle lies in
    starts = np.ceil(np.arange(count) * frames_a_step - 0.5 - 1e-6).astype(int).clip(0, len(values) - 1)
    largest: NDArray[np.float32] = np.maximum.reduceat(values, starts, axis=0)
    return largest


def resampled(values: NDArray[np.float32], given: FrameGrid, wanted: FrameGrid, steps: int) -> NDArray[np.float32]:
    """Values (S, K) at the native steps of ``given``, at the first ``steps`` native steps of ``wanted``: (steps, K).

    A step takes the largest of the values whose middle lies in it; where there is none, the one that its own middle
    lies in (past an end: the nearest).
    """
    middles = given.start_s + (np.arange(len(values)) + 0.5) * given.native_step_s
    into = np.floor((middles - wanted.start_s) / wanted.native_step_s + 1e-6).astype(int)
    inside = (into >= 0) & (into < steps)
    own = wanted.start_s + (np.arange(steps) + 0.5) * wanted.native_step_s
    nearest = np.floor((own - given.start_s) / given.native_step_s + 1e-6).astype(int).clip(0, len(values) - 1)
    step_values: NDArray[np.float32] = values[nearest]
    step_values[into[inside]] = -np.inf
    np.maximum.at(step_values, into[inside], values[inside])
    return step_values


@dataclass(frozen=True)
class Stack:
    """What is drawn of a clip's K classes over time, (S, K) uint16 each (pooling.whole_numbers): the run's own values,
    and the ``low`` and ``high`` of all runs, None where there is no other."""

    values: NDArray[np.uint16]
    low: NDArray[np.uint16] | None
    high: NDArray[np.uint16] | None

    @property
    def size(self) -> int:
        """Numbers in all."""
        return self.values.size * (1 if self.low is None else 3)


_stacks: Kept[Stack | None] = Kept(16, lambda stack: stack.size if stack else 0, total=32_000_000)  # 64 MB


def stack(
    workspace: Workspace, connection: Connection, run_id: str, clip_id: int, codes: Sequence[str], *, spread_too: bool
) -> Stack | None:
    """The curves of these classes of a clip, kept for the next tile; None where the run predicts nothing of it."""
    try:
        state = _opened(workspace, run_id)[0]
    except (ArtefactError, OSError):
        return None
    newest = connection.scalar(sa.select(sa.func.max(tables.runs.c.ended_at))) if spread_too else ""

    def read() -> Stack | None:
        shown = _prediction(workspace, run_id, clip_id, frames_only=True)
        if shown is None or not len(shown.framewise):
            return None
        between = spread(workspace, connection, shown, clip_id, codes) if spread_too else None
        low, high = (whole_numbers(one) for one in between) if between else (None, None)
        return Stack(whole_numbers(native_frames(shown.frames_of(codes), shown.grid)), low, high)

    return _stacks.get((state, newest, clip_id, tuple(codes), spread_too), read)


_thresholds: Kept[dict[str, float]] = Kept(2 * MOST_RUNS)


def thresholds(workspace: Workspace, connection: Connection, run_id: str, position: int) -> Mapping[str, float]:
    """From which frame on a class counts as heard, by class code: as the scores have it, half of what is typical.

    Typical is the mean clipwise over the clips that list the class, the threshold of confident learning (Northcutt,
    Jiang, Chuang, 2021, eq. 2), drawn towards that of all classes where clips are few. Kept for some thousand
    decisions. Empty where the run's predictions cannot be read.
    """
    try:
        state, opened = _opened(workspace, run_id)
        key = engine_key(connection), state, position // THRESHOLD_EVERY
        return _thresholds.get(key, lambda: _heard_from(connection, opened))
    except (ArtefactError, OSError):
        return {}


def _heard_from(connection: Connection, opened: _Opened) -> dict[str, float]:
    given = np.zeros(opened.oof.clipwise.shape, bool)
    known = np.ones(given.shape, bool)
    column = {
        number: opened.column[code] for code, number in store.class_ids(connection).items() if code in opened.column
    }
    imported = sa.select(tables.imported_labels.c.clip_id, tables.imported_labels.c.class_id)
    rows = [(*row, "present") for row in db.fetch(connection, imported)]
    rows += [(*cell, verdict) for cell, verdict in journal.machine_cells(connection).items()]
    rows += db.fetch(connection, sa.select(tables.cells.c.clip_id, tables.cells.c.class_id, tables.cells.c.verdict))
    for clip_id, class_id, verdict in rows:
        if clip_id in opened.row_of and class_id in column:
            cell = opened.row_of[clip_id], column[class_id]
            given[cell], known[cell] = verdict == "present", verdict != "unsure"
    return dict(
        zip(opened.oof.classes, (class_confidence(opened.oof.clipwise, given, known) / 2).tolist(), strict=True)
    )
