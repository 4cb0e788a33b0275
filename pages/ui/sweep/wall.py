"""The wall of Sweep, whatever it is of: what it opens, and what is searched for from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from pages.ui import session, signing
from pages.ui.wall.component import wall


@st.fragment(run_every=signing.RENEW_S)
def show(
    reviewer: str, path: str, query: Mapping[str, str], *, title: str, empty: str, on_like: Callable[[str], None],
    searches: bool = True,
) -> None:  # fmt: skip
    """What ``path`` answers to ``query``, as `wall` says; drawn again now and then, so that its links do not run out.

    ``on_like`` gets the examples that more is looked for of; then the page is drawn anew.
    """
    if clip_id := st.session_state.pop("sweep_open", None):
        st.switch_page("review.py", query_params={"clip": str(clip_id)})
    with session.messages():
        if like := st.session_state.pop("sweep_like", None):
            on_like(like)
            st.rerun(scope="app")
        session.workspace()  # who is not signed in any more gets no new links
    wall(
        path,
        query,
        title=title,
        token=signing.api_token(session.secret(), reviewer),
        may_decide=session.may("decide"),
        searches=searches,
        empty=empty,
        on_open=lambda clip_id: st.session_state.update(sweep_open=clip_id),
        on_like=lambda like: st.session_state.update(sweep_like=like),
    )
