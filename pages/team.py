"""Who works on what, what is left, and how many looks a cell needs."""

import streamlit as st

from labeling.journal import looks
from labeling.quality.scored_run import read_scored_run
from labeling.records import WORTH_HEARING
from labeling.review.workload import team_work
from labeling.team import assignments
from pages.ui import session
from pages.ui.panels import assigning, needed_looks, workload

st.title("Team")
reviewer = session.reviewer()
with session.messages():
    scored = session.scored()
    offset_min = st.context.timezone_offset  # of the browser, west of UTC; None where there is none
    with session.workspace().read() as connection:
        wanted = looks.needed(connection)
        assigned = assignments.all_assignments(connection)
        team = None
        if scored:
            team = team_work(
                connection, read_scored_run(connection, *scored), min_p_wrong=WORTH_HEARING, also=reviewer,
                utc_offset_min=-int(offset_min or 0),
            )  # fmt: skip
if team is None:
    st.info("No run is scored yet, so there is nothing to do. Train one first.", icon=":material/model_training:")
else:
    workload.mine(next((work for work in team.people if work.name == reviewer), None))
    workload.everybody(team, wanted)
needed_looks.panel(wanted)
assigning.panel(assigned, [work.name for work in team.people] if team else [reviewer])
