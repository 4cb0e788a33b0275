"""Label quality: what a head on a space has learned from the decisions so far, or would have in a replay."""

from __future__ import annotations

import streamlit as st

from labeling import journal
from labeling.active.curve import LEAST_DRAWN, LearningCurve, learning_curve
from labeling.active.orders import ORDERS
from labeling.embeddings.space import list_spaces
from labeling.replay.jobs import StoredReplay
from pages.ui import session
from pages.ui.figures.basic import CONFIG
from pages.ui.figures.learning import learning_figure, replayed_learning


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


def replayed(stored: StoredReplay) -> None:
    """What a replay of hidden labels came to: a sentence, the curves, and the figures at two shares of the labels."""
    facts, names = stored.facts, [ORDERS.get(curve["order"], curve["order"]) for curve in stored.curves]
    last = [curve["macro_ap"][-1] for curve in stored.curves]
    best = max(range(len(last)), key=lambda place: sum(stored.curves[place]["macro_ap"]))
    st.markdown(
        f"“{names[best]}” makes the best model on the way: **{last[best]:.2f}** macro average precision "
        f"after {stored.curves[best]['decisions'][-1]:,} decisions; {facts['all_true']:.2f} with all labels, as they "
        "truly are."
    )
    st.plotly_chart(
        replayed_learning(stored.curves, names, facts["all_true"], facts["all_imported"]), key="replay:learned",
        config=CONFIG,
    )  # fmt: skip
    st.dataframe(
        {
            "order": names,
            "at first": [curve["macro_ap"][0] for curve in stored.curves],
            **{
                f"{100 * float(share):g} % of labels": [curve["at"][share] for curve in stored.curves]
                for share in stored.curves[0]["at"]
            },
            "at last": last,
            "decisions": [curve["decisions"][-1] for curve in stored.curves],
        },
        hide_index=True,
        placeholder="not reached",
        column_config=dict.fromkeys(
            ("at first", *(f"{100 * float(share):g} % of labels" for share in stored.curves[0]["at"]), "at last"),
            st.column_config.NumberColumn(format="%.3f"),
        ),
    )
    st.caption(
        f"A linear head on {session.plain(stored.asked['space'])}, measured on {facts['held_out_clips']:,} clips that "
        f"were held out. Of {facts['cells']:,} other labels {facts['kept']:,} were known at first; the others were "
        "hidden, and a simulated reviewer told them as each order asked."
    )
