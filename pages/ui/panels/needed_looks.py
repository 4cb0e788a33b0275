"""How many people a cell is asked of: shown to all, set by an owner."""

from __future__ import annotations

import streamlit as st

from labeling.journal import looks
from labeling.journal.looks import Needed
from pages.ui import session

KINDS = {"missing": "Missing labels", "false": "False labels", "audit": "Random looks"}


def panel(wanted: Needed) -> None:
    """A number a kind."""
    st.markdown("#### Looks at a cell")
    st.markdown(
        "So many people are asked about each cell, each without knowing what the others said. It stays on the list of "
        "those who have not decided on it until it has its looks. One is usual."
    )
    now = {kind: getattr(wanted, kind) for kind in KINDS}
    may = session.may_here("set looks")
    with st.form("needed_looks", border=False):
        columns = st.columns(4, vertical_alignment="bottom")
        asked = {
            kind: columns[place].number_input(
                name, 1, looks.MOST_LOOKS, now[kind], key=f"looks_{kind}", disabled=not may
            )
            for place, (kind, name) in enumerate(KINDS.items())
        }
        go = columns[3].form_submit_button("Keep", icon=":material/save:", disabled=not may)
    if not go:
        return
    with session.messages():
        session.check("set looks")
        with session.workspace().write() as connection:
            for kind, count in asked.items():
                if count != now[kind]:
                    looks.set_needed(connection, kind, int(count))
    st.rerun()
