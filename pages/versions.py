"""Label versions: freeze, compare, go back, export."""

import pandas as pd
import streamlit as st

from labeling import journal
from labeling.agreement.weights import rule_named
from labeling.collection import store
from labeling.journal import versions
from labeling.journal.rules import LATEST, RULES, rule_of
from labeling.machine_labels import who
from pages.ui import session
from pages.ui.panels import export

ABOUT_RULES = (
    "Each person's last verdict on a cell is one vote. What was adjudicated counts under every rule but latest. A tie "
    "is unsure, and unsure cells are left out of a training. The rule stays with the version."
)

st.title("Versions")
reviewer = session.reviewer()
with session.messages(), session.workspace().read() as connection:
    known = versions.all_versions(connection)
    end = journal.position(connection)
    formats = sorted({record.format for record in store.all_imports(connection)})

since = end - (known[-1].position if known else 0)
may_freeze = session.may_here("freeze versions")
with st.form("freeze", border=True) if may_freeze else st.container(border=True):
    st.markdown(
        f"**The labels now**: {since:,} journal entries since version {known[-1].number}."
        if known
        else f"**The labels now**: as imported, with {end:,} journal entries. No version is frozen yet."
    )
    note = st.text_input("Note", max_chars=500, placeholder="what this version is for") if may_freeze else ""
    rule_name = LATEST
    if may_freeze:
        rule_name = st.selectbox(
            "Where several people decided", list(RULES), format_func=lambda name: f"{name}: {RULES[name]}",
            key="freeze_rule", help=ABOUT_RULES,
        )  # fmt: skip
    if may_freeze and st.form_submit_button(
        "Freeze a version", type="primary", icon=":material/ac_unit:", disabled=not formats
    ):
        with session.messages():
            with session.workspace().read() as connection:
                rule = rule_named(connection, rule_name)
            version = versions.freeze(session.workspace(), reviewer or "unknown", note, rule)
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
                version.rule,
                version.content_hash[:12],
                version.note,
                who(version.created_by),
                version.created_at[:19].replace("T", " "),
            )
            for version in reversed(known)
        ],
        columns=["version", "journal entry", "rule", "content hash", "note", "by", "time"],
    ),
    hide_index=True,
    height="content",
)

st.markdown("#### What changed")
numbers = [0] + [version.number for version in known]
words = {0: "as imported"} | {
    version.number: f"version {version.number}" + (f", {version.rule}" if version.rule != LATEST else "")
    for version in known
}
left, right = st.columns(2)
older = left.selectbox("From", numbers, index=max(0, len(numbers) - 2), format_func=lambda number: words[number])
newer = right.selectbox("To", [*numbers, -1], index=len(numbers), format_func=lambda n: words.get(n, "now"))
position = {0: 0, -1: end} | {version.number: version.position for version in known}
rules = {version.number: rule_of(version) for version in known}
with session.messages(), session.workspace().read() as connection:
    of_both = rules.get(older, versions.BY_LATEST), rules.get(newer, versions.BY_LATEST)
    changes = versions.diff(connection, position[older], position[newer], of_both)
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

if not session.may_here("go back to versions"):
    st.stop()
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
