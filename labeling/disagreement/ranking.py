"""From label quality to suspects: which cells to ask about, of what kind, in what order, with what to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement import scorers, several_runs
from labeling.disagreement.assembly import assemble_evidence
from labeling.disagreement.columns import CellColumns
from labeling.disagreement.covariates import standardised
from labeling.disagreement.evidence import Evidence, Scores, class_confidence
from labeling.disagreement.neighbours import mean_share
from labeling.disagreement.scorers import DEFAULT_SCORER
from labeling.disagreement.voices import Voice, voices_of
from labeling.predictions.aligned import AlignedLabels, align_labels
from labeling.predictions.oof import FrameBlock, Oof, for_each_block
from labeling.records import Labels

MAX_CELLS = 1_000_000  # more than anyone will listen to; keeps the queue's table small in large collections
MISSING_RULE_P = 0.9


@dataclass(frozen=True)
class PastCells:
    """Cells (P,) that people decided before, scored as if the label that they judged still stood: rows of the
    predictions, places in the labels' classes, that label, p_wrong, whether they said otherwise, and covariates."""

    clip_index: NDArray[np.int64]
    class_index: NDArray[np.int64]
    given: NDArray[np.bool_]
    p_wrong: NDArray[np.float32]
    wrong: NDArray[np.bool_]
    covariates: NDArray[np.float16]


@dataclass(frozen=True)
class Suspects(CellColumns):
    """Suspects best first, one array a column, all of one length M.

    ``clip_index`` is the row in the predictions; ``class_index`` and ``partner_index`` point into ``classes`` (-1: no
    partner). ``kind`` is ``missing``, ``false`` or ``swapped``. ``past`` are the cells that were decided before.
    ``left_out`` counts, by class of ``classes``, the open unlisted cells that found no room. ``voices``: what the
    scorer listened to, and how far.
    """

    classes: tuple[str, ...]
    clip_index: NDArray[np.int64]
    class_index: NDArray[np.int64]
    partner_index: NDArray[np.int64]
    kind: NDArray[np.str_]
    past: PastCells
    left_out: NDArray[np.int64]
    voices: tuple[Voice, ...] = ()

    def __len__(self) -> int:
        return len(self.clip_id)


Assemble = Callable[[Oof, AlignedLabels], Evidence]


