"""The queue's rows and the progress of its classes, as tables, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from labeling.suspects.bulk import cells_and_clips
from labeling.suspects.filter import QueueFilter
from labeling.suspects.queue import ClassProgress, QueuePage, QueueRow
from labeling.suspects.why import without_name
from pages.ui import session
from pages.ui.queue import filters, worklist

LONGEST_WHY = 45  # signs that a column as wide as its text has room for
OPINIONS = ("rank", "kind", "wrong", "why", "clipwise", "frame")  # what the model thinks: kept from who audits


def summary(page: QueuePage) -> str:
    """How many suspects the filter leaves, in words, as Markdown."""
    parts = ", ".join(f"{page.by_kind[kind]:,} {kind}" for kind in filters.KINDS if kind in page.by_kind)
    skipped = f":gray[{page.skipped:,} more in clips that you skipped]" if page.skipped else ""
    left = f"**{cells_and_clips(page.total, page.clips)}**: {parts}" if page.total else ""
    return " :gray[·] ".join(filter(None, (left, skipped)))


def soon(page: QueuePage) -> str:
    """How many of the first rows are likely wrong, in words; "" where there is nothing to do."""
    if page.soon is None:
        return ""
    estimate, of = page.soon, page.soon.of
    among = f"Of the next {of}" if of > 1 else "Of the next one"
    number = round(estimate.expected)
    verb = "is" if number == 1 else "are"
    interval = f"likely {estimate.low} to {estimate.high}" if estimate.low < estimate.high else f"likely {estimate.low}"
    guess = " :gray[· a guess, before enough verdicts of this kind]" if estimate.guess else ""
    return f"{among} about **{number}** {verb} wrong ({interval}){guess}"


def progress_label(page: QueuePage, wanted: QueueFilter) -> str:
    """What is done of the classes that the filter shows."""
    rows = [row for row in page.by_class if not wanted.classes or row.code in wanted.classes]
    decided, to_do = sum(row.decided for row in rows), sum(row.to_do for row in rows)
    return f"By class · {decided:,} decided, {to_do:,} to do"


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


def rows(
    page: QueuePage, marked: Mapping[int, Sequence[str]], wanted: QueueFilter, params: Mapping[str, str]
) -> list[QueueRow]:
    """Draw one page of the queue, and return the rows that are ticked; a click on a row opens its clip."""
    if not page.rows:
        hint = (
            f" Lower “at least this likely to be wrong” from {wanted.min_p_wrong:.2f} to see more."
            if wanted.min_p_wrong
            else ""
        )
        st.info(f"No suspect fits these filters.{hint}", icon=":material/filter_alt_off:")
        return []
    table = pd.DataFrame(
        {
            "rank": row.suspect.rank,
            "kind": row.suspect.kind,
            "class": filters.named(row.suspect.class_code, row.class_name),
            "wrong": row.probability,
            "why": without_name(row.reason),
            "verdict": row.verdict,
            "marks": ", ".join(marked.get(row.suspect.clip_id, ())),
            "clipwise": row.suspect.clipwise,
            "frame": row.suspect.framewise_max,
            "file": row.suspect.filename,
            "rating": row.rating,
            "fold": row.suspect.fold,
        }
        for row in page.rows
    )
    if worklist.is_audit(wanted):
        table = table.drop(columns=list(OPINIONS))
    chosen = st.dataframe(
        table,
        hide_index=True,
        height="content" if len(table) <= 18 else 640,
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        key=f"queue_table_{page.number}_{hash(tuple(params.items()))}_{st.session_state.get('queue_pass', '')}",
        column_config={
            "wrong": st.column_config.ProgressColumn(
                "likely wrong",
                help="How likely the label is wrong, learned from the verdicts so far",
                format="%.2f",
                max_value=1.0,
                width="small",
            ),
            "why": st.column_config.TextColumn(
                help="Why it is here",
                width=380 if any(len(without_name(row.reason)) > LONGEST_WHY for row in page.rows) else None,
            ),
            "clipwise": st.column_config.NumberColumn(help="The network's probability for the clip", format="%.2f"),
            "frame": st.column_config.NumberColumn(help="The highest probability in any frame", format="%.2f"),
            "rating": st.column_config.NumberColumn(format="%.1f") if table["rating"].notna().any() else None,
            "verdict": None if wanted.status == "open" else st.column_config.TextColumn(),
            "class": class_column(table["class"]),
            "marks": st.column_config.TextColumn(width=110) if table["marks"].any() else None,
        },
    )
    if cells := chosen.selection.cells:
        open_clip(page.rows[cells[0][0]].suspect.clip_id, wanted, params)
    return [page.rows[at] for at in chosen.selection.rows if at < len(page.rows)]


def class_column(names: Iterable[str]) -> ColumnConfig:
    """As wide as the names, but not so that long ones push the rest out of sight."""
    return st.column_config.TextColumn(width=280 if max(map(len, names), default=0) > 40 else None)


def ticked_words(ticked: Sequence[QueueRow], wanted: QueueFilter) -> None:
    """What is ticked, or how to; of one row also why it is there."""
    if len(ticked) == 1:
        why = "" if worklist.is_audit(wanted) else f" :gray[·] {session.plain(ticked[0].why)}"
        st.markdown(f"**1 cell** ticked{why}")
    elif ticked:
        clips = len({row.suspect.clip_id for row in ticked})
        st.markdown(f"**{cells_and_clips(len(ticked), clips)}** ticked")
    elif worklist.is_audit(wanted):
        st.caption("“Review these” asks one by one; only what is decided there counts as drawn at random.")
    else:
        st.caption("Click a row to open its clip; tick rows to decide several at once.")


def open_clip(clip_id: int, wanted: QueueFilter, params: Mapping[str, str]) -> NoReturn:
    """Go to a clip, and from there on through this view."""
    with session.messages():
        worklist.start(wanted, clip_id)
    st.switch_page("review.py", query_params={**params, "clip": str(clip_id)})
