"""Try the queue's orders before listening: replays against a known truth, started, watched, compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from labeling import runs
from labeling.disagreement.scorers import DEFAULT_SCORER, SCORERS
from labeling.records import Run
from labeling.replay import jobs
from labeling.replay.jobs import StoredReplay
from labeling.replay.reviewer import SimulatedReviewer
from labeling.replay.simulation import REPLAYED, USUAL_ORDERS, Plan
from labeling.replay.training import Retraining
from labeling.suspects import queue
from labeling.suspects.filter import ORDERS
from models import enqueueing, worker
from models.config import recipe_names
from pages.ui import session
from pages.ui.figures import basic
from pages.ui.figures.replay import curve_name, replay_curves
from pages.ui.panels import learning


def panel() -> None:
    """The replays of this workspace, and a form for another where a truth file lies with it."""
    with session.messages():
        workspace = session.workspace()
    with session.messages(), workspace.read() as connection:
        done_runs = [run for run in reversed(runs.all_runs(connection)) if run.status == "done"]
        scored = queue.scored(connection)
    truths = jobs.truth_files(workspace)
    every = jobs.kept(workspace)
    running = [stored for stored in every if stored.lives]
    if not truths and not every:
        st.caption(
            "Where the true labels of a collection are known, a simulated reviewer can try the orders. Put the truth "
            "into the workspace's folder as `truth/truth_labels.csv`, with the columns `filename` and `labels`."
        )
        return
    if any(stored.status == "queued" for stored in running):
        with session.messages():
            worker.ensure_worker(workspace)  # one queued before a restart goes on
    for stored in running:
        _watch(stored.name)
    if truths and not done_runs:
        st.caption("A replay needs a finished run whose suspects it can go through.")
    elif truths and not running and session.may_here("replay reviews"):
        with st.expander("Try the orders on a known truth", icon=":material/replay:", key="replay_form"):
            _form(truths, done_runs, scored)
    ended = next((stored for stored in every if not stored.lives), None)
    if ended and ended.status != "done":
        _say_why(ended)
    finished = [stored for stored in every if stored.status == "done"]
    if finished:
        _show(finished)


def _form(truths: Sequence[Path], done_runs: Sequence[Run], scored: Sequence[tuple[str, str, int]]) -> None:
    st.caption(
        "A simulated reviewer answers from the truth file, with the mistakes that you allow. It works on a copy: no "
        "decision reaches the journal."
    )
    root = session.workspace().root
    left, right = st.columns(2)
    names = {str(path): str(path.relative_to(root)) for path in truths}
    truth = left.selectbox("Truth", list(names), format_func=names.__getitem__, key="replay:truth")
    run_id = right.selectbox("Suspects of", [run.id for run in done_runs], key="replay:run")
    known = [scorer for run, scorer, _ in scored if run == run_id]
    orders = left.multiselect(
        "Orders", REPLAYED, default=list(USUAL_ORDERS), format_func=ORDERS.__getitem__, key="replay:orders"
    )
    scorers = right.multiselect(
        "Scorers", sorted({*known, *SCORERS.names()}), default=known or [DEFAULT_SCORER],
        key=f"replay:scorers:{run_id}",
    )  # fmt: skip
    wrong = left.slider("Answers that are wrong (%)", 0, 50, 5, key="replay:error")
    unsure = right.slider("Answers that are unsure (%)", 0, 50, 0, key="replay:unsure")
    most = left.number_input("Decisions, at most", 1, 1_000_000, 1_000, step=100, key="replay:decisions")
    rounds = right.number_input("Trainings on the way, of each order", 0, 10, 0, key="replay:rounds")
    training = None
    if rounds:
        recipe = left.selectbox("Recipe", recipe_names(), key="replay:recipe")
        every = right.number_input("Decisions between two trainings", 1, 100_000, 200, step=50, key="replay:every")
        training = Retraining(int(rounds), recipe, int(every))
        trainings = int(rounds) * len(orders) * len(scorers)
        st.caption(f"That is {trainings:,} trainings in all: each order learns from its own decisions.")
    if st.button("Replay", key="replay:start", icon=":material/play_arrow:", disabled=not (orders and scorers)):
        with session.messages(), st.spinner(session.CHECKING):
            if training:
                enqueueing.check_training(session.workspace(), training.recipe)
            reviewer = SimulatedReviewer(wrong / 100, wrong / 100, unsure / 100)
            plan = Plan(
                Path(truth), run_id, tuple(scorers), tuple(orders), reviewer, decisions=int(most), retraining=training
            )
            jobs.enqueue(session.workspace(), plan)
            worker.ensure_worker(session.workspace())
        st.rerun()


@st.fragment(run_every="2s")
def _watch(name: str) -> None:
    with session.messages():
        stored = jobs.get(session.workspace(), name)
    if stored is None or not stored.lives:
        st.rerun(scope="app")
    with st.container(border=True):
        head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
        head.markdown(f"**Replay {session.plain(name)}**", width="content")
        if session.may("replay reviews") and head.button("Stop", key=f"replay:stop:{name}", icon=":material/stop:"):
            with session.messages():
                jobs.stop(session.workspace(), name)
            st.toast("The replay ends in a moment")
        waiting = "waits until a worker is free" if stored.status == "queued" else "starting"
        st.progress(min(1.0, stored.done / max(1, stored.total)), session.plain(stored.text or waiting))


def _say_why(stored: StoredReplay) -> None:
    """What became of a replay that has no curves."""
    if stored.status == "stopped":
        st.caption(f"Replay {session.plain(stored.name)} was stopped.")
    else:
        st.warning(
            f"Replay {session.plain(stored.name)} failed: {session.plain(stored.error)}", icon=":material/warning:"
        )


def _show(finished: Sequence[StoredReplay]) -> None:
    by_name = {stored.name: stored for stored in finished}
    words = {stored.name: _words(stored) for stored in finished}
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    stored = by_name[left.selectbox("Replay", list(by_name), format_func=words.__getitem__, key="replay:shown")]
    if stored.learns:
        learning.replayed(stored)
        _download(stored)
        return
    axis = right.segmented_control("Against", ["Decisions", "Hours"], default="Decisions", required=True,
                                   key="replay:axis")  # fmt: skip
    errors = int(stored.facts["errors"])
    st.markdown(session.plain(verdict(stored)))
    st.plotly_chart(replay_curves(stored.curves, errors, axis == "Hours"), key="replay:chart", config=basic.CONFIG)
    st.dataframe(
        table(stored),
        hide_index=True,
        placeholder="not reached",
        column_config={"90 % in hours": st.column_config.NumberColumn(format="%.2f")},
    )
    st.caption(
        f"Made wrong: labels that were right until the reviewer's own mistakes. The reviewer would notice "
        f"{int(stored.facts['catches']):,} of the {_wrong_labels(errors)}; hours are estimated from what there is to "
        "hear."
    )
    _download(stored)


def _download(stored: StoredReplay) -> None:
    csv = jobs.csv_of(session.workspace(), stored.name)
    if csv:
        st.download_button("Curves as CSV", csv, f"replay_{stored.name}.csv", "text/csv", icon=":material/download:")


def verdict(stored: StoredReplay) -> str:
    """The sentence above the figure: which orders found most, and what chance would have.

    Orders that are, all along and on average, less than half a label apart are named together.
    """
    errors = int(stored.facts["errors"])
    several = len({curve["scorer"] for curve in stored.curves if curve["scorer"]}) > 1
    real = [curve for curve in stored.curves if curve["scorer"]]
    chance = next((curve for curve in stored.curves if curve["order"] == "random"), None)
    most = max(curve["summary"]["area"] for curve in real)
    best = [curve for curve in real if (most - curve["summary"]["area"]) * errors < 0.5]
    decisions = "decision" if errors == 1 else f"{errors:,} decisions"
    names = _and([f"“{curve_name(curve, several)}”" for curve in best])
    in_first_n = _and(list(dict.fromkeys(f"{curve['summary']['in_first_n']:,.0f}" for curve in best)))
    first = f"{in_first_n} of {_wrong_labels(errors)} in the first {decisions}"
    by_chance = f"; by chance it would be about {chance['summary']['in_first_n']:,.1f}" if chance else ""
    return f"{names} find{'s' * (len(best) == 1)} wrong labels soonest: {first}{by_chance}."


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _wrong_labels(count: int) -> str:
    return f"{count:,} wrong label{'s' * (count != 1)}"


def table(stored: StoredReplay) -> pd.DataFrame:
    """A row a curve: decisions and hours until half and nine tenths are found, and what the first so many find."""
    several = len({curve["scorer"] for curve in stored.curves if curve["scorer"]}) > 1
    rows = []
    for curve in stored.curves:
        numbers = curve["summary"]
        hours = numbers["seconds_90"]
        rows.append(
            {
                "order": curve_name(curve, several),
                "half found after": numbers["decisions_50"],
                "90 % found after": numbers["decisions_90"],
                "90 % in hours": None if hours is None else hours / 3600,
                f"found in the first {int(stored.facts['errors']):,}": round(numbers["in_first_n"]),
                "found in all": round(numbers["found"]),
                "made wrong": round(numbers["spoiled"]),
            }
        )
    frame = pd.DataFrame(rows)
    whole = ["half found after", "90 % found after"]
    frame[whole] = frame[whole].astype("Int64")
    return frame


def _words(stored: StoredReplay) -> str:
    """A replay in a line: number, day, run or space, the reviewer's mistakes."""
    reviewer = stored.asked["reviewer"]
    mistakes = f"{100 * max(reviewer['miss'], reviewer['false_alarm']):g} % wrong answers"
    of = f"next to label on {stored.asked['space']}" if stored.learns else stored.facts["run_id"]
    return f"{stored.name}: {of}, {mistakes}, {stored.created_at[:16].replace('T', ' ')}"
