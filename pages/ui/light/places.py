"""The list that the clip of a link stands in. It comes after the clip, as a million suspects take their time."""

from __future__ import annotations

from collections.abc import Mapping

from labeling.active.teaching import in_turn
from labeling.errors import DataError
from labeling.quality.scored_run import read_scored_run
from labeling.review import second_looks
from labeling.review.second_looks import Look
from labeling.suspects import order, queue
from pages.ui import signing
from pages.ui.player.component import items_json
from pages.ui.queue import worklist
from pages.ui.routes.asked import Asked
from pages.ui.shared import shapes

POSITION = "position"
"""URL parameter of `GET /api/list`: the journal's position that the list is drawn at."""


def places_json(asked: Asked) -> shapes.Places:
    """What `GET /api/list` answers: of a link's parameters, with ``clip``, or ``look`` and ``next``, as its place."""
    query = asked.query
    filtered = {name: value for name, value in query.items() if name not in (*worklist.PLACE, POSITION, "offset_min")}
    wanted = worklist.filter_from(filtered)
    try:
        offset_min = int(query.get("offset_min", "0"))
    except ValueError:
        raise DataError("offset_min is no whole number; reload the page") from None
    looks: list[Look] = []
    with asked.workspace.read() as connection:
        scored = queue.current(connection, query.get("run", ""), query.get("scorer", ""))
        if scored:
            at = int(query[POSITION]) if worklist.is_number(query.get(POSITION, "")) else None
            run = in_turn(asked.workspace, connection, read_scored_run(connection, *scored, at), wanted)
            look_s = order.look_s_of(connection, run, asked.reviewer, utc_offset_min=offset_min)
            looks = worklist.looks_of(connection, run, wanted, asked.reviewer, look_s)
    todo = worklist.Worklist(scored, wanted, looks)
    if worklist.is_number(query.get("clip", "")):
        todo.go_to(int(query["clip"]))
    elif look := signing.look_of(asked.secret, asked.reviewer, query.get("look", "")):
        following = query.get("next", "")
        todo.go_back_to(Look(*look), int(following) if worklist.is_number(following) else None)
    return {"items": items_json(todo.items), "at": todo.at}


def look_asked(asked: Asked, params: Mapping[str, str]) -> Look | None:
    """The second look that a link leads to; None for one that is not this reviewer's, or is answered."""
    given = signing.look_of(asked.secret, asked.reviewer, params.get("look", ""))
    look = Look(*given) if given else None
    with asked.workspace.read() as connection:
        return look if look and second_looks.is_open(connection, asked.reviewer, look) else None
