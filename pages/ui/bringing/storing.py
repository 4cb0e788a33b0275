"""The import itself, with what becomes of labels that changed, and its report."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from labeling.collection.importing import import_collection
from labeling.collection.report import no_usable
from labeling.errors import EarmarkError
from pages.ui import session
from pages.ui.bringing.source import Source, below, imported

CHANGED_LABELS = {
    "keep": "Keep the earlier ones, and list what changed",
    "take": "Take the new ones, where nobody decided",
    "suspects": "Ask: list what differs among the suspects",
}
REPORT = "import:report"


def store(source: Source, clips: int, place: DeltaGenerator, *, again: bool) -> None:
    """The button that stores a collection that was looked at; ``again`` where the workspace has labels already.

    How far the import is shows at ``place``.
    """
    with st.form("import:store", border=True):
        labels = "keep"
        if again:
            words = "Labels that the table says otherwise than an earlier import"
            labels = st.selectbox(words, list(CHANGED_LABELS), format_func=CHANGED_LABELS.__getitem__)
        go = st.form_submit_button(
            f"Import {clips:,} {'clip' if clips == 1 else 'clips'}", type="primary", icon=":material/input:",
            disabled=not clips,
        )  # fmt: skip
    if go:
        _store(source, labels, place)


def report() -> None:
    """What the import of before has brought, in this session."""
    if REPORT not in st.session_state:
        return
    text, warning = st.session_state[REPORT]
    if warning:
        st.error(session.plain(warning), icon=":material/error:")
    else:
        st.success("Imported.", icon=":material/check_circle:")
        with st.container(horizontal=True):
            st.page_link("retrain.py", label="Train on it", icon=":material/model_training:")
            st.page_link("queue.py", label="To the queue", icon=":material/format_list_numbered:")
    st.code(text, language=None, wrap_lines=True)


def _store(source: Source, labels: str, place: DeltaGenerator) -> None:
    bar = place.progress(0.0, _told(0, 0))
    try:
        done = import_collection(
            session.workspace(), source.path, format=source.format, audio=source.audio, options=source.options,
            labels=labels, below=below(source), progress=lambda done, total: _show(bar, done, total),
        )  # fmt: skip
    except EarmarkError as problem:
        bar.empty()
        st.error(session.plain(str(problem)), icon=":material/error:")
        return
    bar.empty()
    warning = "" if done.usable else no_usable(source.path, done, audio="the audio folder")
    st.session_state[REPORT] = done.text(), warning
    imported(None if done.usable else replace(source, sent=""))  # the files that were sent are the workspace's now
    st.rerun()


def _show(bar: DeltaGenerator, done: int, total: int) -> None:
    if done % 50 == 0 or done == total:
        bar.progress(done / max(1, total), _told(done, total))


def _told(done: int, total: int) -> str:
    count = f"Reading headers: {done:,} of {total:,} clips" if total else "Reading the labels"
    return f"{count}. Stay on this page until it is done: to leave it stops the import, and nothing is stored."
