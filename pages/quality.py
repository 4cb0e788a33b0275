"""How good the labels are, how sure that is, and when to stop: one sentence a question."""

from contextlib import suppress

import streamlit as st

from labeling import runs
from labeling.errors import ArtefactError
from labeling.quality.scored_run import read_scored_run
from labeling.replay import jobs
from labeling.runs import leaks
from pages.ui import session
from pages.ui.panels import learning, noise, quality, replay

st.title("Label quality")
with session.messages():
    workspace = session.workspace()
    scored = session.scored()
    with workspace.read() as connection:
        every_run = runs.all_runs(connection)
        scored_run = read_scored_run(connection, *scored) if scored else None
if scored_run is None:
    st.info(
        "No run is scored yet. Train one first: where a network that never saw a clip disagrees with its labels, "
        "one of them may be wrong, and this page tells how many.",
        icon=":material/model_training:",
    )
    st.page_link("retrain.py", label="Train a run", icon=":material/arrow_forward:")
    learning.panel()
    if jobs.kept(workspace):  # those of what to label next need no run
        st.markdown("#### Which order finds most?")
        replay.panel()
    st.stop()

run = next(candidate for candidate in every_run if candidate.id == scored_run.run_id)
root = str(workspace.root)
with session.messages():
    facts = quality.facts_of(root, scored_run)
    hour = quality.hour_of(root, scored_run, session.reviewer())
    names = quality.names_of()
report: leaks.LeakReport | None = None  # what is wrong with a run's predictions is said where they are used
with suppress(ArtefactError):
    report = quality.leaks_of(root, run.id, run.ended_at, leaks.known_position(workspace))
st.caption(
    session.plain(f"Run {run.id}, scored by {scored_run.scorer}; ")
    + f"{facts.decided:,} {'verdict' if facts.decided == 1 else 'verdicts'} on its suspects."
)
quality.speaking(scored_run)

quality.next_ones(facts, hour)
quality.how_many(facts, names)
noise.panel(run.id, run.ended_at, scored_run.position)
quality.may_i_stop(facts)
quality.trusted(facts, report, quality.warning_of(run, every_run))
quality.helped(root, every_run, scored_run.position)
learning.panel()
st.markdown("#### Which order finds most?")
replay.panel()
