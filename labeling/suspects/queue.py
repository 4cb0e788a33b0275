"""The queue: suspects of a run as stored, filtered, sorted, and handed to a reviewer clip by clip.

What a filter leaves is in filter.py, in what order in order.py. A scored run is arrays in memory: a filter and a sort
are a few passes over them, so that a page of a million suspects takes no longer under one filter than under another.
What changes while people work, the decided cells and the marks, is asked of the database each time. ``look_s`` is the
reviewer's pace, for the order ``worth``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling.cells import cell_keys
from labeling.collection import contested, store
from labeling.disagreement.columns import COLUMNS
from labeling.disagreement.scorers import DEFAULT_SCORER
from labeling.disagreement.stored_ranking import Ranking
from labeling.journal.open_cells import open_to
from labeling.quality.calibration import NextYield
from labeling.quality.scored_run import ScoredRun
from labeling.records import KINDS, Shown, Suspect
from labeling.storage import database as db
from labeling.storage import tables
from labeling.suspects.filter import QueueFilter, Selection, select
from labeling.suspects.order import in_order
from labeling.suspects.why import Reason, why
from labeling.suspects.worth import LOOK_S

WORKLIST_ROWS = 6_000
MANY_CLIPS = 1_000
SOON = 20  # suspects ahead of which is said how many are wrong: what a screen shows
_CLIPS = sa.select(tables.clips.c.id, tables.clips.c.filename, tables.clips.c.rating, tables.clips.c.duration_s)
_CELLS = sa.select(tables.cells.c.clip_id, tables.cells.c.class_id, tables.cells.c.verdict)
_THESE_CLIPS = _CLIPS.where(tables.clips.c.id.in_(sa.bindparam("clip_ids", expanding=True)))
_THESE_CELLS = _CELLS.where(tables.cells.c.clip_id.in_(sa.bindparam("clip_ids", expanding=True)))
_OF_SUSPECT = [item.name for item in fields(Suspect) if item.name in COLUMNS and item.name != "kind"]
_OF_REASON = [(item.name, item.default is None) for item in fields(Reason) if item.name in COLUMNS]


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
    reason: Reason

    @property
    def why(self) -> str:
        """Why it is here, in one line; the class's name in it is data."""
        return why(self.class_name, self.reason)


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
    """The first screen of the queue: its rows, and how many suspects the filter leaves, in how many clips.

    ``skipped`` are those that it leaves out of the to-do list, as the reviewer skipped their clips. ``by_class`` is as
    `progress_by_class` gives it. ``soon`` says how many of the first SOON rows are wrong; None where there are none to
    do.
    """

    rows: Sequence[QueueRow]
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
    every = [(run, name) for run, name, _ in scored(connection)]
    wanted = [pair for pair in every if run_id in ("", pair[0]) and scorer in ("", pair[1])]
    return next(iter(wanted or every), None)


def rows(
    connection: Connection,
    run: ScoredRun,
    wanted: QueueFilter,
    *,
    limit: int | None = 100,
    offset: int = 0,
    look_s: float = LOOK_S,
) -> list[QueueRow]:
    """Read a part of the queue.

    Parameters
    ----------
    connection : Connection
    run : ScoredRun
    wanted : QueueFilter
        Which suspects, and in what order.
    limit, offset : int
        How many rows, after how many; ``limit`` None takes all.
    look_s : float
        Seconds of a look without listening, by which the order ``worth`` counts.

    Returns
    -------
    list of QueueRow

    Examples
    --------
    >>> from labeling.example import example_workspace
    >>> from labeling.quality.scored_run import read_scored_run
    >>> from labeling.suspects import queue
    >>> from labeling.suspects.filter import QueueFilter
    >>> with example_workspace().read() as connection:
    ...     run = read_scored_run(connection, "001-demo", "earmark")
    ...     for row in queue.rows(connection, run, QueueFilter(), limit=2):
    ...         print(row.suspect.kind, row.suspect.filename, row.why)
    missing amecro/3.wav cangoo: 0.85 in 0.5 s to 1.2 s, unlisted; typical of listed clips: 0.71
    false balori/2.wav cangoo: at most 0.05 in 0.5 s to 1.2 s, listed; typical of listed clips: 0.71
    """
    end = None if limit is None else offset + limit
    return rows_at(connection, run, places(connection, run, wanted, end, look_s=look_s)[offset:], wanted.reviewer)


