"""Activity by hour: the heatmap, and the windows of an hour to listen to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from labeling.activity.hours import activity
from labeling.storage.csvsafe import csv_bytes
from pages.ui import session
from pages.ui.activity import choosing, listening
from pages.ui.figures import activity as figures
from pages.ui.figures.basic import CONFIG
from pages.ui.routes.activity_json import ActivityQuery, laid_out


def show(query: ActivityQuery) -> None:
    """The heatmap, and the windows of the hour that was chosen."""
    given: Mapping[str, str] = st.session_state[choosing.STATE]
    laid = laid_out(session.workspace(), query)
    session.begin_with({"activity_score": _share(given.get("score", ""), 0.5), "activity_measure": "share"})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        least = st.number_input("A window counts from score", 0.0, 1.0, step=0.05, key="activity_score", width=220)
        measure = st.segmented_control(
            "Shown", list(figures.MEASURES), format_func=lambda one: figures.MEASURES[one][0], required=True,
            key="activity_measure",
        )  # fmt: skip
        place = st.empty()
    rows = activity(laid.hours, laid.windows.of(query.class_code), least)
    rows = rows if query.one_site is None else rows[rows["site"] == query.one_site]
    if rows.empty:
        st.info(
            "No recording says when it was made, so there are no hours. Choose a column that does under “Times and "
            "sites”, or name the files as recorders do, such as 20240612_053000.WAV.",
            icon=":material/info:",
        )
        choosing.keep(query)
        return
    place.download_button(
        "Table (CSV)", lambda: _table(rows), f"activity-{query.class_code}.csv", "text/csv", on_click="ignore",
        icon=":material/download:", key="activity_csv",
    )  # fmt: skip
    _summary(query, rows, least)
    cells = _cells(rows)
    listed = cells[cells["windows"] > 0].sort_values(["above", "highest"], ascending=False, kind="stable")
    known = [f"{date} {hour}" for date, hour in zip(listed["date"], listed["hour"], strict=True)]
    words = dict(zip(known, _words(listed), strict=True))
    wanted = given.get("hour", "")
    if st.session_state.get("activity_hour") not in known:
        st.session_state["activity_hour"] = wanted if wanted in known else None
    chosen = st.session_state["activity_hour"]
    outlined = _split(chosen) if chosen else None
    st.plotly_chart(
        figures.hours_figure(cells, measure or "share", outlined, st.context.theme.type == "dark"), key="activity_map",
        config=CONFIG, on_select=_clicked, selection_mode="points",
    )  # fmt: skip
    st.caption(f"Hours by {query.clock.words()}. Blank: nothing was recorded. Grey: recorded, and no window counts.")
    chosen = st.selectbox(
        "Listen to an hour: click it above, or choose it here, most heard first", known, key="activity_hour",
        format_func=words.__getitem__, placeholder="Choose an hour",
    )  # fmt: skip
    choosing.keep(query, score="" if least == 0.5 else f"{least:g}", hour=chosen or "")
    if chosen:
        date, hour = _split(chosen)
        of_hour = replace(query, date=date, hour=str(hour))
        listening.show(
            of_hour, f"{query.class_code}, {date} {hour:02d}:00", "None of this hour's recordings is in the collection."
        )


def _split(chosen: str) -> tuple[str, int]:
    date, _, hour = chosen.partition(" ")
    return date, int(hour)


def _share(text: str, default: float) -> float:
    try:
        value = float(text)
    except ValueError:
        return default
    return value if 0 <= value <= 1 else default


def _cells(rows: pd.DataFrame) -> pd.DataFrame:
    """The hours of all sites together."""
    if rows["site"].nunique() <= 1:
        return rows
    by = rows.groupby(["date", "hour"], as_index=False)
    cells = by.agg(recorders=("recorders", "sum"), recorded_s=("recorded_s", "sum"), windows=("windows", "sum"),
                   above=("above", "sum"), highest=("highest", "max"))  # fmt: skip
    return cells.assign(share=cells["above"] / cells["windows"].where(cells["windows"] > 0))


def _words(cells: pd.DataFrame) -> list[str]:
    return [
        f"{row.date} {row.hour:02d}:00, {row.above:,} of {row.windows:,} windows, highest {row.highest:.2f}"
        for row in cells.itertuples()
    ]


def _summary(query: ActivityQuery, rows: pd.DataFrame, least: float) -> None:
    days, sites = rows["date"].nunique(), rows["site"].nunique()
    at = f"at {sites:,} sites, " if sites > 1 else ""
    st.markdown(
        f"**{int(rows['above'].sum()):,}** of {int(rows['windows'].sum()):,} windows score {least:g} or more; "
        f"{at}{_long(rows['recorded_s'].sum())} recorded on {days:,} {'day' if days == 1 else 'days'}."
    )


def _long(length_s: float) -> str:
    return f"{length_s / 3600:,.1f} hours" if length_s >= 5400 else f"{length_s / 60:.0f} min"


def _table(rows: pd.DataFrame) -> bytes:
    plain = rows.round({"share": 5, "highest": 5}).astype(object).where(rows.notna(), None)
    return csv_bytes(tuple(rows.columns), plain.itertuples(index=False, name=None))


def _clicked() -> None:
    """A cell of the heatmap was chosen."""
    chart: Any = st.session_state.get("activity_map")
    points = chart.selection.points if chart else []
    told = next((point["customdata"] for point in points if point.get("customdata")), None)
    if told is not None:
        st.session_state["activity_hour"] = f"{told[0]} {told[1]}"
