"""From scores to suspects (labeling/disagreement/ranking.py), a block of clips at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.covariates import standardised
from labeling.disagreement.evidence import Scores
from labeling.disagreement.ranking import MAX_CELLS, PastCells, Suspects, find_stretches, find_swaps
from labeling.disagreement.scoring import blocks as cells_in_blocks
from labeling.disagreement.scoring.blocks import BlockOfCells, Blocks, Learned, Rows
from labeling.disagreement.scoring.scratch import scratch
from labeling.disagreement.voices import voices_of
from labeling.predictions.aligned import AlignedLabels
from labeling.predictions.oof import Oof
from labeling.records import Labels

Ints = NDArray[np.int64]
Parts = tuple[NDArray[Any], ...]
AtRandom = Callable[[int, int], NDArray[np.bool_]]


def rank_in_blocks(
    oof: Oof,
    labels: Labels,
    rows: Rows,
    *,
    max_cells: int = MAX_CELLS,
    at_random: AtRandom | None = None,
    run_id: str = "",
    block_cells: int = 0,
    folder: Path | None = None,
) -> Suspects:
    """The suspects of the default scorer, as `ranking.rank_suspects` has them, in bounded memory.

    Parameters
    ----------
    oof : Oof
        N clips, C classes. Its clipwise may lie on the disk (`oof.open_oof`).
    labels : Labels
    rows : callable
        ``(first, last) -> Evidence`` of these clips; each is asked for once.
    max_cells, run_id
        As `ranking.rank_suspects` takes them.
    at_random : callable, optional
        ``(first, last)`` -> which cells (n, C) of these clips are kept whatever their quality.
    block_cells : int
        So many cells are in memory at a time, several numbers each; by default `blocks.BLOCK_CELLS`.
    folder : Path, optional
        Where some 40 bytes a cell are kept meanwhile; by default where temporary files go.

    Returns
    -------
    Suspects
        Best first. Scores agree with those in memory to about 1e-5; which of several cells of equal quality are left
        out at the end of a full list may differ.
    """
    with scratch(len(oof.classes), folder) as place:
        blocks = Blocks(rows, len(oof), len(oof.classes), place, block_cells or cells_in_blocks.BLOCK_CELLS)
        return _ranked(oof, labels, blocks.learn(), max_cells, at_random, run_id)


def _ranked(
    oof: Oof, labels: Labels, learned: Learned, max_cells: int, at_random: AtRandom | None, run_id: str
) -> Suspects:
    blocks, primary = learned.of, _Primary(oof, labels)
    chosen, unlisted = _Chosen(max_cells), np.zeros(len(oof.classes), np.int64)
    for block in blocks.blocks():
        scores = learned.scores(block)
        open_ = primary.open(block)
        unlisted += (open_ & ~block.given).sum(axis=0)
        lucky = None if at_random is None else at_random(block.first, block.first + len(block.given))
        partner = find_swaps(scores.p_wrong, primary.aligned(block, open_))
        chosen.add(block.first, scores.label_quality, scores.p_wrong, block.given, open_, lucky, partner)
    cells = chosen.best(oof.clip_ids)
    places = np.append(primary.class_index, -1)
    columns = _Columns(len(cells.row))
    past = _read_columns(learned, cells.row, cells.column, columns, primary)
    first, end = find_stretches(oof, cells.row, cells.column)
    onset, offset = oof.span_s(first, end)
    onset[first >= end] = offset[first >= end] = 0.0
    covariates = standardised(
        np.concatenate([columns.covariates, past.covariates]),
        np.concatenate([cells.p_wrong, past.p_wrong]),
        np.concatenate([columns.given, past.given]),
    )
    left_out = np.zeros(len(labels.classes) + 1, np.int64)
    left_out[primary.class_index] = unlisted - np.bincount(cells.column[~columns.given], minlength=len(unlisted))
    count = len(cells.row)
    return Suspects(
        classes=tuple(labels.classes),
        clip_index=cells.row,
        clip_id=oof.clip_ids[cells.row],
        class_index=places[cells.column],
        partner_index=places[cells.partner],
        kind=np.where(cells.partner >= 0, "swapped", np.where(columns.given, "false", "missing")),
        label_quality=cells.quality,
        p_wrong=cells.p_wrong,
        clipwise=columns.clipwise,
        framewise_max=columns.highest,
        onset_s=onset,
        offset_s=offset,
        fold=oof.fold[cells.row],
        given=columns.given,
        runs=columns.runs,
        runs_agree=columns.against,
        neighbours=columns.share,
        typical=blocks.typical()[cells.column],
        covariates=covariates[:count],
        past=PastCells(past.row, places[past.column], past.given, past.p_wrong, past.wrong, covariates[count:]),
        left_out=left_out[:-1],
        voices=voices_of(blocks.like, _weights(learned), run_id) if blocks.like is not None else (),
    )


class _Primary:
    """The labels' own columns, and which cells of a block are open."""

    def __init__(self, oof: Oof, labels: Labels) -> None:
        column_of = {code: column for column, code in enumerate(labels.classes)}
        self.class_index = np.array([column_of.get(code, -1) for code in oof.classes], np.int64)
        by_id = np.argsort(labels.clip_ids, kind="stable")
        at = np.minimum(np.searchsorted(labels.clip_ids, oof.clip_ids, sorter=by_id), len(labels.clip_ids) - 1)
        found = by_id[at]
        self.row = np.where(labels.clip_ids[found] == oof.clip_ids, found, -1)
        place = np.full(len(labels.classes) + 1, -1, np.int64)
        place[self.class_index[self.class_index >= 0]] = np.flatnonzero(self.class_index >= 0)
        self.primary = np.where(self.row >= 0, place[labels.primary[self.row]], -1)
        self.reviewed = labels.reviewed

    def open(self, block: BlockOfCells) -> NDArray[np.bool_]:
        """Known cells of a block that nobody decided on."""
        row = self.row[block.first : block.first + len(block.given)]
        reviewed = self.reviewed[np.ix_(row, self.class_index)]
        return np.asarray(block.known & ~reviewed)

    def aligned(self, block: BlockOfCells, open_: NDArray[np.bool_]) -> AlignedLabels:
        """The block's labels, as swaps are looked for in them."""
        primary = self.primary[block.first : block.first + len(block.given)]
        return AlignedLabels(block.label & block.known, block.known, open_, primary, self.class_index)


