"""Deciding many cells of the queue at once: asked in words, confirmed, and undone from where it was done."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import streamlit as st

from labeling import journal
from labeling.errors import EarmarkError
from labeling.records import Decision
from labeling.suspects import bulk
from labeling.suspects.queue import QueueRow
from pages.ui import session

SAID = "bulk_said"
CAPTIONS = ("What the model hears is right, the label is wrong.", "The label is right, the model is wrong.", "", "", "")


@dataclass(frozen=True)
class BulkRequest:
    """The rows to decide as they were drawn, and the id that makes two presses one batch."""

    rows: Sequence[QueueRow]
    of: int
    scorer: str
    seen_position: int
    batch_id: str = field(default_factory=journal.new_event_id)


@st.dialog("Decide several cells", icon=":material/done_all:")
def ask(request: BulkRequest) -> None:
    """Ask how, say what it would do, and do it once confirmed."""
    choice = st.radio(
        "How they are decided",
        list(bulk.CHOICES),
        format_func=lambda name: bulk.CHOICES[name],
        captions=list(CAPTIONS),
        label_visibility="collapsed",
        key=f"bulk_choice_{request.batch_id}",
    )
    with session.messages(), session.workspace().read() as connection:
        planned = bulk.plan(
            connection,
            request.rows,
            choice,
            reviewer=session.reviewer(),
            scorer=request.scorer,
            batch_id=request.batch_id,
            seen_position=request.seen_position,
        )
    st.markdown(f"**{planned.cells_and_clips}** will be decided: {planned.verdicts}.")
    if request.of > len(request.rows):
        st.caption(f"At most {bulk.MOST_CELLS:,} at once: these are the first of {request.of:,}, in the order on show.")
    if planned.decided:
        st.caption(f"{planned.decided:,} of them had a verdict; this one takes its place.")
    count = f"{len(planned.decisions):,} {'cell' if len(planned.decisions) == 1 else 'cells'}"
    if st.button(f"Decide {count}", type="primary", icon=":material/check:", key=f"bulk_go_{request.batch_id}"):
        with st.spinner("Writing the journal"), session.messages():
            journal.append(session.workspace(), planned.decisions)
        st.session_state[SAID] = f"{planned.cells_and_clips} decided: {planned.verdicts}."
        st.session_state["queue_pass"] = uuid.uuid4().hex  # the ticks have done their work
        st.rerun()


def just_done(last: Sequence[Decision]) -> bool:
    """Say once what a bulk decision did, with a way back; whether there was anything to say."""
    notice = st.session_state.pop(SAID, "")
    if notice:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/done_all: {notice}")
            _undo_button(last, "Undo", "secondary")
    return bool(notice)


def last_batch(last: Sequence[Decision]) -> None:
    """Offer to take back the reviewer's last decisions where they are a batch."""
    if len(last) > 1:
        _undo_button(last, f"Undo my last batch ({bulk.cells_and_clips(len(last), _clips(last))})", "tertiary")


def _undo_button(last: Sequence[Decision], label: str, kind: Literal["secondary", "tertiary"]) -> None:
    if last:
        st.button(
            label,
            key=f"undo_batch_{last[-1].position}",  # a second press on what is undone finds no button
            type=kind,
            icon=":material/undo:",
            help=f"Decided {last[-1].created_at[:16].replace('T', ' ')} UTC",
            on_click=_undo,
            args=(last, journal.new_event_id()),
        )


def _undo(last: Sequence[Decision], batch_id: str) -> None:
    try:
        journal.undo_all(session.workspace(), last, session.reviewer(), batch_id)
    except EarmarkError as problem:
        st.toast(session.plain(f"Not undone: {problem}"), icon=":material/error:")
    else:
        st.toast(f"{bulk.cells_and_clips(len(last), _clips(last))} undone", icon=":material/undo:")


def _clips(decisions: Sequence[Decision]) -> int:
    return len({decision.clip_id for decision in decisions})
