"""When the order on show was drawn, kept for the visit: rows do not move while one decides, until one asks for it."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.engine import Connection

from labeling.quality.scored_run import ScoredRun, read_scored_run
from labeling.suspects import order
from pages.ui import session

KEY = "drawn_order"


def read(connection: Connection, scored: tuple[str, str]) -> tuple[ScoredRun, float]:
    """The scored run as this visit's orders were drawn with it, and the reviewer's pace then (order.look_s_of).

    As of the journal's end, where another run is shown first.
    """
    drawn = st.session_state.get(KEY)
    if drawn is not None and drawn[0] == scored:
        return read_scored_run(connection, *scored, drawn[1]), drawn[2]
    run = read_scored_run(connection, *scored)
    offset = st.context.timezone_offset if st.context else None  # minutes west of UTC, as browsers count
    look_s = order.look_s_of(connection, run, session.reviewer(), utc_offset_min=-(offset or 0))
    st.session_state[KEY] = scored, run.position, look_s
    return run, look_s


def forget() -> None:
    """Draw the order anew in the next run, from all that is decided by then."""
    st.session_state.pop(KEY, None)


def update_button(connection: Connection, run: ScoredRun) -> None:
    """Offer the order anew once there is more to learn from."""
    new = order.decided_since(connection, run.position)
    if new:
        st.button(
            f"Update the order: {new:,} new {'decision' if new == 1 else 'decisions'}",
            type="tertiary", icon=":material/refresh:", key="queue_update", on_click=forget,
            help="Likelihoods and order are learned anew. Until then no row moves.",
        )  # fmt: skip
