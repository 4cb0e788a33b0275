"""The queue: suspects of a run as stored, filtered, sorted, and handed to a reviewer clip by clip.

A ranking is stored whole, as columns, and kept in memory once read: a filter and a sort are a few passes over
arrays, so that a page of a million suspects takes no longer under one filter than under another. What changes
while people work, the decided cells and the marks, is asked of the database each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import database as db
from labeling import marks, runs, store, versions
from labeling.errors import ArtefactError, DataError
from labeling.predictions import read_oof
from labeling.queue_filter import ORDERS as ORDERS
from labeling.queue_filter import RULE_P, clip_conditions
from labeling.queue_filter import STATUSES as STATUSES
from labeling.queue_filter import WORTH_HEARING as WORTH_HEARING
from labeling.queue_filter import QueueFilter as QueueFilter
from labeling.records import KINDS, Suspect
from labeling.stored_ranking import COLUMNS, FLOATS, SECONDS, Ranking, cell_keys, read_ranking, store_ranking
from labeling.workspace import Workspace

DEFAULT_SCORER = "earmark"
WORKLIST_ROWS = 6_000
MANY_CLIPS = 1_000


@dataclass(frozen=True)
class QueueRow:
    """A suspect as the queue lists it, with what became of it (``verdict`` "" = to do)."""

    suspect: Suspect
    class_name: str
    verdict: str
    rating: float | None
    duration_s: float


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
    `progress_by_class` gives it.
    """

    rows: Sequence[QueueRow]
    number: int
    pages: int
    total: int
    clips: int
    skipped: int
    by_kind: Mapping[str, int]
    by_class: Sequence[ClassProgress]


def score_run(workspace: Workspace, run_id: str | None = None, scorer: str = DEFAULT_SCORER) -> tuple[str, int]:
    """Score every cell of a run's predictions against the labels as they are now, and store the ranking.

    Cells that a reviewer decided on are not asked again. Returns the run's id and the number of suspects stored.
    Raises DataError where there is no finished run, ArtefactError where its predictions cannot be used.
    """
    from labeling import disagreement, ranking

    disagreement.SCORERS.get(scorer)
    with workspace.read() as connection:
        run = runs.get_run(connection, run_id) if run_id else runs.newest_done(connection)
        if run is None:
            raise DataError("no finished run to score; train one with `python -m models train RECIPE`")
        labels = versions.labels_at(connection)
        class_ids = store.class_ids(connection)
    oof = read_oof(workspace.run_dir(run.id) / "oof.zarr")
    if not set(oof.clip_ids.tolist()) & set(labels.clip_ids.tolist()):
        raise ArtefactError(f"run {run.id} predicts none of this workspace's clips; it is from another workspace")
    ranked = ranking.rank_suspects(oof, labels, scorer=scorer)
    ids = np.array([class_ids[code] for code in ranked.classes] + [0])  # the last one: no partner
    columns: dict[str, NDArray[Any]] = {
        "clip_id": ranked.clip_id.astype(np.int64),
        "class_id": ids[ranked.class_index].astype(np.int64),
        "partner_id": ids[ranked.partner_index].astype(np.int64),
        "kind": np.array([KINDS.index(kind) for kind in ranked.kind.tolist()], np.uint8),
        "fold": ranked.fold.astype(np.int32),
    }
    columns |= {name: getattr(ranked, name).astype(np.float32) for name in FLOATS}
    columns |= {name: getattr(ranked, name).astype(np.float64) for name in SECONDS}
    with workspace.write() as connection:
        store_ranking(connection, run.id, scorer, columns)
    return run.id, len(ranked.clip_id)


def scored(connection: Connection) -> list[tuple[str, str, int]]:
    """What can be queued: (run id, scorer, number of suspects), the newest run first."""
    query = (
        sa.select(db.rankings.c.run_id, db.rankings.c.scorer, db.rankings.c.suspects)
        .join(db.runs, db.runs.c.id == db.rankings.c.run_id)
        .order_by(db.runs.c.ended_at.desc(), db.rankings.c.scorer != DEFAULT_SCORER, db.rankings.c.scorer)
    )
    return [tuple(row) for row in db.fetch(connection, query)]


