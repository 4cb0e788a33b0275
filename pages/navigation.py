"""Sign-in, sidebar, and the pages."""

import streamlit as st

from labeling.errors import EarmarkError
from labeling.records import is_machine
from labeling.storage.text import not_a_persons
from pages.ui import session, signin

st.set_page_config(page_title="Earmark", page_icon="👂", layout="wide")

# Streamlit leaves a hand's breadth of nothing above each page; a reviewer needs it for the picture
st.html(
    "<style>.stMainBlockContainer{padding:4rem 2.5rem 3rem;max-width:1500px}"
    "@media(max-width:640px){.stMainBlockContainer{padding:4rem 1rem 3rem}}</style>"
)

PAGES = [
    st.Page("overview.py", title="Overview", icon=":material/dashboard:", default=True),
    st.Page("queue.py", title="Queue", icon=":material/format_list_numbered:"),
    st.Page("review.py", title="Review", icon=":material/graphic_eq:"),
    st.Page("sweep.py", title="Sweep", icon=":material/grid_view:"),
    st.Page("quality.py", title="Label quality", icon=":material/verified:"),
    st.Page("retrain.py", title="Retrain", icon=":material/model_training:"),
    st.Page("runs.py", title="Runs", icon=":material/compare_arrows:"),
    st.Page("predict.py", title="Predict", icon=":material/batch_prediction:"),
    st.Page("versions.py", title="Versions", icon=":material/history:"),
]
if signin.is_required() and not signin.at_the_page():
    st.navigation(PAGES, position="hidden")  # the names of the pages are no secret, and links to them stay good
    signin.show()
    st.stop()
page = st.navigation(PAGES)

with st.sidebar:
    if signin.is_required():
        st.caption(session.plain(session.reviewer()))
        signin.sign_out()
    else:
        st.text_input(
            "Reviewer",
            value=st.session_state.get("reviewer", session.default_reviewer()),
            key="reviewer_box",
            max_chars=session.MOST_SIGNS,
            help="Every decision is kept under this name.",
            on_change=lambda: st.session_state.update(reviewer=st.session_state.reviewer_box.strip(), named=True),
        )
        if st.session_state.pop("named", False):
            session.keep_name(session.reviewer())
    if is_machine(session.reviewer()):
        st.error(session.plain(not_a_persons(session.reviewer())), icon=":material/error:")
    try:
        st.caption(session.plain(session.workspace().root.name))
    except EarmarkError as problem:
        st.error(session.plain(str(problem)), icon=":material/error:")

with session.messages():
    session.workspace()
page.run()
