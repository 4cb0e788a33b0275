"""One class at a time, or what sounds like an example: a wall of snippets, decided many at once."""

import streamlit as st

from labeling.collection import store
from labeling.embeddings.space import has_spaces
from labeling.journal.new_classes import new_classes
from labeling.quality.scored_run import read_scored_run
from labeling.records import WORTH_HEARING
from labeling.suspects import queue, snippets
from labeling.suspects.filter import STATUSES, QueueFilter
from pages.ui import session
from pages.ui.routes import snippets_json
from pages.ui.routes.snippets_json import WallQuery
from pages.ui.sweep import address, chosen, next_to_label, similar, wall

DEFAULTS = {"class": "", "which": "all", "status": "all", "order": "rank", "unlikely": ""}

st.html("<style>.stMainBlockContainer{max-width:none}</style>")  # a wall is as wide as the screen
st.title("Sweep")
reviewer = session.reviewer_or_stop()
address.follow(("like", "chosen", next_to_label.WORD))
if similar.is_on():
    similar.show(reviewer)
    st.stop()
if next_to_label.is_on():
    next_to_label.show(reviewer)
    st.stop()
if chosen.is_on():
    chosen.show(reviewer)
    st.stop()
with session.messages():
    scored = session.scored()
    searches = has_spaces(session.workspace())
if not scored:
    st.info(
        "Nothing is scored yet. Train a run: its out-of-fold predictions rank the suspects.", icon=":material/info:"
    )
    st.page_link("retrain.py", label="Train a run", icon=":material/model_training:")
    if searches:
        next_to_label.begin_button()
        similar.begin_button()
    st.stop()

saved = DEFAULTS | address.asked()
unlikely = st.session_state.get("sweep_unlikely", saved["unlikely"] == "1")
with session.messages(), session.workspace().read() as connection:
    least = 0.0 if unlikely else WORTH_HEARING
    wanted = QueueFilter(status="all", min_p_wrong=least)
    run = read_scored_run(connection, *scored)
    progress = {progress_row.code: progress_row for progress_row in queue.progress_by_class(connection, run, wanted)}
    names = {label_class.code: label_class.name for label_class in store.all_classes(connection)}
    new = new_classes(connection)
asked = st.session_state.get("sweep_class", saved["class"])
codes = [*progress, *([asked] if asked in names and asked not in progress else [])] or sorted(names)


def _class_text(code: str) -> str:
    name = names[code] if names[code] == code else f"{names[code]} ({code})"
    mark = " · new" if code in new else ""
    return f"{name}{mark}: {progress[code].to_do if code in progress else 0:,} to do"


# set in each run: a changed number of cells to do makes another widget, which would forget the choice
st.session_state["sweep_class"] = asked if asked in codes else codes[0]
session.begin_with({
    "sweep_which": saved["which"] if saved["which"] in snippets.WHICH else "all",
    "sweep_status": saved["status"] if saved["status"] in STATUSES else "all",
    "sweep_order": saved["order"] if saved["order"] in snippets.SORTS else "rank",
    "sweep_unlikely": unlikely,
})  # fmt: skip
with st.container(horizontal=True, vertical_alignment="bottom"):
    code = st.selectbox("Class, most to do first", codes, format_func=_class_text, key="sweep_class", width=300)
    which = st.segmented_control(
        "Labels",
        list(snippets.WHICH),
        format_func=lambda choice: snippets.WHICH[choice],
        required=True,
        key="sweep_which",
    )
    status = st.segmented_control(
        "Status", list(STATUSES), format_func=lambda choice: STATUSES[choice], required=True, key="sweep_status"
    )
    order = st.selectbox(
        "Order", list(snippets.SORTS), format_func=lambda choice: snippets.SORTS[choice], key="sweep_order", width=200
    )
    st.toggle(
        "The unlikely too", key="sweep_unlikely", help=f"Also those less than {WORTH_HEARING:.1f} likely to be wrong."
    )
    if searches:
        similar.begin_button(code)
        next_to_label.begin_button()
said = {"class": code, "which": which, "status": status, "order": order, "unlikely": "1" if unlikely else ""}
address.keep({name: value for name, value in said.items() if value != DEFAULTS[name]})

query = WallQuery(
    *scored, class_code=code, which=which or "all", status=status or "all", order=order, min_p_wrong=least
)
hint = "" if unlikely else " Turn on “The unlikely too” to see more."
wall.show(
    reviewer,
    snippets_json.PATH,
    query.to_json(),
    title=names[code] if names[code] == code else f"{names[code]} ({code})",
    searches=searches,
    empty=f"No suspect of this class fits.{hint}",
    on_like=lambda like: similar.begin(like, code),
)
