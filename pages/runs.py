"""Compare runs: metrics side by side, per class, and the decisions that lay between their label versions."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from labeling import runs
from labeling.journal import versions
from labeling.journal.rules import rule_of
from labeling.machine_labels import who
from labeling.records import Run
from labeling.runs import run_folder
from pages.ui import session
from pages.ui.figures import basic
from pages.ui.panels import imported_predictions
from pages.ui.training import combine, gain, priors, run_words

METRICS = {
    "macro_ap": "macro-AP",
    "macro_auc": "macro-AUC",
    "lwlrap": "lwlrap",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
}
MOST_ROWS = 12


def _row(run: Run, every_run: Sequence[Run]) -> dict[str, object]:
    scores = {text: run.metrics.get(key) for key, text in METRICS.items()}
    truth = run.metrics.get("truth") or {}
    return {
        "run": run.id, "status": run.status, **scores, "macro-AP vs truth": truth.get("macro_ap"),
        "labels": run.label_version, "recipe": run_words.recipe_name(run),
        "purpose": run_words.purpose(run, every_run), "changed settings": run_words.settings(run),
        "ended": run.ended_at[:16].replace("T", " "),
    }  # fmt: skip


st.title("Runs")
with session.messages(), session.workspace().read() as connection:
    every_run = runs.all_runs(connection)
if not every_run:
    st.info("No run yet: train one, or bring predictions that another model made.", icon=":material/info:")
    st.page_link("retrain.py", label="Train a run", icon=":material/model_training:")
    imported_predictions.panel(expanded=True)
    st.stop()

table = pd.DataFrame([_row(run, every_run) for run in reversed(every_run)])
numbers = {text: st.column_config.NumberColumn(format="%.3f") for text in [*METRICS.values(), "macro-AP vs truth"]}
if table["macro-AP vs truth"].isna().all():
    table = table.drop(columns="macro-AP vs truth")
wide = {
    "labels": st.column_config.NumberColumn(
        help="The label version that it was trained on; of a brought run, the one it is measured on"
    ),
    "purpose": st.column_config.TextColumn(width=230),
    "changed settings": st.column_config.TextColumn(help="What differs from the recipe", width=300),
}
st.dataframe(table, hide_index=True, height="content" if len(table) <= MOST_ROWS else 440, column_config=numbers | wide)

combine.panel(every_run)
priors.panel(every_run)
imported_predictions.panel()

done = [run for run in every_run if run.status == "done"]
if len(done) < 2:
    st.caption("With two finished runs, they are compared here.")
    if not done:
        st.stop()

st.markdown("#### Side by side" if len(done) > 1 else "#### This run")
ids = [run.id for run in done]
if len(done) > 1:
    left, right = st.columns(2)
    purposes = {run.id: run_words.purpose(run, every_run) for run in done}
    named = {name: name if words == "training" else f"{name}: {words}" for name, words in purposes.items()}
    before = left.selectbox("Before", ids, index=len(ids) - 2, format_func=named.__getitem__)
    after = right.selectbox("After", ids, index=len(ids) - 1, format_func=named.__getitem__)
else:
    before = after = ids[0]
by_id = {run.id: run for run in done}
old, new = by_id[before], by_id[after]

columns = st.columns(len(METRICS))
for column, (key, text) in zip(columns, METRICS.items(), strict=True):
    now, then = new.metrics.get(key), old.metrics.get(key)
    delta = f"{now - then:+.3f}" if now is not None and then is not None and old.id != new.id else None
    column.metric(text, f"{now:.3f}" if now is not None else "none", delta)
for run in {old.id: old, new.id: new}.values():
    imported_predictions.warn(run.id, every_run)
if old.label_version != new.label_version:
    st.caption(
        "Each run is measured against the labels it was trained on. These differ, so part of a difference may come "
        "from the labels and not from the network. `python -m models evaluate --truth FILE` measures against a truth."
    )
truth = [run.metrics.get("truth") for run in (old, new)]
if all(truth) and old.id != new.id:
    st.markdown("**Against the truth file**")
    for column, (key, text) in zip(st.columns(len(METRICS)), METRICS.items(), strict=True):
        then, now = truth[0].get(key), truth[1].get(key)  # type: ignore[union-attr]
        if now is not None and then is not None:
            column.metric(text, f"{now:.3f}", f"{now - then:+.3f}")

gain.panel(old, new)

with session.messages():
    per_class = [
        run_folder.metrics(session.workspace().run_dir(compared.id)).get("per_class", {}) for compared in (old, new)
    ]
if per_class[0] and per_class[1]:
    st.markdown("#### Average precision per class")
    if old.id == new.id:
        known = {code: row["ap"] for code, row in per_class[0].items() if row.get("ap") is not None}
        chart = basic.class_bars(known, most=60, title="average precision")
    else:
        chart = basic.per_class_comparison(per_class[0], per_class[1], old.id, new.id)
    st.plotly_chart(chart, key="per_class", config=basic.CONFIG)

if old.label_version != new.label_version:
    st.markdown(f"#### Decisions between label version {old.label_version} and {new.label_version}")
    with session.messages(), session.workspace().read() as connection:
        older, newer = (versions.get_version(connection, compared.label_version) for compared in (old, new))
        changes = versions.diff(connection, older.position, newer.position, (rule_of(older), rule_of(newer)))
    if changes:
        kinds = pd.Series([f"{change.before} to {change.after}" for change in changes]).value_counts()
        st.caption(f"{len(changes):,} cells: " + ", ".join(f"{count:,} {kind}" for kind, count in kinds.items()))
        st.dataframe(
            pd.DataFrame(
                [
                    (c.filename, c.class_code, c.before, c.after, who(c.reviewer), c.created_at[:19].replace("T", " "))
                    for c in changes
                ],
                columns=["file", "class", "from", "to", "reviewer", "time"],
            ),
            hide_index=True,
        )
    else:
        st.caption("No cell differs between them.")
elif old.id != new.id:
    st.caption("Both were trained on the same label version.")

with st.expander("What each run was made of", icon=":material/info:"):
    for compared in {old.id: old, new.id: new}.values():
        st.markdown(f"**{session.plain(compared.id)}**")
        st.json(run_folder.facts(session.workspace().run_dir(compared.id)), expanded=1)
