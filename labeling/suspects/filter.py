"""What a queue shows: the filter, its words, and which suspects of a ranking it leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.agreement import disagreements
from labeling.collection import store
from labeling.errors import DataError
from labeling.journal.open_cells import open_to
from labeling.quality.scored_run import ScoredRun
from labeling.records import KINDS
from labeling.registry import unknown_name
from labeling.reviewer import chosen, marks
from labeling.storage import database as db
from labeling.storage import tables
from labeling.suspects.worth import RARITY
from labeling.team import assignments

RULE_P = 0.9

#: name -> what it says on the screen
ORDERS: Mapping[str, str] = {
    "likely": "Most likely wrong",
    "worth": "Most worth",
    "uncertain": "Most uncertain",
    "next": "Next to label",
    "audit": "Random audit",
    "rank": "As the scorer ranks",
    "class": "Class by class",
    "filename": "File name",
    "clipwise": "Highest clipwise first",
    "framewise": "Highest frame first",
    "rating": "Best rated first",
}
#: what is asked for by who teaches a model, in the order "next" as on Sweep -> what it says on the screen
TAUGHT: Mapping[str, str] = {
    "hybrid": "Uncertain and varied",
    "uncertain": "Most uncertain",
    "varied": "Most varied",
}
VARIED = ("likely", "worth", "uncertain")
STATUSES: Mapping[str, str] = {"open": "To do", "decided": "Decided", "disputed": "Disagreed", "all": "All"}


@dataclass(frozen=True)
class QueueFilter:
    """What a queue shows. Empty tuples and None mean: any.

    ``missing_rule`` keeps what the 6th place of the Cornell Birdcall challenge added by rule: clips without
    secondary labels, an unlisted class, a frame above 0.9. ``metadata`` pairs are (column, value).
    ``marks`` keeps clips that carry one of these kinds of mark. ``reviewer`` is who looks: their own marks count,
    and what they skipped is not to do. ``min_p_wrong`` is asked of the calibrated probability, but of nothing in the
    order ``audit``: a draw from the likely ones alone would say nothing of the rest. Nor is it of the status
    ``disputed``: cells on which people disagree until somebody adjudicates (`agreement.disagreements`).

    ``rarity``, 0..1, is how far rare classes count more in the order ``worth``; ``variety`` deals the orders of VARIED
    so that no recordist fills the screen; ``batches`` deals any order but ``audit`` in batches of one class.

    Where a cell needs several looks it is to do for each ``reviewer`` who has given none, until it has them
    (labeling/journal/looks.py). ``mine`` keeps what is assigned to the reviewer. With ``skips`` off, what they skipped
    is to do all the same. ``chosen`` names stretches (labeling/reviewer/chosen.py) in whose clips the suspects lie.
    ``space`` ("": the first by name) and ``taught``, of TAUGHT, are what the order ``next`` goes by; it asks for a run
    with its `Turns` (labeling/active/teaching.py).
    """

    kinds: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    folds: tuple[int, ...] = ()
    status: str = "open"
    min_p_wrong: float = 0.0
    min_rating: float | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    search: str = ""
    missing_rule: bool = False
    order: str = "likely"
    marks: tuple[str, ...] = ()
    reviewer: str = ""
    rarity: float = RARITY
    variety: bool = True
    batches: bool = False
    mine: bool = False
    skips: bool = True
    chosen: str = ""
    space: str = ""
    taught: str = "hybrid"

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise DataError(unknown_name("kind", kind, list(KINDS)))
        for kind in self.marks:
            if kind not in marks.KINDS:
                raise DataError(unknown_name("kind of mark", kind, list(marks.KINDS)))
        if self.status not in STATUSES:
            raise DataError(unknown_name("status", self.status, list(STATUSES)))
        if self.order not in ORDERS:
            raise DataError(unknown_name("order", self.order, list(ORDERS)))
        if self.taught not in TAUGHT:
            raise DataError(unknown_name("order of what to label next", self.taught, list(TAUGHT)))
        if not 0 <= self.rarity <= 1:
            raise DataError(f"rarity {self.rarity} is outside 0 (labels as they are) to 1 (classes count alike)")


def clip_conditions(connection: Connection, wanted: QueueFilter) -> list[Any]:
    """What the filter asks of a clip, as conditions on ``db.clips``; none where any clip will do."""
    clips, conditions = tables.clips, []
    if wanted.min_rating is not None:
        conditions.append(clips.c.rating >= wanted.min_rating)
    for column, value in wanted.metadata:
        conditions.append(store.metadata_value(connection, column) == value)
    if wanted.search:
        conditions.append(clips.c.filename.icontains(wanted.search, autoescape=True))
    if wanted.missing_rule:
        labels = tables.imported_labels
        conditions.append(clips.c.id.not_in(sa.select(labels.c.clip_id).where(labels.c.role == "secondary")))
    return conditions


@dataclass(frozen=True)
class Selection:
    """Which places of a ranking the filter leaves, (M,) bool, by what it asks of them.

    ``since``: decided after the position of the journal that the order goes by.
    """

    asked: NDArray[np.bool_]  # all but classes and status
    in_class: NDArray[np.bool_]
    decided: NDArray[np.bool_]
    since: NDArray[np.bool_]
    skipped: NDArray[np.bool_]
    disputed: NDArray[np.bool_]
    status: str

    def index(self) -> NDArray[np.int64]:
        """The places, best first."""
        return np.flatnonzero(self._left(self.decided | self.skipped))

    def before(self) -> NDArray[np.int64]:
        """The places as they were when the order was drawn: what is decided or skipped since moves no other."""
        return np.flatnonzero(self._left(self.decided & ~self.since))

    def skipped_to_do(self) -> int:
        """How many places are left out only because the reviewer skipped their clips."""
        return int(np.count_nonzero(self.asked & self.in_class & self.skipped & ~self.decided))

    def _left(self, done: NDArray[np.bool_]) -> NDArray[np.bool_]:
        keep = self.asked & self.in_class
        if self.status == "open":
            keep &= ~done
        elif self.status == "decided":
            keep &= self.decided
        elif self.status == "disputed":
            keep &= self.disputed
        return keep


def select(connection: Connection, run: ScoredRun, wanted: QueueFilter) -> Selection:
    """What the filter leaves of a scored run now, in an order drawn at the run's position."""
    ranking, size = run.ranking, len(run)
    asked, in_class = np.ones(size, bool), np.ones(size, bool)
    decided, since, skipped, disputed = (np.zeros(size, bool) for _ in range(4))
    if wanted.kinds:
        asked &= np.isin(ranking.kind, [KINDS.index(kind) for kind in wanted.kinds])
    if wanted.folds:
        asked &= np.isin(ranking.fold, wanted.folds)
    if wanted.min_p_wrong > 0 and wanted.order != "audit" and wanted.status != "disputed":
        asked &= run.probability >= wanted.min_p_wrong
    clips = clip_conditions(connection, wanted)
    if clips:
        asked &= _lookup(connection.scalars(sa.select(tables.clips.c.id).where(*clips)), ranking.clip_id)
    is_open = open_to(connection, wanted.reviewer)
    if wanted.marks:
        marked = marks.standing(connection, wanted.marks, wanted.reviewer, hidden=is_open.clips.tolist())
        asked &= _lookup(marked, ranking.clip_id)
    if wanted.chosen:
        asked &= _lookup(chosen.clips(connection, wanted.chosen).tolist(), ranking.clip_id)
    if wanted.mine:
        asked &= assignments.mine(connection, wanted.reviewer, ranking.clip_id, ranking.class_id)
    if wanted.missing_rule:
        labels = tables.imported_labels
        asked &= ranking.framewise_max > RULE_P
        only = sa.select(labels.c.clip_id, labels.c.class_id).where(labels.c.role == "primary")
        asked[ranking.place(db.fetch(connection, only))] = False  # a clip without secondary labels lists no other
    if wanted.classes:
        ids = store.class_ids(connection)
        in_class = np.isin(ranking.class_id, [ids[code] for code in wanted.classes if code in ids])
    cells = db.fetch(connection, sa.select(tables.cells.c.clip_id, tables.cells.c.class_id, tables.cells.c.position))
    if len(is_open.keys):
        cells = [cell for cell in cells if not is_open.holds(cell.clip_id, cell.class_id)]
    decided[ranking.place([(clip_id, class_id) for clip_id, class_id, _ in cells])] = True
    since[ranking.place([(clip_id, class_id) for clip_id, class_id, at in cells if at > run.position])] = True
    if wanted.reviewer and wanted.skips and "skip" not in wanted.marks:
        skipped = _lookup(marks.standing(connection, ["skip"], wanted.reviewer), ranking.clip_id)
    if wanted.status == "disputed":
        disputed[ranking.place([(one.clip_id, one.class_id) for one in disagreements.waiting(connection)])] = True
    return Selection(asked, in_class, decided, since, skipped, disputed, wanted.status)


def _lookup(ids: Iterable[int], clip_id: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of ``clip_id`` are among ``ids``."""
    wanted = np.fromiter(ids, np.int64)
    known = np.zeros(max(int(clip_id.max(initial=0)), int(wanted.max(initial=0))) + 1, bool)
    known[wanted] = True
    return known[clip_id]
