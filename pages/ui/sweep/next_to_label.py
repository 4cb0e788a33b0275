"""Sweep in the order of what to label next: cells of all classes that teach a model most, above the wall of them."""

from __future__ import annotations

import streamlit as st

from labeling.active.orders import ORDERS
from labeling.active.questions import AMONG
from labeling.embeddings.space import list_spaces
from pages.ui import session
from pages.ui.routes import next_json
from pages.ui.sweep import address, similar, wall

WORD = "next"
"""The parameter of the address that names the space, and says that this is on."""
DEFAULTS = {"by": "hybrid", "among": "unlabelled"}


def is_on() -> bool:
    """Whether the page is asked for what to label next."""
    return WORD in address.asked()


def begin_button() -> None:
    """Offer it."""
    words = "What would teach a model most: clips and classes that it is least sure of, unlike what was heard."
    if st.button("Next to label", icon=":material/model_training:", key="begin_next", help=words):
        address.begin({WORD: ""}, "next_")
        st.rerun()


def show(reviewer: str) -> None:
    """The controls, and the wall."""
    with session.messages():
        spaces = [facts.name for facts in list_spaces(session.workspace())]
    if not spaces:
        st.info(
            "There is nothing to learn on yet: hear the collection with a frozen model first.", icon=":material/info:"
        )
        if session.may("page retrain"):
            st.page_link("retrain.py", label="Hear the collection, under Embeddings", icon=":material/model_training:")
        _end_button()
        return
    given = DEFAULTS | address.asked()
    session.begin_with({
        "next_by": given["by"] if given["by"] in ORDERS else DEFAULTS["by"],
        "next_among": given["among"] if given["among"] in AMONG else DEFAULTS["among"],
        "next_space": given[WORD] if given[WORD] in spaces else spaces[0],
    })  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = st.selectbox(
            "Order", list(ORDERS), format_func=lambda choice: ORDERS[choice], key="next_by", width=220,
            help="The head is fitted anew after each batch. One question in ten is drawn at random: these looks "
            "measure what it is worth, on Label quality.",
        )  # fmt: skip
        among = st.segmented_control(
            "Among", list(AMONG), format_func=lambda choice: AMONG[choice], required=True, key="next_among"
        )
        space = spaces[0]
        if len(spaces) > 1:
            space = st.selectbox("Heard by", spaces, key="next_space", width=160)
        _end_button()
    among = among or DEFAULTS["among"]
    chosen = {WORD: space} | {name: value for name, value in (("by", by), ("among", among)) if value != DEFAULTS[name]}
    address.keep(chosen)
    other = " Look at all clips." if among == "unlabelled" else ""
    wall.show(
        reviewer,
        next_json.PATH,
        next_json.params_of(space, by, among),
        title="Next to label",
        empty=f"Nothing is left to ask here: each clip has labels, or was decided.{other}",
        on_like=similar.begin,
    )


def _end_button() -> None:
    if st.button("Back to Sweep", icon=":material/close:", key="next_end"):
        address.begin({}, "next_")
        st.rerun()
