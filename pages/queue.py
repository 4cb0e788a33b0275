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

with st.container(horizontal=True, vertical_alignment="bottom"):
    kinds = st.pills(
        "Kind", list(KIND_WORDS), selection_mode="multi", default=saved.kinds, help="; ".join(KIND_WORDS.values())
    )
    status = st.segmented_control(
        "Status", list(STATUSES), format_func=lambda key: STATUSES[key], default=saved.status, required=True
    )
    order = st.selectbox(
        "Order", list(ORDERS), format_func=lambda key: ORDERS[key], index=list(ORDERS).index(saved.order), width=210
    )
    classes = st.multiselect(
        "Class",
        sorted(names),
        default=[code for code in saved.classes if code in names],
        format_func=lambda code: f"{names[code]} ({code})",
        placeholder="Any class",
        width=320,
    )

with st.expander("More filters", icon=":material/tune:"):
    left, middle, right = st.columns(3)
    p_wrong = left.slider(
        "At least this likely to be wrong", 0.0, 1.0, saved.min_p_wrong, 0.05, help="The scorer's own estimate."
    )
    use_rating = left.toggle("Only rated recordings", value=saved.min_rating is not None)
    rating = left.slider("Rating at least", 0.0, 5.0, saved.min_rating or 1.0, 0.5, disabled=not use_rating)
    chosen_folds = middle.pills("Fold", folds, selection_mode="multi", default=[f for f in saved.folds if f in folds])
    search = middle.text_input("File name contains", value=saved.search, max_chars=200)
    rule = middle.toggle(
        "Only what the rule of 2020's 6th place would add",
        value=saved.missing_rule,
        help="Clips without secondary labels, an unlisted class, p > 0.9.",
    )
    now = dict(saved.metadata)
    column = right.selectbox(
        "Metadata column",
        columns,
        index=columns.index(next(iter(now))) if now and next(iter(now)) in columns else None,
        placeholder="None",
    )
    pairs: tuple[tuple[str, str], ...] = ()
    if column:
        with session.workspace().read() as connection:
            values = store.metadata_values(connection, column)
        value = right.selectbox("Value", values, index=values.index(now[column]) if now.get(column) in values else None)
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
    kinds=tuple(kinds), classes=tuple(classes), folds=tuple(chosen_folds), status=status, min_p_wrong=p_wrong,
    min_rating=rating if use_rating else None, metadata=pairs, search=search.strip(), missing_rule=rule, order=order,
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
