"""A table with a row a clip and a column a class, CSV, TSV or Parquet; or a row a window, where it has times.

Columns: the file's name (filename, file, path, ... or the first, where it has no name), one a class, and optionally
fold, onset_s and offset_s (start_time and end_time, as OpenSoundscape writes them). Other columns are passed over, and
the report names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeling.collection.tabular.mapped import FOLD_COLUMNS, PATH_COLUMNS
from labeling.collection.tabular.reading import header
from labeling.errors import FormatError
from labeling.external.base import ImportedPredictions, Reader, ReadRequest
from labeling.external.frames import LaterFrames
from labeling.external.tabular import batches, columns_of, is_table
from labeling.external.windows import LATE_S, shortened, step_of
from labeling.records import FrameGrid

FILE_COLUMNS = (*PATH_COLUMNS, "row_id", "begin path", "begin file", "itemid", "")
ONSET_COLUMNS = ("onset_s", "onset", "start_s", "start_time", "start", "start (s)", "begin time (s)", "start_offset_s")
OFFSET_COLUMNS = ("offset_s", "offset", "end_s", "end_time", "end", "end (s)", "end time (s)", "end_offset_s")
Floats = NDArray[np.float32]


def first_of(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """The first of ``names`` that the columns have, case ignored, as the file writes it."""
    lowered = {column.lower(): column for column in reversed(columns)}
    return next((lowered[name] for name in names if name in lowered), None)


def fits(path: Path) -> bool:
    """A table with a column of file names and at least one more."""
    columns = header(path) if is_table(path) else []
    return len(columns) > 1 and first_of(columns, FILE_COLUMNS) is not None


def read(request: ReadRequest) -> ImportedPredictions:
    """Read such a table; raises FormatError."""
    path, matcher = request.path, request.matcher
    columns = columns_of(path)
    name = first_of(columns, FILE_COLUMNS)
    if name is None:
        raise FormatError(f"{path} has no column of file names (filename, file, path, ...); rename the one that it is")
    fold, onset, offset = (first_of(columns, names) for names in (FOLD_COLUMNS, ONSET_COLUMNS, OFFSET_COLUMNS))
    others = [column for column in columns if column not in (name, fold, onset, offset)]
    place = matcher.columns([(other,) for other in others])
    matcher.require(str(path), int((place >= 0).sum()), "classes")
    chosen = [heading for heading, column in zip(others, place.tolist(), strict=True) if column >= 0]
    times = [heading for heading in (onset, offset) if heading]
    text = [heading for heading in (name, fold) if heading]

    clips: list[NDArray[np.int64]] = []
    when: list[Floats] = []
    values: list[NDArray[np.float16] | Floats] = []
    folds: list[str] = []
    for batch in batches(path, text, [*times, *chosen]):
        named = batch.text[name]
        rows = matcher.rows(named.words)[named.place]
        use = rows >= 0
        p = request.values.take(batch.numbers[use, len(times) :])
        clips.append(rows[use])
        when.append(batch.numbers[use, : len(times)])
        values.append(p.astype(np.float16) if times else p)  # as frames are kept
        if fold:
            folds += [batch.text[fold].words[at] for at in batch.text[fold].place[use].tolist()]
    request.values.check(str(path))
    clip = np.concatenate(clips) if clips else np.zeros(0, np.int64)
    matcher.require(str(path), len(clip), "clips")
    matched = place[place >= 0]
    p, own = merged(np.concatenate(values), matched)
    text_fold = np.array(folds, dtype=np.str_) if fold else None
    if not times:
        again = np.flatnonzero(np.bincount(clip) > 1)
        if len(again):
            raise FormatError(
                f"{path} has several rows for {matcher.clips[int(again[0])].filename!r}; keep one row a clip, or give "
                "the rows onset_s and offset_s"
            )
        return ImportedPredictions(clip, own, p.astype(np.float32), fold=text_fold)
    return _of_windows(request, clip, own, p, np.concatenate(when), text_fold)


def merged(values: NDArray[np.floating], columns: NDArray[np.int64]) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    """The highest where several of their classes were given to one of ours."""
    own, first = np.unique(columns, return_index=True)
    if len(own) == len(columns):
        return values[:, first], own
    merged = values[:, first]
    for column, place in zip(columns.tolist(), range(len(columns)), strict=True):
        at = int(np.searchsorted(own, column))
        merged[:, at] = np.maximum(merged[:, at], values[:, place])
    return merged, own


def _of_windows(
    request: ReadRequest,
    clip: NDArray[np.int64],
    own: NDArray[np.int64],
    p: NDArray[np.floating],
    when: Floats,
    fold: NDArray[np.str_] | None,
) -> ImportedPredictions:
    """Clipwise the highest window, frames from the windows' times."""
    onset = when[:, 0]
    offset = when[:, 1] if when.shape[1] > 1 else np.full(len(onset), np.nan, np.float32)
    bad = ~np.isfinite(onset) | (onset < 0) | (offset <= onset)
    if bad.any():
        row = int(np.argmax(bad))
        raise FormatError(
            f"{request.path}: {int(bad.sum())} rows have no stretch of time (such as {onset[row]:g} to {offset[row]:g} "
            "s); give seconds from the start of the clip, the offset after the onset"
        )
    rows = np.unique(clip)
    duration = np.array([request.matcher.clips[row].duration_s for row in rows.tolist()])
    late = onset >= duration[np.searchsorted(rows, clip)] + LATE_S
    if late.any():
        at = int(np.argmax(late))
        raise FormatError(
            f"{request.path}: {int(late.sum())} rows begin after the end of their clip ({onset[at]:g} s in "
            f"{request.matcher.clips[int(clip[at])].filename!r}); give seconds from the start of each clip"
        )
    offset = shortened(onset, offset, duration)
    step = step_of(onset, offset)
    offset = np.where(np.isfinite(offset), offset, onset + np.float32(step))
    order = np.lexsort((onset, clip))
    clip, onset, offset, p = clip[order], onset[order], offset[order], p[order]
    start = np.searchsorted(clip, rows)
    bounds = np.append(start, len(clip))
    first = np.floor(onset / step + 0.5).astype(np.int64)
    end = np.maximum(first + 1, np.floor(offset / step + 0.5).astype(np.int64))
    counts = np.maximum(np.ceil(duration / step - 1e-6).astype(np.int64), 1)
    clipwise = np.maximum.reduceat(p, start, axis=0).astype(np.float32)

    def make(index: int) -> NDArray[np.float16]:
        frames = np.zeros((int(counts[index]), len(own)), np.float16)
        for row in range(int(bounds[index]), int(bounds[index + 1])):
            here = slice(min(int(first[row]), len(frames) - 1), int(end[row]))
            np.maximum(frames[here], p[row], out=frames[here])
        return frames

    later = LaterFrames(counts, len(own), make)
    kept = fold[order][start] if fold is not None else None
    return ImportedPredictions(rows, own, clipwise, later, FrameGrid(0.0, step, step), kept)


READER = Reader("wide", "a table with a column of file names and one column a class", 30, fits, read)
