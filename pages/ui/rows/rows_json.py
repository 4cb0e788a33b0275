"""Rows of the queue as the browser reads them: the first, which come with a page, and the route by which it asks for
those that it scrolls to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.engine import Connection

from labeling.active.teaching import in_turn
from labeling.errors import DataError
from labeling.journal.open_cells import open_to
from labeling.quality.scored_run import ScoredRun, read_scored_run
from labeling.reviewer import marks, preferences
from labeling.suspects import bulk, listing, queue
from labeling.suspects.filter import QueueFilter
from labeling.suspects.queue import QueuePage, QueueRow
from labeling.suspects.why import without_name
from labeling.suspects.worth import LOOK_S
from pages.ui.queue import words, worklist
from pages.ui.routes.asked import Asked
from pages.ui.routes.clip_json import finite
from pages.ui.rows.component import columns_of, sorted_by
from pages.ui.shared import shapes

ROWS = 50  # of one answer, unless more are asked for
MOST_ROWS = 500
LONGEST_LOOK_S = 3600.0
PLACE = ("run", "scorer", "position", "look_s", "version", "first", "count")
"""What a request says beside its filter."""


def first_screen(
    connection: Connection,
    run: ScoredRun,
    wanted: QueueFilter,
    look_s: float,
    *,
    link: Mapping[str, str],
    token: str,
    may_decide: bool,
    view: str = "",
) -> tuple[QueuePage, shapes.Queue]:
    """What a page says of a list, and what it tells the rows; ``link`` are the URL parameters of the list."""
    reviewer = wanted.reviewer
    version = listing.version_of(connection)
    page = queue.page(connection, run, wanted, size=ROWS, look_s=look_s)
    column, dealt = sorted_by(wanted)
    is_marked = bool(marks.standing(connection, marks.KINDS, reviewer))
    return page, {
        "view": view,
        "query": query_of(run, wanted, look_s),
        "link": dict(link),
        "columns": columns_of(wanted, rated=queue.is_rated(connection), marked=is_marked),
        "hidden": preferences.get_all(connection, reviewer).get("queue_columns", []),
        "sorted": column,
        "dealt": dealt,
        "hint": words.hint(wanted, may_decide=may_decide),
        "token": token,
        "reviewer": reviewer,
        "may_decide": may_decide,
        "most": bulk.MOST_CELLS,
        "rows": {"version": version, "total": page.total, "first": 0, "rows": rows_json(connection, page.rows, wanted)},
    }


def query_of(run: ScoredRun, wanted: QueueFilter, look_s: float) -> dict[str, str]:
    """The parameters by which more rows of a list are asked for."""
    whose = {"run": run.run_id, "scorer": run.scorer, "position": str(run.position), "look_s": repr(look_s)}
    return {**worklist.params_of(wanted), **whose}


def queue_json(asked: Asked) -> shapes.QueueRows:
    """What `GET /api/queue` answers: rows ``first`` and on of a list, ``count`` of them.

    They are those of the listing of ``version``; where that is no longer kept, of the newest, which the answer names.
    """
    query = asked.query
    wanted = worklist.filter_from({name: value for name, value in query.items() if name not in PLACE})
    wanted = replace(wanted, reviewer=asked.reviewer)
    first, count = (_whole(query, name, default) for name, default in (("first", 0), ("count", ROWS)))
    if count > MOST_ROWS:
        raise DataError(f"{count:,} rows are asked for; ask for at most {MOST_ROWS} at once")
    with asked.workspace.read() as connection:
        position = _whole(query, "position", -1)
        run = read_scored_run(
            connection, query.get("run", ""), query.get("scorer", ""), position if position >= 0 else None
        )
        run = in_turn(asked.workspace, connection, run, wanted)
        kept = listing.read_listing(connection, run, wanted, query.get("version", ""), look_s=_look_s(query))
        rows = queue.rows_at(connection, run, kept.places[first : first + count], wanted.reviewer)
        shown = rows_json(connection, rows, wanted)
    return {"version": kept.version, "total": len(kept.places), "first": first, "rows": shown}


def rows_json(connection: Connection, rows: Sequence[QueueRow], wanted: QueueFilter) -> list[shapes.QueueRow]:
    """Rows with the marks that the filter's reviewer sees; in an audit without what the model thinks."""
    clip_ids = [row.suspect.clip_id for row in rows]
    hidden = open_to(connection, wanted.reviewer, set(clip_ids)).clips.tolist()
    marked = marks.kinds_of(connection, clip_ids, wanted.reviewer, hidden)
    audits = worklist.is_audit(wanted)
    return [_row(row, list(marked.get(row.suspect.clip_id, ())), audits) for row in rows]


def _row(row: QueueRow, marked: list[str], audits: bool) -> shapes.QueueRow:
    suspect = row.suspect
    shown: shapes.QueueRow = {
        "clip_id": suspect.clip_id,
        "class": suspect.class_code,
        "name": row.class_name,
        "file": suspect.filename,
        "verdict": row.verdict,
        "marks": marked,
        "rating": finite(row.rating),
        "fold": suspect.fold,
    }
    if audits:
        return shown
    return shown | {
        "rank": suspect.rank,
        "kind": suspect.kind,
        "wrong": round(row.probability, 4),
        "why": without_name(row.reason),
        "clipwise": finite(suspect.clipwise),
        "frame": finite(suspect.framewise_max),
    }


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if text and not worklist.is_number(text):
        raise DataError(f"{name} {text[:40]!r} is no whole number; reload the page")
    return int(text) if text else default


def _look_s(query: Mapping[str, str]) -> float:
    text = query.get("look_s", "")
    try:
        seconds = float(text) if text else LOOK_S
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_LOOK_S:
        raise DataError(f"look_s {text[:40]!r} is no number of seconds up to {LONGEST_LOOK_S:.0f}; reload the page")
    return seconds
