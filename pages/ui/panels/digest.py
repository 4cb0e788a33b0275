"""What changed since the reviewer was last here, on the overview, until they say that they have read it."""

from __future__ import annotations

import streamlit as st

from labeling.review.digest import KINDS, VERSION, Change, digest, read_until
from pages.ui import session

SHOWN = 12  # changes at first
LONGEST = 160  # signs of a note


def show() -> None:
    """The panel; nothing where nothing changed, or nobody has said who they are."""
    reviewer = session.reviewer()
    if not reviewer:
        return
    with session.messages(), session.workspace().read() as connection:
        found = digest(connection, reviewer)
    if not found.changes:
        return
    with st.container(border=True, key="digest"):
        st.markdown("#### Since you were last here")
        st.markdown(", ".join(f"**{count:,}** {KINDS[kind][count != 1]}" for kind, count in found.counts.items()) + ".")
        st.markdown("\n".join(map(_line, found.changes[:SHOWN])))
        total = sum(found.counts.values())
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("I have read it", icon=":material/done_all:", key="digest_read"):
                with session.messages():
                    read_until(session.workspace(), reviewer, found.here)
                st.rerun()
            if total > SHOWN:
                st.caption(f"{total - SHOWN:,} more; `earmark digest --csv` writes them.")


def _line(change: Change) -> str:
    """One change as a line of a list; what comes from people is data."""
    words = " ".join(change.text.split())
    words = words if len(words) <= LONGEST else f"{words[: LONGEST - 2]}…"
    who, when = session.plain(change.who), session.plain(change.at[:16].replace("T", " "))
    if change.kind == VERSION:
        return f"- {who}: {session.plain(words)} :gray[· {when}]"
    place = session.plain(change.filename) + (f", {session.plain(change.class_code)}" if change.class_code else "")
    link = f"[{place}](review?clip={change.clip_id}&p=0&status=all)"
    return f"- {who}: {session.plain(words)} :gray[·] {link} :gray[· {when}]"
