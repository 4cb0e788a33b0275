"""Sign-in, sidebar, and the pages."""

import streamlit as st

from labeling.errors import EarmarkError
from labeling.log import lines
from labeling.people import roles
from labeling.records import is_machine
from labeling.storage.text import not_a_persons
from pages.ui import entrance, session, signin

lines.name_in_log(request_id=lines.new_reference())
st.set_page_config(page_title="Earmark", page_icon="👂", layout="wide")

# Streamlit leaves a hand's breadth of nothing above each page; a reviewer needs it for the picture
st.html(
    "<style>.stMainBlockContainer{padding:4rem 2.5rem 3rem;max-width:1500px}"
    "@media(max-width:640px){.stMainBlockContainer{padding:4rem 1rem 3rem}}</style>"
)

SECTIONS = {
    "": {
        "overview": ("Overview", ":material/dashboard:"),
        "importing": ("Import", ":material/input:"),
    },
    "Review": {
        "queue": ("Queue", ":material/format_list_numbered:"),
        "review": ("Review", ":material/graphic_eq:"),
        "sweep": ("Sweep", ":material/grid_view:"),
        "map": ("Map", ":material/scatter_plot:"),
        "quality": ("Label quality", ":material/verified:"),
        "versions": ("Versions", ":material/history:"),
    },
    "Train": {
        "retrain": ("Retrain", ":material/model_training:"),
        "runs": ("Runs", ":material/compare_arrows:"),
        "predict": ("Predict", ":material/batch_prediction:"),
        "activity": ("Activity", ":material/timeline:"),
    },
    "Team": {
        "team": ("Team", ":material/groups:"),
        "adjudicate": ("Adjudicate", ":material/balance:"),
        "agreement": ("Agreement", ":material/handshake:"),
    },
}
TITLES = {name: title for section in SECTIONS.values() for name, title in section.items()}
try:
    person, is_required = signin.at_the_page(), signin.is_required()
except EarmarkError as unreadable:  # of the workspace: nothing is known, so nothing is shown but this
    st.navigation([st.Page(f"{name}.py", title=title, icon=icon) for name, (title, icon) in TITLES.items()])
    st.error(session.plain(str(unreadable)), icon=":material/error:")
    st.stop()
PAGES = {
    name: st.Page(
        f"{name}.py", title=title, icon=icon, default=name == "overview",
        visibility="visible" if roles.may(person, f"page {name}") else "hidden",
    )
    for name, (title, icon) in TITLES.items()
}  # fmt: skip
if not roles.may(person, "page overview"):
    st.navigation(list(PAGES.values()), position="hidden")  # their names are no secret, and links to them stay good
    with session.messages():
        entrance.show()
    st.stop()
page = st.navigation({title: [PAGES[name] for name in names] for title, names in SECTIONS.items()}, expanded=True)

with st.sidebar:
    if is_required:
        st.caption(session.plain(f"{person.name} ({person.role})"))
        entrance.sign_out()
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
    here = next(name for name, one in PAGES.items() if one.url_path == page.url_path)
if reason := roles.refusal(person, f"page {here}"):
    st.title(page.title)
    st.info(session.plain(f"{reason[0].upper()}{reason[1:]}."), icon=":material/lock:")
    st.stop()
try:
    page.run()
except Exception:  # Streamlit says that it failed, and the log why; this is what leads from one to the other
    st.caption(session.plain(f"Reference for who runs this server: {lines.reference()}"))
    raise
