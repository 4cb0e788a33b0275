"""What has been learned: the macro average precision of a head against decisions, on cells that chance picked.

A head's own questions are the hard ones, so they cannot measure it. Chance draws cells by one fixed order, a hash.
What was drawn by it, by the audit or among what to label next, and what had been asked before its turn came, is a
random part of all cells together: it measures, and the head learns from all else, at some points of the journal.
Kinds of cells are not drawn alike often (listed or not, in clips with labels or without, asked or not): each cell that
measures stands for as many as there are of its class and kind. Other clips of the same recordists are learned from: the
figure is of this collection. With few positives a class it is somewhat high, as average precision of small samples is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.active.head import blank, fit, stretches_of
from labeling.active.known import known_labels
from labeling.disagreement import random_order
from labeling.embeddings.space import open_space
from labeling.journal import all_undone
from labeling.logistic import sigmoid
from labeling.records import MACHINE, Shown
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace

POINTS = 8
LEAST_DRAWN = 30
"""Fewer cells say nothing that one could call measured."""
_DRAWS = 400

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class LearningPoint:
    """After so many ``decisions`` the ``macro_ap`` of a head, and from ``low`` to ``high`` with 95 %."""

    decisions: int
    macro_ap: float
    low: float
    high: float


@dataclass(frozen=True)
class LearningCurve:
    """The points, the first before any decision. ``drawn`` cells were picked by chance and answered, in which
    ``classes`` of the ``of_classes`` were found present; no points with fewer than LEAST_DRAWN, or no class."""

    points: tuple[LearningPoint, ...]
    drawn: int
    classes: int
    of_classes: int


def learning_curve(workspace: Workspace, connection: Connection, space: str, points: int = POINTS) -> LearningCurve:
    """The curve of a workspace on a space, at up to ``points`` places of the journal.

    The interval is a bootstrap over the drawn clips (percentiles), with the heads as they are: it says how sure the
    measurement is, not how a head would turn out from other labels. Raises UnknownName, ArtefactError.
    """
    labels, opened = known_labels(connection), open_space(workspace, space)
    stretches, held = stretches_of(opened, labels.clip_id)
    positions, drawn_cells = _journal(connection)
    drawn = np.zeros(labels.known.shape, bool)
    row_of = {clip_id: row for row, clip_id in enumerate(labels.clip_id.tolist())}
    column_of = {class_id: column for column, class_id in enumerate(labels.class_id.tolist())}
    for clip_id, class_id in drawn_cells:
        if clip_id in row_of:
            drawn[row_of[clip_id], column_of[class_id]] = True
    answered = (labels.known & ~labels.undecided)[held]  # unsure says neither
    listed, bare = known_labels(connection, 0).present[held], labels.unlabelled[held, None]
    turns = random_order.turns(labels.clip_id[held, None], labels.class_id[None, :])
    drawn, weight = measuring(drawn[held] & answered, answered, [listed, ~listed & ~bare, ~listed & bare], turns)
    truth = labels.present[held]
    with_positive = (truth & drawn).any(axis=0)
    found = int(drawn.sum()), int(with_positive.sum()), len(labels.classes)
    if found[0] < LEAST_DRAWN or not found[1]:
        return LearningCurve((), *found)
    at = np.unique(np.linspace(0, len(positions), max(points, 2)).round().astype(int)).tolist()
    head, made = blank(opened, len(labels.classes)), []
    for decisions in at:
        then = known_labels(connection, positions[decisions - 1] if decisions else 0)
        known = then.known[held] & ~drawn
        if known.any():
            head = fit(stretches, then.present[held] & known, known, head)
        probability = sigmoid(head.logits(stretches)[0])
        made.append(LearningPoint(decisions, *measured(probability, truth, drawn, weight)))
    return LearningCurve(tuple(made), *found)


def measured(
    probability: NDArray[np.floating], truth: Bools, drawn: Bools, weight: NDArray[np.float64]
) -> tuple[float, float, float]:
    """The macro average precision of drawn cells (N, C), and its 95 % interval by resampling clips.

    Average precision is that of scikit-learn, with a weight for each cell; macro over the classes that have a positive
    among the drawn cells. A resample that draws no positive of a class leaves that class out.
    """
    clips = np.flatnonzero(drawn.any(axis=1))
    again = np.random.default_rng(0).multinomial(len(clips), np.full(len(clips), 1 / len(clips)), size=_DRAWS)
    times = np.zeros((1 + _DRAWS, len(drawn)))
    times[0, clips], times[1:, clips] = 1, again
    each = np.stack([
        weighted_ap(probability[here, c], truth[here, c], times[:, here] * weight[here, c])
        for c in np.flatnonzero((truth & drawn).any(axis=0)).tolist()
        for here in (np.flatnonzero(drawn[:, c]),)
    ])  # fmt: skip
    there = np.isfinite(each)
    macro = np.where(there, each, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    low, high = np.quantile(macro[1:], (0.025, 0.975))
    return float(macro[0]), float(min(low, macro[0])), float(max(high, macro[0]))


def weighted_ap(scores: NDArray[np.floating], present: Bools, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average precision (B,) of cells (n,) under each of several weights (B, n); NaN where no positive has any.

    >>> import numpy as np
    >>> weighted_ap(np.array([0.9, 0.8, 0.3]), np.array([True, False, True]), np.ones((1, 3))).round(4).tolist()
    [0.8333]
    """
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # of each run of equal scores
    rows = weights[:, order]
    hits = np.cumsum(rows * present[order], axis=1)[:, last]
    said = np.cumsum(rows, axis=1)[:, last]
    all_hits = hits[:, -1:]
    precision = np.divide(hits, said, out=np.zeros_like(hits), where=said > 0)
    gained = np.diff(hits, prepend=0, axis=1)
    value = (gained * precision).sum(axis=1) / np.where(all_hits[:, 0] > 0, all_hits[:, 0], 1)
    return np.where(all_hits[:, 0] > 0, value, np.nan)


