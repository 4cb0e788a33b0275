"""The form that says where a collection is."""

from __future__ import annotations

import os
import shlex
import sys

import streamlit as st

from labeling.collection import allowed
from labeling.collection.formats import formats
from labeling.errors import EarmarkError
from labeling.external import uploads
from pages.ui import session
from pages.ui.bringing.source import Source, choose, receive
from pages.ui.bringing.storing import REPORT

BY_ITSELF = "Found by itself"


def where() -> None:
    """Files that are dropped, or a path; what is given is looked at by found.py."""
    readable = [name for name, known in formats if known.reads]
    st.markdown(
        f"Earmark reads {len(readable)} formats, from BirdCLEF, ESC-50 and any table to Raven, Audacity, AOEF, Label "
        "Studio and Hugging Face, and finds out which one it is. The sound stays where it is, and no file of yours is "
        "changed." + (f" It may lie anywhere in {session.plain(session.home())}." if session.home() else "")
    )
    with st.form("import", border=True):
        files = st.file_uploader(
            "Files from this computer", accept_multiple_files=True, max_upload_size=uploads.MOST_MB, key="import:files",
            help="A table, files of annotations, or a zip of a whole collection with its sound.",
        )  # fmt: skip
        path = st.text_input("… or a folder or table on the server", placeholder="/data/birdclef-2025")
        left, right = st.columns(2)
        audio = left.text_input("Audio folder, if it is not beside the table", placeholder="found by itself")
        chosen = right.selectbox("Format", [BY_ITSELF, *readable], key="import:format")
        go = st.form_submit_button("Look at it", type="primary", icon=":material/visibility:")
    if not go:
        return
    st.session_state.pop(REPORT, None)
    choose(None)
    if bool(files) == bool(path.strip()):
        st.error("Give either files from this computer or a path on the server.", icon=":material/error:")
        return
    try:
        sound = session.to_import(audio) if audio.strip() else None
        place, sent = receive(files) if files else (session.to_import(path), "")
        choose(Source(place, sound, None if chosen == BY_ITSELF else chosen, sent=sent))
    except allowed.NotAllowed as problem:
        st.error(session.plain(str(problem)), icon=":material/folder_off:")
        _how_to_allow(path.strip(), problem.folder)
    except EarmarkError as problem:
        st.error(session.plain(str(problem)), icon=":material/error:")


def _how_to_allow(path: str, folder: str) -> None:
    """The two commands that lead on, ready to be copied."""
    root, python = str(session.workspace().root.resolve()), os.path.relpath(sys.executable)
    st.markdown("Whoever runs the app can bring it in from a terminal, and the app goes on running:")
    st.code(shlex.join([python, "-m", "labeling", "import", path, "--workspace", root]), language="bash")
    st.markdown("Or stop the app, and start it so that this form may read there:")
    st.code(
        shlex.join([python, "-m", "streamlit", "run", "app.py", "--", "--workspace", root, "--allow", folder]),
        language="bash",
    )
