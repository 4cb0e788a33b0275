"""Start, watch and stop a training."""

from typing import Any

import pandas as pd
import streamlit as st

from labeling import journal, runfiles, runs, store, versions
from labeling.records import Run
from models import jobs
from models.config import Recipe, load_recipe, recipe_names
from models.settings import MAIN_SETTINGS, Setting
from pages.ui import figures, session

ACTIVE = ("queued", "running")
DEFAULT_RECIPE = "quick"


def duration(seconds: float) -> str:
    """Seconds in words, rounded as an estimate deserves."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _value(recipe: Recipe, setting: Setting) -> float:
    section, _, name = setting.key.partition(".")
    return float(getattr(getattr(recipe, section), name))


def _form(recipe: Recipe) -> list[str]:
    """The recipe's main settings; returns the user's changes as KEY=VALUE."""
    changes = []
    columns = st.columns(4)
    for index, setting in enumerate(MAIN_SETTINGS):
        value = _value(recipe, setting)
        whole = setting.kind == "int"
        number: Any = int if whole else float
        shown = columns[index % 4].number_input(
            setting.label,
            min_value=number(setting.low),
            max_value=number(setting.high),
            value=number(value),
            step=number(setting.step),
            format=None if whole else "%g",
            help=setting.help,
            key=f"{recipe.name}:{setting.key}",
        )
        if shown != number(value):
            changes.append(f"{setting.key}={shown}" if whole else f"{setting.key}={shown:g}")
    return changes


def _estimate(recipe: Recipe, changes: list[str], hours: float, every_run: list[Run]) -> str:
    """About how long it takes on this machine, from the last run of the recipe here; else from its own figure."""
    done = [one for one in every_run if one.recipe == recipe.name and one.status == "done" and not one.settings]
    if done and not changes:
        last = done[-1]
        seconds = (pd.Timestamp(last.ended_at) - pd.Timestamp(last.started_at)).total_seconds()
        return f"about {duration(seconds)}, as run {last.id} took"
    if recipe.cpu_hours_per_hour and jobs.device_text().startswith("CPU"):
        changed = load_recipe(recipe.name, changes)
        work = changed.train.epochs * (changed.folds.folds - 1) / (recipe.train.epochs * (recipe.folds.folds - 1))
        return f"about {duration(3600 * recipe.cpu_hours_per_hour * hours * work)} on two free cores"
    return "how long it takes is not known before a first run here"


@st.fragment(run_every="2s")
def _watch(run_id: str) -> None:
    with session.messages(), session.workspace().read() as connection:
        run = runs.get_run(connection, run_id)
    if run.status not in ACTIVE:
        st.rerun(scope="app")
    folder = session.workspace().run_dir(run.id)
    progress = run.progress
    with st.container(border=True):
        head, stop = st.columns([5, 1], vertical_alignment="center")
        head.markdown(f"**{session.plain(run.id)}** on label version {run.label_version}")
        if stop.button("Stop", key=f"stop:{run.id}", icon=":material/stop:", disabled=run.stop_requested):
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
        rows = runfiles.history(folder)
        if rows:
            st.plotly_chart(figures.history_figure(pd.DataFrame(rows)), key=f"curves:{run.id}", config=figures.CONFIG)
        with st.expander("Log", icon=":material/article:"):
            st.code(runfiles.log_tail(folder) or "nothing yet", language=None, height=260)


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
if any(one.status == "queued" for one in every_run):
    with session.messages():
        jobs.ensure_worker(session.workspace())  # a training queued before a restart goes on

active = [one for one in every_run if one.status in ACTIVE]
for one in active:
    _watch(one.id)

since = end - (known[-1].position if known else 0)
if known:
    st.markdown(
        f"The button freezes the labels as they are now: **{since:,}** decisions since version {known[-1].number}."
    )
else:
    st.markdown("The button freezes the labels as they are now into the first version, and trains on it.")
recipes = {name: load_recipe(name) for name in recipe_names()}
name = st.selectbox(
    "Recipe",
    list(recipes),
    index=list(recipes).index(DEFAULT_RECIPE),
    format_func=lambda key: f"{key}: {recipes[key].title}",
)
recipe = recipes[name]
st.caption(f"{session.plain(recipe.description)} Source: {session.plain(recipe.source)}.")
with st.expander("Main settings", icon=":material/tune:"):
    changes = _form(recipe)
    changed = f"{len(changes)} setting{'s' * (len(changes) > 1)} changed: {', '.join(changes)}" if changes else ""
    st.caption(session.plain(changed) or "As the recipe has them.")
with st.container(horizontal=True, vertical_alignment="center"):
    if st.button("Retrain", type="primary", icon=":material/model_training:", key="retrain"):
        with session.messages():
            load_recipe(name, changes)
            frozen = versions.freeze(session.workspace(), session.reviewer() or "unknown", f"training {name}")
            queued = runs.enqueue(session.workspace(), name, frozen.number, settings=changes)
            jobs.ensure_worker(session.workspace())
        st.toast(f"Run {queued.id} is queued")
        st.rerun()
    device = jobs.device_text()
    st.markdown(f"Trains on **{session.plain(device)}**: {_estimate(recipe, changes, counts['hours'], every_run)}.")
if device.startswith("CPU"):
    st.caption("No CUDA device was found, so training runs on the CPU; `quick` and `demo` are made for that.")

ended = [one for one in reversed(every_run) if one.status not in ACTIVE]
if ended:
    st.markdown("#### Ended")
for one in ended[:8]:
    ap = one.metrics.get("macro_ap")
    line = f"**{session.plain(one.id)}** {one.status}" + (f", macro-AP {ap:.3f}" if ap is not None else "")
    with st.expander(line, icon=":material/check_circle:" if one.status == "done" else ":material/error:"):
        if one.error:
            st.error(session.plain(one.error))
        if one.status in ("failed", "stopped") and st.button(
            "Resume", key=f"resume:{one.id}", icon=":material/play_arrow:"
        ):
            with session.messages():
                runs.requeue(session.workspace(), one.id)
                jobs.ensure_worker(session.workspace())
            st.rerun()
        folder = session.workspace().run_dir(one.id)
        if rows := runfiles.history(folder):
            st.plotly_chart(figures.history_figure(pd.DataFrame(rows)), key=f"ended:{one.id}", config=figures.CONFIG)
        st.code(runfiles.log_tail(folder) or "no log", language=None, height=220)
