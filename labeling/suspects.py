"""The queue: suspects of a run as stored, filtered, sorted, and handed to a reviewer clip by clip.

A ranking is stored whole, as columns, and kept in memory once read: a filter and a sort are a few passes over
arrays, so that a page of a million suspects takes no longer under one filter than under another. What changes
while people work, the decided cells, is asked of the database each time.
"""

from __future__ import annotations

import io
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import database as db
from labeling import runs, store, versions
from labeling.errors import ArtefactError, DataError
from labeling.predictions import read_oof
from labeling.records import KINDS, Suspect
from labeling.registry import unknown_name
from labeling.workspace import Workspace

DEFAULT_SCORER = "earmark"
WORKLIST_ROWS = 6_000
RULE_P = 0.9
KEPT_RANKINGS = 3  # about 60 MB a million suspects
MANY_CLIPS = 1_000
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


@dataclass(frozen=True)
class _Ranking:
    """One stored ranking, best first, a column an array (M,); ``place`` finds cells in it."""

    clip_id: NDArray[np.int64]
    class_id: NDArray[np.int64]
    partner_id: NDArray[np.int64]
    kind: NDArray[np.uint8]
    label_quality: NDArray[np.float32]
    p_wrong: NDArray[np.float32]
    clipwise: NDArray[np.float32]
    framewise_max: NDArray[np.float32]
    onset_s: NDArray[np.float64]
    offset_s: NDArray[np.float64]
    fold: NDArray[np.int32]
    sorted_cells: NDArray[np.int64]
    sorted_index: NDArray[np.int32]

    def place(self, cells: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
        """Where (clip id, class id) cells stand in the ranking; those that are not in it are left out."""
        if not cells or not len(self.sorted_cells):
            return np.zeros(0, np.int64)
        clip_ids, class_ids = zip(*cells, strict=True)
        keys = _cell_keys(np.array(clip_ids, np.int64), np.array(class_ids, np.int64))
        found = np.minimum(np.searchsorted(self.sorted_cells, keys), len(self.sorted_cells) - 1)
        there = found[self.sorted_cells[found] == keys]
        return np.asarray(self.sorted_index[there], np.int64)


_FLOATS = ("label_quality", "p_wrong", "clipwise", "framewise_max")
_SECONDS = ("onset_s", "offset_s")
_COLUMNS = ("clip_id", "class_id", "partner_id", "kind", *_FLOATS, *_SECONDS, "fold")
_loaded: OrderedDict[tuple[str, str, str, str], _Ranking] = OrderedDict()
_loading = threading.Lock()


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
    columns |= {name: getattr(ranked, name).astype(np.float32) for name in _FLOATS}
    columns |= {name: getattr(ranked, name).astype(np.float64) for name in _SECONDS}
    with workspace.write() as connection:
        store_ranking(connection, run.id, scorer, columns)
    return run.id, len(ranked.clip_id)


def store_ranking(connection: Connection, run_id: str, scorer: str, columns: Mapping[str, NDArray[Any]]) -> None:
    """Put a ranking, best first and a column an array, in the place of the one that this scorer gave before."""
    packed = io.BytesIO()
    order = np.argsort(_cell_keys(columns["clip_id"], columns["class_id"]), kind="stable").astype(np.int32)
    np.savez(packed, allow_pickle=False, sorted_index=order, **{name: columns[name] for name in _COLUMNS})
    here = (db.rankings.c.run_id == run_id) & (db.rankings.c.scorer == scorer)
    connection.execute(sa.delete(db.rankings).where(here))
    connection.execute(
        sa.insert(db.rankings).values(
            run_id=run_id,
            scorer=scorer,
            scored_at=db.now(),
            suspects=len(columns["clip_id"]),
            columns=packed.getvalue(),
        )
    )


def _ranking(connection: Connection, run_id: str, scorer: str) -> _Ranking:
    """The stored ranking, read once a process; an empty one where the run was not scored."""
    table = db.rankings
    here = (table.c.run_id == run_id) & (table.c.scorer == scorer)
    scored_at = connection.scalar(sa.select(table.c.scored_at).where(here))
    key = (connection.engine.url.render_as_string(hide_password=False), run_id, scorer, scored_at or "")
    with _loading:
        if key not in _loaded:
            packed = connection.scalar(sa.select(table.c.columns).where(here)) if scored_at else None
            _loaded[key] = _unpack(packed, run_id)
            while len(_loaded) > KEPT_RANKINGS:
                _loaded.popitem(last=False)
        _loaded.move_to_end(key)
        return _loaded[key]


def _unpack(packed: bytes | None, run_id: str) -> _Ranking:
    if packed is None:
        columns: dict[str, Any] = {name: np.zeros(0, np.int64) for name in (*_COLUMNS, "sorted_index")}
    else:
        try:
            with np.load(io.BytesIO(packed), allow_pickle=False) as file:
                columns = {name: file[name] for name in (*_COLUMNS, "sorted_index")}
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as problem:
            raise ArtefactError(
                f"the suspects of run {run_id} cannot be read ({problem}); score it again: `python -m labeling score`"
            ) from problem
    keys = _cell_keys(columns["clip_id"], columns["class_id"])
    return _Ranking(**columns, sorted_cells=keys[columns["sorted_index"]])


def _cell_keys(clip_ids: NDArray[np.int64], class_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    return (clip_ids << 24) | class_ids  # class ids count up from 1


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
    ranking = _ranking(connection, run_id, scorer)
    end = None if limit is None else offset + limit
    index = _sorted(connection, ranking, _filtered(connection, ranking, wanted), wanted.order, end)
    return _rows(connection, run_id, ranking, index[offset:])


def count(connection: Connection, run_id: str, scorer: str, wanted: QueueFilter) -> dict[str, int]:
    """How many suspects of each kind the filter leaves."""
    ranking = _ranking(connection, run_id, scorer)
    counts = np.bincount(ranking.kind[_filtered(connection, ranking, wanted)].astype(np.int64), minlength=len(KINDS))
    return {kind: int(number) for kind, number in zip(KINDS, counts, strict=True) if number}


def count_by_class(connection: Connection, run_id: str, scorer: str, wanted: QueueFilter) -> dict[str, dict[str, int]]:
    """How many suspects of each kind the filter leaves in each class, by class name; most first."""
    ranking = _ranking(connection, run_id, scorer)
    index = _filtered(connection, ranking, wanted)
    cells, counts = np.unique(np.stack([ranking.class_id[index], ranking.kind[index]]), axis=1, return_counts=True)
    names = {one.id: one.name for one in store.all_classes(connection)}
    found: dict[str, dict[str, int]] = {}
    for class_id, kind, number in zip(*cells.tolist(), counts.tolist(), strict=True):
        found.setdefault(names[class_id], {})[KINDS[kind]] = number
    return dict(sorted(found.items(), key=lambda item: -sum(item[1].values())))


def folds(connection: Connection, run_id: str, scorer: str) -> list[int]:
    """The folds that a ranking's clips were predicted by."""
    return np.unique(_ranking(connection, run_id, scorer).fold).tolist()  # type: ignore[no-any-return]


def worklist(connection: Connection, run_id: str, scorer: str, wanted: QueueFilter) -> list[int]:
    """Ids of the clips that the filter leaves, each once, in the queue's order (of its first some thousand rows)."""
    ranking = _ranking(connection, run_id, scorer)
    index = _sorted(connection, ranking, _filtered(connection, ranking, wanted), wanted.order, WORKLIST_ROWS)
    return list(dict.fromkeys(ranking.clip_id[index].tolist()))


def of_clip(connection: Connection, run_id: str, scorer: str, clip_id: int) -> list[QueueRow]:
    """All suspects of one clip, decided ones too, best first."""
    ranking = _ranking(connection, run_id, scorer)
    first, end = np.searchsorted(ranking.sorted_cells, _cell_keys(*np.array([[clip_id, clip_id + 1], [0, 0]])))
    return _rows(connection, run_id, ranking, np.sort(ranking.sorted_index[first:end]))


def _filtered(connection: Connection, ranking: _Ranking, wanted: QueueFilter) -> NDArray[np.int64]:
    """Places in the ranking that the filter leaves, best first."""
    keep = np.ones(len(ranking.clip_id), bool)
    if wanted.status != "all":
        decided = ranking.place(db.fetch(connection, sa.select(db.cells.c.clip_id, db.cells.c.class_id)))
        keep[decided] = False
        if wanted.status == "decided":
            keep = ~keep
    if wanted.kinds:
        keep &= np.isin(ranking.kind, [KINDS.index(kind) for kind in wanted.kinds])
    if wanted.classes:
        ids = store.class_ids(connection)
        keep &= np.isin(ranking.class_id, [ids[code] for code in wanted.classes if code in ids])
    if wanted.folds:
        keep &= np.isin(ranking.fold, wanted.folds)
    if wanted.min_p_wrong > 0:
        keep &= ranking.p_wrong >= wanted.min_p_wrong
    clips = _clip_condition(connection, wanted)
    if clips:
        keep &= _lookup(connection.scalars(sa.select(db.clips.c.id).where(*clips)), ranking.clip_id)
    if wanted.missing_rule:
        labels = db.imported_labels
        keep &= ranking.framewise_max > RULE_P
        only = sa.select(labels.c.clip_id, labels.c.class_id).where(labels.c.role == "primary")
        keep[ranking.place(db.fetch(connection, only))] = False  # a clip without secondary labels lists no other
    return np.flatnonzero(keep)


def _clip_condition(connection: Connection, wanted: QueueFilter) -> list[Any]:
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


def _lookup(ids: Iterable[int], clip_id: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of ``clip_id`` are among ``ids``."""
    wanted = np.fromiter(ids, np.int64)
    known = np.zeros(max(int(clip_id.max(initial=0)), int(wanted.max(initial=0))) + 1, bool)
    known[wanted] = True
    return known[clip_id]


def _sorted(
    connection: Connection, ranking: _Ranking, index: NDArray[np.int64], order: str, first: int | None
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


def _rows(connection: Connection, run_id: str, ranking: _Ranking, index: NDArray[np.int64]) -> list[QueueRow]:
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
    taken = [getattr(ranking, name)[index].tolist() for name in _COLUMNS]
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
