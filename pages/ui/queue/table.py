"""The progress of the queue's classes as a table, and the way to one of its clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from labeling.suspects.filter import QueueFilter
from labeling.suspects.queue import ClassProgress, QueuePage
from pages.ui import session
from pages.ui.queue import filters, worklist


def progress(page: QueuePage, wanted: QueueFilter) -> None:
    """To do and done of each class; a click shows that class alone."""
    if not page.by_class:
        st.caption("No class has a suspect under these filters.")
        return
    shown: Sequence[ClassProgress] = page.by_class
    key = f"queue_classes_table_{'|'.join(wanted.classes)}"

    def pick() -> None:
        cells = st.session_state[key].selection.cells
        if cells:
            filters.only_class(shown[cells[0][0]].code)

    st.dataframe(
        pd.DataFrame(
            {
                "class": filters.named(row.code, row.name),
                "done": round(100 * row.decided / (row.decided + row.to_do)),
                "decided": row.decided,
                "to do": row.to_do,
                **row.by_kind,
            }
            for row in shown
        ),
        hide_index=True,
        height="content" if len(shown) <= 8 else 320,
        on_select=pick,
        selection_mode="single-cell",
        key=key,
        column_config={
            "class": class_column([filters.named(row.code, row.name) for row in shown]),
            **dict.fromkeys(("decided", "to do", *filters.KINDS), st.column_config.NumberColumn(width="small")),
            "done": st.column_config.ProgressColumn(format="%d %%", max_value=100, width="small"),
        },
    )
    st.caption(
        "Click a class to see it alone, and again to see all." if wanted.classes else "Click a class to see it alone."
    )


def class_column(names: Iterable[str]) -> ColumnConfig:
    """As wide as the names, but not so that long ones push the rest out of sight."""
    return st.column_config.TextColumn(width=280 if max(map(len, names), default=0) > 40 else None)


def open_clip(clip_id: int, wanted: QueueFilter, params: Mapping[str, str]) -> NoReturn:
    """Go to a clip, and from there on through this view."""
    with session.messages():
        worklist.start(wanted, clip_id)
    st.switch_page("review.py", query_params={**params, "clip": str(clip_id)})
