"""Sweep of what was chosen on the map: of which class the verdicts are, in what order, and the wall."""

from __future__ import annotations

import streamlit as st

from labeling.collection import store
from labeling.journal.new_classes import new_classes
from labeling.landscape.sweeping import ORDERS
from labeling.reviewer import chosen
from labeling.suspects.snippets import WHICH
from pages.ui import session
from pages.ui.routes import chosen_json
from pages.ui.sweep import address, similar, verdict_class, wall

USUAL = {"class": "", "which": "all", "order": "central"}


def is_on() -> bool:
    """Whether the page is asked for chosen stretches."""
    return bool(address.asked().get("chosen")) and not similar.is_on()


def show(reviewer: str) -> None:
    """The controls, and the wall."""
    given = USUAL | address.asked()
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
        code = verdict_class.choice(known, new, "chosen_class")
        which = st.segmented_control(
            "Labels", list(WHICH), format_func=lambda choice: WHICH[choice], required=True, key="chosen_which"
        )
        order = st.selectbox(
            "Order", list(ORDERS), format_func=lambda choice: ORDERS[choice], key="chosen_order", width=180
        )
        if st.button("Back to the classes", icon=":material/close:", key="chosen_end"):
            address.begin({"class": code} if code in known else {}, "chosen_")
            st.rerun()
    with session.messages():
        code = verdict_class.stored(code, known)
    query = {"chosen": given["chosen"], "class": code, "which": which or "all", "order": order}
    address.keep({name: value for name, value in query.items() if value != USUAL.get(name)})
    title = verdict_class.text(code, known, new) if code in known else code
    wall.show(
        reviewer,
        chosen_json.PATH,
        query,
        title=f"Chosen on the map: {title}" if title else "Chosen on the map",
        empty="Nothing of what was chosen is left to decide. Look at other labels, or choose another class.",
        on_like=lambda like: similar.begin(like, query["class"]),
    )
