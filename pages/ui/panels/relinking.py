"""Find the files of clips that are gone from their place."""

import streamlit as st

from labeling.collection.relinking import relink
from labeling.errors import EarmarkError
from pages.ui import session


def show() -> None:
    """A form: the folder below which to look, and what was found there."""
    if not session.may_here("relink files"):
        return
    st.markdown(
        "Files that were moved, or were not there at the import, are found again by their names and their bytes. "
        "Labels and decisions stay as they are."
    )
    with st.form("relink", border=True):
        folder = st.text_input("Folder on the server below which to look", placeholder="their old places")
        again = st.checkbox(
            "Read the files that are at their place again too",
            help="Lengths and channels of clips that came in by an older Earmark may be wrong.",
        )
        go = st.form_submit_button("Relink", icon=":material/link:")
    if not go:
        return
    try:
        with st.spinner("Reading files"):
            found = session.typed(folder) if folder.strip() else ""
            report = relink(session.workspace(), found, again=again)
    except EarmarkError as problem:
        st.error(session.plain(str(problem)), icon=":material/error:")
        return
    st.code(report.text(), language=None)
    if (report.relinked or report.changed) and st.button("Show them"):
        st.rerun()
