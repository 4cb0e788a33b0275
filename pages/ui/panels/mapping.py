"""Make the map of a space: the button, what it asks, and the job while it is on its way."""

from __future__ import annotations

import streamlit as st

from labeling.landscape.projection import has_projection, is_out_of_date
from labeling.records import Run
from models import worker
from models.mapping import jobs
from models.mapping.jobs import MapRequest
from pages.ui import session
from pages.ui.panels import active_job
from pages.ui.panels.active_job import ACTIVE


def make_button(space: str) -> None:
    """Offer the map of a space to who may make it."""
    if not session.may("make maps"):
        return
    with session.messages():
        made = has_projection(session.workspace(), space)
        on_its_way = any(job.status in ACTIVE for job in _jobs_of(space))
    words = "Make the map anew" if made else "Make the map"
    with st.popover(words, icon=":material/scatter_plot:", disabled=on_its_way, type="tertiary" if made else "primary"):
        if not jobs.is_installed():
            st.caption('This needs umap-learn on the server: `pip install ".[map]"`.')
            return
        st.caption("UMAP lays what sounds alike together; it takes a minute for ten thousand stretches, on one core.")
        neighbours = st.slider("Neighbours", *jobs.NEIGHBOURS, 15, key="map_neighbours",
                               help="Few show detail, many the large shape.")  # fmt: skip
        min_dist = st.slider("Least distance", 0.0, 1.0, 0.1, key="map_min_dist", help="How close points may come.")
        seed = st.number_input("Seed", 0, 2**31, 0, key="map_seed", help="The same seed gives the same map.")
        if st.button("Make it", key="map_make", icon=":material/play_arrow:"):
            with session.messages():
                session.check("make maps")
                jobs.enqueue_map(session.workspace(), MapRequest(space, int(seed), neighbours, min_dist))
                worker.ensure_worker(session.workspace())
            st.rerun()


def jobs_on_the_way(space: str) -> None:
    """The job that makes this map, its failure, and whether the map is out of date."""
    with session.messages():
        every = _jobs_of(space)
        workspace = session.workspace()
        out_of_date, made = is_out_of_date(workspace, space), has_projection(workspace, space)
    active = [job for job in every if job.status in ACTIVE]
    if session.may("make maps"):
        active_job.show(active, _title, jobs.words, "The map ends in a moment; the one before stays")
    if active:
        return
    if every and every[0].status == "failed":
        st.warning(session.plain(f"The map was not made: {jobs.words(every[0])}"), icon=":material/warning:")
    if out_of_date:
        st.info("The space has changed since its map was made; until it is made anew, its first two principal "
                "components are shown.", icon=":material/info:")  # fmt: skip
    elif not made:
        st.caption("These are the first two principal components: what differs most is apart, the rest is not seen. "
                   "A map of its own shows more.")  # fmt: skip


def _jobs_of(space: str) -> list[Run]:
    return [job for job in jobs.map_jobs(session.workspace()) if job.id == jobs.PREFIX + space]


def _title(job: Run) -> str:
    return f"**{session.plain(job.id)}**"
