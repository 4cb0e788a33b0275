"""Label quality: what a head on a space has learned from the decisions so far."""

from __future__ import annotations

import streamlit as st

from labeling import journal
from labeling.active.curve import LEAST_DRAWN, LearningCurve, learning_curve
from labeling.embeddings.space import list_spaces
from pages.ui import session
from pages.ui.figures.learning import learning_figure


def panel() -> None:
    """The curve, worked out once it is asked for; nothing where there is no space."""
    with session.messages():
        spaces = [facts.name for facts in list_spaces(session.workspace())]
    if not spaces:
        return
    title = "How much better do my decisions make a model?"
    with st.expander(title, icon=":material/trending_up:", key="learning_panel", on_change="rerun") as shown:
        if not shown.open:
            return
        space = spaces[0] if len(spaces) == 1 else st.selectbox("Heard by", spaces, key="learning_space", width=160)
        with session.messages(), st.spinner("Learning from the labels at some points of the journal…"):
            workspace = session.workspace()
            with workspace.read() as connection:
                position = journal.position(connection)
            curve = _curve(str(workspace.root), space, position)
        draw(curve)


@st.cache_data(show_spinner=False, max_entries=4)
def _curve(root: str, space: str, position: int) -> LearningCurve:
    """``root`` and ``position`` say of what state of which workspace."""
    workspace = session.workspace()
    with workspace.read() as connection:
        return learning_curve(workspace, connection, space)


def draw(curve: LearningCurve) -> None:
    """A sentence and the figure; or what is missing for them."""
    drawn = f"{curve.drawn:,} {'cell' if curve.drawn == 1 else 'cells'}"
    if not curve.points:
        st.info(
            f"Not known yet: {drawn} {'was' if curve.drawn == 1 else 'were'} drawn at random and answered, and "
            f"{LEAST_DRAWN} are needed, with a class present in at least one of them. "
            "Sweep’s “Next to label” asks one in ten so, “At random” all of them.",
            icon=":material/info:",
        )
        return
    first, last = curve.points[0], curve.points[-1]
    st.markdown(
        f"**{last.macro_ap:.2f}** macro average precision ({last.low:.2f} to {last.high:.2f}) after {last.decisions:,} "
        f"decisions; {first.macro_ap:.2f} with the labels that came in."
    )
    st.plotly_chart(learning_figure(curve.points), width="stretch", key="learning_figure")
    st.caption(
        f"A linear head, measured on {drawn} that chance picked, which it never learns from, in {curve.classes:,} of "
        f"{curve.of_classes:,} classes: those that were found present in one. Whiskers: 95 % over these clips. "
        "It says how the head reads this collection, whose other clips it learned from, and not new recordists."
    )
