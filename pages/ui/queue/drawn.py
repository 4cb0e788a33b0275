"""What the order on show stands on, kept for the visit: rows do not move while one decides, until one asks for it."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.engine import Connection

from labeling.suspects import order
from labeling.suspects.order import Basis
from pages.ui import session

KEY = "drawn_order"


def basis(connection: Connection, scored: tuple[str, str]) -> Basis:
    """The basis of this visit's orders; the journal's end when another run is shown first."""
    kept = st.session_state.get(KEY)
    if kept is None or kept[0] != scored:
        offset = st.context.timezone_offset if st.context else None  # minutes west of UTC, as browsers count
        now = order.basis_now(connection, *scored, session.reviewer(), utc_offset_min=-(offset or 0))
        st.session_state[KEY] = kept = (scored, now)
    return kept[1]


def forget() -> None:
    """Draw the order anew in the next run, from all that is decided by then."""
    st.session_state.pop(KEY, None)


def update_button(connection: Connection, on_show: Basis) -> None:
    """Offer the order anew once there is more to learn from."""
    new = order.decided_since(connection, on_show)
    if new:
        st.button(
            f"Update the order: {new:,} new {'decision' if new == 1 else 'decisions'}",
            type="tertiary", icon=":material/refresh:", key="queue_update", on_click=forget,
            help="Likelihoods and order are learned anew. Until then no row moves.",
        )  # fmt: skip
