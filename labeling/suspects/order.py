"""The order of the queue: what its orders go by, and the places of a page, sorting no more than the page needs.

An order goes by a scored run as it stands at one position of the journal: what is decided afterwards neither changes a
probability nor moves a row, until somebody asks for the order anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.errors import DataError
from labeling.quality import audit
from labeling.quality.scored_run import ScoredRun
from labeling.records import MACHINE
from labeling.reviewer import pace
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.kept import Kept
from labeling.suspects import variety, worth
from labeling.suspects.filter import VARIED, QueueFilter


@dataclass(frozen=True)
class Facts:
    """What the orders need of clips and classes: length and group by clip id, clips that list it by class id."""

    duration_s: NDArray[np.float64]
    group: NDArray[np.int64]
    positives: NDArray[np.int64]


_facts: Kept[Facts] = Kept(3)  # by ranking
_sort_keys: Kept[NDArray[Any]] = Kept(6)  # each 8 MB a million suspects


def facts_of(connection: Connection, run: ScoredRun) -> Facts:
    """Those of a ranking's clips and classes, read once a ranking.

    They are as imported: a decision shifts no class's count by enough to matter.
    """
    return _facts.get(run.ranking, lambda: _read_facts(connection))


def _read_facts(connection: Connection) -> Facts:
    clips, labels = tables.clips, tables.imported_labels
    rows = db.fetch(connection, sa.select(clips.c.id, clips.c.duration_s, clips.c.group_name))
    most = max((row.id for row in rows), default=0) + 1
    duration_s, group = np.zeros(most), np.arange(most)
    numbers: dict[str, int] = {}
    for clip_id, seconds, name in rows:
        duration_s[clip_id] = seconds
        if name:  # a clip without one is a group of its own
            group[clip_id] = most + numbers.setdefault(name, len(numbers))
    counts = db.fetch(connection, sa.select(labels.c.class_id, sa.func.count()).group_by(labels.c.class_id))
    known = connection.scalar(sa.select(sa.func.max(tables.classes.c.id))) or 0
    positives = np.zeros(known + 1, np.int64)
    for class_id, number in counts:
        positives[class_id] = number
    return Facts(duration_s, group, positives)


def look_s_of(connection: Connection, run: ScoredRun, reviewer: str, *, utc_offset_min: int = 0) -> float:
    """Seconds of looking and pressing a decision, as this reviewer's day tells; worth.LOOK_S where it is too short."""
    day = pace.today(connection, reviewer, utc_offset_min=utc_offset_min) if reviewer else None
    if day is None or day.paced_decisions < worth.LEAST_PRESSES:
        return worth.LOOK_S
    cells = db.fetch(connection, sa.select(tables.cells.c.clip_id, tables.cells.c.class_id))
    here = run.ranking.place([(clip_id, class_id) for clip_id, class_id in cells])
    if not len(here):
        return worth.LOOK_S
    cost_s = _seconds(run, facts_of(connection, run), here, 0.0)
    return worth.measured_look_s(day.working_s, day.paced_decisions, float(cost_s.mean()))


def decided_since(connection: Connection, position: int) -> int:
    """How many entries people made in the journal since an order was drawn."""
    decisions = tables.decisions
    since = (
        (decisions.c.position > position) & ~decisions.c.reviewer.startswith(MACHINE) & decisions.c.copy_of.is_(None)
    )
    return connection.scalar(sa.select(sa.func.count()).where(since)) or 0