class _Cells:
    """Cells (M,): row, column, quality, p_wrong, the partner's column."""

    def __init__(self, *parts: NDArray[Any]) -> None:
        row, column, self.quality, self.p_wrong, partner = parts
        self.row, self.column, self.partner = (values.astype(np.int64) for values in (row, column, partner))

    def taken(self, which: Ints) -> Parts:
        return tuple(values[which] for values in (self.row, self.column, self.quality, self.p_wrong, self.partner))


class _Chosen:
    """All listed candidates so far, and as many of the unlisted ones, those of lowest quality."""

    def __init__(self, most: int) -> None:
        self.most, self.count = most, 0
        self.listed: list[Parts] = []
        self.unlisted: Parts | None = None
        self.rank = np.zeros(0, np.float32)

    def add(
        self,
        first: int,
        quality: NDArray[np.float32],
        p_wrong: NDArray[np.float32],
        given: NDArray[np.bool_],
        candidates: NDArray[np.bool_],
        lucky: NDArray[np.bool_] | None,
        partner: NDArray[np.int32],
    ) -> None:
        """Look at a block (n, C)."""
        self.count += int(candidates.sum())
        for listed in (True, False):
            row, column = np.nonzero(candidates & (given if listed else ~given))
            part: Parts = (row + first, column, quality[row, column], p_wrong[row, column], partner[row, column])
            if listed:
                self.listed.append(part)
                continue
            rank = part[2].copy()
            if lucky is not None:
                rank[lucky[row, column]] = -np.inf
            if self.unlisted is not None:
                part = tuple(np.concatenate(both) for both in zip(self.unlisted, part, strict=True))
                rank = np.concatenate([self.rank, rank])
            room = max(0, self.most - sum(len(one[0]) for one in self.listed))
            if room < len(rank):
                keep = np.argpartition(rank, room)[:room] if room else np.zeros(0, np.int64)
                part, rank = tuple(values[keep] for values in part), rank[keep]
            self.unlisted, self.rank = part, rank

    def best(self, clip_ids: Ints) -> _Cells:
        """Lowest quality first, as `ranking.order_cells` has it."""
        parts = [*self.listed, *([] if self.unlisted is None else [self.unlisted])]
        cells = _Cells(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        order = np.lexsort((cells.column, clip_ids[cells.row], -cells.p_wrong, cells.quality))
        return _Cells(*cells.taken(order))


class _Columns:
    """What the list shows of each of its cells (M,)."""

    def __init__(self, count: int) -> None:
        self.given = np.zeros(count, bool)
        self.clipwise, self.highest, self.share = (np.zeros(count, np.float32) for _ in range(3))
        self.runs, self.against = (np.zeros(count, np.uint8) for _ in range(2))
        self.covariates = np.zeros((count, 0), np.float32)


class _Past:
    """Cells that were decided, as `PastCells` has them, and their covariates as they come."""

    def __init__(self, parts: list[Parts], pieces: int) -> None:
        empty = (np.zeros(0, np.int64),) * 2 + (np.zeros(0, bool), np.zeros(0, np.float32), np.zeros(0, bool))
        first = (*empty, np.zeros((0, pieces), np.float32))
        joined = [np.concatenate(part) for part in zip(first, *parts, strict=True)]
        self.row, self.column = joined[0].astype(np.int64), joined[1].astype(np.int64)
        self.given, self.p_wrong, self.wrong, self.covariates = joined[2] > 0, joined[3], joined[4] > 0, joined[5]


def _read_columns(learned: Learned, row: Ints, column: Ints, out: _Columns, primary: _Primary) -> _Past:
    """Fill the columns of chosen cells; returns those that were decided before."""
    by_row = np.argsort(row, kind="stable")
    bounds = row[by_row]
    pieces, past = 0, list[Parts]()
    for block in learned.of.blocks():
        last = block.first + len(block.given)
        cells = by_row[np.searchsorted(bounds, block.first) : np.searchsorted(bounds, last)]
        at = row[cells] - block.first, column[cells]
        out.given[cells] = (block.label & block.known)[at]
        for name in ("clipwise", "highest", "share", "runs", "against"):
            getattr(out, name)[cells] = learned.of.read(name, block)[at]
        scores = learned.scores(block)
        pieces = len(scores.covariates)
        if out.covariates.shape[1] != pieces:
            out.covariates = np.zeros((len(row), pieces), np.float32)
        decided = np.nonzero(block.verdict >= 0)
        beyond = np.zeros((len(decided[0]), pieces), np.float32)
        for number, piece in enumerate(scores.covariates):
            out.covariates[cells, number] = piece[at]
            beyond[:, number] = piece[decided]
        given = block.given[decided]
        past.append((
            decided[0] + block.first, decided[1], given, scores.p_wrong[decided], block.label[decided] != given, beyond,
        ))  # fmt: skip
    return _Past(past, pieces)


def _weights(learned: Learned) -> Scores:
    nothing = np.zeros((0, learned.of.columns), np.float32)
    margins = learned.fitted.margins or ()
    return Scores(nothing, nothing, (), learned.weights, tuple(one.steepness for one in margins))
