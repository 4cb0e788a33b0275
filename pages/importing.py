"""Bring in a collection: say where it is, look at it, and only then store it."""

import streamlit as st

from labeling.collection import store
from pages.ui import session
from pages.ui.bringing import form, found, storing

st.title("Import")
with session.messages(), session.workspace().read() as connection:
    imports = store.all_imports(connection)
form.where()
found.look(again=bool(imports))
storing.report()