def page(
    connection: Connection,
    run: ScoredRun,
    wanted: QueueFilter,
    *,
    size: int = 100,
    look_s: float = LOOK_S,
) -> QueuePage:
    """The first screen of the queue; listing.read_listing gives what comes after it."""
    ranking, selection = run.ranking, select(connection, run, wanted)
    index = selection.index()
    shown = _first(connection, run, selection, wanted, max(size, SOON), look_s)
    to_do = wanted.status == "open"
    return QueuePage(
        rows=rows_at(connection, run, shown[:size], wanted.reviewer),
        total=len(index),
        clips=int(np.count_nonzero(np.bincount(ranking.clip_id[index]))),
        skipped=selection.skipped_to_do() if to_do else 0,
        by_kind=_by_kind(ranking, index),
        by_class=_progress(connection, ranking, selection),
        soon=run.next_yield(shown[:SOON]) if to_do and len(shown) else None,
    )


def count(connection: Connection, run: ScoredRun, wanted: QueueFilter) -> dict[str, int]:
    """How many suspects of each kind the filter leaves."""
    return _by_kind(run.ranking, select(connection, run, wanted).index())


def places(
    connection: Connection, run: ScoredRun, wanted: QueueFilter, first: int | None, *, look_s: float = LOOK_S
) -> NDArray[np.int64]:
    """The places in the ranking of the ``first`` so many suspects (None: all) that the filter leaves, in its order."""
    return _first(connection, run, select(connection, run, wanted), wanted, first, look_s)


def _first(
    connection: Connection, run: ScoredRun, selection: Selection, wanted: QueueFilter, first: int | None, look_s: float
) -> NDArray[np.int64]:
    """The first so many places that are left: those of the order as it was drawn, without what was decided since."""
    before, stays = selection.before(), np.zeros(len(run), bool)
    stays[selection.index()] = True
    decided_since = int(np.count_nonzero(~stays[before]))
    needed = None if first is None else first + decided_since
    order = in_order(connection, run, before, wanted, needed, look_s=look_s)
    return order[stays[order]][:first]


def _by_kind(ranking: Ranking, index: NDArray[np.int64]) -> dict[str, int]:
    counts = np.bincount(ranking.kind[index], minlength=len(KINDS)).tolist()
    return {kind: number for kind, number in zip(KINDS, counts, strict=True) if number}


def count_by_class(connection: Connection, run: ScoredRun, wanted: QueueFilter) -> dict[str, dict[str, int]]:
    """How many suspects of each kind the filter leaves in each class, by class name; most first."""
    ranking, index = run.ranking, select(connection, run, wanted).index()
    cells, counts = np.unique(np.stack([ranking.class_id[index], ranking.kind[index]]), axis=1, return_counts=True)
    names = {label_class.id: label_class.name for label_class in store.all_classes(connection)}
    by_name: dict[str, dict[str, int]] = {}
    for class_id, kind, number in zip(*cells.tolist(), counts.tolist(), strict=True):
        kinds = by_name.setdefault(names[class_id], {})  # two classes may bear one name
        kinds[KINDS[kind]] = kinds.get(KINDS[kind], 0) + number
    return dict(sorted(by_name.items(), key=lambda item: -sum(item[1].values())))


def progress_by_class(connection: Connection, run: ScoredRun, wanted: QueueFilter) -> list[ClassProgress]:
    """What is to do and done in each class, most to do first; the filter's own classes and status are passed over."""
    return _progress(connection, run.ranking, select(connection, run, wanted))


def _progress(connection: Connection, ranking: Ranking, selection: Selection) -> list[ClassProgress]:
    known = store.all_classes(connection)
    most = max((label_class.id for label_class in known), default=0) + 1
    decided = np.bincount(ranking.class_id[selection.asked & selection.decided], minlength=most)
    to_do = selection.asked & ~(selection.decided | selection.skipped)
    cells = np.bincount(ranking.class_id[to_do] * len(KINDS) + ranking.kind[to_do], minlength=most * len(KINDS))
    by_kind = cells.reshape(-1, len(KINDS))
    rows = [
        ClassProgress(label_class.code, label_class.name, sum(kinds), done, dict(zip(KINDS, kinds, strict=True)))
        for label_class in known
        for kinds, done in [(by_kind[label_class.id].tolist(), int(decided[label_class.id]))]
        if done or any(kinds)
    ]
    return sorted(rows, key=lambda row: -row.to_do)


def is_rated(connection: Connection) -> bool:
    """Whether any clip has a rating."""
    rated = sa.select(tables.clips.c.id).where(tables.clips.c.rating.is_not(None)).limit(1)
    return connection.scalar(rated) is not None


