"""The wall of snippets: one Streamlit component. What its scripts ask the server for is in
routes/snippets_json.py.

Streamlit says once which class and which of its suspects are wanted; the scripts fetch the snippets themselves, so that
neither a list of a thousand nor a batch of decisions waits for a page to be drawn anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from pages.ui.shared import shapes
from pages.ui.shared.component import Component

WALL = Component("wall", "wall/wall.js", ("shared/base.css", "wall/wall.css"))


def wall(
    path: str,
    query: Mapping[str, str],
    *,
    title: str,
    token: str,
    empty: str,
    may_decide: bool = True,
    searches: bool = False,
    on_open: Callable[[int], None],
    on_like: Callable[[str], None],
    on_decided: Callable[[], None] | None = None,
    on_open_at: Callable[[int, float], None] | None = None,
    key: str = "wall",
) -> None:
    """Show the wall of what ``path`` answers to ``query``. ``title`` names the class, ``token`` the reviewer
    (signing.api_token); ``empty`` is said where there is no snippet. ``may_decide`` is false for one who only looks and
    listens.
    ``on_open`` gets the id of a clip that is to be opened in Review, ``on_open_at`` in its place also the moment of a
    stretch of a recording, in seconds. ``searches`` says that more like a snippet can be
    looked for: ``on_like`` gets those that were chosen, as `query.written` writes examples. ``on_decided`` is called
    after each batch of verdicts, where the snippets are stretches of recordings."""
    import streamlit as st

    def opened() -> None:
        raw = getattr(st.session_state.get(key), "open", None)
        clip_id, moment_s = raw if isinstance(raw, list) and len(raw) == 2 else (raw, None)
        if not isinstance(clip_id, int) or isinstance(clip_id, bool):
            return
        if on_open_at is not None and isinstance(moment_s, int | float) and 0 <= moment_s < math.inf:
            on_open_at(clip_id, float(moment_s))
        else:
            on_open(clip_id)

    def liked() -> None:
        raw = getattr(st.session_state.get(key), "like", None)
        if isinstance(raw, str) and raw:
            on_like(raw)

    data: shapes.Wall = {"path": path, "searches": searches, "query": dict(query), "class_name": title, "token": token,
                         "empty": empty, "may_decide": may_decide}  # fmt: skip
    callbacks = {"on_open_change": opened, "on_like_change": liked}
    if on_decided is not None:
        data["stretches"] = True
        callbacks["on_decided_change"] = on_decided
    WALL.show(data, key, **callbacks)
