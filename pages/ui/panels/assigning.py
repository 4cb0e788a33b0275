"""Whose work is what: the list, and for an owner a form to add to it and buttons to take away."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from labeling.collection import store
from labeling.errors import EarmarkError
from labeling.team import assignments
from labeling.team.assignments import Assignment
from pages.ui import session


def panel(assigned: Sequence[Assignment], names: Sequence[str]) -> None:
    """Assignments; ``names`` are offered to assign to."""
    st.markdown("#### Assignments")
    st.markdown("A class, a share of all clips, an import or a folder can be somebody's. All else stays open.")
    may = session.may_here("assign work")
    if may:
        _form(names)
    for one in assigned:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{session.plain(one.reviewer)}** · {session.plain(one.words)}", width="content")
            if may and st.button("End", icon=":material/close:", key=f"unassign_{one.id}", type="tertiary"):
                with session.messages():
                    session.check("assign work")
                    with session.workspace().write() as connection:
                        assignments.take_away(connection, one.id)
                st.rerun()
    if not assigned:
        st.caption("Nothing is assigned to anybody.")


def _form(names: Sequence[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Who", list(names), index=None, key="assign_who", accept_new_options=True, width=220, placeholder="A name"
        )
        kind = st.selectbox(
            "What",
            list(assignments.KINDS),
            format_func=assignments.KINDS.__getitem__,
            key="assign_kind",
            width=200,
        )
        part = _part(kind)
        go = st.button("Assign", icon=":material/person_add:", key="assign_go", disabled=not (name and part))
    if not go:
        return
    try:
        session.check("assign work")
        with session.workspace().write() as connection:
            assignments.assign(connection, str(name), kind, str(part), session.reviewer())
    except EarmarkError as problem:
        st.error(session.plain(str(problem)), icon=":material/error:")
        return
    st.rerun()


def _part(kind: str) -> str | None:
    """The widget of a kind's part."""
    if kind == "share":
        return str(st.number_input("Percent that nobody has yet", 1, 100, 25, key="assign_share", width=220))
    with session.messages(), session.workspace().read() as connection:
        if kind == "class":
            names = {known.code: known.name for known in store.all_classes(connection)}
        elif kind == "import":
            names = {str(record.id): record.name or record.source for record in store.all_imports(connection)}
        else:
            names = {folder: folder for folder in assignments.folders(connection)}
    return st.selectbox(
        assignments.KINDS[kind], sorted(names, key=lambda code: names[code].casefold()), index=None,
        key=f"assign_part_{kind}", width=320,
        format_func=lambda code: names[code] if names[code] == code else f"{names[code]} ({code})",
    )  # fmt: skip
