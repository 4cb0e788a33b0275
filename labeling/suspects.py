"""The queue: suspects of a run as stored, filtered, sorted, and handed to a reviewer clip by clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling import database as db
from labeling import runs, store, versions
from labeling.errors import ArtefactError, DataError
from labeling.predictions import read_oof
from labeling.records import KINDS, Suspect
from labeling.registry import unknown_name
from labeling.workspace import Workspace

DEFAULT_SCORER = "earmark"
INSERT_ROWS = 20_000
WORKLIST_ROWS = 6_000
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
    secondary labels, an unlisted class, p > 0.9. ``metadata`` pairs are (column, value).
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

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise DataError(unknown_name("kind", kind, list(KINDS)))
        if self.status not in STATUSES:
            raise DataError(unknown_name("status", self.status, list(STATUSES)))
        if self.order not in ORDERS:
            raise DataError(unknown_name("order", self.order, list(ORDERS)))


@dataclass(frozen=True)
class QueueRow:
    """A suspect as the queue lists it, with what became of it (``verdict`` "" = to do)."""

    suspect: Suspect
    class_name: str
    verdict: str
    rating: float | None
    duration_s: float


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
    columns = np.array([class_ids[code] for code in ranked.classes] + [0])
    with workspace.write() as connection:
        where = (db.suspects.c.run_id == run.id) & (db.suspects.c.scorer == scorer)
        connection.execute(sa.delete(db.suspects).where(where))
        for start in range(0, len(ranked.clip_id), INSERT_ROWS):
            part = slice(start, start + INSERT_ROWS)
            partner = ranked.partner_index[part]
            values = {
                "rank": np.arange(start + 1, start + 1 + len(partner)),
                "clip_id": ranked.clip_id[part],
                "class_id": columns[ranked.class_index[part]],
                "kind": ranked.kind[part],
                "partner_id": np.where(partner >= 0, columns[partner], 0),
                "label_quality": ranked.label_quality[part].astype(float),
                "p_wrong": ranked.p_wrong[part].astype(float),
                "clipwise": ranked.clipwise[part].astype(float),
                "framewise_max": ranked.framewise_max[part].astype(float),
                "onset_s": ranked.onset_s[part].astype(float),
                "offset_s": ranked.offset_s[part].astype(float),
                "fold": ranked.fold[part],
            }
            keys, rows = list(values), zip(*(column.tolist() for column in values.values()), strict=True)
            connection.execute(
                sa.insert(db.suspects),
                [
                    dict(zip(keys, row, strict=True))
                    | {"run_id": run.id, "scorer": scorer, "partner_id": row[4] or None}
                    for row in rows
                ],
            )
    return run.id, len(ranked.clip_id)


def scored(connection: Connection) -> list[tuple[str, str, int]]:
    """What can be queued: (run id, scorer, number of suspects), the newest run first."""
    query = (
        sa.select(db.suspects.c.run_id, db.suspects.c.scorer, sa.func.max(db.suspects.c.rank))
        .join(db.runs, db.runs.c.id == db.suspects.c.run_id)
        .group_by(db.suspects.c.run_id, db.suspects.c.scorer, db.runs.c.ended_at)
        .order_by(db.runs.c.ended_at.desc(), db.suspects.c.scorer != DEFAULT_SCORER)
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
    query = _rows(run_id, scorer, wanted).order_by(*_order(wanted.order)).limit(limit).offset(offset)
    return [_queue_row(row) for row in connection.execute(query)]


def count(connection: Connection, run_id: str, scorer: str, wanted: QueueFilter) -> dict[str, int]:
    """How many suspects of each kind the filter leaves."""
    query = _filtered(sa.select(db.suspects.c.kind, sa.func.count()), run_id, scorer, wanted)
    return dict(db.fetch(connection, query.group_by(db.suspects.c.kind)))


def worklist(connection: Connection, run_id: str, scorer: str, wanted: QueueFilter) -> list[int]:
    """Ids of the clips that the filter leaves, each once, in the queue's order (of its first some thousand rows)."""
    query = _filtered(sa.select(db.suspects.c.clip_id), run_id, scorer, wanted)
    rows = connection.scalars(query.order_by(*_order(wanted.order)).limit(WORKLIST_ROWS))
    return list(dict.fromkeys(rows))


