"""Predictions of stretches of time, gathered row by row: clipwise by the highest, frames where the rows have times.

A table of detections lists only what a model was surer of than some threshold. A cell that it does not list is only
known to lie below the lowest one listed, so it counts as half of that: the middle of what is possible. With 0 it would
look as if the model were certain. Its frames lie a hair lower, so that what speaks for the lowest detection is its own
stretch, not the whole clip (`ranking.find_stretches` goes on to half of the highest frame).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import FormatError
from labeling.external.base import ImportedPredictions, Values
from labeling.external.frames import LaterFrames
from labeling.records import Clip, FrameGrid

FINEST_MS = 10  # times are written with two decimals at least by every tool read here
SPARSE_STEPS = 10  # a common divisor this much finer than a window is chance, not a hop
LATE_S = 1.0  # lengths by different decoders differ by less

Floats = NDArray[np.float32]


@dataclass
class Windows:
    """Rows so far: clip's place, class's place, probability, onset and offset in seconds (NaN: none given).

    Clips that were seen and classes that are known are covered whether a row names them or not.
    """

    _rows: list[tuple[NDArray[Any], ...]] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)
    _known: set[int] = field(default_factory=set)

    def add(
        self, clip: NDArray[np.int64], column: NDArray[np.int64], p: Floats, onset_s: Floats, offset_s: Floats
    ) -> None:
        """More rows, all (R,); those of unknown clips (-1) are passed over, and so are unknown classes."""
        self._seen.update(np.unique(clip[clip >= 0]).tolist())
        use = (clip >= 0) & (column >= 0)
        if use.any():
            kept = (clip[use].astype(np.int32), column[use].astype(np.int32))
            self._rows.append((*kept, *(np.asarray(values[use], np.float32) for values in (p, onset_s, offset_s))))

    def see(self, clips: Sequence[int]) -> None:
        """Clips that were predicted, though nothing may have been found in them."""
        self._seen.update(clip for clip in clips if clip >= 0)

    def know(self, columns: Sequence[int]) -> None:
        """Classes that the model would have found, though nothing may have been found of them."""
        self._known.update(columns)

    def finish(self, clips: Sequence[Clip], values: Values, name: str) -> ImportedPredictions:
        """Everything as predictions. Raises FormatError for values that are none, and times that cannot be right."""
        if not self._rows:
            raise FormatError(f"{name} lists nothing of a known clip and class; check the names, and --classes")
        clip, column, p, onset, offset = (np.concatenate(part) for part in zip(*self._rows, strict=True))
        self._rows.clear()
        p = values.take(p)
        values.check(name)
        rows = np.array(sorted(self._seen), np.int64)
        columns = np.union1d(column, sorted(self._known)).astype(np.int64)
        clip, column = np.searchsorted(rows, clip), np.searchsorted(columns, column)
        notes: list[str] = []
        timed = np.isfinite(onset)
        _check_times(onset, offset, name)
        duration = np.array([clips[row].duration_s for row in rows.tolist()])
        offset = shortened(onset, offset, duration)
        late = timed & (onset >= duration[clip] + LATE_S)
        if late.any():
            first = int(np.argmax(late))
            problem = (
                f"{int(late.sum())} rows begin after the end of their clip ({onset[first]:g} s in "
                f"{clips[rows[clip[first]]].filename!r} of {duration[clip[first]]:g} s)"
            )
            if late.sum() * 2 > len(late):
                raise FormatError(f"{name}: {problem}; give seconds from the start of each clip")
            notes.append(f"{problem}; they were passed over")
            clip, column, p, onset, offset = (array[~late] for array in (clip, column, p, onset, offset))
            timed = np.isfinite(onset)
        cells = clip * len(columns) + column
        untimed, times = np.unique(cells[~timed], return_counts=True)
        if (times > 1).any():
            double = int(untimed[np.argmax(times > 1)])
            raise FormatError(
                f"{name} gives {clips[rows[double // len(columns)]].filename!r} several values of one class; keep one, "
                "or give onset_s and offset_s"
            )
        known = np.zeros(len(rows) * len(columns), bool)
        known[cells] = True
        floor, listed = np.float32(0), int(known.sum())
        if listed < known.size:
            lowest = float(p.min()) if len(p) else 0.0
            floor = np.float32(lowest / 2)
            notes.append(
                f"The file lists {listed:,} of {known.size:,} cells. The others are only known to be below "
                f"{lowest:.3g}, the lowest that it lists, and count as {floor:.3g}, half of that."
            )
        clipwise = np.full(known.size, -1, np.float32)
        np.maximum.at(clipwise, cells, p)
        clipwise[~known] = floor
        timed_rows = tuple(array[timed] for array in (clip, column, p, onset, offset))
        under = np.nextafter(np.float16(floor), np.float16(0))
        timed_frames = _Frames.of(timed_rows, duration, under, len(columns))
        frames, grid = (timed_frames.later(), timed_frames.grid) if timed_frames else (None, None)
        shaped = clipwise.reshape(len(rows), len(columns))
        return ImportedPredictions(rows, columns, shaped, frames, grid, notes=tuple(notes))


def _check_times(onset: Floats, offset: Floats, name: str) -> None:
    wrong = np.isfinite(onset) & ((onset < 0) | (offset <= onset))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise FormatError(
            f"{name}: {int(wrong.sum())} rows have no stretch of time (such as {onset[first]:g} to {offset[first]:g} "
            "s); give an offset after the onset, in seconds"
        )


def shortened(onset_s: Floats, offset_s: Floats, duration_s: NDArray[np.float64]) -> Floats:
    """Offsets of windows no longer than the longest clip: one that is wrong must not make the frames of all as long."""
    longest = np.float32(max(LATE_S, float(duration_s.max(initial=0))))
    return np.asarray(np.minimum(offset_s, onset_s + longest), np.float32)


def step_of(onset_s: Floats, offset_s: Floats) -> float:
    """Seconds between frames that keep the windows apart: what all onsets are multiples of.

    Where that is no hop but chance (much finer than a window), half of the windows' median length.
    """
    onsets = np.unique(np.round(np.asarray(onset_s, np.float64) * 1000).astype(np.int64))
    hop = int(np.gcd.reduce(onsets)) if len(onsets) else 0
    lengths = (np.asarray(offset_s, np.float64) - onset_s)[np.isfinite(offset_s)]
    length = round(float(np.median(lengths)) * 1000) if len(lengths) else 0
    if not hop:  # every window begins at 0
        return max(length, FINEST_MS) / 1000 if length else 1.0
    if 0 < length < hop:  # windows with gaps between them
        hop = math.gcd(hop, length)
    if hop * SPARSE_STEPS < length:
        hop = length // 2
    return max(hop, FINEST_MS) / 1000


@dataclass(frozen=True)
class _Frames:
    """Windows by clip: those of clip i are ``bounds[i]`` to ``bounds[i + 1]``; first and end frame, column, value."""

    bounds: NDArray[np.int64]
    first: NDArray[np.int64]
    end: NDArray[np.int64]
    column: NDArray[np.int64]
    p: Floats
    counts: NDArray[np.int64]
    floor: np.float16
    columns: int
    grid: FrameGrid

    @staticmethod
    def of(
        rows: tuple[NDArray[Any], ...], duration: NDArray[np.float64], floor: np.float16, columns: int
    ) -> _Frames | None:
        clip, column, p, onset, offset = rows
        if not len(clip):
            return None
        step = step_of(onset, offset)
        offset = np.where(np.isfinite(offset), offset, onset + np.float32(step))
        counts = np.maximum(1, np.ceil(duration / step - 1e-6)).astype(np.int64)
        # a frame belongs to a window that covers half of it or more
        first = np.minimum(np.floor(onset / step + 0.5).astype(np.int64), counts[clip] - 1)
        end = np.clip(np.floor(offset / step + 0.5).astype(np.int64), first + 1, np.maximum(counts[clip], first + 1))
        order = np.argsort(clip, kind="stable")
        bounds = np.searchsorted(clip[order], np.arange(len(duration) + 1))
        grid = FrameGrid(0.0, step, step)
        return _Frames(bounds, first[order], end[order], column[order], p[order], counts, floor, columns, grid)

    def make(self, index: int) -> NDArray[np.float16]:
        """Frames (T, K) of one clip: the highest window that lies over each."""
        frames = np.full((int(self.counts[index]), self.columns), self.floor, np.float16)
        here = slice(int(self.bounds[index]), int(self.bounds[index + 1]))
        first, end, column, p = self.first[here], self.end[here], self.column[here], self.p[here].astype(np.float16)
        for shift in range(int((end - first).max(initial=0))):
            still = first + shift < end
            np.maximum.at(frames, (first[still] + shift, column[still]), p[still])
        return frames

    def later(self) -> LaterFrames:
        """All frames, each clip's when it is asked for."""
        return LaterFrames(self.counts, self.columns, self.make)
