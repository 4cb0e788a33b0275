"""The queue's filter on the screen: widgets, kept by key, and the URL parameters that stand for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from labeling.collection import store
from labeling.embeddings.space import list_spaces
from labeling.journal.new_classes import new_classes
from labeling.quality.scored_run import ScoredRun
from labeling.reviewer import marks
from labeling.suspects import queue
from labeling.suspects.filter import STATUSES, QueueFilter
from labeling.team import assignments
from pages.ui import session
from pages.ui.queue import drawn, sorting, worklist

PARAMS = "queue_filter"
CHOSEN = "Chosen stretches"
SHOWN = "view_shown"  # set until the next run, whose URL is still the old view's
#: kind -> what it says on the screen
KINDS = {
    "missing": "missing: sounds present, not listed",
    "false": "false: listed, sounds absent",
    "swapped": "swapped: another class in the primary's place",
}


@dataclass(frozen=True)
class Choices:
    """What there is to choose from; the scored run on show, as this visit's orders were drawn with it (drawn.read).
    ``assigned``: something is, to who looks. ``spaces`` are those that can be learned on."""

    run: ScoredRun
    look_s: float
    every_scored: tuple[tuple[str, str], ...]
    names: Mapping[str, str]
    new: frozenset[str]
    columns: tuple[str, ...]
    folds: tuple[int, ...]
    assigned: bool = False
    spaces: tuple[str, ...] = ()

    @property
    def scored(self) -> tuple[str, str]:
        """Run id and scorer on show."""
        return self.run.run_id, self.run.scorer


def choices() -> Choices | None:
    """Read them; None before any scoring. A run that the URL names is the one on show."""
    given = st.query_params.to_dict()
    # Streamlit forgets widgets when their page is left; a link that leads here then is followed, not the view before
    entered = "queue_status" not in st.session_state and SHOWN not in st.session_state
    if PARAMS not in st.session_state or (entered and given):
        show(given)
    st.session_state.pop(SHOWN, None)
    with session.messages(), session.workspace().read() as connection:
        scored = queue.current(connection, *st.session_state.get("scored", ("", "")))
        if not scored:
            return None
        run, look_s = drawn.read(connection, scored)
        return Choices(
            run,
            look_s,
            tuple((run_id, scorer) for run_id, scorer, _ in queue.scored(connection)),
            {label_class.code: label_class.name for label_class in store.all_classes(connection)},
            new_classes(connection),
            tuple(store.metadata_columns(connection)),
            tuple(queue.folds(run)),
            bool(assignments.of_reviewer(connection, session.reviewer())),
            tuple(facts.name for facts in list_spaces(session.workspace())),
        )


def show(params: Mapping[str, str]) -> None:
    """Let the widgets show another filter, from the next run on."""
    for key in [key for key in st.session_state if str(key).startswith("queue_")]:
        del st.session_state[key]
    st.session_state[PARAMS] = dict(params)
    st.session_state[SHOWN] = True
    if "run" in params:
        st.session_state.pop(worklist.KEY, None)
        st.session_state["scored"] = (params["run"], params.get("scorer", ""))


def only_class(code: str) -> None:
    """Show one class, or all again where it is the one already."""
    chosen = st.session_state.get("queue_classes", [])
    st.session_state["queue_classes"] = [] if chosen == [code] else [code]


def filters(
    here: Choices, beside: DeltaGenerator | None, more: Mapping[str, str] | None = None
) -> tuple[QueueFilter, dict[str, str]]:
    """Draw the widgets; what they ask for, and the URL's parameters that say so.

    The order's are drawn ``beside`` the rows, not at all where there are none. ``more`` are parameters that the page
    keeps in its URL besides.
    """
    saved = worklist.filter_from(st.session_state[PARAMS])
    # Given once a visit, by key: a default that follows the choice makes another widget, which forgets the next choice.
    session.begin_with({
        "queue_kinds": list(saved.kinds), "queue_status": saved.status,
        "queue_classes": [code for code in saved.classes if code in here.names],
        "queue_mine": "Mine" if saved.mine else None,
    })  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        status = st.segmented_control(
            "Status", list(STATUSES), format_func=lambda key: STATUSES[key], required=True, key="queue_status"
        )
        kinds = st.pills("Kind", list(KINDS), selection_mode="multi", help="; ".join(KINDS.values()), key="queue_kinds")
        classes = st.multiselect(
            "Class",
            sorted(here.names),
            key="queue_classes",
            format_func=lambda code: named(code, here.names[code]) + (" · new" if code in here.new else ""),
            placeholder="Any class",
        )
        mine = saved.mine
        if here.assigned or mine:
            mine = st.pills("Whose", ["Mine"], key="queue_mine", help="What is assigned to you.") is not None
        chosen = saved.chosen
        if chosen and st.pills("From the map", [CHOSEN], default=CHOSEN, key=f"queue_chosen:{chosen}") is None:
            chosen = ""
        wanted = QueueFilter(
            kinds=tuple(kinds), classes=tuple(classes), status=status or saved.status, reviewer=session.reviewer(),
            mine=mine, chosen=chosen,
        )  # fmt: skip
        if beside is not None:
            with beside:
                wanted = sorting.order(saved, wanted, here.spaces)
        else:
            wanted = replace(
                wanted, order=saved.order, rarity=saved.rarity, variety=saved.variety, batches=saved.batches,
                space=saved.space, taught=saved.taught,
            )  # fmt: skip
        wanted = _more(here, saved, wanted)
    params = worklist.params_of(wanted)
    if here.scored != here.every_scored[0]:
        params |= {"run": here.scored[0], "scorer": here.scored[1]}
    st.session_state[PARAMS] = params
    address = {**params, **(more or {})}
    if st.query_params.to_dict() != address:
        st.query_params.from_dict(address)
    return wanted, params


def named(code: str, name: str) -> str:
    """A class as the queue calls it."""
    return f"{name} ({code})" if name != code else code


def _more(here: Choices, saved: QueueFilter, wanted: QueueFilter) -> QueueFilter:
    """The filters that are rarely needed, in a popover that says how many are set. They are drawn while it is open:
    what a closed one holds is not on the page yet, and would show another value than it has."""
    used = worklist.seldom_set(saved)
    label = f"More filters ({used})" if used else "More filters"
    popover = st.popover(label, icon=":material/tune:", key="queue_more", on_change="rerun")
    if not popover.open:
        return replace(
            wanted, marks=saved.marks, min_p_wrong=saved.min_p_wrong, search=saved.search, metadata=saved.metadata,
            min_rating=saved.min_rating, missing_rule=saved.missing_rule, folds=saved.folds,
        )  # fmt: skip
    session.begin_with({
        "queue_marks": list(saved.marks), "queue_p_wrong": saved.min_p_wrong, "queue_search": saved.search,
        "queue_use_rating": saved.min_rating is not None, "queue_rule": saved.missing_rule,
        "queue_rating": 1.0 if saved.min_rating is None else saved.min_rating,
        "queue_folds": [fold for fold in saved.folds if fold in here.folds],
        "queue_column": next((name for name, _ in saved.metadata if name in here.columns), None),
    })  # fmt: skip
    with popover:
        chosen_marks = st.pills(
            "Clips that are marked", list(marks.KINDS), selection_mode="multi", key="queue_marks",
            format_func=lambda kind: marks.KINDS[kind],
        )  # fmt: skip
        p_wrong = st.slider(
            "At least this likely to be wrong", 0.0, 1.0, step=0.05, key="queue_p_wrong",
            help="Learned from the verdicts so far; a random audit passes over it.",
        )  # fmt: skip
        search = st.text_input("File name contains", key="queue_search", max_chars=200)
        pairs = _metadata(here, saved)
        use_rating = st.toggle("Only rated recordings", key="queue_use_rating")
        rating = st.slider("Rating at least", 0.0, 5.0, step=0.5, key="queue_rating", disabled=not use_rating)
        rule = st.toggle(
            "Only what the rule of 2020's 6th place would add", key="queue_rule",
            help="Clips without secondary labels, an unlisted class, p > 0.9.",
        )  # fmt: skip
        folds = st.pills("Fold", here.folds, selection_mode="multi", key="queue_folds")
        _run_and_scorer(here)
    return replace(
        wanted, marks=tuple(chosen_marks), min_p_wrong=p_wrong, search=search.strip(), metadata=pairs,
        min_rating=rating if use_rating else None, missing_rule=rule, folds=tuple(folds),
    )  # fmt: skip


def _metadata(here: Choices, saved: QueueFilter) -> tuple[tuple[str, str], ...]:
    column = st.selectbox("Metadata column", here.columns, index=None, key="queue_column", placeholder="None")
    if not column:
        return ()
    with session.messages(), session.workspace().read() as connection:
        values = store.metadata_values(connection, column)
    now = dict(saved.metadata).get(column)
    session.begin_with({f"queue_value:{column}": now if now in values else None})
    value = st.selectbox("Value", values, index=None, key=f"queue_value:{column}")
    return ((column, value),) if value is not None else ()


def _run_and_scorer(here: Choices) -> None:
    picked = st.selectbox(
        "Run and scorer", here.every_scored, index=here.every_scored.index(here.scored),
        format_func=lambda pair: f"{pair[0]}, {pair[1]}",
    )  # fmt: skip
    if picked != here.scored:
        st.session_state["scored"] = picked
        st.session_state.pop(worklist.KEY, None)
        drawn.forget()
        st.rerun()