def measuring(
    drawn: Bools, answered: Bools, kinds: Sequence[Bools], turns: NDArray[np.uint64]
) -> tuple[Bools, NDArray[np.float64]]:
    """Which cells (N, C) measure, and for how many each stands: those that chance drew, and those of a kind that were
    answered otherwise and whose ``turns`` (N, C) come before the last that was drawn of it."""
    cells, weight = np.zeros(drawn.shape, bool), np.zeros(drawn.shape)
    for kind in kinds:
        by_chance, asked = kind & drawn, kind & answered & ~drawn
        if not by_chance.any():
            continue
        before = asked & (turns < turns[by_chance].max())
        for everyone, some in ((kind & ~asked, by_chance), (asked, before)):
            each = everyone.sum(axis=0) / np.maximum(some.sum(axis=0), 1)
            weight += np.where(some, each, 0)
            cells |= some
    return cells, weight


def _journal(connection: Connection) -> tuple[list[int], set[tuple[int, int]]]:
    """The positions of what people decided and did not take back, and the cells that chance picked among them."""
    column = tables.decisions.c
    query = (
        sa.select(column.position, column.clip_id, column.class_id, column.onset_s, column.shown)
        .where(column.undoes.is_(None), column.copy_of.is_(None))
        .where(sa.func.substr(column.reviewer, 1, len(MACHINE)) != MACHINE)
        .order_by(column.position)
    )
    rows = db.fetch(connection, query)
    undone = all_undone(connection, rows[0][0]) if rows else set()
    positions: list[int] = []
    first: dict[tuple[int, int], bool] = {}
    for position, clip_id, class_id, onset_s, shown in rows:
        if position in undone:
            continue
        positions.append(position)
        how = Shown.from_json(shown)
        first.setdefault((clip_id, class_id), onset_s is None and (how.audit or how.at_random))
    return positions, {cell for cell, by_chance in first.items() if by_chance}
