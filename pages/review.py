"""The list of suspects, clip by clip: listen, look, decide."""

import uuid

import streamlit as st

from labeling import runs
from labeling.embeddings.space import has_spaces
from labeling.records import WORTH_HEARING
from labeling.review import second_looks
from labeling.review.clip_view import clip_view
from labeling.reviewer import preferences
from pages.ui import session, signing
from pages.ui.figures import basic
from pages.ui.player.component import PageEvent, Visit, clip_player
from pages.ui.queue import worklist
from pages.ui.queue.drawn import forget
from pages.ui.sweep import address

# a wide screen is for the picture
st.html("<style>.stMainBlockContainer{max-width:2100px}</style>")
reviewer = session.reviewer_or_stop()

with session.messages():
    todo = worklist.current()
    worklist.follow_link(todo)


def _threshold() -> float:
    return todo.wanted.min_p_wrong if todo.wanted.min_p_wrong > 0 else WORTH_HEARING


def _on_event(event: PageEvent) -> None:
    if event.action == "finished":
        todo.at = len(todo.items)
    elif event.action == "refresh":
        st.session_state["renewed"] = uuid.uuid4().hex
    elif event.action == "like":
        given = {"like": event.like, "class": event.class_code}
        st.session_state["search_from_review"] = {name: value for name, value in given.items() if value}
        todo.go_to(event.clip_id)
    else:
        st.session_state["second_look"] = event.mode
        if not event.mode:  # a second look is no place of its clip: going there would show what it hides
            todo.go_to(event.clip_id)


def _visit(follow: bool) -> Visit:
    run_id, scorer = todo.scored or ("", "")
    with session.messages():
        link = worklist.link_of(todo)
        with session.workspace().read() as connection:
            mine = preferences.get_all(connection, reviewer)
    compare = st.session_state.get("compare_run") or ""
    at = todo.position  # likelihoods stay as the list was drawn with
    view = {"run": run_id, "scorer": scorer, "p": f"{_threshold():g}", "compare": compare}
    view["at"] = "" if at is None else str(at)
    return Visit(
        id=todo.id,
        items=tuple(todo.items),
        at=todo.at,
        token=signing.api_token(session.secret(), reviewer),
        view={name: value for name, value in view.items() if value},
        link=link,
        preferences=mine,
        follow=follow,
        may_decide=session.may("decide"),
        to_do_from=todo.to_do_from,
        placed=todo.placed,
        moment_s=todo.moment_s,
        renewed=st.session_state.get("renewed", ""),
        searches=has_spaces(session.workspace()),
    )


@st.fragment
def review() -> None:
    """The player, and beside it what Plotly draws of the clip."""
    if search := st.session_state.pop("search_from_review", None):
        address.begin(search)
        st.switch_page("sweep.py", query_params=search)
    if todo.clip_id is None:
        _finished()
        return
    shown = st.session_state.get("details")
    clip_player(_visit(follow=bool(shown)), on_event=_on_event)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.pills("More", ["Probabilities"], key="details", label_visibility="collapsed", width="content")
        if others := _other_runs():
            st.selectbox(
                "Second run", others, index=None, key="compare_run", placeholder="Compare with a second run",
                label_visibility="collapsed", width=260,
            )  # fmt: skip
        with st.popover("Second looks", icon=":material/visibility_off:"):
            _second_looks()
    if shown and (st.session_state.get("second_look") or todo.items[todo.at].mode):
        st.caption("Hidden during a second look.")
    elif shown:
        _probabilities(todo.clip_id)


def _second_looks() -> None:
    """How often this reviewer is asked blind, again, or at random; from the next list on."""
    with session.messages(), session.workspace().read() as connection:
        now = second_looks.shares_of(preferences.get_all(connection, reviewer).get("second_looks"))
    st.markdown(
        "Some suspects come **blind**, with labels and scores hidden, and some decided ones come **again**. "
        "So does, blind and once, a verdict that all evidence speaks against. "
        "The overview says how consistent you are, and how far what the model suggests pulls you. "
        "Cells drawn at **random** from all labels say how many wrong ones are left; they come in lists of all "
        "clips and classes."
    )
    most = round(100 * second_looks.MOST_SHARE)
    blind = st.slider("Blind", 0, most, round(100 * now.blind), format="%d %%", key="share_blind")
    again = st.slider("Again", 0, most, round(100 * now.repeat), format="%d %%", key="share_again")
    drawn = st.slider("Random", 0, most, round(100 * now.audit), format="%d %%", key="share_audit")
    if (blind, again, drawn) != (round(100 * now.blind), round(100 * now.repeat), round(100 * now.audit)):
        with session.messages():
            chosen = {"blind": blind / 100, "again": again / 100, "audit": drawn / 100}
            preferences.put(session.workspace(), reviewer, "second_looks", chosen)
        st.caption("Kept; it holds from your next list on.")


def _other_runs() -> list[str]:
    """Finished runs that can be drawn beside the one on show."""
    with session.messages(), session.workspace().read() as connection:
        done = [run.id for run in runs.all_runs(connection) if run.status == "done"]
    return [run_id for run_id in done if todo.scored and run_id != todo.scored[0]]


def _probabilities(clip_id: int) -> None:
    with session.messages():
        view = clip_view(
            session.workspace(), clip_id, todo.scored, min_p_wrong=_threshold(), reviewer=reviewer,
            calibrated_at=todo.position,
        )  # fmt: skip
    if view is None or not view.clipwise:
        st.caption("No run has predicted this clip.")
        return
    listed = {cell.class_code for cell in view.cells if cell.state.present}
    st.plotly_chart(basic.class_bars(dict(view.clipwise), listed=listed), config=basic.CONFIG)


def _finished() -> None:
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
        forget()  # with what has been learned from this list
        with session.messages():
            worklist.start(todo.wanted)
        st.rerun(scope="app")
    if todo.items and middle.button("Back to the last clip", icon=":material/arrow_back:"):
        todo.at, todo.id = len(todo.items) - 1, uuid.uuid4().hex
        st.rerun(scope="app")
    st.page_link("retrain.py", label="Retrain on the corrected labels", icon=":material/model_training:")


review()
