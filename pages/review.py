"""One clip: listen, look, decide."""

import uuid

import pandas as pd
import streamlit as st

from labeling import journal, suspects
from labeling.errors import EarmarkError, StaleDecision
from labeling.records import Clip, Decision
from labeling.review import ClipView, clip_view
from pages.ui import figures, media, session, worklist
from pages.ui.player import FrameSteps, Lane, PlayerData, PlayerEvent, Prefetch, clip_player, native_frames

PREFETCH = 3
UNCHANGED = "not saved: "

reviewer = session.reviewer()
if not reviewer:
    st.info("Give your name in the sidebar first: every decision is kept under it.", icon=":material/person:")
    st.stop()

with session.messages():
    todo = worklist.current()
asked = st.query_params.get("clip", "")
if asked.isascii() and asked.isdecimal() and len(asked) < 16 and int(asked) != todo.clip_id:
    todo.go_to(int(asked))


def _view(clip_id: int) -> ClipView | None:
    threshold = todo.wanted.min_p_wrong if todo.wanted.min_p_wrong > 0 else suspects.WORTH_HEARING
    return clip_view(session.workspace(), clip_id, todo.scored, min_p_wrong=threshold, reviewer=reviewer)


def _on_event(event: PlayerEvent) -> None:
    """Store what a press says; nothing moves on before it is on the disk."""
    st.session_state["notice"] = ("", "info")
    # another revision unlocks the player, also where the event was refused
    st.session_state["revision"] = uuid.uuid4().hex
    if event.action == "next":
        todo.at = min(todo.at + 1, len(todo.clip_ids))
    elif event.action == "previous":
        todo.at = max(todo.at - 1, 0)
    elif event.clip_id != todo.clip_id:
        st.session_state["notice"] = (UNCHANGED + "the clip had changed in the meantime", "warning")
    else:
        try:
            st.session_state["notice"] = (_undo(event) if event.action == "undo" else _decide(event), "info")
            if event.advance:
                todo.at = min(todo.at + 1, len(todo.clip_ids))
        except StaleDecision as problem:
            st.session_state["notice"] = (f"{UNCHANGED}{problem}", "warning")
        except EarmarkError as problem:
            st.session_state["notice"] = (f"{UNCHANGED}{problem}", "warning")


def _decide(event: PlayerEvent) -> str:
    shown = {}
    if todo.scored:
        with session.workspace().read() as connection:
            rows = suspects.of_clip(connection, *todo.scored, event.clip_id)
        for row in rows:
            if row.suspect.class_code == event.class_code:
                one = row.suspect
                shown = {
                    "kind": one.kind, "rank": one.rank, "scorer": todo.scored[1], "p_wrong": round(one.p_wrong, 4),
                    "label_quality": round(one.label_quality, 4), "clipwise": round(one.clipwise, 4),
                    "framewise_max": round(one.framewise_max, 4),
                }  # fmt: skip
    takes_primary = event.kind == "swapped" and not event.role and event.verdict == "present"
    journal.append(
        session.workspace(),
        [
            Decision(
                event_id=event.event_id,
                reviewer=reviewer,
                clip_id=event.clip_id,
                class_code=event.class_code,
                verdict=event.verdict,
                role="primary" if takes_primary else "",
                region=event.region,
                run_id=event.run_id,
                shown=shown,
                seen_position=event.seen_position,
            )
        ],
    )
    return f"saved: {event.class_code} {event.verdict}"


def _undo(event: PlayerEvent) -> str:
    with session.workspace().read() as connection:
        last = journal.last_undoable(connection, reviewer)
    if not last:
        return "nothing of yours to undo"
    journal.undo_all(session.workspace(), last, reviewer, event.event_id)
    todo.go_to(last[-1].clip_id)
    what = f"{last[-1].class_code} {last[-1].verdict}" if len(last) == 1 else f"{len(last)} decisions"
    return f"undone: {what}"


