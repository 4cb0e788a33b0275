"""The order of the queue: what its orders go by, and the places of a page, sorting no more than the page needs.

An order stands on one position of the journal: what is decided afterwards neither changes a probability nor moves a
row, until somebody asks for the order anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store
from labeling.disagreement.stored_ranking import Ranking, read_ranking
from labeling.quality import audit, calibration
from labeling.quality.calibration import Calibration
from labeling.records import MACHINE
from labeling.reviewer import pace
from labeling.storage import database as db
from labeling.storage import tables
from labeling.suspects import variety, worth
from labeling.suspects.filter import VARIED, QueueFilter

KEPT_STANDINGS = 6  # about 20 MB a million suspects
_standings: OrderedDict[tuple[int, int], Standing] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class Basis:
    """What an order stands on: a position of the journal (None: its end), and a reviewer's pace, ``look_s``."""

    position: int | None = None
    look_s: float = worth.LOOK_S


@dataclass(frozen=True)
class Facts:
    """What the orders need of clips and classes: length and group by clip id, clips that list it by class id."""

    duration_s: NDArray[np.float64]
    group: NDArray[np.int64]
    positives: NDArray[np.int64]


@dataclass(frozen=True)
class Standing:
    """A ranking and what is learned of it at one position: ``probability`` (M,) that a suspect's label is wrong."""

    ranking: Ranking
    calibration: Calibration
    probability: NDArray[np.float32]
    facts: Facts

    @cached_property
    def uncertainty(self) -> NDArray[np.float64]:
        """How open each suspect is, (M,)."""
        ranking = self.ranking
        return worth.uncertainty(self.probability, ranking.clipwise, ranking.runs, ranking.runs_agree)

    @cached_property
    def audit_place(self) -> NDArray[np.int64]:
        """Where each suspect comes in the random draw, (M,)."""
        places = np.empty(len(self.ranking.clip_id), np.int64)
        places[audit.order(self.ranking)] = np.arange(len(places))
        return places


def standing(connection: Connection, run_id: str, scorer: str, basis: Basis) -> Standing:
    """A stored ranking with its calibrated probabilities; kept in memory once a position."""
    ranking = read_ranking(connection, run_id, scorer)
    fitted = calibration.calibrate(connection, run_id, scorer, basis.position)
    key = (id(ranking), id(fitted))  # both are held by what is kept, so that no id is given anew
    with _lock:
        if key not in _standings:
            known = next((one.facts for one in _standings.values() if one.ranking is ranking), None)
            facts = known or _facts(connection)
            _standings[key] = Standing(ranking, fitted, fitted.probability(ranking), facts)
            while len(_standings) > KEPT_STANDINGS:
                _standings.popitem(last=False)
        _standings.move_to_end(key)
        return _standings[key]


def _facts(connection: Connection) -> Facts:
    """Read them. They are as imported: a decision shifts no class's count by enough to matter."""
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


def basis_now(connection: Connection, run_id: str, scorer: str, reviewer: str, *, utc_offset_min: int = 0) -> Basis:
    """The journal's end, and what this reviewer's day says of their pace."""
    ranking, position = read_ranking(connection, run_id, scorer), journal.position(connection)
    day = pace.today(connection, reviewer, utc_offset_min=utc_offset_min) if reviewer else None
    if day is None or day.paced_decisions < worth.LEAST_PRESSES:
        return Basis(position)
    cells = db.fetch(connection, sa.select(tables.cells.c.clip_id, tables.cells.c.class_id))
    here = ranking.place([(clip_id, class_id) for clip_id, class_id in cells])
    if not len(here):
        return Basis(position)
    cost_s = _seconds(standing(connection, run_id, scorer, Basis(position)), here, 0.0)
    look_s = worth.measured_look_s(day.working_s, day.paced_decisions, float(cost_s.mean()))
    return Basis(position, look_s)


def decided_since(connection: Connection, basis: Basis) -> int:
    """How many entries people made in the journal since an order was drawn."""
    if basis.position is None:
        return 0
    decisions = tables.decisions
    since = (decisions.c.position > basis.position) & ~decisions.c.reviewer.startswith(MACHINE)
    return connection.scalar(sa.select(sa.func.count()).where(since)) or 0


def in_order(
    connection: Connection,
    stands: Standing,
    index: NDArray[np.int64],
    wanted: QueueFilter,
    basis: Basis,
    first: int | None = None,
) -> NDArray[np.int64]:
    """The ``first`` so many (None: all) of the places ``index`` of a ranking, in the order that is wanted."""
    batches = wanted.batches and wanted.order != "audit"
    needed = first
    if batches and first is not None:
        needed = -(-first // variety.BATCH_FROM) * variety.BATCH_FROM
    if wanted.order in VARIED:
        values = _values(stands, index, wanted, basis)
        if wanted.variety:
            found = index[variety.dealt(values, stands.facts.group[stands.ranking.clip_id[index]], needed)]
        else:
            found = _least(index, -values, needed)
    elif wanted.order == "rank":
        found = index[:needed]
    else:
        found = _least(index, _keys(connection, stands, index, wanted.order), needed)
    if batches:
        found = found[variety.batched(stands.ranking.class_id[found])]
    return found[:first]


def _values(stands: Standing, index: NDArray[np.int64], wanted: QueueFilter, basis: Basis) -> NDArray[Any]:
    if wanted.order == "uncertain":
        return stands.uncertainty[index]
    probability = stands.probability[index]
    if wanted.order == "likely":
        return probability
    weights = worth.class_weights(stands.facts.positives, wanted.rarity)
    weight = weights[stands.ranking.class_id[index]]
    return worth.worth(probability, weight, _seconds(stands, index, basis.look_s))


def _seconds(stands: Standing, index: NDArray[np.int64], look_s: float) -> NDArray[np.float64]:
    """What each of these suspects costs a reviewer who goes through all of them."""
    ranking, probability = stands.ranking, stands.probability[index]
    clip_id = ranking.clip_id[index]
    stretch_s = ranking.offset_s[index] - ranking.onset_s[index]
    heard_s = worth.heard_s(ranking.given[index], stretch_s, stands.facts.duration_s[clip_id], probability)
    return worth.seconds(heard_s, probability, clip_id, look_s)


def _keys(connection: Connection, stands: Standing, index: NDArray[np.int64], order: str) -> NDArray[Any]:
    """What the orders that go by one number sort by, least first."""
    ranking, clips = stands.ranking, tables.clips
    if order == "audit":
        return stands.audit_place[index]
    if order in ("clipwise", "framewise"):
        return -(ranking.clipwise if order == "clipwise" else ranking.framewise_max)[index]
    if order == "class":
        by_code = [one.id for one in store.all_classes(connection)]
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


def _places(ids: Sequence[int]) -> NDArray[np.int32]:
    """Id to its place in ``ids``."""
    places = np.zeros(max(ids, default=0) + 1, np.int32)
    places[ids] = np.arange(len(ids))
    return places