def current(connection: Connection, run_id: str = "", scorer: str = "") -> tuple[str, str] | None:
    """The scored run to show: the one asked for where it exists, else the newest; None before any scoring."""
    found = [(run, name) for run, name, _ in scored(connection)]
    wanted = [pair for pair in found if run_id in ("", pair[0]) and scorer in ("", pair[1])]
    return next(iter(wanted or found), None)


def queue(
    connection: Connection,
    run_id: str,
    scorer: str,
    wanted: QueueFilter,
    *,
    limit: int | None = 100,
    offset: int = 0,
) -> list[QueueRow]:
    """One page of the queue."""
    ranking = read_ranking(connection, run_id, scorer)
    end = None if limit is None else offset + limit
    index = _sorted(connection, ranking, _kept(connection, ranking, wanted).index(), wanted.order, end)
    return _rows(connection, run_id, ranking, index[offset:])


def page(
    connection: Connection, run_id: str, scorer: str, wanted: QueueFilter, *, number: int = 1, size: int = 100
) -> QueuePage:
    """One screen of the queue, page ``number`` from 1 (the last one where there are fewer)."""
    ranking = read_ranking(connection, run_id, scorer)
    kept = _kept(connection, ranking, wanted)
    index = kept.index()
    pages = max(1, -(-len(index) // size))
    number = min(max(1, number), pages)
    shown = _sorted(connection, ranking, index, wanted.order, number * size)[(number - 1) * size :]
    return QueuePage(
        rows=_rows(connection, run_id, ranking, shown),
        number=number,
        pages=pages,
        total=len(index),
        clips=int(np.count_nonzero(np.bincount(ranking.clip_id[index]))),
        skipped=int(np.count_nonzero(kept.asked & kept.in_class & kept.skipped & ~kept.decided))
        if wanted.status == "open"
        else 0,
        by_kind=_by_kind(ranking, index),
        by_class=_progress(connection, ranking, kept),
    )


def count(connection: Connection, run_id: str, scorer: str, wanted: QueueFilter) -> dict[str, int]:
    """How many suspects of each kind the filter leaves."""
    ranking = read_ranking(connection, run_id, scorer)
    return _by_kind(ranking, _kept(connection, ranking, wanted).index())


def _by_kind(ranking: Ranking, index: NDArray[np.int64]) -> dict[str, int]:
    counts = np.bincount(ranking.kind[index], minlength=len(KINDS)).tolist()
    return {kind: number for kind, number in zip(KINDS, counts, strict=True) if number}


def count_by_class(connection: Connection, run_id: str, scorer: str, wanted: QueueFilter) -> dict[str, dict[str, int]]:
    """How many suspects of each kind the filter leaves in each class, by class name; most first."""
    ranking = read_ranking(connection, run_id, scorer)
    index = _kept(connection, ranking, wanted).index()
    cells, counts = np.unique(np.stack([ranking.class_id[index], ranking.kind[index]]), axis=1, return_counts=True)
    names = {one.id: one.name for one in store.all_classes(connection)}
    found: dict[str, dict[str, int]] = {}
    for class_id, kind, number in zip(*cells.tolist(), counts.tolist(), strict=True):
        kinds = found.setdefault(names[class_id], {})  # two classes may bear one name
        kinds[KINDS[kind]] = kinds.get(KINDS[kind], 0) + number
    return dict(sorted(found.items(), key=lambda item: -sum(item[1].values())))


def progress_by_class(connection: Connection, run_id: str, scorer: str, wanted: QueueFilter) -> list[ClassProgress]:
    """What is to do and done in each class, most to do first; the filter's own classes and status are passed over."""
    ranking = read_ranking(connection, run_id, scorer)
    return _progress(connection, ranking, _kept(connection, ranking, wanted))


def _progress(connection: Connection, ranking: Ranking, kept: _Kept) -> list[ClassProgress]:
    known = store.all_classes(connection)
    most = max((one.id for one in known), default=0) + 1
    decided = np.bincount(ranking.class_id[kept.asked & kept.decided], minlength=most)
    to_do = kept.asked & ~(kept.decided | kept.skipped)
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


def worklist(connection: Connection, run_id: str, scorer: str, wanted: QueueFilter) -> list[int]:
    """Ids of the clips that the filter leaves, each once, in the queue's order (of its first some thousand rows)."""
    ranking = read_ranking(connection, run_id, scorer)
    index = _sorted(connection, ranking, _kept(connection, ranking, wanted).index(), wanted.order, WORKLIST_ROWS)
    return list(dict.fromkeys(ranking.clip_id[index].tolist()))


def of_clip(connection: Connection, run_id: str, scorer: str, clip_id: int) -> list[QueueRow]:
    """All suspects of one clip, decided ones too, best first."""
    ranking = read_ranking(connection, run_id, scorer)
    first, end = np.searchsorted(ranking.sorted_cells, cell_keys(*np.array([[clip_id, clip_id + 1], [0, 0]])))
    return _rows(connection, run_id, ranking, np.sort(ranking.sorted_index[first:end]))


def of_cells(connection: Connection, run_id: str, scorer: str, cells: Iterable[tuple[int, str]]) -> list[QueueRow]:
    """The suspects among these (clip id, class code) cells, best first."""
    ranking, ids = read_ranking(connection, run_id, scorer), store.class_ids(connection)
    places = ranking.place([(clip_id, ids[code]) for clip_id, code in cells if code in ids])
    return _rows(connection, run_id, ranking, np.sort(places))


def as_shown(suspect: Suspect, scorer: str) -> dict[str, Any]:
    """A suspect as a decision on it keeps what was on screen."""
    return {
        "kind": suspect.kind,
        "rank": suspect.rank,
        "scorer": scorer,
        "p_wrong": round(suspect.p_wrong, 4),
        "label_quality": round(suspect.label_quality, 4),
        "clipwise": round(suspect.clipwise, 4),
        "framewise_max": round(suspect.framewise_max, 4),
    }


@dataclass(frozen=True)
class _Kept:
    """Which places of a ranking the filter leaves, (M,) bool, by what it asks of them."""

    asked: NDArray[np.bool_]  # all but classes and status
    in_class: NDArray[np.bool_]
    decided: NDArray[np.bool_]
    skipped: NDArray[np.bool_]
    status: str

    def index(self) -> NDArray[np.int64]:
        """The places, best first."""
        keep = self.asked & self.in_class
        if self.status == "open":
            keep &= ~(self.decided | self.skipped)
        elif self.status == "decided":
            keep &= self.decided
        return np.flatnonzero(keep)


def _kept(connection: Connection, ranking: Ranking, wanted: QueueFilter) -> _Kept:
    size = len(ranking.clip_id)
    asked, in_class = np.ones(size, bool), np.ones(size, bool)
    decided, skipped = np.zeros(size, bool), np.zeros(size, bool)
    if wanted.kinds:
        asked &= np.isin(ranking.kind, [KINDS.index(kind) for kind in wanted.kinds])
    if wanted.folds:
        asked &= np.isin(ranking.fold, wanted.folds)
    if wanted.min_p_wrong > 0:
        asked &= ranking.p_wrong >= wanted.min_p_wrong
    clips = clip_conditions(connection, wanted)
    if clips:
        asked &= _lookup(connection.scalars(sa.select(db.clips.c.id).where(*clips)), ranking.clip_id)
    if wanted.marks:
        asked &= _lookup(marks.standing(connection, wanted.marks, wanted.reviewer), ranking.clip_id)
    if wanted.missing_rule:
        labels = db.imported_labels
        asked &= ranking.framewise_max > RULE_P
        only = sa.select(labels.c.clip_id, labels.c.class_id).where(labels.c.role == "primary")
        asked[ranking.place(db.fetch(connection, only))] = False  # a clip without secondary labels lists no other
    if wanted.classes:
        ids = store.class_ids(connection)
        in_class = np.isin(ranking.class_id, [ids[code] for code in wanted.classes if code in ids])
    decided[ranking.place(db.fetch(connection, sa.select(db.cells.c.clip_id, db.cells.c.class_id)))] = True
    if wanted.reviewer and "skip" not in wanted.marks:
        skipped = _lookup(marks.standing(connection, ["skip"], wanted.reviewer), ranking.clip_id)
    return _Kept(asked, in_class, decided, skipped, wanted.status)


def _lookup(ids: Iterable[int], clip_id: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of ``clip_id`` are among ``ids``."""
    wanted = np.fromiter(ids, np.int64)
    known = np.zeros(max(int(clip_id.max(initial=0)), int(wanted.max(initial=0))) + 1, bool)
    known[wanted] = True
    return known[clip_id]


def _sorted(
    connection: Connection, ranking: Ranking, index: NDArray[np.int64], order: str, first: int | None
) -> NDArray[np.int64]:
    """The ``first`` so many of ``index`` (None: all) in an order; equals stay as they are ranked."""
    clips = db.clips
    if order == "rank":
        return index[:first]
    keys: NDArray[Any]
    if order in ("clipwise", "framewise"):
        keys = -(ranking.clipwise if order == "clipwise" else ranking.framewise_max)[index]
    elif order == "class":
        by_code = [one.id for one in store.all_classes(connection)]
        keys = _places(by_code)[ranking.class_id[index]]
    elif order == "filename":
        by_name = [row.id for row in db.fetch(connection, sa.select(clips.c.id).order_by(clips.c.filename))]
        keys = _places(by_name)[ranking.clip_id[index]]
    else:
        rated = db.fetch(connection, sa.select(clips.c.id, sa.func.coalesce(clips.c.rating, -1.0)))
        rating = np.zeros(max((clip_id for clip_id, _ in rated), default=0) + 1, np.float32)
        rating[[clip_id for clip_id, _ in rated]] = [value for _, value in rated]
        keys = -rating[ranking.clip_id[index]]
    if first is not None and 0 < first < len(keys):  # sort no more than the page needs
        near = np.flatnonzero(keys <= np.partition(keys, first - 1)[first - 1])
        index, keys = index[near], keys[near]
    return index[np.argsort(keys, kind="stable")][:first]


def _places(ids: Sequence[int]) -> NDArray[np.int32]:
    """Id to its place in ``ids``."""
    places = np.zeros(max(ids, default=0) + 1, np.int32)
    places[ids] = np.arange(len(ids))
    return places


def _rows(connection: Connection, run_id: str, ranking: Ranking, index: NDArray[np.int64]) -> list[QueueRow]:
    """The suspects at these places, with what the database knows of their clips and cells."""
    clips, cells = db.clips, db.cells
    wanted = sorted(set(ranking.clip_id[index].tolist()))
    about = sa.select(clips.c.id, clips.c.filename, clips.c.rating, clips.c.duration_s)
    decided = sa.select(cells.c.clip_id, cells.c.class_id, cells.c.verdict)
    if len(wanted) <= MANY_CLIPS:  # else all of them are quicker than a long list of ids
        about, decided = about.where(clips.c.id.in_(wanted)), decided.where(cells.c.clip_id.in_(wanted))
    clip_of = {row.id: row for row in db.fetch(connection, about)}
    verdict_of = {(clip_id, class_id): verdict for clip_id, class_id, verdict in db.fetch(connection, decided)}
    class_of = {one.id: one for one in store.all_classes(connection)}
    rows = []
    taken = [getattr(ranking, name)[index].tolist() for name in COLUMNS]
    for place, row in zip(index.tolist(), zip(*taken, strict=True), strict=True):
        clip_id, class_id, partner_id, kind, quality, p_wrong, clipwise, framewise_max, onset_s, offset_s, fold = row
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
        verdict = verdict_of.get((clip_id, class_id), "")
        rows.append(QueueRow(suspect, class_of[class_id].name, verdict, clip.rating, clip.duration_s))
    return rows