def in_order(
    connection: Connection,
    run: ScoredRun,
    index: NDArray[np.int64],
    wanted: QueueFilter,
    first: int | None = None,
    *,
    look_s: float = worth.LOOK_S,
) -> NDArray[np.int64]:
    """The ``first`` so many (None: all) of the places ``index`` of a ranking, in the order that is wanted.

    ``look_s`` is the reviewer's pace, for the order ``worth``.
    """
    batches = wanted.batches and wanted.order != "audit"
    needed = first
    if batches and first is not None:
        needed = -(-first // variety.BATCH_FROM) * variety.BATCH_FROM
    if wanted.order in VARIED:
        facts = facts_of(connection, run)
        values = _values(run, facts, index, wanted, look_s)
        if wanted.variety:
            places = index[variety.dealt(values, facts.group[run.ranking.clip_id[index]], needed)]
        else:
            places = _least(index, -values, needed)
    elif wanted.order == "rank":
        places = index[:needed]
    else:
        places = _least(index, _keys(connection, run, index, wanted.order), needed)
    if batches:
        places = places[variety.batched(run.ranking.class_id[places])]
    return places[:first]


def _values(run: ScoredRun, facts: Facts, index: NDArray[np.int64], wanted: QueueFilter, look_s: float) -> NDArray[Any]:
    ranking = run.ranking
    if wanted.order == "uncertain":
        return _sort_keys.get(
            (run, "uncertain"),
            lambda: worth.uncertainty(run.probability, ranking.clipwise, ranking.runs, ranking.runs_agree),
        )[index]
    probability = run.probability[index]
    if wanted.order == "likely":
        return probability
    weight = worth.class_weights(facts.positives, wanted.rarity)[ranking.class_id[index]]
    return worth.worth(probability, weight, _seconds(run, facts, index, look_s))


def _seconds(run: ScoredRun, facts: Facts, index: NDArray[np.int64], look_s: float) -> NDArray[np.float64]:
    """What each of these suspects costs a reviewer who goes through all of them."""
    ranking, probability = run.ranking, run.probability[index]
    clip_id = ranking.clip_id[index]
    stretch_s = ranking.offset_s[index] - ranking.onset_s[index]
    heard_s = worth.heard_s(ranking.given[index], stretch_s, facts.duration_s[clip_id], probability)
    return worth.seconds(heard_s, probability, clip_id, look_s)


def _keys(connection: Connection, run: ScoredRun, index: NDArray[np.int64], order: str) -> NDArray[Any]:
    """What the orders that go by one number sort by, least first."""
    ranking, clips = run.ranking, tables.clips
    if order == "next":
        if run.turns is None:
            raise DataError("the order next is of a space, which is not read here; choose another order")
        return run.turns.turn[index]
    if order == "audit":
        return _sort_keys.get((ranking, "audit"), lambda: _inverse(audit.order(ranking)))[index]
    if order in ("clipwise", "framewise"):
        return -(ranking.clipwise if order == "clipwise" else ranking.framewise_max)[index]
    if order == "class":
        by_code = [label_class.id for label_class in store.all_classes(connection)]
        return _places(by_code)[ranking.class_id[index]]
    if order == "filename":
        by_name = [row.id for row in db.fetch(connection, sa.select(clips.c.id).order_by(clips.c.filename))]
        return _places(by_name)[ranking.clip_id[index]]
    rated = db.fetch(connection, sa.select(clips.c.id, sa.func.coalesce(clips.c.rating, -1.0)))
    rating = np.zeros(max((clip_id for clip_id, _ in rated), default=0) + 1, np.float32)
    rating[[clip_id for clip_id, _ in rated]] = [value for _, value in rated]
    return -rating[ranking.clip_id[index]]


def _least(index: NDArray[np.int64], keys: NDArray[Any], first: int | None) -> NDArray[np.int64]:
    """The ``first`` so many of ``index`` by ``keys``; equals stay as they are ranked."""
    if first is not None and 0 < first < len(keys):  # sort no more than the page needs
        near = np.flatnonzero(keys <= np.partition(keys, first - 1)[first - 1])
        index, keys = index[near], keys[near]
    return index[np.argsort(keys, kind="stable")][:first]


def _inverse(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each place comes in an order of all places (M,)."""
    turn = np.empty(len(order), np.int64)
    turn[order] = np.arange(len(order))
    return turn


def _places(ids: Sequence[int]) -> NDArray[np.int32]:
    """Id to its place in ``ids``."""
    places = np.zeros(max(ids, default=0) + 1, np.int32)
    places[ids] = np.arange(len(ids))
    return places
