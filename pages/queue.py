"""The suspects, ranked: filter, sort, open, decide several at once."""

import streamlit as st

from labeling import journal, runs
from labeling.active.teaching import in_turn
from pages.ui import session, signing
from pages.ui.panels import imported_predictions
from pages.ui.queue import drawn, filters, last_batch, table, views, words, worklist
from pages.ui.rows.component import RowsEvent, queue_rows
from pages.ui.rows.rows_json import first_screen

OPENED, DONE = "queue_opened", "queue_done"  # a clip that was clicked; the last batch, whose ticks have done their work


def _pressed(event: RowsEvent) -> None:
    if event.action == "sort":
        st.session_state["queue_order"] = event.order
    elif event.action == "open":
        st.session_state[OPENED] = event.clip_id
    elif event.action == "decided":
        st.session_state[DONE] = event.batch  # and for a new token the page need only be drawn


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
    may_decide = session.may_here("decide")
opened: int | None = st.session_state.pop(OPENED, None)
if opened is not None:
    table.open_clip(opened, wanted, params)
reviewer = session.reviewer()
with session.messages(), session.workspace().read() as connection:
    run = in_turn(session.workspace(), connection, here.run, wanted)
    page, told = first_screen(
        connection, run, wanted, here.look_s, link=params, token=signing.api_token(session.secret(), reviewer),
        may_decide=may_decide, view=f"{params} {here.run.run_id} {here.run.position} {st.session_state.get(DONE, '')}",
    )  # fmt: skip
    last = journal.last_undoable(connection, reviewer) if reviewer else []
    every_run = runs.all_runs(connection)

with above:
    imported_predictions.warn(here.run.run_id, every_run)
with start:
    if st.button(
        "Review these", type="primary", icon=":material/play_arrow:", disabled=not page.total, key="review_these"
    ):
        with session.messages():
            worklist.start(wanted)
        st.switch_page("review.py", query_params=params)
    st.markdown(words.summary(page), width="content")
with st.container(horizontal=True, vertical_alignment="center"), session.workspace().read() as connection:
    st.markdown(words.soon(page), width="content")
    drawn.update_button(connection, here.run)
by_class = st.expander(
    words.progress_label(page, wanted), icon=":material/donut_small:", key="queue_progress", on_change="rerun"
)
if by_class.open:  # its table takes longer to load than all the rest
    with by_class:
        table.progress(page, wanted)
if wanted.status == "disputed" and session.may("adjudicate"):
    st.page_link("adjudicate.py", label="Settle all that people disagree on, side by side", icon=":material/balance:")
if page.total:
    queue_rows(told, _pressed)
else:
    st.info(words.nothing(wanted), icon=":material/filter_alt_off:")
with beside_title:
    views.light_link("Light page", params)
    views.views_popover(params)
    views.link_popover(params)

if may_decide:
    last_batch.undo_button(last)
st.caption(words.of_run(run))
