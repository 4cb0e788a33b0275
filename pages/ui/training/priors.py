"""What the collection says beside the sound: chosen for a combination or a prediction, and measured on a run."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from labeling.disagreement.priors import POSTPROCESSORS
from labeling.records import Run
from models.combining.evaluation import evaluate_run
from pages.ui import session

NAMES = {"cooccurrence": "Classes that are listed together", "place_date": "Place and time of year"}
METRICS = {"macro_ap": "macro-AP", "macro_auc": "macro-AUC", "lwlrap": "lwlrap", "macro_f1": "macro F1"}
HELP = (
    "The labels of other clips move the log odds of each class: those listed together with what is heard, or near the "
    "place and at the time of year, come up; the others go down."
)


def choose(place: str) -> tuple[tuple[str, ...], float]:
    """Priors, and how much of their shifts is taken; ``place`` tells the boxes of several forms apart."""
    left, right = st.columns([2, 1])
    chosen = left.multiselect(
        "Priors of the collection", POSTPROCESSORS.names(), format_func=lambda name: NAMES.get(name, name),
        placeholder="none", help=HELP, key=f"{place}:post",
    )  # fmt: skip
    if not chosen:
        return (), 1.0
    strength = right.number_input(
        "Their strength", 0.0, 10.0, 1.0, 0.1, key=f"{place}:strength",
        help="1 takes the prior at its word, 0 changes nothing.",
    )  # fmt: skip
    return tuple(chosen), float(strength)


def panel(every_run: Sequence[Run]) -> None:
    """What priors would change in a finished run: measured against its labels."""
    done = [run for run in reversed(every_run) if run.status == "done"]
    if not done or not session.may_here("measure priors"):
        return
    with st.expander("Would priors help?", icon=":material/travel_explore:", key="priors_panel"):
        by_id = {run.id: run for run in done}
        run = by_id[st.selectbox("Run", list(by_id), key="priors:run")]
        post, strength = choose("priors")
        if not st.button("Measure", icon=":material/calculate:", key="priors:measure", disabled=not post):
            return
        with session.messages():
            table = _measured(str(session.workspace().root), run.id, run.ended_at, post, strength)
        st.dataframe(
            table, hide_index=True,
            column_config={name: st.column_config.NumberColumn(format="%.4f") for name in table.columns[1:]},
        )  # fmt: skip
        st.caption(
            "Against the labels that the run was trained on; each clip is moved by the labels of clips in other folds "
            "alone. To keep a run with its priors, combine it with them above."
        )


@st.cache_data(show_spinner="Measuring", max_entries=16)
def _measured(root: str, run_id: str, ended_at: str, post: tuple[str, ...], strength: float) -> pd.DataFrame:
    """The run's figures without and with the priors."""
    measured = evaluate_run(session.workspace(), run_id, post=post, strength=strength)
    rows = []
    for key, text in METRICS.items():
        before, after = (measured[kind]["overall"].get(key) for kind in ("labels", "labels_post"))
        if before is not None and after is not None:
            rows.append((text, before, after, after - before))
    return pd.DataFrame(rows, columns=["measure", "without", "with priors", "change"])
