"""Combine finished runs into one: an average, fitted weights, a vote, or a stack."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from labeling.records import Run
from models import worker
from models.combining import request
from pages.ui import session
from pages.ui.training import priors

WAYS = {
    "equal": "Average",
    "fitted": "Average, weights fitted to the labels",
    "own": "Average, my weights",
    "vote": "Vote",
    "stack": "Stack (logistic regression)",
}


def panel(every_run: Sequence[Run]) -> None:
    """Two or more finished runs, and how; the result is a run like any other."""
    done = [run.id for run in reversed(every_run) if run.status == "done"]
    if not done or not session.may_here("combine runs"):
        return
    with st.expander("Combine runs", icon=":material/merge:", key="combine_panel"):
        members = st.multiselect("Runs", done, default=done[:2], key="combine:runs")
        way = st.segmented_control(
            "How", list(WAYS), default="equal", required=True, format_func=WAYS.__getitem__, key="combine:way"
        )
        vote, threshold, weights = 0, 0.5, "fitted" if way == "fitted" else "equal"
        if way == "own" and members:
            weights = _weights(members)
        if way == "vote":
            left, right = st.columns(2)
            most = max(2, len(members))
            vote = int(left.number_input("Runs that must agree", 1, most, min(2, most), key="combine:vote"))
            threshold = right.slider("A run says present above", 0.05, 0.95, 0.3, 0.05, key="combine:threshold")
        post, strength = priors.choose("combine")
        enough = len(members) >= (1 if post and way != "stack" else 2)
        st.caption(
            "Each clip keeps predictions of networks that never saw it, so the result is ranked and compared like any "
            "other run. Averaging several networks is the surest gain that the sources report."
        )
        if st.button("Combine", icon=":material/merge:", key="combine", disabled=not enough):
            kind = request.STACK if way == "stack" else request.ENSEMBLE
            with session.messages():
                asked = request.Combination(
                    kind, tuple(members), weights=weights, vote=vote, threshold=threshold, post=post, strength=strength
                )
                queued = request.enqueue(session.workspace(), asked)
                worker.ensure_worker(session.workspace())
            st.toast(f"Run {queued.id} is queued; watch it on the Retrain page")
            st.rerun()


def _weights(members: Sequence[str]) -> str:
    """A number for each run, and the share of the whole that it comes to."""
    numbers = []
    columns = st.columns(min(4, len(members)))
    for place, name in enumerate(members):
        key = f"combine:weight:{name}"
        numbers.append(columns[place % len(columns)].number_input(f"Weight of {name}", 0.0, None, 1.0, 0.1, key=key))
    total = sum(numbers)
    shares = (f"{name} {number / total:.0%}" for name, number in zip(members, numbers, strict=True) if total)
    st.caption(session.plain(", ".join(shares)) if total else ":material/error: Give one of them a weight above 0.")
    return ",".join(f"{number:.10g}" for number in numbers)
