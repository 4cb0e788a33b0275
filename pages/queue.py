"""The suspects, ranked: filter, sort, open, decide several at once."""

import streamlit as st

from labeling import journal, runs
from labeling.reviewer import marks
from labeling.suspects import bulk, queue
from pages.ui import session
from pages.ui.panels import imported_predictions
from pages.ui.queue import bulk_dialog, drawn, filters, table, views, worklist

ROWS = 100

with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
    st.title("Queue", width="content")
    beside_title = st.container(horizontal=True, width="content")
here = filters.choices()
if not here:
    st.info(
        "Nothing is scored yet. Train a run: its out-of-fold predictions rank the suspects.", icon=":material/info:"
    )
    st.page_link("retrain.py", label="Train a run", icon=":material/model_training:")
    st.stop()

above = st.container()
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    start = st.container(horizontal=True, vertical_alignment="center", width="content")
    order = st.container(horizontal=True, vertical_alignment="center", width="content")
with above:
    wanted, params = filters.filters(here, order)
reviewer = session.reviewer()
with session.messages(), session.workspace().read() as connection:
    number = st.session_state.get("queue_page", 1)
    page = queue.page(connection, here.run, wanted, number=number, size=ROWS, look_s=here.look_s)
    marked = marks.kinds_of(connection, [row.suspect.clip_id for row in page.rows], reviewer)
    seen_position = journal.position(connection)
    last = journal.last_undoable(connection, reviewer) if reviewer else []
    every_run = runs.all_runs(connection)

with above:
    imported_predictions.warn(here.run.run_id, every_run)
    has_notice = bulk_dialog.just_done(last)
with start:
    if st.button(
        "Review these", type="primary", icon=":material/play_arrow:", disabled=not page.total, key="review_these"
    ):
        with session.messages():
            worklist.start(wanted)
        st.switch_page("review.py", query_params=params)
    st.markdown(table.summary(page), width="content")
with st.container(horizontal=True, vertical_alignment="center"), session.workspace().read() as connection:
    st.markdown(table.soon(page), width="content")
    drawn.update_button(connection, here.run)
with st.expander(table.progress_label(page, wanted), icon=":material/donut_small:", key="queue_progress"):
    table.progress(page, wanted)
over_rows = st.container(horizontal=True, vertical_alignment="center")
ticked = table.rows(page, marked, wanted, params)
if page.rows:
    with over_rows:  # as high with nothing ticked: the rows stay where they are while one ticks
        table.ticked_words(ticked, wanted)
        if st.button("Open", icon=":material/graphic_eq:", disabled=len(ticked) != 1, key="open_ticked"):
            table.open_clip(ticked[0].suspect.clip_id, wanted, params)
        if st.button("Decide…", icon=":material/done_all:", disabled=not (ticked and reviewer), key="decide_ticked"):
            bulk_dialog.ask(bulk_dialog.BulkRequest(ticked, len(ticked), here.run.scorer, seen_position))
with beside_title:
    views.views_popover(params)
    views.link_popover(params, ticked[0].suspect.clip_id if len(ticked) == 1 else None)

with st.container(horizontal=True, vertical_alignment="center"):
    if page.pages > 1:
        st.session_state["queue_page"] = page.number  # a filter may leave fewer pages than there were
        st.number_input(f"Page of {page.pages:,}", 1, page.pages, key="queue_page", width=160)
    many = min(page.total, bulk.MOST_CELLS)
    label = f"Decide all {many:,}…" if many == page.total else f"Decide the first {many:,}…"
    if many and st.button(label, type="tertiary", icon=":material/done_all:", disabled=not reviewer, key="decide_all"):
        with session.messages(), session.workspace().read() as connection:
            rows = queue.rows(connection, here.run, wanted, limit=bulk.MOST_CELLS, look_s=here.look_s)
            seen_position = journal.position(connection)
        bulk_dialog.ask(bulk_dialog.BulkRequest(rows, page.total, here.run.scorer, seen_position))
    if not has_notice:
        bulk_dialog.last_batch(last)
st.caption(f"Run {here.run.run_id}, scored by {here.run.scorer}.")
