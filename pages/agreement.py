"""How far people agree: in all, who with whom, by class, over time; and how often each errs."""

import pandas as pd
import streamlit as st

from labeling.agreement.coefficients import Coefficient
from labeling.agreement.report import Rate, read_agreement
from labeling.agreement.table import COLUMNS, agreement_rows
from labeling.quality.intervals import Share
from labeling.storage.csvsafe import csv_bytes
from pages.ui import session
from pages.ui.figures import agreement as figures
from pages.ui.figures import basic


def _range(one: Coefficient) -> str:
    return f"{one.interval[0]:.2f} to {one.interval[1]:.2f}" if one.interval else ""


def _likely(one: Coefficient) -> str:
    return f"likely {_range(one)}" if one.interval else "too few to say how sure"


def _value(one: Coefficient) -> str:
    return "not defined" if one.value is None else f"{one.value:.2f}"


def _of(share: Share) -> str:
    return f"{share.count:,} of {share.of:,}"


def _rate(rate: Rate) -> str:
    return f"{100 * rate.value:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


st.title("Agreement")
with session.messages(), st.spinner("Comparing verdicts"), session.workspace().read() as connection:
    found = read_agreement(connection)
if not found.cells:
    st.info(
        "No cell has two independent verdicts yet. A verdict is independent where its reviewer had not seen another's: "
        "asked blind, at random, or before anybody else had decided.",
        icon=":material/handshake:",
    )
    st.stop()

st.caption(
    f"{found.looks:,} independent verdicts of {len(found.reviewers)} reviewers on {found.cells:,} cells. What somebody "
    "said after they had seen another's verdict is left out, as are repeat looks and adjudications."
)
left, middle, right = st.columns(3)
left.metric("All said the same", _of(found.agreed), help="Cells on which nobody disagreed.")
middle.metric(
    "Krippendorff's alpha", _value(found.alpha),
    help="1 is full agreement, 0 is what chance would give. It stands verdicts that are missing.",
)  # fmt: skip
right.metric(
    "Fleiss' kappa", _value(found.kappa), help="The same scale; each cell with two verdicts or more counts once."
)
middle.caption(_likely(found.alpha))
right.caption(_likely(found.kappa))

st.markdown("#### Who agrees with whom")
st.plotly_chart(figures.who_with_whom(found), key="who_with_whom", config=basic.CONFIG)
st.caption("Cohen's kappa of each two, on the cells that both judged; rest on a field for their number.")

st.markdown("#### Over time")
if found.blocks:
    st.plotly_chart(figures.over_time(found.blocks), key="over_time", config=basic.CONFIG)
else:
    st.caption("It takes 40 cells with two verdicts to say anything of it.")

st.markdown("#### By class")
st.dataframe(
    pd.DataFrame(
        [(one.code, _of(one.agreed), one.alpha.value, _range(one.alpha), one.kappa.value) for one in found.classes],
        columns=["class", "all the same", "alpha", "likely", "Fleiss' kappa"],
    ),
    hide_index=True,
    column_config={name: st.column_config.NumberColumn(format="%.2f") for name in ("alpha", "Fleiss' kappa")},
)

st.markdown("#### How often each errs")
if found.errors:
    st.dataframe(
        pd.DataFrame(
            [
                (
                    one.reviewer, one.cells, _rate(one.misses), _rate(one.imagines), _of(one.unsure),
                    f"{one.weights[0]:.2f} / {one.weights[1]:.2f}",
                )
                for one in found.errors
            ],
            columns=["reviewer", "cells", "misses what is there", "hears what is not", "unsure", "weight of a vote"],
        ),
        hide_index=True,
    )  # fmt: skip
    st.caption(
        "Estimated from who agrees with whom (Dawid and Skene), with 95 % intervals"
        + (f", and from {found.adjudicated:,} cells that were adjudicated" if found.adjudicated else "")
        + ". The weights are those of a vote in a label version by the rule *weighted*."
    )
else:
    st.caption("Of two people alone nobody can tell who errs: it takes a third, or adjudications.")
st.download_button(
    "All numbers as CSV",
    csv_bytes(COLUMNS, agreement_rows(found)),
    "agreement.csv",
    "text/csv",
    icon=":material/download:",
)
