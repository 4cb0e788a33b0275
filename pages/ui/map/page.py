"""What the page of the map asks and tells: which space, by what it is coloured, which filter is on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from labeling.landscape import questions
from labeling.landscape.colouring import choices
from labeling.landscape.projection import read_projection
from labeling.quality.scored_run import ScoredRun
from labeling.suspects import bulk
from pages.ui import session, signing
from pages.ui.map import shapes
from pages.ui.queue import drawn
from pages.ui.queue import filters as queue_filters

USUAL_BY = "class"


@dataclass(frozen=True)
class Asked:
    """What the address asks for; ``filtered``: the queue's filter is on."""

    space: str
    filtered: bool

    @property
    def address(self) -> dict[str, str]:
        """The page's own parameters as they now stand; ``by`` and ``at`` are the browser's to change."""
        kept = {name: st.query_params[name] for name in ("by", "at") if name in st.query_params}
        return {"space": self.space, **kept} | ({"filter": "1"} if self.filtered else {})


def asked(spaces: Sequence[str]) -> Asked:
    """Draw the choice of space and the switch of the filter; what they say."""
    given = st.query_params.to_dict()
    session.begin_with({
        "map_space": given["space"] if given.get("space") in spaces else spaces[0],
        "map_filtered": given.get("filter") == "1",
    })  # fmt: skip
    space = spaces[0]
    if len(spaces) > 1:
        before = st.session_state.get("map_before")
        space = st.selectbox("Heard by", spaces, key="map_space", width=200)
        if before not in (None, space) and "at" in st.query_params:
            del st.query_params["at"]  # it was a place on another map
        st.session_state["map_before"] = space
    filtered = False
    if session.scored():
        filtered = st.toggle(
            "The queue's filter", key="map_filtered",
            help="Show in full only the stretches of clips with a suspect that the filter leaves.",
        )  # fmt: skip
    return Asked(space, filtered)


def filters(asked: Asked) -> dict[str, str] | None:
    """The queue's filter as parameters, drawn where it is on; None where it is off. The address says it."""
    if asked.filtered and (here := queue_filters.choices()):
        _, params = queue_filters.filters(here, None, asked.address)
        return params
    address = asked.address
    if st.query_params.to_dict() != address:
        st.query_params.from_dict(address)
    return None


def landscape(asked: Asked, wanted: Mapping[str, str] | None) -> shapes.Landscape:
    """What the map is told. Raises UnknownName, ArtefactError."""
    workspace, reviewer = session.workspace(), session.reviewer()
    _, projection = read_projection(workspace, asked.space)
    scored = session.scored()
    run: ScoredRun | None = None
    with workspace.read() as connection:
        if scored:
            run, _ = drawn.read(connection, scored)
        known = choices(connection, scored=run is not None, clusters=projection.clusters > 0)
    query = {"space": asked.space, "map": projection.name}
    if run is not None:
        query |= {"run": run.run_id, "scorer": run.scorer, "position": str(run.position)}
    by = st.query_params.get("by", USUAL_BY)
    return {
        "query": query,
        "filter": None if wanted is None else dict(wanted),
        "count": len(projection),
        "method": projection.method,
        "by": by if by in known else USUAL_BY,
        "choices": list(known.items()),
        "questions": [(name, words, questions.MEANING[name]) for name, words in questions.QUESTIONS.items()],
        "token": signing.api_token(session.secret(), reviewer),
        "reviewer": reviewer,
        "may_decide": session.may("decide"),
        "has_queue": run is not None,
        "most_cells": bulk.MOST_CELLS,
    }
