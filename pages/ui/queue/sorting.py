"""The queue's order on the screen: which one, and how it is dealt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from labeling.suspects.filter import ORDERS, TAUGHT, VARIED, QueueFilter
from pages.ui import session

#: what the choices of the slider say, by how far rare classes count more
RARITIES = {0.0: "as they are", 0.25: "a little more", 0.5: "more", 0.75: "much more", 1.0: "fully"}
HELP = """
- **Most likely wrong**: what most probably needs fixing comes first.
- **Most worth**: what brings most for each second of listening comes first.
- **Most uncertain**: what the model would learn most from comes first.
- **Next to label**: what would teach a model on a space of embeddings most comes first. It learns from each 20
  verdicts, once the order is updated; suspects that the space does not hold come last.
- **Random audit**: drawn by chance, likely wrong or not; shows how many labels are wrong in all.
- The others go by one column alone.
"""


def orders_for(order: str, can_learn: bool) -> dict[str, str]:
    """The orders that can be chosen beside ``order``; ``can_learn``: there is a space to learn on."""
    return {name: words for name, words in ORDERS.items() if name != "next" or can_learn or order == "next"}


def order(saved: QueueFilter, wanted: QueueFilter, spaces: Sequence[str]) -> QueueFilter:
    """Draw the widgets beside the rows; the filter with what they say of the order."""
    session.begin_with({"queue_order": saved.order})
    chosen = st.selectbox(
        "Order", list(orders_for(saved.order, bool(spaces))), format_func=lambda key: ORDERS[key], key="queue_order",
        width=210, label_visibility="collapsed",
    )  # fmt: skip
    wanted = replace(wanted, order=chosen, space=saved.space, taught=saved.taught)
    popover = st.popover("", icon=":material/sort:", key="queue_dealing", on_change="rerun", help="About the order")
    if not popover.open:  # what a closed one holds is not on the page yet
        return replace(wanted, rarity=saved.rarity, variety=saved.variety, batches=saved.batches)
    session.begin_with({
        "queue_rarity": min(RARITIES, key=lambda known: abs(known - saved.rarity)),
        "queue_variety": saved.variety, "queue_batches": saved.batches, "queue_taught": saved.taught,
        "queue_space": saved.space if saved.space in spaces else next(iter(spaces), ""),
    })  # fmt: skip
    rarity, variety, batches = saved.rarity, saved.variety, saved.batches
    with popover:
        st.caption(HELP)  # a label that is not drawn has no place for it
        if chosen == "worth":
            rarity = st.select_slider(
                "Rare classes count", list(RARITIES), format_func=lambda key: RARITIES[key], key="queue_rarity",
                help="One corrected label changes the score of a class with 10 clips ten times as much as that of one "
                "with 100. “Fully” counts all of that, as an average over classes does; “as they are” none of it.",
            )  # fmt: skip
        if chosen == "next":
            wanted = replace(
                wanted,
                taught=st.selectbox("Asked first", list(TAUGHT), format_func=lambda key: TAUGHT[key],
                                    key="queue_taught"),
            )  # fmt: skip
            if len(spaces) > 1:
                heard = st.selectbox("Heard by", spaces, key="queue_space")
                wanted = replace(wanted, space="" if heard == spaces[0] else heard)
        if chosen in VARIED:
            variety = st.toggle(
                "Variety", key="queue_variety",
                help="The clips of one recordist take turns with others that are nearly as much worth hearing.",
            )  # fmt: skip
        if chosen != "audit":
            batches = st.toggle(
                "In batches of one class", key="queue_batches",
                help="The first 200 come in runs of up to 10 of one class, so that the ear stays with it.",
            )  # fmt: skip
    return replace(wanted, rarity=rarity, variety=variety, batches=batches)
