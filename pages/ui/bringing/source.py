"""Where a collection on its way in lies; files that came from the browser are kept in the workspace."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from labeling.collection import allowed
from labeling.errors import EarmarkError
from labeling.external import uploads
from labeling.file_names import AUDIO_SUFFIXES
from pages.ui import session

SUFFIXES = (*uploads.SUFFIXES, ".jsonl", ".textgrid", ".data", ".xml", ".tab", *AUDIO_SUFFIXES)
UPLOADS = "uploads"
SOURCE, SEEN = "import:source", "import:seen"


@dataclass(frozen=True)
class Source:
    """Where the collection lies, and what was chosen of how to read it.

    ``sent`` is the folder of files that came from this browser; ``tables`` are those of which one must be chosen.
    """

    path: str
    audio: str | None = None
    format: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    sent: str = ""
    tables: tuple[str, ...] = ()


def chosen() -> Source | None:
    """What was given last in this session, and not imported yet."""
    source: Source | None = st.session_state.get(SOURCE)
    return source


def choose(source: Source | None) -> None:
    """Go on with this one. Files that were sent for another, and not imported, are deleted."""
    before = chosen()
    if before is not None and before.sent and (source is None or source.sent != before.sent):
        shutil.rmtree(before.sent, ignore_errors=True)
    imported(source)


def imported(then: Source | None = None) -> None:
    """Leave the one that was given last as it is: its files are the workspace's now."""
    st.session_state.pop(SEEN, None)
    st.session_state.pop(SOURCE, None)
    if then is not None:
        st.session_state[SOURCE] = then


def receive(files: Sequence[UploadedFile]) -> tuple[str, str]:
    """Keep files from the browser, as the clips' sound may be among them: (what to read, the folder of all)."""
    folder = session.workspace().root / UPLOADS / uuid.uuid4().hex[:8]
    try:
        uploads.write_files([(file.name, file) for file in files], folder, SUFFIXES, "file that Earmark reads")
    except EarmarkError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return str(inside[0] if len(inside) == 1 else folder), str(folder)


def below(source: Source) -> tuple[str, ...]:
    """The folders whose files may be read for it."""
    beside = os.path.dirname(source.path) if os.path.isfile(source.path) else source.path
    return (*allowed.folders(session.workspace()), beside, *([source.audio] if source.audio else []))


def shown(source: Source, path: str) -> str:
    """What to call a path of it: the user knows nothing of where sent files are kept."""
    if not source.sent or not Path(path).is_relative_to(source.sent):
        return path
    return "the files that were sent" if path == source.sent else str(Path(path).relative_to(source.sent))