def rank_suspects(
    oof: Oof,
    labels: Labels,
    *,
    scorer: str = DEFAULT_SCORER,
    reviewed: NDArray[np.bool_] | None = None,
    limit: int | None = None,
    max_cells: int = MAX_CELLS,
    assemble: Assemble | None = None,
    at_random: NDArray[np.bool_] | None = None,
    run_id: str = "",
) -> Suspects:
    """Score every cell of a run's predictions against labels, and rank those that nobody has decided on.

    Clips and classes are matched by id and code; what only one side has is left out. Unsure cells are never ranked.

    Parameters
    ----------
    oof : Oof
    labels : Labels
    scorer : str
        A name in ``scorers.SCORERS``.
    reviewed : ndarray of bool, shape of ``labels.present``, optional
        Cells that are not asked about, though class statistics use them; by default ``labels.reviewed``.
    limit : int, optional
        Keep the first so many.
    max_cells : int
        Above so many candidates, all listed cells and the best unlisted are kept.
    assemble : callable, optional
        ``(oof, aligned labels) -> Evidence``; by default the predictions are all the evidence.
    at_random : ndarray of bool, shape (N, C), optional
        Unlisted cells that are kept whatever their quality.
    run_id : str
        The run's, for its voice.

    Returns
    -------
    Suspects
        Best first.

    Raises
    ------
    UnknownName
        There is no such scorer.
    DataError
        A scorer's evidence is not there.
    ArtefactError
        Frames cannot be read.

    Examples
    --------
    >>> from labeling.disagreement.ranking import rank_suspects
    >>> from labeling.example import example_workspace
    >>> from labeling.journal import versions
    >>> from labeling.predictions.oof import read_oof
    >>> workspace = example_workspace()
    >>> with workspace.read() as connection:
    ...     labels = versions.labels_at(connection)
    >>> oof = read_oof(workspace.run_dir("001-demo") / "oof.zarr")
    >>> ranked = rank_suspects(oof, labels, scorer="self_confidence", limit=2)
    >>> for k in range(2):
    ...     print(ranked.kind[k], oof.filenames[ranked.clip_index[k]], ranked.classes[ranked.class_index[k]])
    false balori/2.wav cangoo
    missing amecro/3.wav cangoo
    >>> ranked.label_quality.round(2).tolist()
    [0.05000000074505806, 0.15000000596046448]
    """
    score = scorers.SCORERS.get(scorer)
    aligned = align_labels(oof, labels, reviewed)
    evidence = assemble(oof, aligned) if assemble else assemble_evidence(oof, aligned.given, aligned.known)
    scores = score(evidence)
    partner = find_swaps(scores.p_wrong, aligned)
    rows, columns = order_cells(
        scores, aligned.given, aligned.open, oof.clip_ids, limit=limit, max_cells=max_cells, at_random=at_random
    )
    first, end = find_stretches(oof, rows, columns)
    onset, offset = oof.span_s(first, end)
    empty = first >= end
    onset[empty] = offset[empty] = 0.0

    given, partners = aligned.given[rows, columns], partner[rows, columns]
    kind = np.where(partners >= 0, "swapped", np.where(given, "false", "missing"))
    places = np.append(aligned.class_index, -1)
    left_out = np.zeros(len(labels.classes) + 1, np.int64)  # the last one: no class of the labels
    if limit is None:
        unlisted = (aligned.open & ~aligned.given).sum(axis=0)
        left_out[aligned.class_index] = unlisted - np.bincount(columns[~given], minlength=len(unlisted))
    runs, against = several_runs.against(evidence)
    typical = class_confidence(oof.clipwise, evidence.label, evidence.known).astype(np.float32)
    decided = np.zeros_like(evidence.given) if evidence.verdict is None else evidence.verdict >= 0
    past_rows, past_columns = np.nonzero(decided)
    covariates = _covariates(
        evidence, scores, np.concatenate([rows, past_rows]), np.concatenate([columns, past_columns])
    )
    return Suspects(
        classes=tuple(labels.classes),
        clip_index=rows,
        clip_id=oof.clip_ids[rows],
        class_index=places[columns],
        partner_index=places[partners],
        kind=kind,
        label_quality=scores.label_quality[rows, columns],
        p_wrong=scores.p_wrong[rows, columns],
        clipwise=oof.clipwise[rows, columns],
        framewise_max=evidence.frames.maximum[rows, columns],
        onset_s=onset,
        offset_s=offset,
        fold=oof.fold[rows],
        given=given,
        runs=runs[rows, columns],
        runs_agree=against[rows, columns],
        neighbours=mean_share(evidence)[rows, columns],
        typical=typical[columns],
        covariates=covariates[: len(rows)],
        past=_past(evidence, scores, past_rows, past_columns, places, covariates[len(rows) :]),
        left_out=left_out[:-1],
        voices=voices_of(evidence, scores, run_id),
    )


def _covariates(
    evidence: Evidence, scores: Scores, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float16]:
    values = np.zeros((len(rows), len(scores.covariates)), np.float32)
    for number, piece in enumerate(scores.covariates):
        values[:, number] = piece[rows, columns]
    return standardised(values, scores.p_wrong[rows, columns], evidence.given[rows, columns])


def _past(
    evidence: Evidence,
    scores: Scores,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    places: NDArray[np.int64],
    covariates: NDArray[np.float16],
) -> PastCells:
    given = evidence.given[rows, columns]
    wrong = (evidence.label[rows, columns]) != given
    return PastCells(rows, places[columns], given, scores.p_wrong[rows, columns], wrong, covariates)


def find_swaps(p_wrong: NDArray[np.float32], aligned: AlignedLabels) -> NDArray[np.int32]:
    """Find the clips whose primary label stands in for another class.

    A clip is swapped where its primary label is more likely wrong than right and exactly one unlisted class is more
    likely present than not, both still open.

    Parameters
    ----------
    p_wrong : ndarray of float32, shape (N, C)
    aligned : AlignedLabels

    Returns
    -------
    ndarray of int32, shape (N, C)
        The partner's column in each cell of a swap, -1 elsewhere.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.disagreement.ranking import find_swaps
    >>> from labeling.predictions.aligned import AlignedLabels
    >>> given, all_of_them = np.array([[True, False, False]]), np.ones((1, 3), bool)
    >>> aligned = AlignedLabels(given, all_of_them, all_of_them, np.array([0]), np.arange(3))
    >>> find_swaps(np.array([[0.9, 0.8, 0.1]], np.float32), aligned).tolist()
    [[1, 0, -1]]
    """
    partner = np.full(p_wrong.shape, -1, dtype=np.int32)
    doubted = (p_wrong > 0.5) & aligned.open
    appearing = doubted & ~aligned.given
    rows = np.flatnonzero((aligned.primary >= 0) & (appearing.sum(axis=1) == 1))
    primary = aligned.primary[rows]
    wrong = doubted[rows, primary] & aligned.given[rows, primary]
    rows, primary = rows[wrong], primary[wrong]
    instead = appearing[rows].argmax(axis=1)
    partner[rows, primary] = instead
    partner[rows, instead] = primary
    return partner


