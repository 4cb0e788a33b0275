"""Ask for a prediction of new recordings: which, by which run, what counts as an event, and what else is known."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from labeling import runs
from labeling.collection import allowed
from labeling.errors import EarmarkError
from labeling.external import uploads
from labeling.file_names import AUDIO_SUFFIXES
from labeling.predictions.oof import read_oof
from labeling.records import Run
from labeling.storage.files import write_atomically
from models import worker
from models.prediction import jobs, thresholds
from models.prediction.jobs import PredictionRequest
from models.prediction.sources import BatchSettings
from pages.ui import session
from pages.ui.training import priors, run_words

RULES = {
    "per_class": "Each class its own (best F1 out of fold)",
    "global": "One for every class",
    "quantile": "So many of the cells lie above it",
    "clip_and_frame": "Both the window and the frame",
    "two": "A low one for the window, a lower one for the frame",
}


NUMBERS = {
    "P": "Threshold", "STRENGTH": "Drawn to the common one as if by so many clips", "Q": "Share of the cells",
    "CLIP": "Window", "FRAME": "Frame", "LONG": "Window", "SHORT": "Frame",
}  # fmt: skip
SENT = "predict:sent"
"""How many predictions this session asked for: the box of files is a new, empty one after each."""


def form(done: Sequence[Run], every_run: Sequence[Run]) -> None:
    """The form, and a button that queues what it says."""
    by_id = {run.id: run for run in done}
    words = {run.id: run_words.purpose(run, every_run) for run in done}
    named = {run_id: run_id if text == "training" else f"{run_id}: {text}" for run_id, text in words.items()}
    with st.container(border=True):
        left, right = st.columns(2)
        run = by_id[left.selectbox("Run", list(by_id), format_func=named.__getitem__, key="predict:run")]
        rule = right.selectbox(
            "What counts as an event: a threshold for", thresholds.RULES.names(),
            index=thresholds.RULES.names().index(thresholds.DEFAULT_RULE),
            format_func=lambda name: RULES.get(name, name), key="predict:rule",
        )  # fmt: skip
        with right:
            text = _threshold(rule)
        files = st.file_uploader(
            "Recordings from this computer", [suffix.removeprefix(".") for suffix in (*AUDIO_SUFFIXES, ".zip")],
            accept_multiple_files=True, max_upload_size=uploads.MOST_MB,
            key=f"predict:files:{st.session_state.get(SENT, 0)}",
            help="Many in one zip, whose folders are kept. They stay with the prediction until it is removed.",
        )  # fmt: skip
        path = st.text_input(
            "… or a file or folder on the server", placeholder="/data/field-recordings", key="predict:path"
        )
        with st.expander("What the thresholds are, and what they make of the collection", icon=":material/tune:",
                         key="predict:thresholds", on_change="rerun") as shown:  # fmt: skip
            if shown.open:
                _thresholds(run, text)
        with st.expander("More settings: segments, classes, priors", icon=":material/settings:"):
            settings, about = _settings(run, text)
        ready = bool(files) or bool(path.strip())
        if st.button("Predict", type="primary", icon=":material/batch_prediction:", key="predict", disabled=not ready):
            if files and path.strip():
                st.error("Give either recordings from this computer or a path on the server.", icon=":material/error:")
            else:
                _queue(run, settings, files or [], path, about)
        if not ready:
            st.caption("Give recordings from this computer, or a path on the server.")


def _threshold(name: str) -> str:
    """A rule with its numbers, as the command line writes it; a box left empty is fitted."""
    kind = thresholds.RULES.get(name)
    low, high = kind.bounds
    numbers = []
    places = kind.numbers.split(",")
    for column, what, default in zip(st.columns(len(places)), places, kind.defaults, strict=True):
        label = NUMBERS.get(what, what.capitalize()) + (" (empty: the best F1 out of fold)" if default is None else "")
        step = 0.05 if high <= 1 else 1.0
        key = f"predict:{name}:{what}"
        number = column.number_input(
            label, float(low), float(high), default, step, format="%g", help=kind.summary, key=key
        )
        numbers.append(number)
    given = [f"{number:g}" for number in numbers if number is not None]
    return f"{name}:{','.join(given)}" if given else name


def _thresholds(run: Run, text: str) -> None:
    """Each class's threshold, and how its decisions agree with the labels that the run was trained on."""
    with session.messages():
        words, table = _outcome(str(session.workspace().root), run.id, run.ended_at, text)
    st.markdown(session.plain(words))
    share = st.column_config.NumberColumn(format="%.2f")
    st.dataframe(table, hide_index=True, column_config=dict.fromkeys(("precision", "recall", "F1"), share))
    st.caption(
        "Of the collection's clips, each predicted by networks that never saw it, against the labels that the run was "
        "trained on. The same labels chose the thresholds, so new recordings do a little worse."
    )


