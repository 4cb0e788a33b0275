"""The queue: suspects of a run as stored, filtered, sorted, and handed to a reviewer clip by clip.

What a filter leaves is in queue_filter.py, in what order in queue_order.py. A ranking is stored whole, as columns, and
kept in memory once read: a filter and a sort are a few passes over arrays, so that a page of a million suspects takes
no longer under one filter than under another. What changes while people work, the decided cells and the marks, is
asked of the database each time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.cells import cell_keys
from labeling.collection import store
from labeling.disagreement.scorers import DEFAULT_SCORER
from labeling.disagreement.stored_ranking import COLUMNS, EVIDENCE, Ranking, read_ranking
from labeling.quality import calibration
from labeling.quality.calibration import NextYield
from labeling.records import KINDS, Suspect
from labeling.storage import database as db
from labeling.storage import tables
from labeling.suspects.filter import Kept, QueueFilter, kept
from labeling.suspects.order import Basis, Standing, in_order, standing
from labeling.suspects.why import Evidence, why

WORKLIST_ROWS = 6_000
MANY_CLIPS = 1_000
SOON = 20  # suspects ahead of which is said how many are wrong: what a screen shows
NOW = Basis()


@dataclass(frozen=True)
class QueueRow:
    """A suspect as the queue lists it, with what became of it (``verdict`` "" = to do).

    ``probability`` is the calibrated one that its label is wrong.
    """

    suspect: Suspect
    class_name: str
    verdict: str
    rating: float | None
    duration_s: float
    probability: float
    evidence: Evidence

    @property
    def why(self) -> str:
        """Why it is here, in one line; the class's name in it is data."""
        return why(self.class_name, self.evidence)


@dataclass(frozen=True)
class ClassProgress:
    """Suspects of one class: to do, in all and by kind, and decided."""

    code: str
    name: str
    to_do: int
    decided: int
    by_kind: Mapping[str, int]


@dataclass(frozen=True)
class QueuePage:
    """One screen of the queue: the rows of one page, and how many suspects the filter leaves, in how many clips.

    ``skipped`` are those that it leaves out of the to-do list, as the reviewer skipped their clips. ``by_class`` is as
    `progress_by_class` gives it. ``soon`` says how many of the first SOON rows are wrong; None where there are none to
    do.
    """

    rows: Sequence[QueueRow]
    number: int
    pages: int
    total: int
    clips: int
    skipped: int
    by_kind: Mapping[str, int]
    by_class: Sequence[ClassProgress]
    soon: NextYield | None


def scored(connection: Connection) -> list[tuple[str, str, int]]:
    """What can be queued: (run id, scorer, number of suspects), the newest run first."""
    query = (
        sa.select(tables.rankings.c.run_id, tables.rankings.c.scorer, tables.rankings.c.suspects)
        .join(tables.runs, tables.runs.c.id == tables.rankings.c.run_id)
        .order_by(tables.runs.c.ended_at.desc(), tables.rankings.c.scorer != DEFAULT_SCORER, tables.rankings.c.scorer)
    )
    return [tuple(row) for row in db.fetch(connection, query)]


def current(connection: Connection, run_id: str = "", scorer: str = "") -> tuple[str, str] | None:
    """The scored run to show: the one asked for where it exists, else the newest; None before any scoring."""
    found = [(run, name) for run, name, _ in scored(connection)]
    wanted = [pair for pair in found if run_id in ("", pair[0]) and scorer in ("", pair[1])]
    return next(iter(wanted or found), None)


def rows(
    connection: Connection,
    run_id: str,
    scorer: str,
    wanted: QueueFilter,
    *,
    limit: int | None = 100,
    offset: int = 0,
    basis: Basis = NOW,
) -> list[QueueRow]:
    """One page of the queue."""
    stands, left = _left(connection, run_id, scorer, wanted, basis)
    end = None if limit is None else offset + limit
    return _rows(connection, run_id, stands, _shown(connection, stands, left, wanted, basis, end)[offset:])


