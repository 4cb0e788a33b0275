"""What a queue shows: the filter, its words, and what it asks of clips in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling import database as db
from labeling import marks, store
from labeling.errors import DataError
from labeling.records import KINDS
from labeling.registry import unknown_name

RULE_P = 0.9
WORTH_HEARING = 0.3  # p_wrong from which a cell is counted as a suspect and shown unless the filter says otherwise

#: name -> what it says on the screen
ORDERS: Mapping[str, str] = {
    "rank": "Most suspect first",
    "class": "Class by class",
    "filename": "File name",
    "clipwise": "Highest clipwise first",
    "framewise": "Highest frame first",
    "rating": "Best rated first",
}
STATUSES: Mapping[str, str] = {"open": "To do", "decided": "Decided", "all": "All"}


@dataclass(frozen=True)
class QueueFilter:
    """What a queue shows. Empty tuples and None mean: any.

    ``missing_rule`` keeps what the 6th place of the Cornell Birdcall challenge added by rule: clips without
    secondary labels, an unlisted class, a frame above 0.9. ``metadata`` pairs are (column, value).
    ``marks`` keeps clips that carry one of these kinds of mark. ``reviewer`` is who looks: their own marks count,
    and what they skipped is not to do.
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
    order: str = "rank"
    marks: tuple[str, ...] = ()
    reviewer: str = ""

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


def clip_conditions(connection: Connection, wanted: QueueFilter) -> list[Any]:
    """What the filter asks of a clip, as conditions on ``db.clips``; none where any clip will do."""
    clips, conditions = db.clips, []
    if wanted.min_rating is not None:
        conditions.append(clips.c.rating >= wanted.min_rating)
    for column, value in wanted.metadata:
        conditions.append(store.metadata_value(connection, column) == value)
    if wanted.search:
        conditions.append(clips.c.filename.icontains(wanted.search, autoescape=True))
    if wanted.missing_rule:
        labels = db.imported_labels
        conditions.append(clips.c.id.not_in(sa.select(labels.c.clip_id).where(labels.c.role == "secondary")))
    return conditions
