"""Sweep of what was chosen on the map: of which class the verdicts are, in what order, and the wall."""

from __future__ import annotations

import streamlit as st

from labeling.collection import classes, store
from labeling.journal.new_classes import new_classes
from labeling.landscape.sweeping import ORDERS
from labeling.reviewer import chosen
from labeling.suspects.snippets import WHICH
from pages.ui import session
from pages.ui.routes import chosen_json
from pages.ui.sweep import similar, wall

USUAL = {"class": "", "which": "all", "order": "central"}


def is_on() -> bool:
    """Whether the page is asked for chosen stretches."""
    return bool(st.session_state[similar.STATE].get("chosen")) and not similar.is_on()


def is_linked() -> bool:
    """Whether the address asks for chosen stretches that this page did not write there itself."""
    return "chosen" in st.query_params and st.query_params.to_dict() != st.session_state.get(similar.ADDRESS)


def show(reviewer: str) -> None:
    """The controls, and the wall."""
    given = USUAL | st.session_state[similar.STATE]
    with session.messages(), session.workspace().read() as connection:
        these = chosen.read(connection, given["chosen"])
        known = {label_class.code: label_class for label_class in store.all_classes(connection)}
        new = new_classes(connection)
    session.begin_with({
        "chosen_class": given["class"] if given["class"] in known else None,
        "chosen_which": given["which"] if given["which"] in WHICH else "all",
        "chosen_order": given["order"] if given["order"] in ORDERS else "central",
    })  # fmt: skip
    st.caption(session.plain(f"{these.title[0].upper()}{these.title[1:]}."))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        code = st.selectbox(
            "Class of the verdicts", list(known), format_func=lambda code: similar.class_text(code, known, new),
            accept_new_options=session.may("decide"), placeholder="Choose one, or write a new one",
            key="chosen_class", width=300,
        )  # fmt: skip
        which = st.segmented_control(
            "Labels", list(WHICH), format_func=lambda choice: WHICH[choice], required=True, key="chosen_which"
        )
        order = st.selectbox(
            "Order", list(ORDERS), format_func=lambda choice: ORDERS[choice], key="chosen_order", width=180
        )
        if st.button("Back to the classes", icon=":material/close:", key="chosen_end"):
            st.session_state[similar.STATE] = {"class": code} if code in known else {}
            st.session_state.pop(similar.ADDRESS, None)  # a link to them is followed again
            for name in [name for name in st.session_state if str(name).startswith("chosen_")]:
                del st.session_state[name]
            st.rerun()
    if code and code not in known:
        with session.messages(), session.workspace().write() as connection:
            session.check("decide")
            code = classes.add_class(connection, code, added_by=session.reviewer()).code
    query = {"chosen": given["chosen"], "class": code or "", "which": which or "all", "order": order}
    kept = {name: value for name, value in query.items() if value != USUAL.get(name)}
    st.session_state[similar.STATE] = st.session_state[similar.ADDRESS] = kept
    if st.query_params.to_dict() != kept:
        st.query_params.from_dict(kept)
    title = similar.class_text(code, known, new) if code in known else code or ""
    wall.show(
        reviewer,
        chosen_json.PATH,
        query,
        title=f"Chosen on the map: {title}" if title else "Chosen on the map",
        empty="Nothing of what was chosen is left to decide. Look at other labels, or choose another class.",
        on_like=lambda like: similar.begin(like, query["class"]),
    )
