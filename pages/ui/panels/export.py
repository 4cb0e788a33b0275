"""Write the corrected labels into a folder of the server, say what became of them, and hand them over as a zip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from labeling.collection.formats import formats
from labeling.journal.exporting import ExportReport, export_labels, zipped
from labeling.records import LabelVersion
from pages.ui import session

EXPORTED = "export:done"
MOST_SHOWN = 20


def panel(known: Sequence[LabelVersion], came_in: Sequence[str], words: Mapping[int, str]) -> None:
    """The form, and what was exported last in this session; ``words`` name the versions."""
    if not session.may_here("export"):
        return
    anew = [name for name, each in formats if each.export is not None and name not in came_in]
    with st.container(border=True):  # no form: what is asked depends on the formats
        left, right = st.columns(2)
        chosen = left.multiselect(
            "Formats",
            [*came_in, *anew],
            default=list(came_in),
            key="export:formats",
            placeholder="as it came in",
            format_func=lambda name: f"{name}, as it came in" if name in came_in else name,
            help="What came in keeps every byte but those of corrected labels. What another format cannot hold is "
            "listed beside it.",
        )
        given = _options(chosen)
        number = right.selectbox(
            "Labels of", [version.number for version in reversed(known)], format_func=lambda n: words[n]
        )
        out = st.text_input(
            "Folder on the server", value=str(session.workspace().exports / f"version-{known[-1].number}"),
            help="The files are written there, and can be downloaded from here.",
        )  # fmt: skip
        export = st.button("Export", icon=":material/output:", key="export")
    if export:
        st.session_state.pop(EXPORTED, None)
        with session.messages():
            paths = {option for name in chosen for option in formats.get(name).takes_files}
            options = {name: session.typed(text) if name in paths else text for name, text in given.items()}
            report = export_labels(
                session.workspace(), Path(session.typed(out)), format=chosen, version=number,
                exported_by=session.reviewer(), options=options,
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
    st.code("\n".join([str(report.folder), *_inside(report)]), language=None, wrap_lines=True)


def _options(chosen: Sequence[str]) -> dict[str, str]:
    """What these formats take, as far as somebody gives it."""
    given = {
        option: st.text_input(f"{name}: {words}", key=f"export:{name}:{option}", placeholder="as usual").strip()
        for name in chosen
        for option, words in formats.get(name).takes.items()
    }
    return {option: text for option, text in given.items() if text}


def _inside(report: ExportReport) -> list[str]:
    """What lies in the folder of an export: its files, and how many are in each folder below it."""
    first = [file.relative_to(report.folder).parts for file in report.files]
    files = [parts[0] for parts in first if len(parts) == 1]
    folders = Counter(parts[0] for parts in first if len(parts) > 1)
    more = [f"and {len(files) - MOST_SHOWN:,} more"] if len(files) > MOST_SHOWN else []
    told = (f"{name}/  {count:,} {'file' if count == 1 else 'files'}" for name, count in folders.items())
    return [f"  {line}" for line in (*files[:MOST_SHOWN], *more, *told)]


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MB" if count >= 2**20 else f"{max(1, round(count / 1024))} kB"
