"""What retraining brought, on the Runs page: sentences first, the figure beside them; and how to train alike."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from labeling import journal
from labeling.gain import measurement, words
from labeling.gain.measurement import RetrainingGain
from labeling.records import Run
from models import enqueueing, worker
from models.folds import keeping
from pages.ui import session
from pages.ui.figures import basic, gain

SHORT = {
    "missing": "missing added",
    "false": "false removed",
    "swapped": "primary swapped",
    "confirmed": "confirmed",
    "other": "other changes",
    "": "nothing decided",
}


@st.cache_data(show_spinner="Comparing the runs", max_entries=20)
def _measured(root: str, before: str, after: str, ended: tuple[str, str], position: int, scope: str) -> RetrainingGain:
    """Kept until a decision is made or one of the runs is trained anew."""
    return measurement.measure(session.workspace(), before, after, scope=scope)


def panel(old: Run, new: Run) -> None:
    """The gain of ``new`` over ``old``, two finished runs."""
    if old.id == new.id:
        return
    st.markdown("#### What retraining brought")
    with session.messages():
        workspace = session.workspace()
        with workspace.read() as connection:
            position = journal.position(connection)
        ended = (old.ended_at, new.ended_at)
        measured = _measured(str(workspace.root), old.id, new.id, ended, position, "")
        _draw(measured)


def _draw(measured: RetrainingGain) -> None:
    for line in words.warnings(measured):
        st.warning(session.plain(line), icon=":material/warning:")
    left, right = st.columns([3, 2])
    first, *others = words.sentences(measured)
    left.markdown(f"**{session.plain(first)}**")
    for line in others:
        left.markdown(session.plain(line))
    if measured.headline is None or measured.outcome == "same":
        return
    rows = [("all", measured.headline), *((SHORT[kind.kind], kind.gain) for kind in measured.kinds if kind.gain)]
    chart = gain.gain_figure(
        [(name, interval.gain, interval.low, interval.high, interval.outcome) for name, interval in rows]
    )
    right.plotly_chart(chart, key="gain", config=basic.CONFIG)
    with st.expander("By kind of correction, and in other metrics", icon=":material/info:", key="gain_more"):
        if measured.kinds:
            st.markdown("\n".join(f"- {session.plain(words.of_kind(kind))}" for kind in measured.kinds))
            st.caption(words.ASSOCIATION)
        table = [
            (
                words.METRICS[metric.metric],
                metric.before,
                metric.after,
                metric.gain,
                metric.low,
                metric.high,
                metric.cells,
            )
            for metric in measured.metrics
        ]
        names = ["metric", measured.before.id, measured.after.id, "gain", "from", "to", "cells"]
        number = st.column_config.NumberColumn(format="%.4f")
        st.dataframe(
            pd.DataFrame(table, columns=names), hide_index=True, column_config=dict.fromkeys(names[1:6], number)
        )
        st.caption(words.HOW_MEASURED)


def start(every_run: Sequence[Run]) -> None:
    """On the Retrain page: train like an earlier run, so that only the labels differ."""
    workspace = session.workspace()
    able = [run for run in reversed(every_run) if run.status == "done" and not keeping.why_not(workspace, run)]
    if not able:
        return
    with st.expander("What did my corrections bring?", icon=":material/balance:", key="like_panel"):
        st.markdown(
            "Trains an earlier run once more on the labels as they are now: same recipe, same folds, same seeds. "
            "Whatever then differs comes from the labels. The Runs page compares the two."
        )
        names = {run.id: f"{run.id}, on label version {run.label_version}" for run in able}
        chosen = st.selectbox("Compare with run", list(names), format_func=names.__getitem__, key="like:run")
        if st.button("Retrain alike on the newest labels", icon=":material/balance:", key="like"):
            with session.messages(), st.spinner(session.CHECKING):
                queued = enqueueing.enqueue_like(workspace, chosen, session.reviewer() or "unknown")
                worker.ensure_worker(workspace)
            st.toast(f"Run {queued.id} is queued, like run {chosen}")
            st.rerun()
