"""Predict new recordings with a run, also with a combination of runs: ask for it, watch it, take the tables."""

import streamlit as st

from labeling import runs
from pages.ui import session
from pages.ui.panels import predicted, predicting

st.title("Predict")
with session.messages(), session.workspace().read() as connection:
    every_run = runs.all_runs(connection)
    every = runs.all_jobs(connection, runs.PREDICTION)[::-1]
predicted.running(every)
done = [run for run in reversed(every_run) if run.status == "done" and run.recipe != runs.IMPORTED]
if done:
    predicting.form(done, every_run)
else:
    st.info("Recordings are predicted by the networks of a finished run; train one first.", icon=":material/info:")
    st.page_link("retrain.py", label="Train a run", icon=":material/model_training:")
predicted.ended(every)
