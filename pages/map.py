"""All stretches of a space on a map: what sounds alike lies together, coloured by what is known of it."""

import streamlit as st

from labeling.embeddings.space import list_spaces
from pages.ui import session, signing
from pages.ui.map import component, page
from pages.ui.panels import mapping
from pages.ui.queue import worklist

OPENED = "map_opened"

st.html("<style>.stMainBlockContainer{max-width:none}</style>")  # a map is as large as the screen
with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
    st.title("Map", width="content")
    beside_title = st.container(horizontal=True, vertical_alignment="bottom", width="content")
with session.messages():
    spaces = [facts.name for facts in list_spaces(session.workspace())]
if not spaces:
    st.info(
        "A map shows the stretches of a space, and there is none yet: hear the collection with a frozen model first.",
        icon=":material/info:",
    )
    if session.may("page retrain"):
        st.page_link("retrain.py", label="Hear the collection, under Embeddings", icon=":material/model_training:")
    st.stop()

with beside_title:
    asked = page.asked(spaces)
    mapping.make_button(asked.space)
with st.container():  # what comes and goes in it does not move the map, which would begin anew elsewhere
    mapping.jobs_on_the_way(asked.space)
    wanted = page.filters(asked)


def _pressed(event: component.MapEvent) -> None:
    st.session_state[OPENED] = event


@st.fragment(run_every=signing.RENEW_S)
def _map() -> None:
    """The map; drawn again now and then, so that its links do not run out."""
    event: component.MapEvent | None = st.session_state.pop(OPENED, None)
    if event is not None and event.action == "open":
        params = worklist.place_of(event.clip_id, event.moment_s)
        st.switch_page("review.py", query_params=params)
    if event is not None and event.chosen:
        kept = wanted or {}
        params = {**kept, "chosen": event.chosen} if event.action == "queue" else {"chosen": event.chosen}
        st.switch_page(f"{event.action}.py", query_params=params)
    with session.messages():
        told = page.landscape(asked, wanted)
    component.landscape(told, _pressed)


_map()
