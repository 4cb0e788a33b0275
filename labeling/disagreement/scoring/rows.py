"""Predictions that lie on the disk, some clips at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.evidence import Floats, highest_frames
from labeling.errors import ArtefactError
from labeling.predictions.oof import REMEDY, Oof, check_probabilities

GAP = 64
"""Clips that nobody asked for are read along where there are fewer of them in a row: chunks hold several."""


@dataclass(frozen=True)
class _From:
    """Frames from ``start`` on."""

    frames: Any
    start: int

    def __getitem__(self, rows: slice) -> Any:
        return self.frames[self.start + rows.start : self.start + rows.stop]


def rows_of(oof: Oof, first: int, last: int) -> Oof:
    """The clips ``first`` to ``last`` (exclusive) of predictions, their clipwise in memory. Raises ArtefactError."""
    start = int(oof.offsets[first])
    try:
        clipwise = np.asarray(oof.clipwise[first:last], dtype=np.float32)
    except Exception as error:  # a codec meets any damage it likes
        raise ArtefactError(
            f"{oof.path}: clipwise of {oof.filenames[first]!r} cannot be read ({error}); {REMEDY}"
        ) from error
    check_probabilities(clipwise, f"{oof.path}: clipwise")
    return replace(
        oof,
        clip_ids=oof.clip_ids[first:last],
        filenames=oof.filenames[first:last],
        clipwise=clipwise,
        offsets=oof.offsets[first : last + 1] - start,
        fold=oof.fold[first:last],
        framewise=_From(oof.framewise, start),
    )


class OtherRun:
    """Another run's predictions in the rows and columns of the one that is scored."""

    def __init__(self, oof: Oof, other: Oof) -> None:
        self.other = other
        by_id = np.argsort(other.clip_ids, kind="stable")
        at = np.minimum(np.searchsorted(other.clip_ids, oof.clip_ids, sorter=by_id), len(other.clip_ids) - 1)
        self.row = np.where(other.clip_ids[by_id[at]] == oof.clip_ids, by_id[at], -1)
        column_of = {code: column for column, code in enumerate(other.classes)}
        self.column = np.array([column_of.get(code, -1) for code in oof.classes], np.int64)

    @property
    def knows_any(self) -> bool:
        """Whether it predicted any of the clips, and knows any of the classes."""
        return bool((self.row >= 0).any() and (self.column >= 0).any())

    def of(self, first: int, last: int) -> tuple[Floats, Floats]:
        """Clipwise and highest frame (n, C) of the clips ``first`` to ``last``, NaN where it does not know them."""
        wanted = self.row[first:last]
        found = tuple(np.full((len(wanted), len(self.column)), np.nan, np.float32) for _ in range(2))
        named = np.flatnonzero(self.column >= 0)
        for low, high in _stretches(np.unique(wanted[wanted >= 0])):
            part = rows_of(self.other, low, high)
            here = np.flatnonzero((wanted >= low) & (wanted < high))
            for out, values in zip(found, (part.clipwise, highest_frames(part)), strict=True):
                out[np.ix_(here, named)] = values[np.ix_(wanted[here] - low, self.column[named])]
        return found[0], found[1]


def _stretches(rows: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """First and end of the runs of rows that are read together."""
    for part in np.split(rows, np.flatnonzero(np.diff(rows) > GAP) + 1) if len(rows) else ():
        yield int(part[0]), int(part[-1]) + 1
