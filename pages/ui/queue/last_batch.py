"""Many cells decided at once are undone at once, also after a reload."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from labeling import journal
from labeling.errors import EarmarkError
from labeling.records import Decision
from labeling.suspects import bulk
from pages.ui import session


def undo_button(last: Sequence[Decision]) -> None:
    """Offer to take back the reviewer's last decisions where they are a batch."""
    if len(last) > 1:
        st.button(
            f"Undo my last batch ({bulk.cells_and_clips(len(last), _clips(last))})",
            key=f"undo_batch_{last[-1].position}",  # a second press on what is undone finds no button
            type="tertiary",
            icon=":material/undo:",
            help=f"Decided {last[-1].created_at[:16].replace('T', ' ')} UTC",
            on_click=_undo,
            args=(last, journal.new_event_id()),
        )


def _undo(last: Sequence[Decision], batch_id: str) -> None:
    try:
        session.check("decide")
        journal.undo_all(session.workspace(), last, session.reviewer(), batch_id)
    except EarmarkError as problem:
        st.toast(session.plain(f"Not undone: {problem}"), icon=":material/error:")
    else:
        st.toast(f"{bulk.cells_and_clips(len(last), _clips(last))} undone", icon=":material/undo:")


def _clips(decisions: Sequence[Decision]) -> int:
    return len({decision.clip_id for decision in decisions})
