"""Which cells fit the noise model, out of too many: all that are listed or decided, and a part of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FIT_CELLS = 300_000  # listed cells, decided ones and so many others fit the model; all of them are scored


@dataclass(frozen=True)
class FitCells:
    """The cells that fit the model, (n,) each, those of a class together: ``values`` F arrays of evidence (changed in
    place), ``weight`` how many cells each stands for, ``truth`` -1 where nobody decided. The classes ``present``
    have ``count`` cells each, from ``start``."""

    values: list[NDArray[np.float32]]
    listed: NDArray[np.bool_]
    truth: NDArray[np.int8]
    weight: NDArray[np.float32]
    start: NDArray[np.int64]
    count: NDArray[np.int64]
    present: NDArray[np.int64]

    def by_class(self, values: NDArray[np.float32], columns: int) -> NDArray[np.float64]:
        """Sums (C,) of values (n,)."""
        out = np.zeros(columns)
        if len(values):
            out[self.present] = np.add.reduceat(values, self.start)
        return out


class FitChoice:
    """Chooses the cells of a collection that comes in blocks of rows, twice the same ones in the same order.

    First all blocks are looked at (`look`), then they are looked at again and the cells are taken (`take`). Of too many
    all listed and decided ones are kept, half of the room goes to the unlisted ones whose first evidence is highest,
    and the other half to a random draw of the rest.
    """

    def __init__(self) -> None:
        self.rest = 0
        self.top = np.zeros(0, np.float32)
        self.bound: float | None = None
        self.others = self.drawn = 0
        self.random = np.random.default_rng(0)
        self.parts: list[tuple[NDArray[np.int64], ...]] = []
        self.values: list[list[NDArray[np.float32]]] = []
        self.first_row = 0

    def look(
        self,
        highest: NDArray[np.float32],
        given: NDArray[np.bool_],
        known: NDArray[np.bool_],
        verdict: NDArray[np.int8] | None,
    ) -> None:
        """See a block's first evidence (n, C), its labels, and what people decided of it."""
        open_ = known & ~_certain(given, known, verdict)
        self.rest += int(open_.sum())
        half = FIT_CELLS // 2
        values = highest[open_]
        if len(self.top) == half:
            values = values[values > self.top[0]]
        joined = np.concatenate([self.top, values])
        if len(joined) > half:
            joined = np.partition(joined, len(joined) - half)[-half:]
            lowest = int(joined.argmin())
            joined[[0, lowest]] = joined[[lowest, 0]]
        self.top = joined

    def take(
        self,
        evidence: Sequence[NDArray[np.float32]],
        given: NDArray[np.bool_],
        known: NDArray[np.bool_],
        verdict: NDArray[np.int8] | None,
    ) -> None:
        """Take the cells of the next block, of which ``evidence`` are F arrays (n, C)."""
        certain = _certain(given, known, verdict)
        kept, drawn = known, np.zeros_like(known)
        if self.rest > FIT_CELLS:
            bound = self.top.min()
            others_total = self.rest - int((self.top > bound).sum())
            share = FIT_CELLS // 2 / max(1, others_total)
            open_ = known & ~certain
            others = open_ & ~(evidence[0] > bound)
            drawn = others & (self.random.random(others.shape, dtype=np.float32) < share)
            kept = certain | (open_ & ~others) | drawn
            self.others = others_total
        row, column = np.nonzero(kept)
        truth = np.full(len(row), -1, np.int64)
        if verdict is not None:
            decided = known & (verdict >= 0)
            truth = np.where(decided[row, column], verdict[row, column], -1).astype(np.int64)
        self.drawn += int(drawn.sum())
        self.parts.append((
            row + self.first_row, column, given[row, column].astype(np.int64), truth,
            drawn[row, column].astype(np.int64),
        ))  # fmt: skip
        self.values.append([np.asarray(values[row, column], np.float32) for values in evidence])
        self.first_row += len(given)

    def chosen(self) -> FitCells:
        """The cells, those of a class together."""
        row, column, given, truth, drawn = (np.concatenate(part) for part in zip(*self.parts, strict=True))
        values = [np.concatenate(part) for part in zip(*self.values, strict=True)]
        # sums of floats depend on their order, and a fit in a flat place on its sums: whatever the order of the clips
        order = np.lexsort((row, given, values[-1], values[0], column))
        present, start, count = np.unique(column[order], return_index=True, return_counts=True)
        weight = np.ones(len(row), np.float32)
        weight[drawn > 0] = np.float32(self.others / max(1, self.drawn))
        return FitCells(
            [part[order] for part in values], given[order] > 0, truth[order].astype(np.int8), weight[order], start,
            count, present,
        )  # fmt: skip


def chosen_cells(
    evidence: Sequence[NDArray[np.float32]],
    given: NDArray[np.bool_],
    known: NDArray[np.bool_],
    verdict: NDArray[np.int8] | None,
) -> FitCells:
    """The cells of a collection that lies in memory as a whole, all (N, C)."""
    choice = FitChoice()
    choice.look(evidence[0], given, known, verdict)
    choice.take(evidence, given, known, verdict)
    return choice.chosen()


def _certain(given: NDArray[np.bool_], known: NDArray[np.bool_], verdict: NDArray[np.int8] | None) -> NDArray[np.bool_]:
    return np.asarray(known & (given if verdict is None else given | (verdict >= 0)))
