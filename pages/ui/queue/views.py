"""Saved views of the queue and the link to a view, as popovers; the way to the light page of a view."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode

import streamlit as st

from labeling.errors import EarmarkError
from labeling.reviewer import saved_views
from labeling.reviewer.saved_views import SavedView
from pages.ui import session
from pages.ui.queue import filters


def views_popover(params: Mapping[str, str]) -> None:
    """Pick a view, or keep the one on show under a name."""
    reviewer = session.reviewer()
    with st.popover("Views", icon=":material/bookmarks:", key="views_popover"):
        with session.messages(), session.workspace().read() as connection:
            views = saved_views.all_views(connection, reviewer)
        for number, view in enumerate(views):
            _one(number, view, reviewer, params)
        if not views:
            st.caption("A view is a filter under a name: keep one that you come back to, or share it.")
        if not reviewer:
            st.caption("Give your name in the sidebar to keep a view.")
            return
        with st.form("save_view", clear_on_submit=True, border=bool(views)):
            name = st.text_input("Keep this view as", max_chars=saved_views.MOST_SIGNS, placeholder="A name")
            shared = session.may("share views") and st.checkbox("Everybody sees it")
            if st.form_submit_button("Keep", icon=":material/bookmark_add:") and name.strip():
                try:
                    saved_views.save(session.workspace(), SavedView(reviewer, name, params, shared))
                except EarmarkError as problem:
                    st.error(session.plain(str(problem)), icon=":material/error:")
                else:
                    st.rerun()


def _one(number: int, view: SavedView, reviewer: str, params: Mapping[str, str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", wrap=False, gap="small"):
        own = view.reviewer == reviewer
        whose = "shared" if own and view.shared else "" if own else f"by {view.reviewer}"
        st.button(
            session.plain(view.name) + (f" :gray[{session.plain(whose)}]" if whose else ""),
            key=f"view_{number}",
            type="tertiary",
            icon=":material/bookmark_check:" if dict(view.params) == dict(params) else ":material/bookmark:",
            on_click=filters.show,
            args=(view.params,),
            width="stretch",
        )
        if own:
            st.button(
                "Delete",
                key=f"view_delete_{number}",
                type="tertiary",
                icon=":material/delete:",
                help=f"Delete the view {session.plain(view.name)}",
                on_click=_delete,
                args=(reviewer, view.name),
            )


def _delete(reviewer: str, name: str) -> None:
    try:
        saved_views.delete(session.workspace(), reviewer, name)
    except EarmarkError as problem:
        st.toast(session.plain(str(problem)), icon=":material/error:")


def link_popover(params: Mapping[str, str]) -> None:
    """The address of this view."""
    with st.popover("Link", icon=":material/link:", key="link_popover"):
        st.caption("This address is this view; whoever opens it sees the same filter.")
        st.code(address("queue", params), language=None, wrap_lines=True)
        st.caption("Each row is a link to its clip: copy that, or open it in a new tab.")


def light_link(label: str, params: Mapping[str, str]) -> None:
    """A link to this view on the light page (pages/ui/light/suspects.py), in the same tab."""
    style = "color:inherit;line-height:2.5rem;white-space:nowrap"
    st.html(
        f'<a href="{escape(address("suspects", params))}" target="_self" style="{style}" '
        f'title="The same list on a page that opens at once">{escape(label)}</a>',
        width="content",
    )


def address(page: str, params: Mapping[str, str]) -> str:
    """The URL of a page with these parameters, as this browser reaches the server."""
    here = (st.context.url or "").split("?")[0].rstrip("/")
    root = here[: -len("/queue")] if here.endswith("/queue") else here
    return f"{root}/{page}" + (f"?{urlencode(params)}" if params else "")