def page(
    connection: Connection,
    run_id: str,
    scorer: str,
    wanted: QueueFilter,
    *,
    number: int = 1,
    size: int = 100,
    basis: Basis = NOW,
) -> QueuePage:
    """One screen of the queue, page ``number`` from 1 (the last one where there are fewer)."""
    stands, left = _left(connection, run_id, scorer, wanted, basis)
    ranking, index = stands.ranking, left.index()
    pages = max(1, -(-len(index) // size))
    number = min(max(1, number), pages)
    shown = _shown(connection, stands, left, wanted, basis, number * size)[(number - 1) * size :]
    to_do = wanted.status == "open"
    return QueuePage(
        rows=_rows(connection, run_id, stands, shown),
        number=number,
        pages=pages,
        total=len(index),
        clips=int(np.count_nonzero(np.bincount(ranking.clip_id[index]))),
        skipped=int(np.count_nonzero(left.asked & left.in_class & left.skipped & ~left.decided)) if to_do else 0,
        by_kind=_by_kind(ranking, index),
        by_class=_progress(connection, ranking, left),
        soon=calibration.next_yield(stands.calibration, ranking, shown[:SOON]) if to_do and len(shown) else None,
    )


def count(
    connection: Connection, run_id: str, scorer: str, wanted: QueueFilter, *, basis: Basis = NOW
) -> dict[str, int]:
    """How many suspects of each kind the filter leaves."""
    stands, left = _left(connection, run_id, scorer, wanted, basis)
    return _by_kind(stands.ranking, left.index())


def _left(connection: Connection, run_id: str, scorer: str, wanted: QueueFilter, basis: Basis) -> tuple[Standing, Kept]:
    """The ranking as it stands, and what the filter leaves of it."""
    stands = standing(connection, run_id, scorer, basis)
    return stands, kept(connection, stands.ranking, wanted, stands.probability, basis.position)


def _shown(
    connection: Connection, stands: Standing, left: Kept, wanted: QueueFilter, basis: Basis, end: int | None
) -> NDArray[np.int64]:
    """The first ``end`` places (None: all) that are left: those of the order as it was drawn, without what is gone."""
    before, stays = left.before(), np.zeros(len(stands.ranking.clip_id), bool)
    stays[left.index()] = True
    gone = int(np.count_nonzero(~stays[before]))
    order = in_order(connection, stands, before, wanted, basis, None if end is None else end + gone)
    return order[stays[order]][:end]


def _by_kind(ranking: Ranking, index: NDArray[np.int64]) -> dict[str, int]:
    counts = np.bincount(ranking.kind[index], minlength=len(KINDS)).tolist()
    return {kind: number for kind, number in zip(KINDS, counts, strict=True) if number}


def count_by_class(connection: Connection, run_id: str, scorer: str, wanted: QueueFilter) -> dict[str, dict[str, int]]:
    """How many suspects of each kind the filter leaves in each class, by class name; most first."""
    stands, left = _left(connection, run_id, scorer, wanted, NOW)
    ranking, index = stands.ranking, left.index()
    cells, counts = np.unique(np.stack([ranking.class_id[index], ranking.kind[index]]), axis=1, return_counts=True)
    names = {one.id: one.name for one in store.all_classes(connection)}
    found: dict[str, dict[str, int]] = {}
    for class_id, kind, number in zip(*cells.tolist(), counts.tolist(), strict=True):
        kinds = found.setdefault(names[class_id], {})  # two classes may bear one name
        kinds[KINDS[kind]] = kinds.get(KINDS[kind], 0) + number
    return dict(sorted(found.items(), key=lambda item: -sum(item[1].values())))


def progress_by_class(connection: Connection, run_id: str, scorer: str, wanted: QueueFilter) -> list[ClassProgress]:
    """What is to do and done in each class, most to do first; the filter's own classes and status are passed over."""
    stands, left = _left(connection, run_id, scorer, wanted, NOW)
    return _progress(connection, stands.ranking, left)


def _progress(connection: Connection, ranking: Ranking, left: Kept) -> list[ClassProgress]:
    known = store.all_classes(connection)
    most = max((one.id for one in known), default=0) + 1
    decided = np.bincount(ranking.class_id[left.asked & left.decided], minlength=most)
    to_do = left.asked & ~(left.decided | left.skipped)
    cells = np.bincount(ranking.class_id[to_do] * len(KINDS) + ranking.kind[to_do], minlength=most * len(KINDS))
    by_kind = cells.reshape(-1, len(KINDS))
    rows = [
        ClassProgress(one.code, one.name, sum(kinds), done, dict(zip(KINDS, kinds, strict=True)))
        for one in known
        for kinds, done in [(by_kind[one.id].tolist(), int(decided[one.id]))]
        if done or any(kinds)
    ]
    return sorted(rows, key=lambda row: -row.to_do)


def folds(connection: Connection, run_id: str, scorer: str) -> list[int]:
    """The folds that a ranking's clips were predicted by."""
    return np.unique(read_ranking(connection, run_id, scorer).fold).tolist()  # type: ignore[no-any-return]


def worklist(connection: Connection, run_id: str, scorer: str, wanted: QueueFilter, *, basis: Basis = NOW) -> list[int]:
    """Ids of the clips that the filter leaves, each once, in the queue's order (of its first some thousand rows)."""
    stands, left = _left(connection, run_id, scorer, wanted, basis)
    index = _shown(connection, stands, left, wanted, basis, WORKLIST_ROWS)
    return list(dict.fromkeys(stands.ranking.clip_id[index].tolist()))


def of_clip(connection: Connection, run_id: str, scorer: str, clip_id: int, *, basis: Basis = NOW) -> list[QueueRow]:
    """All suspects of one clip, decided ones too, best first."""
    stands = standing(connection, run_id, scorer, basis)
    ranking = stands.ranking
    first, end = np.searchsorted(ranking.sorted_cells, cell_keys(*np.array([[clip_id, clip_id + 1], [0, 0]])))
    return _rows(connection, run_id, stands, np.sort(ranking.sorted_index[first:end]))


def of_cells(
    connection: Connection, run_id: str, scorer: str, cells: Iterable[tuple[int, str]], *, basis: Basis = NOW
) -> list[QueueRow]:
    """The suspects among these (clip id, class code) cells, best first."""
    stands, ids = standing(connection, run_id, scorer, basis), store.class_ids(connection)
    places = stands.ranking.place([(clip_id, ids[code]) for clip_id, code in cells if code in ids])
    return _rows(connection, run_id, stands, np.sort(places))


def as_shown(row: QueueRow, scorer: str) -> dict[str, Any]:
    """A suspect as a decision on it keeps what was on screen."""
    suspect = row.suspect
    return {
        "kind": suspect.kind,
        "rank": suspect.rank,
        "scorer": scorer,
        "p_wrong": round(suspect.p_wrong, 4),
        "likely_wrong": round(row.probability, 4),
        "label_quality": round(suspect.label_quality, 4),
        "clipwise": round(suspect.clipwise, 4),
        "framewise_max": round(suspect.framewise_max, 4),
    }


def _rows(connection: Connection, run_id: str, stands: Standing, index: NDArray[np.int64]) -> list[QueueRow]:
    """The suspects at these places, with what the database knows of their clips and cells."""
    ranking = stands.ranking
    clips, cells = tables.clips, tables.cells
    wanted = sorted(set(ranking.clip_id[index].tolist()))
    about = sa.select(clips.c.id, clips.c.filename, clips.c.rating, clips.c.duration_s)
    decided = sa.select(cells.c.clip_id, cells.c.class_id, cells.c.verdict)
    if len(wanted) <= MANY_CLIPS:  # else all of them are quicker than a long list of ids
        about, decided = about.where(clips.c.id.in_(wanted)), decided.where(cells.c.clip_id.in_(wanted))
    clip_of = {row.id: row for row in db.fetch(connection, about)}
    verdict_of = {(clip_id, class_id): verdict for clip_id, class_id, verdict in db.fetch(connection, decided)}
    class_of = {one.id: one for one in store.all_classes(connection)}
    rows = []
    taken = [getattr(ranking, name)[index].tolist() for name in COLUMNS + EVIDENCE]
    likely = stands.probability[index].tolist()
    for place, probability, row in zip(index.tolist(), likely, zip(*taken, strict=True), strict=True):
        (clip_id, class_id, partner_id, kind, quality, p_wrong, clipwise, framewise_max, onset_s, offset_s, fold,
         given, runs_weighed, runs_agree, neighbours, typical) = row  # fmt: skip
        clip = clip_of[clip_id]
        suspect = Suspect(
            rank=place + 1,
            clip_id=clip_id,
            filename=clip.filename,
            class_code=class_of[class_id].code,
            kind=KINDS[kind],
            label_quality=quality,
            p_wrong=p_wrong,
            clipwise=clipwise,
            framewise_max=framewise_max,
            onset_s=onset_s,
            offset_s=offset_s,
            fold=fold,
            run_id=run_id,
            partner=class_of[partner_id].code if partner_id else "",
        )
        evidence = Evidence(
            given=given,
            clipwise=clipwise,
            framewise_max=framewise_max,
            onset_s=onset_s,
            offset_s=offset_s,
            runs=runs_weighed,
            runs_agree=runs_agree,
            neighbours=None if math.isnan(neighbours) else neighbours,
            typical=None if math.isnan(typical) else typical,
            partner=class_of[partner_id].name if partner_id else "",
        )
        verdict, name = verdict_of.get((clip_id, class_id), ""), class_of[class_id].name
        rows.append(QueueRow(suspect, name, verdict, clip.rating, clip.duration_s, probability, evidence))
    return rows