def _player_data(view: ClipView) -> PlayerData:
    clip, key = view.clip, session.secret()
    notice, level = st.session_state.get("notice", ("", "info"))
    steps = FrameSteps(view.grid.start_s, view.grid.native_step_s) if view.grid else FrameSteps()
    lanes = tuple(
        Lane(
            class_code=cell.class_code,
            name=cell.name,
            role=cell.role,
            kind=cell.suspect.kind if cell.suspect else "",
            verdict=cell.state.verdict,
            clipwise=cell.clipwise,
            values=tuple(native_frames(cell.framewise, view.grid)[0].tolist()) if view.grid else (),
            onset_s=cell.suspect.onset_s if cell.suspect else None,
            offset_s=cell.suspect.offset_s if cell.suspect else None,
            p_wrong=cell.suspect.p_wrong if cell.suspect else None,
            partner=cell.partner,
            reviewer=cell.state.reviewer if cell.state.verdict else "",
        )
        for cell in view.cells
    )
    return PlayerData(
        clip_id=clip.id,
        revision=f"{st.session_state.get('revision', 'first')}:{clip.id}:{view.position}",
        title=clip.filename,
        subtitle=f"{todo.at + 1} of {len(todo.clip_ids)}",
        duration_s=clip.duration_s,
        audio_url=media.audio_url(key, clip.id) if clip.usable else "",
        picture_url=media.picture_url(key, clip.id) if clip.usable else "",
        sample_rate=clip.sample_rate or 32_000,
        lanes=lanes,
        steps=steps,
        seen_position=view.position,
        run_id=view.run_id,
        classes_url=media.vocabulary_url(key, str(view.n_classes)),
        candidates=view.candidates,
        prefetch=tuple(
            Prefetch(media.audio_url(key, one), media.picture_url(key, one)) for one in todo.coming(PREFETCH)
        ),
        has_next=True,
        has_previous=todo.at > 0,
        can_undo=view.can_undo,
        autoplay=bool(st.session_state.get("autoplay", False)),
        error="" if clip.usable else clip.reason or f"this clip is {clip.status}",
        notice=notice,
        notice_level=level,
    )


def _metadata(clip: Clip) -> None:
    facts = {
        "file": clip.path, "duration": f"{clip.duration_s:.2f} s", "sample rate": f"{clip.sample_rate} Hz",
        "channels": str(clip.channels), "group": clip.group or "none known",
    }  # fmt: skip
    table = pd.DataFrame([*facts.items(), *clip.metadata.items()], columns=["column", "value"])
    st.dataframe(table.astype(str), hide_index=True, height="content")


def _history(view: ClipView) -> None:
    if not view.history:
        st.caption("Nobody has decided on this clip yet.")
        return
    gone = journal.undone(view.history)
    rows = [
        {
            "time": one.created_at[:19].replace("T", " "),
            "reviewer": one.reviewer,
            "class": one.class_code,
            "verdict": f"undo of {one.undoes}" if one.undoes else one.verdict,
            "stretch": f"{one.region.onset_s:.2f} to {one.region.offset_s:.2f} s" if one.region else "",
            "standing": "undone" if one.position in gone else "",
            "shown": f"{one.shown['kind']}, {one.shown['p_wrong']:.2f} likely wrong" if one.shown else "",
            "run": one.run_id,
            "entry": one.position,
        }
        for one in reversed(view.history)
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content")


@st.fragment
def review() -> None:
    """The clip and what is known of it; a press reruns this alone."""
    clip_id = todo.clip_id
    if clip_id is None:
        _finished()
        return
    with session.messages():
        view = _view(clip_id)
    if view is None:
        st.error(f"There is no clip {clip_id} in this workspace.", icon=":material/error:")
        st.page_link("queue.py", label="Open the queue", icon=":material/format_list_numbered:")
        todo.clip_ids.remove(clip_id)
        return
    if st.query_params.get("clip") != str(clip_id):
        st.query_params["clip"] = str(clip_id)
    clip_player(_player_data(view), on_event=_on_event)
    shown = st.segmented_control(
        "Details", ["Metadata", "History", "Probabilities"], key="details", label_visibility="collapsed"
    )
    if shown == "Metadata":
        _metadata(view.clip)
    elif shown == "History":
        _history(view)
    elif shown == "Probabilities" and view.clipwise:
        listed = {cell.class_code for cell in view.cells if cell.state.present}
        st.plotly_chart(figures.class_bars(dict(view.clipwise), listed=listed), config=figures.CONFIG)


def _finished() -> None:
    st.query_params.pop("clip", None)
    if not todo.scored:
        st.info(
            "No run has been scored yet, so there is nothing to suspect. Train one, or open a clip from the queue.",
            icon=":material/hearing:",
        )
        st.page_link("retrain.py", label="Train the first run", icon=":material/model_training:")
        return
    st.success("That was the last clip of this queue.", icon=":material/check_circle:")
    left, middle, _ = st.columns([1, 1, 2])
    if left.button("Look for what is left", icon=":material/refresh:", type="primary"):
        worklist.start(todo.wanted)
        st.rerun(scope="app")
    if todo.clip_ids and middle.button("Back to the last clip", icon=":material/arrow_back:"):
        todo.at = len(todo.clip_ids) - 1
        st.rerun(scope="app")
    st.page_link("retrain.py", label="Retrain on the corrected labels", icon=":material/model_training:")


review()
