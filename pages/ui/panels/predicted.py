"""The predictions of new recordings: how far they are, what came of them, and their tables to take along."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import pandas as pd
import streamlit as st

from labeling import runs
from labeling.errors import FormatError
from labeling.records import Run
from models import worker
from models.prediction import jobs, tables
from pages.ui import session
from pages.ui.panels import active_job
from pages.ui.panels.active_job import ACTIVE

SHOWN = 8
MOST_ROWS = 1000
ICONS = {"done": ":material/check_circle:", "stopped": ":material/stop_circle:"}


def running(every: Sequence[Run]) -> None:
    """What waits or runs, and how far it is."""
    active_job.show(every, _running_title, _words, "It ends in a moment; recordings that are done are kept")


def ended(every: Sequence[Run]) -> None:
    """What ended, newest first, with its tables."""
    past = [job for job in every if job.status not in ACTIVE]
    if not past:
        return
    st.markdown("#### Ended")
    for job in past[:SHOWN]:
        icon = ICONS.get(job.status, ":material/error:")
        with st.expander(_title(job), icon=icon, key=f"ended:{job.id}", on_change="rerun") as shown:
            if shown.open:
                _result(job)
    if len(past) > SHOWN:
        st.caption(f"{len(past) - SHOWN} more lie in {session.plain(str(session.workspace().root / jobs.FOLDER))}.")


def _run_of(job: Run) -> str:
    return str(job.request.get("run", ""))


def _title(job: Run) -> str:
    when = job.ended_at[:16].replace("T", " ")
    words = f"**{jobs.name_of(job)}** by {session.plain(_run_of(job))}, {job.status}"
    if job.status == "done":
        count, failed = int(job.metrics.get("recordings", 0)), int(job.metrics.get("failed", 0))
        words += f": {count:,} recording{'s' * (count != 1)}" + (f", {failed:,} of them not read" if failed else "")
    return f"{words} ({session.plain(when)})"


def _running_title(job: Run) -> str:
    return f"Prediction **{jobs.name_of(job)}** by {session.plain(_run_of(job))}"


def _words(job: Run) -> str:
    phase = "Waiting for a worker" if job.status == "queued" else str(job.progress.get("phase", "starting"))
    left_s = job.progress.get("eta_s")
    return f"{phase}, about {max(1, round(left_s / 60))} min left" if left_s and left_s > 90 else phase


def _result(job: Run) -> None:
    workspace = session.workspace()
    out = jobs.folder_of(workspace, jobs.name_of(job)) / jobs.TABLES
    if job.error:
        st.error(session.plain(job.error), icon=":material/error:")
    if lines := job.metrics.get("lines"):
        st.caption("  \n".join(session.plain(str(line).strip()) for line in lines))
    if seen := int(job.metrics.get("in_collection", 0)):
        st.warning(
            f"{seen:,} of the recordings are clips of the collection, which the networks were trained on: their "
            "probabilities are too good.",
            icon=":material/warning:",
        )
    if rows := tables.Summary(out).rows:
        _tables(jobs.name_of(job), out, rows)
    foot = st.container(horizontal=True)
    if rows:
        foot.download_button(
            "Download all tables", partial(tables.zipped, out), f"prediction-{jobs.name_of(job)}.zip",
            "application/zip", key=f"zip:{job.id}", type="primary", icon=":material/download:", on_click="ignore",
            help="As the command line writes them: segments (CSV), Raven and Audacity events of each recording; and "
            "clips.csv, segments.csv and events.csv of all.",
        )  # fmt: skip
    if job.status in ("stopped", "failed") and foot.button(
        "Go on", key=f"again:{job.id}", icon=":material/play_arrow:"
    ):
        with session.messages():
            runs.requeue(workspace, job.id)
            worker.ensure_worker(workspace)
        st.rerun()
    if foot.button("Remove", key=f"remove:{job.id}", icon=":material/delete:",
                   help="The tables, and the recordings that were sent for it."):  # fmt: skip
        with session.messages():
            jobs.remove(workspace, jobs.name_of(job))
        st.rerun()


def _tables(name: str, out: Path, rows: dict[str, tuple[object, ...]]) -> None:
    """The recordings, their classes, and their events; the first thousand rows of each."""
    try:
        highest = pd.DataFrame(islice(tables.highest_in(out), MOST_ROWS + 1))
        events = pd.DataFrame([vars(found) for found in islice(tables.events_in(out), MOST_ROWS)])
    except FormatError as problem:
        st.error(session.plain(str(problem)), icon=":material/error:")
        return
    kinds = ["Recordings", "Highest probability", "Events"]
    kind = st.segmented_control("Show", kinds, default="Events" if len(events) else "Recordings", required=True,
                                key=f"show:{name}", label_visibility="collapsed")  # fmt: skip
    if kind == "Recordings":
        shown = pd.DataFrame(islice(rows.values(), MOST_ROWS), columns=tables.SUMMARY_COLUMNS)
        shown = shown.drop(columns="path")
    elif kind == "Events":
        shown = events.rename(columns={"label": "class", "start_s": "start (s)", "end_s": "end (s)"})
    else:
        shown = highest[1:].set_axis(highest.iloc[0].tolist() if len(highest) else [], axis=1)
    if shown.empty:
        st.caption("No class reached its threshold anywhere." if kind == "Events" else "No recording was read.")
        return
    st.dataframe(shown, hide_index=True, height="content" if len(shown) <= 10 else 380)
    if len(shown) == MOST_ROWS:
        st.caption(f"The first {MOST_ROWS:,} rows; the download has all.")
