"""From frames to events: the stretches where a class was decided to be there. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.collection.formats.events.base import TableEvent
from labeling.records import FrameGrid

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Runs:
    """Stretches above the threshold: class (R,), first frame, frame after the last, highest probability."""

    column: NDArray[np.int64]
    first: NDArray[np.int64]
    end: NDArray[np.int64]
    score: FloatArray


def runs_of(decided: NDArray[np.bool_], frame: FloatArray, first: int) -> Runs:
    """The stretches where ``decided`` (T, C) holds, in frames counted from ``first``, by class and then by time."""
    n = len(decided)
    edges = np.diff(np.pad(decided.T.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    column, start = np.nonzero(edges == 1)
    _, end = np.nonzero(edges == -1)
    flat = np.append(frame.T.ravel(), np.float32(0))
    score = np.zeros(0, np.float32)
    if len(start):
        score = np.maximum.reduceat(flat, np.stack([column * n + start, column * n + end], axis=1).ravel())[::2]
    return Runs(column, start + first, end + first, score)


def events_of(
    runs: Sequence[Runs],
    grid: FrameGrid,
    duration_s: float,
    classes: Sequence[str],
    merge_gap_s: float,
    shortest_s: float,
) -> tuple[TableEvent, ...]:
    """Events by onset: runs less than ``merge_gap_s`` apart are one event, those under ``shortest_s`` none.

    The score is the highest frame. Runs that meet, as at the border of two stretches, are always one event.
    """
    rows = sorted(
        (int(c), int(a), int(b), float(p))
        for stretch_runs in runs
        for c, a, b, p in zip(
            stretch_runs.column, stretch_runs.first, stretch_runs.end, stretch_runs.score, strict=True
        )
    )
    merged: list[list[float]] = []
    for c, a, b, p in rows:
        last = merged[-1] if merged else None
        if last and last[0] == c and (a <= last[2] or (a - last[2]) * grid.step_s < merge_gap_s - 1e-9):
            last[2], last[3] = max(last[2], b), max(last[3], p)
        else:
            merged.append([c, a, b, p])
    events = []
    for column, start, stop, score in merged:
        onset_s = min(max(0.0, grid.start_s + start * grid.step_s), duration_s)
        offset_s = min(max(onset_s, grid.start_s + stop * grid.step_s), duration_s)
        if offset_s - onset_s >= shortest_s - 1e-9:
            events.append(TableEvent(onset_s, offset_s, classes[int(column)], score))
    return tuple(sorted(events, key=lambda event: (event.onset_s, event.offset_s, event.label)))
