"""When and where a class is heard in long recordings, how often its scores are right, and the threshold to use."""

import streamlit as st

from pages.ui.activity import choosing, hours, precision

st.title("Activity")
query = choosing.asked()
if query is None:
    st.stop()
if choosing.view() == "hours":
    hours.show(query)
else:
    precision.show(query)
