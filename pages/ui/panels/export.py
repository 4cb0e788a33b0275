"""Write the corrected labels into a folder of the server, say what became of them, and hand them over as a zip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from labeling.journal.exporting import export_labels, zipped
from labeling.records import LabelVersion
from pages.ui import session

EXPORTED = "export:done"


def panel(known: Sequence[LabelVersion], formats: Sequence[str], words: Mapping[int, str]) -> None:
    """The form, and what was exported last in this session; ``words`` name the versions."""
    with st.form("export", border=True):
        left, right = st.columns(2)
        format = left.selectbox(
            "Format", formats, help="The columns that came in; rows without a change keep every byte."
        )
        number = right.selectbox(
            "Labels of", [version.number for version in reversed(known)], format_func=lambda n: words[n]
        )
        out = st.text_input(
            "Folder on the server", value=str(session.workspace().exports / f"version-{known[-1].number}"),
            help="The files are written there, and can be downloaded from here.",
        )  # fmt: skip
        export = st.form_submit_button("Export", icon=":material/output:", key="export")
    if export:
        st.session_state.pop(EXPORTED, None)
        with session.messages():
            report = export_labels(
                session.workspace(), Path(session.typed(out)), format=format, version=number,
                exported_by=session.reviewer(),
            )  # fmt: skip
            st.session_state[EXPORTED] = report, zipped(report)
    if EXPORTED not in st.session_state:
        return
    report, packed = st.session_state[EXPORTED]
    first, *more = report.lines()
    st.success(session.plain(first), icon=":material/check_circle:")
    if more:
        st.info("\n\n".join(session.plain(line) for line in more), icon=":material/info:")
    name = f"{session.workspace().root.name}-version-{report.version.number}.zip"
    st.download_button(
        f"Download ({_size(len(packed))})", packed, name, "application/zip",
        key="export:zip", type="primary", icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    st.code("\n".join(str(file) for file in report.files), language=None)


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MB" if count >= 2**20 else f"{max(1, round(count / 1024))} kB"
