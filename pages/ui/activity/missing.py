"""What the Activity page cannot show: recordings without a time, and those that cannot be heard here."""

from __future__ import annotations

import os

import pandas as pd
import streamlit as st

from labeling.collection import allowed
from labeling.collection.importing import import_collection
from labeling.errors import DataError, EarmarkError
from models.prediction import jobs
from pages.ui import session
from pages.ui.routes.activity_json import ActivityQuery, Laid

SHOWN = 500


def show(query: ActivityQuery, laid: Laid) -> None:
    """Say it, where there is something to say."""
    _unheard(query, laid)
    if unplaced := laid.where.unplaced:
        count = f"In no hour, as nothing says when: {len(unplaced):,} of {len(laid.windows.recordings):,} recordings"
        with st.expander(count, icon=":material/event_busy:"):
            table = pd.DataFrame(unplaced[:SHOWN], columns=["recording", "why"])
            st.dataframe(table, hide_index=True, height="content" if len(table) <= 10 else 300)
            if len(unplaced) > SHOWN:
                st.caption(f"The first {SHOWN:,}.")
    offsets = laid.where.offsets_min
    if len(offsets) > 1 and not query.zone:
        told = ", ".join(f"{value // 60:+03d}:{value % 60:02d}" for value in offsets[:6])
        st.caption(
            f"File names give several offsets from UTC ({told}); to compare hours, choose a time under “Times and "
            "sites”."
        )


def _unheard(query: ActivityQuery, laid: Laid) -> None:
    missing = [one for one in laid.windows.recordings if not one.clip_id]
    if not missing:
        return
    count = f"{len(missing):,} of {len(laid.windows.recordings):,} recordings are"
    st.warning(
        f"{count if len(missing) > 1 else 'One recording is'} not in the collection, and cannot be listened to here.",
        icon=":material/hearing_disabled:",
    )
    if not (query.source.isdecimal() and session.may("page importing")):
        return
    if st.button("Import them without labels", icon=":material/input:", key="activity_import",
                 help="Nothing is copied: the collection then knows where they lie."):  # fmt: skip
        with st.spinner("Reading the recordings"):
            try:
                bring(query.source)
            except EarmarkError as problem:
                st.error(session.plain(str(problem)), icon=":material/error:")
                return
        st.rerun()


def bring(source: str) -> None:
    """Import the folders that a prediction was made of. Raises DataError where it was made of single files."""
    session.check("page importing")
    workspace = session.workspace()
    job = next(job for job in jobs.predictions(workspace) if jobs.name_of(job) == source)
    folders = [path for path in map(str, job.request.get("audio", ())) if os.path.isdir(os.path.expanduser(path))]
    if not folders:
        raise DataError(
            "the prediction was made of single files; import the folder that holds them, on the Import page"
        )
    for folder in folders:
        import_collection(
            workspace, folder, format="recordings", below=(*allowed.folders(workspace), allowed.real(folder))
        )
