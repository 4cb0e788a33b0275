"""The wall of windows to listen to and decide, of an hour or of a draw."""

from __future__ import annotations

import streamlit as st

from labeling.collection import store
from labeling.embeddings.space import has_spaces
from pages.ui import session, signing
from pages.ui.queue import worklist
from pages.ui.routes import activity_json
from pages.ui.routes.activity_json import ActivityQuery
from pages.ui.wall.component import wall


@st.fragment(run_every=signing.RENEW_S)
def show(query: ActivityQuery, title: str, empty: str) -> None:
    """The wall of a query's windows; the page is drawn anew after each batch of verdicts."""
    if place := st.session_state.pop("activity_open", None):
        st.switch_page("review.py", query_params=place)
    if like := st.session_state.pop("activity_like", None):
        st.switch_page("sweep.py", query_params={"like": like, "class": query.class_code})
    if st.session_state.pop("activity_decided", False):
        st.rerun(scope="app")
    with session.messages():
        workspace = session.workspace()
        with workspace.read() as connection:
            known = query.class_code in store.class_ids(connection)
        searches = has_spaces(workspace)
    if not known:
        st.info("The collection has no class of this name, so nothing can be decided of it.", icon=":material/info:")
    wall(
        activity_json.PATH,
        query.to_json(),
        title=title,
        token=signing.api_token(session.secret(), session.reviewer()),
        may_decide=session.may("decide") and known and bool(session.reviewer()),
        searches=searches,
        empty=empty,
        on_open=lambda clip_id: st.session_state.update(activity_open=worklist.place_of(clip_id)),
        on_open_at=lambda clip_id, moment_s: st.session_state.update(
            activity_open=worklist.place_of(clip_id, moment_s)
        ),
        on_like=lambda like: st.session_state.update(activity_like=like),
        on_decided=lambda: st.session_state.update(activity_decided=True),
        key="activity_wall",
    )