def of_clip(connection: Connection, run_id: str, scorer: str, clip_id: int) -> list[QueueRow]:
    """All suspects of one clip, decided ones too, best first."""
    query = _rows(run_id, scorer, QueueFilter(status="all"))
    query = query.where(db.suspects.c.clip_id == clip_id).order_by(db.suspects.c.rank)
    return [_queue_row(row) for row in connection.execute(query)]


def _rows(run_id: str, scorer: str, wanted: QueueFilter) -> sa.Select[Any]:
    partner = db.classes.alias("partner")
    columns = [
        *db.suspects.c,
        db.clips.c.filename,
        db.clips.c.rating,
        db.clips.c.duration_s,
        db.classes.c.code,
        db.classes.c.name,
        partner.c.code.label("partner"),
        db.cells.c.verdict,
    ]
    query = _filtered(sa.select(*columns), run_id, scorer, wanted)
    return query.outerjoin(partner, partner.c.id == db.suspects.c.partner_id)


def _filtered(query: sa.Select[Any], run_id: str, scorer: str, wanted: QueueFilter) -> sa.Select[Any]:
    suspects, clips, cells = db.suspects, db.clips, db.cells
    same_cell = (cells.c.clip_id == suspects.c.clip_id) & (cells.c.class_id == suspects.c.class_id)
    query = (
        query.select_from(suspects)
        .join(clips, clips.c.id == suspects.c.clip_id)
        .join(db.classes, db.classes.c.id == suspects.c.class_id)
        .outerjoin(cells, same_cell)
        .where(suspects.c.run_id == run_id, suspects.c.scorer == scorer)
    )
    if wanted.kinds:
        query = query.where(suspects.c.kind.in_(wanted.kinds))
    if wanted.classes:
        query = query.where(db.classes.c.code.in_(wanted.classes))
    if wanted.folds:
        query = query.where(suspects.c.fold.in_(wanted.folds))
    if wanted.status != "all":
        query = query.where(cells.c.verdict.is_(None) if wanted.status == "open" else cells.c.verdict.is_not(None))
    if wanted.min_p_wrong > 0:
        query = query.where(suspects.c.p_wrong >= wanted.min_p_wrong)
    if wanted.min_rating is not None:
        query = query.where(clips.c.rating >= wanted.min_rating)
    for column, value in wanted.metadata:
        query = query.where(clips.c.metadata[column].as_string() == value)
    if wanted.search:
        query = query.where(clips.c.filename.icontains(wanted.search, autoescape=True))
    if wanted.missing_rule:
        with_secondary = sa.select(db.imported_labels.c.clip_id).where(db.imported_labels.c.role == "secondary")
        listed = sa.exists().where(
            db.imported_labels.c.clip_id == suspects.c.clip_id, db.imported_labels.c.class_id == suspects.c.class_id
        )
        query = query.where(clips.c.id.not_in(with_secondary), suspects.c.clipwise > 0.9, ~listed)
    return query


def _order(name: str) -> list[Any]:
    rank = db.suspects.c.rank
    orders: dict[str, list[Any]] = {
        "rank": [rank],
        "class": [db.classes.c.code, rank],
        "filename": [db.clips.c.filename, rank],
        "clipwise": [db.suspects.c.clipwise.desc(), rank],
        "framewise": [db.suspects.c.framewise_max.desc(), rank],
        "rating": [sa.func.coalesce(db.clips.c.rating, -1).desc(), rank],
    }
    return orders[name]


def _queue_row(row: Any) -> QueueRow:
    suspect = Suspect(
        rank=row.rank,
        clip_id=row.clip_id,
        filename=row.filename,
        class_code=row.code,
        kind=row.kind,
        label_quality=row.label_quality,
        p_wrong=row.p_wrong,
        clipwise=row.clipwise,
        framewise_max=row.framewise_max,
        onset_s=row.onset_s,
        offset_s=row.offset_s,
        fold=row.fold,
        run_id=row.run_id,
        partner=row.partner or "",
    )
    return QueueRow(suspect, row.name, row.verdict or "", row.rating, row.duration_s)