def folds(run: ScoredRun) -> list[int]:
    """The folds that a ranking's clips were predicted by."""
    return np.unique(run.ranking.fold).tolist()  # type: ignore[no-any-return]


def worklist(connection: Connection, run: ScoredRun, wanted: QueueFilter, *, look_s: float = LOOK_S) -> list[int]:
    """Ids of the clips that the filter leaves, each once, in the queue's order (of its first some thousand rows)."""
    index = places(connection, run, wanted, WORKLIST_ROWS, look_s=look_s)
    return list(dict.fromkeys(run.ranking.clip_id[index].tolist()))


def of_clip(connection: Connection, run: ScoredRun, clip_id: int, reviewer: str = "") -> list[QueueRow]:
    """All suspects of one clip, decided ones too, best first; with the verdicts that this reviewer may know."""
    ranking = run.ranking
    first, end = np.searchsorted(ranking.sorted_cells, cell_keys(*np.array([[clip_id, clip_id + 1], [0, 0]])))
    return rows_at(connection, run, np.sort(ranking.sorted_index[first:end]), reviewer)


def of_cells(
    connection: Connection, run: ScoredRun, cells: Iterable[tuple[int, str]], reviewer: str = ""
) -> list[QueueRow]:
    """The suspects among these (clip id, class code) cells, best first; with the verdicts that a reviewer may know."""
    ids = store.class_ids(connection)
    places = run.ranking.place([(clip_id, ids[code]) for clip_id, code in cells if code in ids])
    return rows_at(connection, run, np.sort(places), reviewer)


def as_shown(row: QueueRow, scorer: str) -> Shown:
    """A suspect as a decision on it keeps what was on screen."""
    suspect = row.suspect
    return Shown(
        kind=suspect.kind,
        rank=suspect.rank,
        scorer=scorer,
        p_wrong=round(suspect.p_wrong, 4),
        likely_wrong=round(row.probability, 4),
        label_quality=round(suspect.label_quality, 4),
        clipwise=round(suspect.clipwise, 4),
        framewise_max=round(suspect.framewise_max, 4),
    )


def rows_at(connection: Connection, run: ScoredRun, index: NDArray[Any], reviewer: str = "") -> list[QueueRow]:
    """The suspects at these places, with what the database knows of their clips and cells.

    Of a cell that is open to the reviewer no verdict is told (labeling/journal/looks.py).
    """
    ranking = run.ranking
    wanted = sorted(set(ranking.clip_id[index].tolist()))
    if len(wanted) <= MANY_CLIPS:
        about, decided = (db.fetch(connection, query, {"clip_ids": wanted}) for query in (_THESE_CLIPS, _THESE_CELLS))
    else:  # all of them are quicker than a long list of ids
        about, decided = db.fetch(connection, _CLIPS), db.fetch(connection, _CELLS)
    clip_of = {row.id: row for row in about}
    is_open = open_to(connection, reviewer, wanted)
    verdict_of = {
        (clip_id, class_id): verdict for clip_id, class_id, verdict in decided if not is_open.holds(clip_id, class_id)
    }
    disputed = contested.of_clips(connection, wanted) if contested.version(connection)[0] else {}
    class_of = {label_class.id: label_class for label_class in store.all_classes(connection)}
    rows = []
    taken = {name: values.tolist() for name, values in ranking.part(index).items()}
    likely = run.probability[index].tolist()
    for at, place in enumerate(index.tolist()):
        of = {name: values[at] for name, values in taken.items()}
        clip, its_class, partner = clip_of[of["clip_id"]], class_of[of["class_id"]], class_of.get(of["partner_id"])
        suspect = Suspect(
            rank=place + 1,
            filename=clip.filename,
            class_code=its_class.code,
            kind=KINDS[of["kind"]],
            run_id=run.run_id,
            partner=partner.code if partner else "",
            **{name: of[name] for name in _OF_SUSPECT},
        )
        known: dict[str, Any] = {
            name: None if optional and math.isnan(of[name]) else of[name] for name, optional in _OF_REASON
        }
        dispute = disputed.get((clip.id, its_class.id), "")
        reason = Reason(partner=partner.name if partner else "", contested=dispute, **known)
        verdict = verdict_of.get((clip.id, its_class.id), "")
        rows.append(QueueRow(suspect, its_class.name, verdict, clip.rating, clip.duration_s, likely[at], reason))
    return rows