@st.cache_data(show_spinner="Fitting thresholds", max_entries=16)
def _outcome(root: str, run_id: str, ended_at: str, text: str) -> tuple[str, pd.DataFrame]:
    workspace = session.workspace()
    with workspace.read() as connection:
        run = runs.get_run(connection, run_id)
    classes = read_oof(workspace.run_dir(run_id) / "oof.zarr").classes
    rule, evidence = thresholds.fitted_rule(workspace, run, classes, text)
    counts = thresholds.outcome(rule, evidence or thresholds.evidence_of(workspace, run).select(classes))
    both, decided, listed = (getattr(counts, name).astype(float) for name in ("both", "decided", "listed"))
    table = pd.DataFrame({"class": classes, "threshold": rule.frame_threshold.round(4)})
    if rule.clip_threshold is not None:
        table["of the window"] = rule.clip_threshold
    table["clips that list it"] = counts.listed
    table["clips decided"] = counts.decided
    table["precision"], table["recall"] = both / _above_0(decided), both / _above_0(listed)
    table["F1"] = 2 * both / _above_0(decided + listed)
    return rule.text, table


def _above_0(counts: pd.Series) -> pd.Series:
    return pd.Series(counts).where(pd.Series(counts) > 0)


def _settings(run: Run, text: str) -> tuple[BatchSettings, UploadedFile | None]:
    columns = st.columns(3)
    segment_s = columns[0].number_input("Seconds a segment", 0.01, 3600.0, 5.0, 1.0, key="predict:segment")
    gap_s = columns[1].number_input("Events closer than this (s) are one", 0.0, 3600.0, 0.5, 0.1, key="predict:gap")
    shortest_s = columns[2].number_input("Events shorter (s) are none", 0.0, 3600.0, 0.1, 0.1, key="predict:shortest")
    with session.messages():
        classes = read_oof(session.workspace().run_dir(run.id) / "oof.zarr").classes
    kept = st.multiselect("Only these classes", classes, placeholder="all", key="predict:classes")
    post, strength = priors.choose("predict")
    about = None
    if "place_date" in post:
        about = st.file_uploader(
            "Where and when: a CSV with filename, latitude, longitude, date",
            ["csv"],
            max_upload_size=20,
            key="predict:about",
        )
    return BatchSettings(segment_s, text, tuple(kept) or None, gap_s, shortest_s, post, strength), about


def _queue(
    run: Run, settings: BatchSettings, files: Sequence[UploadedFile], path: str, about: UploadedFile | None
) -> None:
    """Keep what was sent, and queue the prediction; nothing of it stays where it cannot be asked for."""
    workspace = session.workspace()
    with session.messages():
        name = jobs.new_name(workspace)
        folder = jobs.folder_of(workspace, name)
        try:
            if about is not None:
                settings = replace(settings, about=write_atomically(folder / "about.csv", about.getvalue()))
            audio = str(folder / jobs.SENT) if files else session.typed(path)
            if files:
                sent = [(file.name, file) for file in files]
                uploads.write_files(sent, Path(audio), (*AUDIO_SUFFIXES, ".zip"), "sound or .zip")
            below = allowed.folders(workspace)
            jobs.enqueue_prediction(workspace, PredictionRequest(run.id, (audio,), settings, below), name)
        except EarmarkError as problem:
            shutil.rmtree(folder, ignore_errors=True)
            text = str(problem).replace(f"--audio {str(folder / jobs.SENT)!r}", "what was sent")
            st.error(session.plain(text), icon=":material/error:")
            return
        worker.ensure_worker(workspace)
    st.session_state[SENT] = st.session_state.get(SENT, 0) + 1
    st.toast(f"Prediction {name} is queued")
    st.rerun()
