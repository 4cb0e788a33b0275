"""What is left for whom, and how fast it goes."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from labeling.journal.looks import Needed
from labeling.review.workload import TeamWork, Work
from pages.ui import session


def mine(work: Work | None) -> None:
    """One's own work, with the way to it."""
    st.markdown("#### My work")
    if work is None:
        st.caption("Give your name in the sidebar: what is yours goes by it.")
        return
    columns = st.columns(4)
    columns[0].metric("Cells left for me", "–" if work.cells is None else f"{work.cells:,}")
    columns[1].metric("In clips", "–" if work.clips is None else f"{work.clips:,}")
    columns[2].metric("Decided today", f"{work.today.decisions:,}")
    pace = work.pace.seconds_a_clip if work.pace else None
    columns[3].metric("My pace", f"{pace:.0f} s a clip" if pace else "–", help="Of today, pauses left out.")
    if work.assigned:
        st.caption("Mine: " + session.plain("; ".join(one.words for one in work.assigned)) + ".")
        icon = ":material/format_list_numbered:"
        st.page_link("queue.py", label="Show my work", icon=icon, query_params={"mine": "1"})
    else:
        st.caption("Nothing is assigned to you: the whole queue is open to you.")
        st.page_link("queue.py", label="Open the queue", icon=":material/format_list_numbered:")


def everybody(team: TeamWork, wanted: Needed) -> None:
    """What is left for the team, and each one's part in it."""
    st.markdown("#### The team")
    columns = st.columns(4)
    columns[0].metric("Cells left", f"{team.cells:,}", help=f"In {team.clips:,} clips")
    if wanted.is_several:
        columns[1].metric("Looks left", f"{team.looks:,}", help="Some cells are asked of several people.")
    else:
        columns[1].metric("Clips left", f"{team.clips:,}")
    per_hour = team.per_hour
    columns[2].metric(
        "Pace of the team", f"{per_hour:,.0f} an hour" if per_hour else "–",
        help="Decisions in an hour in which all work who worked today, at today's pace.",
    )  # fmt: skip
    hours = team.hours_left
    columns[3].metric("Left at that pace", "–" if hours is None else f"{hours:,.1f} h")
    if not team.people:
        st.caption("Nobody has decided yet.")
        return
    rows = [
        {
            "name": work.name,
            "now": "listening" if work.is_here else "",
            "assigned": "; ".join(one.words for one in work.assigned),
            "cells left": _count(work.cells),
            "clips left": _count(work.clips),
            "today": work.today.decisions,
            "seven days": work.recent,
            "s a clip": f"{work.pace.seconds_a_clip:.1f}" if work.pace and work.pace.seconds_a_clip else "–",
        }
        for work in team.people
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", key="team_people")


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"
