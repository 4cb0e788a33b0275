"""What the player and the rows ask of a team: the next clip that is free, and what others changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.errors import DataError
from labeling.journal.open_cells import open_to
from labeling.quality.scored_run import ScoredRun, read_scored_run
from labeling.records import MOST_ID
from labeling.review import handing_out
from labeling.review.second_looks import Look
from labeling.storage import database as db
from labeling.storage import tables
from labeling.suspects import listing
from labeling.team import leases
from labeling.workspace import Workspace
from pages.ui.player import events
from pages.ui.shared import shapes

MOST_CHANGES = 500
LIKELY = 4  # places that are told beside the one that is leased: what is fetched ahead


@dataclass(frozen=True)
class Wish:
    """A window that wants the next of these places. ``run`` is whose suspects are to do there, from ``to_do_from`` on;
    None where any place will do."""

    holder: str
    looks: Sequence[Look]
    run: ScoredRun | None
    to_do_from: float


def wish_of(connection: Connection, body: object, view: Mapping[str, Any]) -> Wish | None:
    """What the browser wants next; None where it says nothing of it. Raises DataError for what is no wish."""
    if not isinstance(body, Mapping):
        return None
    items = body.get("items")
    if not isinstance(items, Sequence) or isinstance(items, str) or not 1 <= len(items) <= handing_out.MOST_PLACES:
        raise DataError(f"1 to {handing_out.MOST_PLACES} places of a list are expected; reload the page")
    run_id, scorer = events.text_of(view, "run", 200), events.text_of(view, "scorer", 200)
    at = str(view.get("at") or "")
    position = int(at) if at.isascii() and at.isdigit() and len(at) <= 15 else None
    is_to_do = bool(run_id and scorer) and body.get("to_do_from") is not None
    return Wish(
        holder=events.event_id_of(body, "holder"),
        looks=[_look(item) for item in items],
        run=read_scored_run(connection, run_id, scorer, position) if is_to_do else None,
        to_do_from=events.share_of(body, "to_do_from") if is_to_do else 0.0,
    )


def next_places(connection: Connection, wish: Wish, reviewer: str) -> list[int]:
    """Lease the next free one to the reviewer, and tell its place and those that are likely after it."""
    places = handing_out.hand_out(connection, wish.run, wish.looks, reviewer, wish.holder, min_p_wrong=wish.to_do_from)
    return places[: 1 + LIKELY]


def lease_json(workspace: Workspace, reviewer: str, body: Mapping[str, Any]) -> shapes.Leased:
    """What `POST /api/lease` answers.

    With ``leaves`` a window gives back what it holds. With ``stays`` it wants its one place whatever is done there: it
    was led to it by a link, or is there already; where somebody else is, it is told who. Else it wants the next of its
    places that is free.
    """
    if body.get("leaves"):
        holder = events.event_id_of(body, "holder")
        with workspace.write() as connection:
            leases.give_back(connection, reviewer, holder)
        return {"places": [], "held_by": ""}
    view = body.get("view")
    with workspace.read() as connection:
        wish = wish_of(connection, body, view if isinstance(view, Mapping) else {})
    assert wish is not None
    with workspace.write() as connection:
        if not body.get("stays"):
            return {"places": next_places(connection, wish, reviewer), "held_by": ""}
        clip_id = wish.looks[0].clip_id
        if store.clip_by_id(connection, clip_id) is None:
            raise DataError(f"no clip {clip_id} in this workspace; it may be from another one")
        taken = leases.take_first(connection, [clip_id], reviewer, wish.holder)
        held = leases.of_clips(connection, [clip_id]) if taken is None else {}
        return {"places": [0] if taken else [], "held_by": held[clip_id].reviewer if clip_id in held else ""}


def changes_json(workspace: Workspace, reviewer: str, query: Mapping[str, str]) -> shapes.Changes:
    """What `GET /api/changes?since=` answers: what was decided and marked since a version (listing.version_of), as
    far as this reviewer may know of it. Without a version, or with one that is too long ago, nothing but the newest."""
    since = query.get("since", "").split(".")
    known = [int(part) for part in since if part.isascii() and part.isdigit() and len(part) <= 15]
    with workspace.read() as connection:
        version = listing.version_of(connection)
        told: shapes.Changes = {"version": version, "cells": [], "clips": [], "more": False}
        if len(known) != 2 or query["since"] == version:
            return told
        cells, clips = _changed(connection, reviewer, *known)
        if len(cells) + len(clips) > MOST_CHANGES:
            return told | {"more": True}
        return told | {"cells": cells, "clips": clips}


def _changed(
    connection: Connection, reviewer: str, position: int, mark: int
) -> tuple[list[tuple[int, str, str]], list[int]]:
    """Cells with their verdicts, and clips with other marks."""
    decisions, cells, marks = tables.decisions.c, tables.cells.c, tables.marks.c
    theirs = (cells.clip_id == decisions.clip_id) & (cells.class_id == decisions.class_id)
    query = (
        sa.select(decisions.clip_id, decisions.class_id, tables.classes.c.code, cells.verdict)
        .distinct()
        .join(tables.classes, tables.classes.c.id == decisions.class_id)
        .outerjoin(tables.cells, theirs)
        .where(decisions.position > min(position, MOST_ID))
        .limit(MOST_CHANGES + 1)
    )
    marked = sa.select(marks.clip_id, marks.reviewer).distinct().where(marks.id > min(mark, MOST_ID))
    rows = db.fetch(connection, query)
    marked_rows = db.fetch(connection, marked.limit(MOST_CHANGES + 1))
    still_open = open_to(connection, reviewer, {row.clip_id for row in (*rows, *marked_rows)})
    told = [
        (clip_id, code, verdict or "")
        for clip_id, class_id, code, verdict in rows
        if not still_open.holds(clip_id, class_id) and not still_open.hides(clip_id)
    ]
    own = reviewer.strip()
    clips = {row.clip_id for row in marked_rows if row.reviewer == own or not still_open.hides(row.clip_id)}
    return told, sorted(clips)


def _look(raw: object) -> Look:
    if isinstance(raw, Sequence) and not isinstance(raw, str) and len(raw) == 3:
        named = {"clip_id": raw[0], "mode": raw[1], "class": raw[2]}
        return Look(
            events.clip_id_of(named), events.one_of(named, "mode", events.MODES), events.text_of(named, "class", 500)
        )
    return Look(events.clip_id_of({"clip_id": raw}))
