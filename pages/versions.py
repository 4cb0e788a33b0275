"""Label versions: freeze, compare, go back, export."""

import pandas as pd
import streamlit as st

from labeling import journal
from labeling.collection import store
from labeling.journal import versions
from labeling.machine_labels import who
from pages.ui import session
from pages.ui.panels import export

st.title("Versions")
reviewer = session.reviewer()
with session.messages(), session.workspace().read() as connection:
    known = versions.all_versions(connection)
    end = journal.position(connection)
    formats = sorted({record.format for record in store.all_imports(connection)})

since = end - (known[-1].position if known else 0)
with st.form("freeze", border=True):
    st.markdown(
        f"**The labels now**: {since:,} journal entries since version {known[-1].number}."
        if known
        else f"**The labels now**: as imported, with {end:,} journal entries. No version is frozen yet."
    )
    note = st.text_input("Note", max_chars=500, placeholder="what this version is for")
    if st.form_submit_button("Freeze a version", type="primary", icon=":material/ac_unit:", disabled=not formats):
        with session.messages():
            version = versions.freeze(session.workspace(), reviewer or "unknown", note)
        st.toast(
            f"These labels are version {version.number} already"
            if known and version == known[-1]
            else f"Version {version.number}"
        )
        st.rerun()
if not known:
    st.caption("A training freezes one by itself, so that every run names exactly the labels it learned from.")
    st.stop()

st.dataframe(
    pd.DataFrame(
        [
            (
                version.number,
                version.position,
                version.content_hash[:12],
                version.note,
                who(version.created_by),
                version.created_at[:19].replace("T", " "),
            )
            for version in reversed(known)
        ],
        columns=["version", "journal entry", "content hash", "note", "by", "time"],
    ),
    hide_index=True,
    height="content",
)

st.markdown("#### What changed")
numbers = [0] + [version.number for version in known]
words = {0: "as imported"} | {version.number: f"version {version.number}" for version in known}
left, right = st.columns(2)
older = left.selectbox("From", numbers, index=max(0, len(numbers) - 2), format_func=lambda number: words[number])
newer = right.selectbox("To", [*numbers, -1], index=len(numbers), format_func=lambda n: words.get(n, "now"))
position = {0: 0, -1: end} | {version.number: version.position for version in known}
with session.messages(), session.workspace().read() as connection:
    changes = versions.diff(connection, position[older], position[newer])
if changes:
    kinds = pd.Series([f"{change.before} to {change.after}" for change in changes]).value_counts()
    st.caption(f"{len(changes):,} cells: " + ", ".join(f"{count:,} {kind}" for kind, count in kinds.items()))
    st.dataframe(
        pd.DataFrame(
            [
                (
                    change.filename,
                    change.class_code,
                    change.before,
                    change.after,
                    who(change.reviewer),
                    change.created_at[:19].replace("T", " "),
                    change.run_id,
                )
                for change in changes
            ],
            columns=["file", "class", "from", "to", "reviewer", "time", "run on screen"],
        ),
        hide_index=True,
    )
else:
    st.caption("No cell differs.")

st.markdown("#### Export")
export.panel(known, formats, words)

with st.expander("Go back to a version", icon=":material/undo:"):
    st.markdown(
        "Takes back every decision made after it, as new journal entries: nothing is deleted, and it can be undone."
    )
    target = st.selectbox(
        "Version", [version.number for version in reversed(known)], format_func=lambda n: words[n], key="revert_to"
    )
    sure = st.checkbox(f"Take back what was decided after version {target}")
    if st.button("Go back", disabled=not (sure and reviewer), icon=":material/undo:"):
        with session.messages():
            undone = versions.revert(session.workspace(), target, reviewer)
        st.toast(f"{len(undone)} decisions taken back")
        st.rerun()
