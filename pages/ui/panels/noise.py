"""How the labels go wrong, learned from decisions and predictions: the noise report of a run."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from models.combining.noise_report import noise_report
from pages.ui import session

COLUMNS = {"miss": "missing where it is there", "spurious": "listed where it is not", "decided": "decided"}


def panel(run_id: str, ended_at: str, position: int) -> None:
    """The report, read once it is asked for; kept until somebody decides (``position`` is the journal's end)."""
    with st.expander(
        "How do the labels go wrong? The noise report", icon=":material/troubleshoot:", key="noise", on_change="rerun"
    ) as shown:
        if not shown.open:
            return
        with session.messages():
            report = _report(str(session.workspace().root), run_id, ended_at, position)
        st.markdown(session.plain(_classifier(report["classifier"])))
        table = _table(report["per_class"])
        share = st.column_config.NumberColumn(format="percent")
        st.dataframe(
            table, hide_index=True, height="content" if len(table) <= 10 else 380,
            column_config={COLUMNS["miss"]: share, COLUMNS["spurious"]: share},
        )  # fmt: skip
        st.caption(session.plain(str(report["verdict"])))


@st.cache_data(show_spinner="Reading predictions and decisions", max_entries=8)
def _report(root: str, run_id: str, ended_at: str, position: int) -> dict[str, Any]:
    return noise_report(session.workspace(), run_id)


def _classifier(found: dict[str, Any]) -> str:
    """What a classifier of wrong labels came to, which is learned where enough is decided."""
    if "decisions" not in found:
        return f"No classifier of wrong labels yet: {found['refused']}."
    return (
        f"A classifier of wrong labels, learned from {found['decisions']:,} decisions, {found['wrong']:,} of which "
        f"found a label wrong: precision {_share(found['precision'])}, recall {_share(found['recall'])}, average "
        f"precision {_share(found['average_precision'])}, each decision predicted without its fold. The source's own "
        f"reached a precision of {_share(found['precision_of_the_source'])}, and was given up."
    )


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _table(per_class: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """A row a class, those with the most errors first."""
    rows = []
    for code, row in per_class.items():
        others = ", ".join(f"{given} {share:.2f}" for given, share in row["given_instead"].items())
        rows.append((code, row["miss"], row["spurious"], row["decided"], others))
    table = pd.DataFrame(rows, columns=["class", *COLUMNS.values(), "given instead, as primary"])
    worst = (table[COLUMNS["miss"]] + table[COLUMNS["spurious"]]).sort_values(ascending=False, kind="stable")
    return table.loc[worst.index]
