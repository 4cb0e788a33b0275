"""Sweep in a search: what is looked for and where, above the wall of what sounds like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa
import streamlit as st

from labeling.collection import store
from labeling.embeddings.space import SpaceFacts, list_spaces
from labeling.errors import DataError
from labeling.journal.new_classes import new_classes
from labeling.search import brought
from labeling.search.clips import clip_facts
from labeling.search.cutting import cut_clips
from labeling.search.query import AMONG, ORDERS, Example, Query, read_examples, written
from labeling.search.standing import standing
from labeling.storage import database as db
from labeling.storage import tables
from labeling.suspects.snippets import WHICH
from pages.ui import session
from pages.ui.routes import similar_json
from pages.ui.sweep import address, brought_sound, verdict_class, wall

WORDS = ("like", "class", "space", "which", "among", "order")
SIGNS = {True: "sounds like it", False: "does not"}


def is_on() -> bool:
    """Whether the page is asked for a search."""
    return "like" in address.asked()


def begin(like: str, class_code: str = "") -> None:
    """Search from now on."""
    address.begin({"like": like} | ({"class": class_code} if class_code else {}), "similar_")


def begin_button(class_code: str = "") -> None:
    """Offer a search that begins with nothing, or with the class on show."""
    words = "Look for what sounds like an example: a file, a verified stretch, or a snippet of the wall (8)."
    if st.button("Search by sound", icon=":material/hearing:", key="begin_similar", help=words):
        begin("", class_code)
        st.rerun()


def show(reviewer: str) -> None:
    """The search: its controls, and its wall."""
    with session.messages():
        spaces = {facts.name: facts for facts in list_spaces(session.workspace())}
    if not spaces:
        st.info("There is nothing to search in yet: hear the collection with a frozen model first.",
                icon=":material/info:")  # fmt: skip
        if session.may("page retrain"):
            st.page_link("retrain.py", label="Hear the collection, under Embeddings", icon=":material/model_training:")
        _end_button()
        return
    with session.messages():
        query = _asked(spaces)
        query = _controls(query, spaces)
        query = _examples(query, spaces[query.space])
        _cut_button(query)
    _keep(query)
    if not (written(query) or query.order == "random"):
        st.info(
            "Give an example above: a file, or the verified stretches of a class. Or press 6 on a snippet of Sweep, or "
            "on a stretch in Review.",
            icon=":material/info:",
        )
        return
    with session.workspace().read() as connection:
        names = {known.code: known.name for known in store.all_classes(connection)}
    name = names.get(query.class_code, query.class_code)
    wall.show(
        reviewer,
        similar_json.PATH,
        similar_json.params_of(query),
        title=f"Like {name}" if name else "Like these",
        empty="Nothing is left that nobody decided. Look at other labels, or at everything.",
        on_like=_add,
    )


# ------------------------------------------------------------------------------------------------ what is asked


def _asked(spaces: Mapping[str, SpaceFacts]) -> Query:
    """The query of the address; what does not fit is passed over."""
    given = address.asked()
    space = given.get("space", "")
    plain = Query(space if space in spaces else next(iter(spaces)), given.get("class", "")[:200])
    try:
        examples, sounds, verified = read_examples(given.get("like", "")[: similar_json.LONGEST_LIKE])
        plain = replace(plain, examples=examples, sounds=sounds, verified=verified)
    except DataError as problem:
        st.warning(session.plain(str(problem)), icon=":material/warning:")
    for word, known in (("which", WHICH), ("among", AMONG), ("order", ORDERS)):
        if given.get(word) in known:
            plain = replace(plain, **{word: given[word]})
    return plain


def _keep(query: Query) -> None:
    """Keep the query in the address."""
    plain, given = Query(query.space), similar_json.params_of(query)
    usual = similar_json.params_of(plain)
    address.keep({word: given[word] for word in WORDS if word in ("like", "space") or given[word] != usual[word]})


def _add(like: str) -> None:
    """More examples, from the wall; one that is there already in the other sense changes sides."""
    examples, sounds, verified = read_examples(address.asked().get("like", ""))
    new, _, _ = read_examples(like)
    fresh = {(one.clip_id, one.onset_s, one.offset_s) for one in new}
    kept = [one for one in examples if (one.clip_id, one.onset_s, one.offset_s) not in fresh]
    query = Query("x", examples=(*kept, *new), sounds=sounds, verified=verified)
    address.begin(address.asked() | {"like": written(query)})


def _end_button() -> None:
    if st.button("End the search", icon=":material/close:", key="similar_end"):
        address.begin({"class": code} if (code := address.asked().get("class")) else {}, "similar_")
        st.rerun()


# ------------------------------------------------------------------------------------------------ controls


def _controls(query: Query, spaces: Mapping[str, SpaceFacts]) -> Query:
    workspace = session.workspace()
    with workspace.read() as connection:
        known = {label_class.code: label_class for label_class in store.all_classes(connection)}
        new = new_classes(connection)
        has_recordings = bool(clip_facts(connection).recording.any())
    if query.class_code and query.class_code not in known:
        query = replace(query, class_code="")
    session.begin_with({
        "similar_class": query.class_code or None, "similar_which": query.which, "similar_among": query.among,
        "similar_order": query.order, "similar_space": query.space,
    })  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        code = verdict_class.choice(known, new, "similar_class")
        which = st.segmented_control(
            "Labels", list(WHICH), format_func=lambda choice: WHICH[choice], required=True, key="similar_which"
        )
        order = st.selectbox(
            "Order", list(ORDERS), format_func=lambda choice: ORDERS[choice], key="similar_order", width=180,
            help="Most likely, most uncertain and most varied learn from each batch of verdicts; before the first they "
            "are by likeness. At random tells how many are left at most.",
        )  # fmt: skip
        among = query.among
        if has_recordings:
            among = st.selectbox(
                "Among", list(AMONG), format_func=lambda choice: AMONG[choice], key="similar_among", width=240,
                help="In a recording without labels a verdict is of the stretch, and marks it.",
            )  # fmt: skip
        space = query.space
        if len(spaces) > 1:
            space = st.selectbox("Heard by", list(spaces), key="similar_space", width=160)
        _end_button()
    code = verdict_class.stored(code, known)
    return replace(query, class_code=code, which=which or "missing", order=order, among=among, space=space)


def _examples(query: Query, facts: SpaceFacts) -> Query:
    """What is looked for, each to be taken away or turned round; and what may be added."""
    workspace = session.workspace()
    with workspace.read() as connection:
        titles = _titles(query)
        said = standing(connection, query.class_code)
    is_given = bool(written(query))
    with st.expander(_summary(query), expanded=not is_given, icon=":material/hearing:", key="similar_examples"):
        examples, sounds, verified = list(query.examples), list(query.sounds), query.verified
        for place, one in enumerate(query.examples):
            text = f"{titles.get(one.clip_id, f'clip {one.clip_id}')}, {one.onset_s:.1f} to {one.offset_s:.1f} s"
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(
                    f":material/{'add' if one.like else 'remove'}: {session.plain(text)} :gray[{SIGNS[one.like]}]"
                )
                if st.button("Reverse", key=f"similar_turn:{place}:{written(query)}", type="tertiary",
                             icon=":material/swap_vert:"):  # fmt: skip
                    examples[place] = Example(one.clip_id, one.onset_s, one.offset_s, not one.like)
                if st.button("Take away", key=f"similar_less:{place}:{written(query)}", type="tertiary",
                             icon=":material/close:"):  # fmt: skip
                    examples[place] = None  # type: ignore[call-overload]
        for name in query.sounds:
            title = brought.read(workspace, facts, name).title if brought.is_kept(workspace, facts.name, name) else name
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f":material/add: {session.plain(title)} :gray[a file that was brought]")
                if st.button("Take away", key=f"similar_less:{name}", type="tertiary", icon=":material/close:"):
                    sounds.remove(name)
        heard = sum(verdict == "present" for verdict in said.clips.values()) + len(said.present)
        if heard or verified:
            verified = st.toggle(f"The verified stretches of the class, too ({heard:,})", value=verified,
                                 key=f"similar_verified:{written(query)}")  # fmt: skip
        sounds += [name for name in brought_sound.upload(facts) if name not in sounds]
    now = tuple(one for one in examples if one is not None)
    if (now, tuple(sounds), verified) != (query.examples, query.sounds, query.verified):
        query = replace(query, examples=now, sounds=tuple(sounds), verified=verified)
        _keep(query)
        st.rerun()
    return query


def _cut_button(query: Query) -> None:
    """Offer to make clips of what was found in recordings; said once it is done."""
    if done := st.session_state.pop("similar_cut_done", ""):
        st.success(session.plain(done), icon=":material/content_cut:")
    if not (query.class_code and session.may("cut clips")):
        return
    workspace = session.workspace()
    with workspace.read() as connection:
        if not clip_facts(connection).recording.any():
            return
    words = "Each becomes a file of its own in the workspace, and a clip of the class. The recordings are only read."
    if st.button("Make clips of what was found in recordings", icon=":material/content_cut:", key="similar_cut",
                 help=words):  # fmt: skip
        session.check("cut clips")
        with st.spinner("Cutting…"):
            st.session_state["similar_cut_done"] = cut_clips(workspace, query.class_code).text()
        st.rerun()


def _summary(query: Query) -> str:
    like = sum(one.like for one in query.examples) + len(query.sounds)
    unlike = len(query.examples) + len(query.sounds) - like
    parts = [f"{like} {'example' if like == 1 else 'examples'}"] if like else []
    parts += [f"{unlike} {'counter-example' if unlike == 1 else 'counter-examples'}"] if unlike else []
    parts += ["the verified stretches"] if query.verified else []
    return f"Looked for: {', '.join(parts) or 'nothing yet'}"


def _titles(query: Query) -> dict[int, str]:
    clips = tables.clips.c
    wanted = sa.select(clips.id, clips.filename).where(clips.id.in_([one.clip_id for one in query.examples]))
    with session.workspace().read() as connection:
        return dict(db.fetch(connection, wanted))
