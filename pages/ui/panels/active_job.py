"""Jobs that wait or run: the name of each, how far it is, and a button that stops it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from labeling import runs
from labeling.records import Run
from models import worker
from pages.ui import session

ACTIVE = ("queued", "running")


def show(every: Sequence[Run], title: Callable[[Run], str], words: Callable[[Run], str], stopped: str) -> None:
    """Those of the jobs that wait or run; a worker is there for them.

    ``title`` is Markdown; ``words`` say how far a job is, ``stopped`` what is kept of it where one stops it.
    """
    if any(job.status == "queued" for job in every):
        with session.messages():
            worker.ensure_worker(session.workspace())  # one queued before a restart goes on
    for job in every:
        if job.status in ACTIVE:
            _watch(job.id, title, words, stopped)


@st.fragment(run_every="2s")
def _watch(job_id: str, title: Callable[[Run], str], words: Callable[[Run], str], stopped: str) -> None:
    """A job, anew every two seconds, and the whole page once it ended."""
    with session.messages():
        session.check("page predict")  # all of these are an owner's
        workspace = session.workspace()
    with session.messages(), workspace.read() as connection:
        job = runs.get_job(connection, job_id)
    if job is None or job.status not in ACTIVE:
        st.rerun(scope="app")
    with st.container(border=True):
        head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
        head.markdown(title(job), width="content")
        if head.button("Stop", key=f"stop:{job.id}", icon=":material/stop:", disabled=job.stop_requested):
            with session.messages():
                runs.request_stop(workspace, job.id)
            st.toast(stopped)
        st.progress(min(1.0, float(job.progress.get("fraction") or 0)), session.plain(words(job)))
