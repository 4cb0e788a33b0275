"""Cells on which people disagree, one after the other: what each says, side by side, until a verdict settles it."""

import uuid

import streamlit as st

from labeling.agreement import disagreements
from labeling.collection import store
from labeling.records import WORTH_HEARING
from labeling.review.second_looks import ADJUDICATE, Look
from labeling.reviewer import preferences
from labeling.suspects import queue
from pages.ui import session, signing
from pages.ui.player.component import PageEvent, Visit, clip_player

LIST = "adjudicate_list"  # the visit's id and its places, kept while one decides
ENDED, RENEWED = "adjudicate_ended", "adjudicate_renewed"

# a wide screen is for the picture
st.html("<style>.stMainBlockContainer{max-width:2100px}</style>")
reviewer = session.reviewer_or_stop()


def _begin() -> None:
    """Read the list anew."""
    for key in (LIST, ENDED):
        st.session_state.pop(key, None)


with session.messages(), session.workspace().read() as connection:
    waiting = disagreements.waiting(connection)
    classes = {known.id: known for known in store.all_classes(connection)}
    scored = queue.current(connection)
    mine = preferences.get_all(connection, reviewer)

named = {classes[one.class_id].code: classes[one.class_id].name for one in waiting}
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    count = f"{len(waiting):,} {'cell' if len(waiting) == 1 else 'cells'}"
    opposite = sum(one.is_opposite for one in waiting)
    st.markdown(
        f"#### {count} on which people disagree",
        width="content",
        help=f"In {opposite:,} of them one says present and another absent; in the others somebody could not tell. A "
        "digit takes that person's verdict, with their boxes; all other keys are the player's.",
    )
    wanted = None
    if len(named) > 1:
        wanted = st.selectbox(
            "Class", sorted(named, key=str.casefold), index=None, placeholder="Any class", width=260,
            key="adjudicate_class", format_func=lambda code: named.get(code, code),
            label_visibility="collapsed", on_change=_begin,
        )  # fmt: skip
if LIST not in st.session_state:
    codes = [(one.clip_id, classes[one.class_id].code) for one in waiting]
    places = [Look(clip_id, ADJUDICATE, code) for clip_id, code in codes if wanted in (None, code)]
    st.session_state[LIST] = (uuid.uuid4().hex, tuple(places))
visit_id, looks = st.session_state[LIST]


def _on_event(event: PageEvent) -> None:
    if event.action == "finished":
        st.session_state[ENDED] = True
    elif event.action == "refresh":
        st.session_state[RENEWED] = uuid.uuid4().hex


@st.fragment
def player() -> None:
    """The player with what each says above its keys."""
    run_id, scorer = scored or ("", "")
    view = {"run": run_id, "scorer": scorer, "p": f"{WORTH_HEARING:g}"}
    visit = Visit(
        id=visit_id,
        items=looks,
        at=0,
        token=signing.api_token(session.secret(), reviewer),
        view={name: value for name, value in view.items() if value},
        preferences=mine,
        may_decide=session.may("adjudicate"),
        renewed=st.session_state.get(RENEWED, ""),
    )
    if not st.session_state.get(ENDED):
        clip_player(visit, on_event=_on_event, key="adjudicate_player")
        return
    st.success("That was the last one of this list.", icon=":material/check_circle:")
    if st.button("Look for what is left", icon=":material/refresh:", type="primary"):
        _begin()
        st.rerun(scope="app")
    st.page_link("agreement.py", label="How far do people agree?", icon=":material/handshake:")
    st.page_link("versions.py", label="Freeze a version", icon=":material/history:")


if looks:
    player()
else:
    st.info(
        "Nothing waits here. When two people say unlike things of a cell, it comes here until somebody settles it.",
        icon=":material/balance:",
    )
    if st.button("Look again", icon=":material/refresh:"):
        _begin()
        st.rerun()
