"""The suspects, ranked: filter, sort, open."""

import pandas as pd
import streamlit as st

from labeling import store, suspects
from labeling.suspects import ORDERS, STATUSES, QueueFilter
from pages.ui import session, worklist

ROWS = 100
KIND_WORDS = {"missing": "missing: sounds present, not listed", "false": "false: listed, sounds absent",
              "swapped": "swapped: another class in the primary's place"}  # fmt: skip

st.title("Queue")
with session.messages(), session.workspace().read() as connection:
    found = suspects.scored(connection)
    scored = suspects.current(connection, *st.session_state.get("scored", ("", "")))
    names = {one.code: one.name for one in store.all_classes(connection)}
    columns = store.metadata_columns(connection)
    folds = suspects.folds(connection, *scored) if scored else []
if not scored:
    st.info(
        "Nothing is scored yet. Train a run: its out-of-fold predictions rank the suspects.", icon=":material/info:"
    )
    st.page_link("retrain.py", label="Train a run", icon=":material/model_training:")
    st.stop()

if "queue_filter" not in st.session_state:
    st.session_state["queue_filter"] = st.query_params.to_dict()
saved = worklist.filter_from(st.session_state["queue_filter"])
now = dict(saved.metadata)
# Given once a visit, by key: a default that follows the choice makes another widget, which forgets the next choice.
session.begin_with({
    "queue_kinds": list(saved.kinds), "queue_status": saved.status, "queue_order": saved.order,
    "queue_classes": [code for code in saved.classes if code in names], "queue_p_wrong": saved.min_p_wrong,
    "queue_use_rating": saved.min_rating is not None,
    "queue_rating": 1.0 if saved.min_rating is None else saved.min_rating,
    "queue_folds": [fold for fold in saved.folds if fold in folds], "queue_search": saved.search,
    "queue_rule": saved.missing_rule, "queue_column": next((name for name in now if name in columns), None),
})  # fmt: skip

with st.container(horizontal=True, vertical_alignment="bottom"):
    kinds = st.pills(
        "Kind", list(KIND_WORDS), selection_mode="multi", help="; ".join(KIND_WORDS.values()), key="queue_kinds"
    )
    status = st.segmented_control(
        "Status", list(STATUSES), format_func=lambda key: STATUSES[key], required=True, key="queue_status"
    )
    order = st.selectbox("Order", list(ORDERS), format_func=lambda key: ORDERS[key], key="queue_order", width=210)
    classes = st.multiselect(
        "Class",
        sorted(names),
        key="queue_classes",
        format_func=lambda code: f"{names[code]} ({code})",
        placeholder="Any class",
        width=320,
    )

with st.expander("More filters", icon=":material/tune:"):
    left, middle, right = st.columns(3)
    p_wrong = left.slider(
        "At least this likely to be wrong", 0.0, 1.0, step=0.05, key="queue_p_wrong", help="The scorer's own estimate."
    )
    use_rating = left.toggle("Only rated recordings", key="queue_use_rating")
    rating = left.slider("Rating at least", 0.0, 5.0, step=0.5, key="queue_rating", disabled=not use_rating)
    chosen_folds = middle.pills("Fold", folds, selection_mode="multi", key="queue_folds")
    search = middle.text_input("File name contains", key="queue_search", max_chars=200)
    rule = middle.toggle(
        "Only what the rule of 2020's 6th place would add",
        key="queue_rule",
        help="Clips without secondary labels, an unlisted class, p > 0.9.",
    )
    column = right.selectbox("Metadata column", columns, index=None, key="queue_column", placeholder="None")
    pairs: tuple[tuple[str, str], ...] = ()
    if column:
        with session.workspace().read() as connection:
            values = store.metadata_values(connection, column)
        session.begin_with({f"queue_value:{column}": now[column] if now.get(column) in values else None})
        value = right.selectbox("Value", values, index=None, key=f"queue_value:{column}")
        pairs = ((column, value),) if value is not None else ()
    options = [(run_id, scorer) for run_id, scorer, _ in found]
    picked = right.selectbox(
        "Run and scorer", options, index=options.index(scored), format_func=lambda pair: f"{pair[0]}, {pair[1]}"
    )
    if picked != scored:
        st.session_state["scored"] = picked
        st.session_state.pop(worklist.KEY, None)
        st.rerun()

