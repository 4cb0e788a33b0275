"""Bring a sound file to search with."""

from __future__ import annotations

import streamlit as st

from labeling.embeddings.space import SpaceFacts
from labeling.file_names import AUDIO_SUFFIXES
from labeling.search.brought import LOUDEST, MOST_S
from models.frozen import bringing
from pages.ui import session

SENT = "similar:sent"
"""How many files this session brought: the box is a new, empty one after each."""


def upload(facts: SpaceFacts) -> list[str]:
    """A box for a file; the names of the sounds that were brought just now."""
    if not bringing.can_hear(facts):
        st.caption("A file can be brought to a space that was made here; the model of this one is not.")
        return []
    files = st.file_uploader(
        f"A sound file, at most {MOST_S:.0f} s; the loudest {LOUDEST} stretches of it are looked for",
        [suffix.removeprefix(".") for suffix in AUDIO_SUFFIXES], max_upload_size=bringing.MOST_MB,
        accept_multiple_files=True, key=f"similar:files:{st.session_state.get(SENT, 0)}",
    )  # fmt: skip
    if not files:
        return []
    with st.spinner("Hearing it…"):
        names = [bringing.bring(session.workspace(), facts, file.getvalue(), file.name) for file in files]
    st.session_state[SENT] = st.session_state.get(SENT, 0) + 1
    return names
