"""Start, watch and stop a training."""

import pandas as pd
import streamlit as st

from labeling import journal, runs
from labeling.collection import store
from labeling.journal import versions
from labeling.records import Run
from labeling.runs import run_folder
from models import enqueueing, worker
from models.folds.making import TooFewGroups
from pages.ui import session
from pages.ui.figures import basic
from pages.ui.panels import embedding
from pages.ui.panels.active_job import ACTIVE
from pages.ui.training import gain, recipe_form, run_words, stages

TOO_FEW = "too_few_groups"
ICONS = {
    "done": ":material/check_circle:",
    "stopped": ":material/stop_circle:",
    "failed": ":material/error:",
}


def duration(seconds: float) -> str:
    """Seconds in words, rounded as an estimate deserves."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _estimate(choice: recipe_form.Choice, hours: float, every_run: list[Run]) -> str:
    """About how long it takes on this machine, from the last run of the recipe here; else from its own figure."""
    done = [run for run in every_run if run.recipe == choice.name and run.status == "done" and not run.settings]
    if done and not choice.changes:
        last = done[-1]
        seconds = (pd.Timestamp(last.ended_at) - pd.Timestamp(last.started_at)).total_seconds()
        return f"about {duration(seconds)}, as run {last.id} took"
    if choice.recipe.cpu_hours_per_hour and choice.changed and worker.device_text().startswith("CPU"):
        cpu_hours = recipe_form.cost(choice.recipe, choice.changed) * hours
        return f"about {duration(3600 * cpu_hours)} on two free cores"
    return "how long it takes is not known before a first run here"


@st.fragment(run_every="2s")
def _watch(run_id: str, every_run: list[Run]) -> None:
    with session.messages():
        session.check("page retrain")
        with session.workspace().read() as connection:
            run = runs.get_run(connection, run_id)
    if run.status not in ACTIVE:
        st.rerun(scope="app")
    folder = session.workspace().run_dir(run.id)
    progress = run.progress
    with st.container(border=True):
        head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
        words = session.plain(run_words.purpose(run, every_run))
        head.markdown(f"**{session.plain(run.id)}** on label version {run.label_version}: {words}", width="content")
        if head.button("Stop", key=f"stop:{run.id}", icon=":material/stop:", disabled=run.stop_requested):
            runs.request_stop(session.workspace(), run.id)
            st.rerun(scope="fragment")
        if run.status == "queued":
            st.progress(0.0, "Waiting for a worker")
        elif not runs.is_alive(run):
            st.warning("Its worker has fallen silent; the next one takes the training up where it was.")
        else:
            fold = f", fold {progress['fold']} of {progress['folds']}" if progress.get("fold") else ""
            epoch = f", epoch {progress['epoch']} of {progress['epochs']}" if progress.get("epoch") else ""
            left = f", {duration(progress['eta_s'])} left" if progress.get("eta_s") else ""
            word = "Stopping after this step" if run.stop_requested else str(progress.get("phase", "starting"))
            st.progress(min(1.0, float(progress.get("fraction") or 0.0)), f"{word}{fold}{epoch}{left}")
        if progress.get("warning"):
            st.caption(f":material/warning: {session.plain(str(progress['warning']))}")
        rows = run_folder.history(folder)
        if rows:
            st.plotly_chart(basic.history_figure(pd.DataFrame(rows)), key=f"curves:{run.id}", config=basic.CONFIG)
        with st.expander("Log", icon=":material/article:", key=f"log:{run.id}", on_change="rerun") as log:
            if log.open:  # what shows it is a script of 1.5 MB, which a browser need not fetch before
                st.code(run_folder.log_tail(folder) or "nothing yet", language=None, height=260)


def _queue(choice: recipe_form.Choice, *folds: str) -> None:
    """Queue the training, with settings of its folds in place of the chosen ones; too few groups are told later."""
    own = {setting.partition("=")[0] for setting in folds}
    kept = [change for change in choice.changes if change.partition("=")[0] not in own]
    with session.messages(), st.spinner(session.CHECKING):
        try:
            queued = enqueueing.enqueue_training(
                session.workspace(), choice.name, reviewer=session.reviewer() or "unknown",
                note=f"training {choice.text}", settings=[*kept, *folds],
            )  # fmt: skip
        except TooFewGroups as few:
            offers = few.fewer, few.by_recording, str(few)
            st.session_state[TOO_FEW] = choice.name, choice.changes, *offers
        else:
            st.session_state.pop(TOO_FEW, None)
            worker.ensure_worker(session.workspace())
            st.toast(f"Run {queued.id} is queued")
    st.rerun()


def _offer_folds(choice: recipe_form.Choice) -> None:
    """Where the clips form too few groups for the folds: what can be trained all the same, a button each."""
    name, changes, fewer, by_recording, words = st.session_state.get(TOO_FEW, ("", (), 0, False, ""))
    if (name, changes) != (choice.name, choice.changes):
        return
    st.warning(session.plain(words), icon=":material/call_split:")
    with st.container(horizontal=True):
        if fewer and st.button(f"Train with {fewer} folds", key="fewer_folds"):
            _queue(choice, f"folds.folds={fewer}")
        if by_recording and st.button("Train with folds by recording", key="folds_by_recording"):
            _queue(choice, "folds.by=recording")


st.title("Retrain")
with session.messages(), session.workspace().read() as connection:
    every_run = runs.all_runs(connection)
    counts = store.collection_counts(connection)
    known = versions.all_versions(connection)
    end = journal.position(connection)
if not counts["clips"]:
    st.info("Import a collection first.", icon=":material/info:")
    st.page_link("overview.py", label="Import", icon=":material/input:")
    st.stop()
if any(run.status == "queued" for run in every_run):
    with session.messages():
        worker.ensure_worker(session.workspace())  # a training queued before a restart goes on

active = [run for run in every_run if run.status in ACTIVE]
for run in active:
    _watch(run.id, every_run)

since = end - (known[-1].position if known else 0)
if known:
    entries = f"**{since:,}** journal {'entry' if since == 1 else 'entries'} since version {known[-1].number}"
    st.markdown(f"The button freezes the labels as they are now ({entries}), and trains on them.")
else:
    st.markdown("The button freezes the labels as they are now into the first version, and trains on it.")
choice = recipe_form.choose()
_offer_folds(choice)
for line in enqueueing.warnings_of(session.workspace(), choice.changed) if choice.changed else ():
    st.warning(session.plain(line), icon=":material/warning:")
with st.container(horizontal=True, vertical_alignment="center"):
    if st.button(
        "Retrain", type="primary", icon=":material/model_training:", key="retrain", disabled=choice.changed is None
    ):
        _queue(choice)
    device = worker.device_text()
    st.markdown(f"Trains on **{session.plain(device)}**: {_estimate(choice, counts['hours'], every_run)}.")
if device.startswith("CPU"):
    st.caption("No CUDA device was found, so training runs on the CPU; `linear`, `quick` and `demo` are made for that.")

gain.start(every_run)
stages.panel(choice, every_run)
embedding.panel(every_run)

ended = [run for run in reversed(every_run) if run.status not in ACTIVE]
if ended:
    st.markdown("#### Ended")
for run in ended[:8]:
    ap = run.metrics.get("macro_ap")
    line = f"**{session.plain(run.id)}** {run.status}" + (f", macro-AP {ap:.3f}" if ap is not None else "")
    words = run_words.purpose(run, every_run)
    line += "" if words == "training" else session.plain(f" ({words})")
    with st.expander(
        line, icon=ICONS.get(run.status, ICONS["failed"]), key=f"ended:{run.id}", on_change="rerun"
    ) as shown:
        if not shown.open:
            continue  # its curves and log are read once they are asked for
        if settings := run_words.settings(run):
            st.caption(session.plain(f"Changed: {settings}"))
        if run.error:
            st.error(session.plain(run.error))
        if run.status in ("failed", "stopped") and st.button(
            "Resume", key=f"resume:{run.id}", icon=":material/play_arrow:"
        ):
            with session.messages(), st.spinner(session.CHECKING):
                enqueueing.enqueue_again(session.workspace(), run.id)
                worker.ensure_worker(session.workspace())
            st.rerun()
        folder = session.workspace().run_dir(run.id)
        if rows := run_folder.history(folder):
            st.plotly_chart(basic.history_figure(pd.DataFrame(rows)), key=f"curve:{run.id}", config=basic.CONFIG)
        st.code(run_folder.log_tail(folder) or "no log", language=None, height=220)