def order_cells(
    scores: Scores,
    given: NDArray[np.bool_],
    candidates: NDArray[np.bool_],
    clip_ids: NDArray[np.int64],
    *,
    limit: int | None = None,
    max_cells: int = MAX_CELLS,
    at_random: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the candidate cells, lowest quality first.

    Equal quality falls back to p_wrong, then to clip id and column, so that the order never depends on the
    order of the rows.
    """
    cells = np.flatnonzero(candidates)
    if len(cells) > max_cells:
        listed = given.ravel()[cells]
        keep, rest = cells[listed], cells[~listed]
        room = max(0, max_cells - len(keep))
        if room < len(rest):
            quality = scores.label_quality.ravel()[rest]
            if at_random is not None:
                quality[at_random.ravel()[rest]] = -np.inf
            rest = rest[np.argpartition(quality, room)[:room]] if room else rest[:0]
        cells = np.concatenate([keep, rest])
    rows, columns = np.divmod(cells, max(1, given.shape[1]))
    keys = (columns, clip_ids[rows], -scores.p_wrong.ravel()[cells], scores.label_quality.ravel()[cells])
    order = np.lexsort(keys)[:limit]
    return rows[order], columns[order]


def find_stretches(
    oof: Oof, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and end frame (exclusive) of the frames that speak for the class in each cell, counted in its clip.

    They are the unbroken stretch around the highest frame that stays at or above half of it: where the class is,
    or, where the model does not hear it, where it would be if anywhere; the whole clip if all frames are alike.
    """
    first, end = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    by_row = np.argsort(rows, kind="stable")
    bounds = np.searchsorted(rows[by_row], np.arange(len(oof) + 1))

    def work(block: FrameBlock) -> None:
        for row in range(block.first, block.last):
            cells = by_row[bounds[row] : bounds[row + 1]]
            frames = block.clip(row)
            if not len(cells) or not len(frames):
                continue
            first[cells], end[cells] = _stretch(frames[:, columns[cells]])

    for_each_block(oof, work)
    return first, end


def missing_label_rule(
    probability: NDArray[np.float32],
    given: NDArray[np.bool_],
    primary: NDArray[np.int64],
    *,
    p: float = MISSING_RULE_P,
) -> NDArray[np.bool_]:
    """Cells to which the 6th place of the Cornell Birdcall Identification challenge (2020) added a label.

    Only clips without secondary labels, only classes above ``p`` other than the primary
    (github.com/koukyo1994/kaggle-birdcall-6th-place: there ``probability`` is the maximum over frames).

    Parameters
    ----------
    probability : ndarray of float32, shape (N, C)
    given : ndarray of bool, shape (N, C)
    primary : ndarray of int64, shape (N,)
        Column of the primary class, -1 for none.
    p : float

    Returns
    -------
    ndarray of bool, shape (N, C)

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.disagreement.ranking import missing_label_rule
    >>> probability = np.array([[0.95, 0.93, 0.2], [0.9, 0.1, 0.97]], np.float32)
    >>> given = np.array([[True, False, False], [True, True, False]])
    >>> missing_label_rule(probability, given, np.array([0, 0])).tolist()
    [[False, True, False], [False, False, False]]
    """
    only_primary = (primary >= 0) & (given.sum(axis=1) == 1)
    only_primary &= given[np.arange(len(given)), primary]
    return np.asarray(only_primary[:, None] & (probability > p) & ~given)


def _stretch(frames: NDArray[np.float16]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and end frame of the stretch around the peak of each column of ``frames`` (T, K)."""
    bits = np.ascontiguousarray(frames).view(np.uint16)  # ordered like the numbers from 0 to 1, and faster
    count = len(bits)
    kind = np.int16 if count < 1 << 15 else np.int32
    highest = bits.max(axis=0)
    half = (highest.view(np.float16).astype(np.float32) / 2).astype(np.float16).view(np.uint16)
    index = np.arange(count, dtype=kind)[:, None]
    peak = np.where(bits == highest, index, kind(count)).min(axis=0)
    below = bits < half
    before = np.where(below & (index < peak), index, kind(-1)).max(axis=0) + 1
    after = np.where(below & (index > peak), index, kind(count)).min(axis=0)
    return before.astype(np.int64), after.astype(np.int64)
