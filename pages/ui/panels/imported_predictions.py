"""Bring predictions that were made elsewhere: files or a path, what is said of them, and what became of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from labeling.errors import EarmarkError
from labeling.external import LOGIT, PERCENT, PROBABILITY, readers, uploads
from labeling.external.adding import Wish
from labeling.external.importing import LONGEST_NAME, ImportRequest, import_predictions
from labeling.records import Run
from labeling.runs import out_of_fold
from labeling.workspace import CACHE
from pages.ui import session

UNITS = {PROBABILITY: "Probabilities", LOGIT: "Logits", PERCENT: "Per cent"}
BY_ITSELF = "Found by itself"
SEEN = {
    out_of_fold.ELSEWHERE: "It never saw these labels (BirdNET, say)",
    out_of_fold.CLAIMED: "Each clip was left out of the training that predicted it",
    out_of_fold.UNKNOWN: "I do not know",
}
REPORT = "bring:report"


def panel(*, expanded: bool = False) -> None:
    """The form, and the report of what was brought last in this session."""
    if not session.may_here("bring predictions"):
        return
    with st.expander("Bring your own predictions", icon=":material/upload:", key="bring_panel", expanded=expanded):
        st.markdown(
            "A table with one row per clip and one column per class (CSV, Parquet), a long table (`filename`, `class`, "
            "`probability`, and times where it has them), an `.npz`, the result tables of BirdNET-Analyzer, or the "
            "predictions in a JSON export of Label Studio. They become a run like any other."
        )
        with st.form("bring", border=False):
            files = st.file_uploader(
                "Files from this computer", [suffix.removeprefix(".") for suffix in uploads.SUFFIXES],
                accept_multiple_files=True, max_upload_size=uploads.MOST_MB, key="bring:files",
                help="A folder of results as a zip. Names of classes (columns theirs, code) and folds (filename, fold) "
                "may be among the files.",
            )  # fmt: skip
            path = st.text_input(
                "… or a file or folder on the server", placeholder="/data/birdnet-results", key="bring:path"
            )
            left, right = st.columns(2)
            seen = left.radio(
                "How was the model trained?", list(SEEN), index=2, format_func=SEEN.__getitem__, key="bring:seen"
            )
            unit = right.radio("The values are", list(UNITS), format_func=UNITS.__getitem__, key="bring:unit")
            left, right = st.columns(2)
            classes = left.text_input(
                "Names of classes, if theirs differ", placeholder="CSV with columns theirs, code", key="bring:classes"
            )
            folds = right.text_input(
                "Folds, if the file has none", placeholder="CSV with columns filename, fold", key="bring:folds"
            )
            reader = left.selectbox("Format", [BY_ITSELF, *readers.names()], key="bring:reader")
            name = right.text_input("Name", max_chars=LONGEST_NAME, placeholder="BirdNET 2.4", key="bring:name")
            analysed = st.text_input(
                "Recordings that were analysed, if the results list detections alone",
                placeholder="A list with a name a line, a table, or their folder on the server", key="bring:analysed",
                help="Where nothing was found in one of them, that is evidence of absence; so it is of classes that "
                "the table of names lists.",
            )  # fmt: skip
            left, right = st.columns(2, vertical_alignment="bottom")
            adds = left.toggle(
                "Add classes that are not here yet", key="bring:add",
                help="Off, they are passed over. On, those are added whose highest probability reaches the number.",
            )  # fmt: skip
            least = right.number_input("From this probability on", 0.0, 1.0, 0.5, 0.05, key="bring:least")
            go = st.form_submit_button("Bring", icon=":material/upload:", key="bring")
        if go and files and path.strip():
            st.error("Give either files from this computer or a path on the server.", icon=":material/error:")
        elif go and (files or path.strip()):
            with session.messages():
                chosen = ImportRequest(
                    _path(path) or Path(),
                    reader=None if reader == BY_ITSELF else reader,
                    classes=_path(classes),
                    folds=_path(folds),
                    analysed=_path(analysed),
                    name=name,
                    unit=unit,
                    claim=seen,
                    wish=Wish(least=least) if adds else Wish(),
                )
            _bring(chosen, files or [])
        _report()


def _path(text: str) -> Path | None:
    return Path(session.typed(text)) if text.strip() else None


def _bring(request: ImportRequest, files: Sequence[UploadedFile]) -> None:
    st.session_state.pop(REPORT, None)
    bar = st.progress(0.0, "Reading")
    workspace = session.workspace()
    with tempfile.TemporaryDirectory(
        prefix="upload-", dir=workspace.root / CACHE, ignore_cleanup_errors=True
    ) as folder:
        try:
            if files:
                sent = uploads.lay_out([(file.name, file) for file in files], Path(folder))
                request = replace(
                    request, path=sent.path, origin=sent.name,
                    classes=request.classes or sent.classes, folds=request.folds or sent.folds,
                )  # fmt: skip
            report = import_predictions(
                workspace,
                request,
                by=session.reviewer() or "unknown",
                tell=lambda phase, share: _show(bar, phase, share),
            )
        except EarmarkError as problem:
            bar.empty()
            text = str(problem).replace(f"{folder}/files/", "").replace(f"{folder}/files", "the upload")
            st.error(session.plain(text), icon=":material/error:")
            return
    bar.empty()
    lines, warning = report.lines(), report.honesty.warning
    st.session_state[REPORT] = (report.run_id, lines[:-1] if warning else lines, warning)
    st.rerun()  # the table above names the new run


def _show(bar: DeltaGenerator, phase: str, share: float) -> None:
    bar.progress(share, phase.capitalize())


def _report() -> None:
    if REPORT not in st.session_state:
        return
    run_id, lines, warning = st.session_state[REPORT]
    st.success("\n\n".join(session.plain(line) for line in lines), icon=":material/check_circle:")
    if warning:
        st.warning(session.plain(warning), icon=":material/warning:")
    st.page_link("queue.py", label="Open the queue", icon=":material/queue_music:", query_params={"run": run_id})


def warn(run_id: str, every_run: Sequence[Run]) -> None:
    """Say above a run's suspects where it cannot be shown to be out-of-fold."""
    run = next((candidate for candidate in every_run if candidate.id == run_id), None)
    if run is not None and (text := out_of_fold.warning_of(run, every_run)):
        st.warning(session.plain(f"Run {run_id}: {text}"), icon=":material/warning:")