wanted = QueueFilter(
    kinds=tuple(kinds), classes=tuple(classes), folds=tuple(chosen_folds), status=status or saved.status,
    min_p_wrong=p_wrong, min_rating=rating if use_rating else None, metadata=pairs,
    search=search.strip(), missing_rule=rule, order=order,
)  # fmt: skip
params = worklist.params_of(wanted)
st.session_state["queue_filter"] = params
if st.query_params.to_dict() != params:
    st.query_params.from_dict(params)

with session.messages(), session.workspace().read() as connection:
    counts = suspects.count(connection, *scored, wanted)
    total = sum(counts.values())
    pages = max(1, -(-total // ROWS))
    page = min(st.session_state.get("queue_page", 1), pages)
    rows = suspects.queue(connection, *scored, wanted, limit=ROWS, offset=(page - 1) * ROWS)

with st.container(horizontal=True, vertical_alignment="center"):
    if st.button("Review these", type="primary", icon=":material/play_arrow:", disabled=not total, key="review_these"):
        worklist.start(wanted)
        st.query_params.clear()
        st.switch_page("review.py")
    parts = ", ".join(f"{counts[kind]:,} {kind}" for kind in KIND_WORDS if kind in counts)
    st.markdown(f"**{total:,}** suspects{': ' + parts if parts else ''}")

if not rows:
    hint = (
        f" Lower “at least this likely to be wrong” from {wanted.min_p_wrong:.2f} to see more."
        if wanted.min_p_wrong
        else ""
    )
    st.info(f"No suspect fits these filters.{hint}", icon=":material/filter_alt_off:")
    st.stop()
table = pd.DataFrame(
    {
        "rank": row.suspect.rank,
        "kind": row.suspect.kind,
        "class": f"{row.class_name} ({row.suspect.class_code})"
        if row.class_name != row.suspect.class_code
        else row.class_name,
        "wrong": row.suspect.p_wrong,
        "clipwise": row.suspect.clipwise,
        "frame": row.suspect.framewise_max,
        "heard at": f"{row.suspect.onset_s:.1f} to {row.suspect.offset_s:.1f} s",
        "file": row.suspect.filename,
        "rating": row.rating,
        "fold": row.suspect.fold,
        "verdict": row.verdict,
    }
    for row in rows
)
picked_row = st.dataframe(
    table,
    hide_index=True,
    height=min(640, 38 + 35 * len(table)),
    on_select="rerun",
    selection_mode="single-row",
    key=f"queue_table_{page}_{hash(tuple(params.items()))}",
    column_config={
        "wrong": st.column_config.ProgressColumn(
            "likely wrong", help="The scorer's estimate that the label is wrong", format="%.2f", width="small"
        ),
        "clipwise": st.column_config.NumberColumn(help="The network's probability for the clip", format="%.2f"),
        "frame": st.column_config.NumberColumn(help="The highest probability in any frame", format="%.2f"),
        "rating": st.column_config.NumberColumn(format="%.1f"),
        "verdict": None if status == "open" else st.column_config.TextColumn(),
    },
)
if chosen := picked_row.selection.rows:
    worklist.start(wanted, rows[chosen[0]].suspect.clip_id)
    st.switch_page("review.py", query_params={"clip": str(rows[chosen[0]].suspect.clip_id)})
if pages > 1:
    st.number_input(f"Page of {pages:,}", 1, pages, page, key="queue_page", width=160)
st.caption(f"Run {scored[0]}, scored by {scored[1]}. Select a row to open its clip.")
