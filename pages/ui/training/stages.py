"""Correct labels by the model's own predictions: the stages of the Cornell solution, and rounds of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import pandas as pd
import streamlit as st

from labeling import journal, machine_labels
from labeling.records import Run
from models import worker
from models.correcting import rounds, stage_notes, stages
from models.correcting.stages import StageReport
from pages.ui import session
from pages.ui.figures import basic
from pages.ui.training.recipe_form import Choice

KINDS = {
    "stage1": "1 Add missing labels",
    "stage2": "2 Train on them",
    "stage3": "3 Train where heard",
    "iterate": "Repeat in rounds",
}
MOST_CLASSES = 12


class _CountRequest(NamedTuple):
    """What stage 1 was asked to count, and the journal's end then."""

    run_id: str
    threshold: float
    position: int


def panel(choice: Choice, every_run: Sequence[Run]) -> None:
    """One stage at a time; stages that train do so with the recipe and the changes chosen on the page."""
    with st.expander("Let the model correct labels", icon=":material/auto_fix_high:", key="stages"):
        kind = st.segmented_control(
            "Stage",
            list(KINDS),
            format_func=KINDS.__getitem__,
            default="stage1",
            required=True,
            label_visibility="collapsed",
            key="stage",
        )
        st.markdown(session.plain(stage_notes.WHAT[kind]), help=stage_notes.SOURCES[kind])
        done = [run.id for run in reversed(every_run) if run.status == "done"]
        if kind != "iterate" and not done:
            st.info("This reads the predictions of a finished run; train one first.", icon=":material/info:")
        elif kind == "stage1":
            _add_missing(done)
        elif kind == "iterate":
            _rounds(choice)
        elif kind == "stage2":
            _train_on_added(choice)
        else:
            _train_where_heard(choice, done, every_run)
    _taken_back()
    _course(every_run)


def _add_missing(done: Sequence[str]) -> None:
    left, right = st.columns(2)
    run_id = left.selectbox("Predictions of", done, key="stage1:run")
    threshold = right.slider("Add a class above this probability", 0.5, 0.99, 0.9, 0.01, key="stage1:threshold")
    reviewer = session.reviewer() or "unknown"
    with session.messages(), session.workspace().read() as connection:
        asked = _CountRequest(run_id, threshold, journal.position(connection))
    counted = st.session_state.get("stage1:counted")
    if counted is None or counted[0] != asked:  # reads every frame of the run: seconds in a large collection
        if not st.button("Count what it would add", icon=":material/calculate:", key="stage1:count"):
            return
        with session.messages(), st.spinner("Reading the predictions"):
            report = stages.stage1(session.workspace(), run_id, threshold=threshold, reviewer=reviewer, dry_run=True)
        st.session_state["stage1:counted"] = (asked, report)
        st.rerun()
    report = counted[1]
    st.markdown(session.plain(_preview(report)))
    if not report.labels:
        return
    most = list(report.by_class.items())[:MOST_CLASSES]
    more = f", and {len(report.by_class) - len(most):,} more classes" if len(report.by_class) > len(most) else ""
    st.caption(session.plain(", ".join(f"{code} {count:,}" for code, count in most) + more))
    st.caption("Nobody has heard these. They are kept apart from what people said, and can be taken back as a whole.")
    if st.button(f"Add {_count(report.labels, 'label')}", icon=":material/playlist_add:", key="stage1:add"):
        with session.messages():
            added = stages.stage1(session.workspace(), run_id, threshold=threshold, reviewer=reviewer)
        number = f" as label version {added.version.number}" if added.version else ""
        st.toast(session.plain(f"{_count(added.labels, 'label')} added{number}; the next training learns from them"))
        st.rerun()


def _preview(report: StageReport) -> str:
    before = f" {_count(report.standing, 'label')} were added before." if report.standing else ""
    looked = f"{_count(report.single_label_clips, 'clip')} with exactly one label"
    if not report.labels:
        return f"Nothing to add: of {looked}, none has a further class above {report.threshold:g}.{before}"
    return (
        f"It would add {_count(report.labels, 'label')} in {_count(report.clips, 'clip')}, of {len(report.by_class):,} "
        f"of {report.classes:,} classes; it looked at {looked}.{before}"
    )


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def _train_on_added(choice: Choice) -> None:
    batches = [batch for batch in _standing() if batch.what == stages.STAGE1]
    added = list(dict.fromkeys(batch.run_id for batch in batches))
    if not added:
        st.info(
            "No label that stage 1 added stands. Add some first; where it finds none, train as usual: stage 3 takes "
            "the frames of that run.",
            icon=":material/info:",
        )
        return
    run_id = st.selectbox("With the labels that stage 1 added by the predictions of", added, key="stage2:run")
    reviewer = session.reviewer() or "unknown"
    _start(
        "Train stage 2",
        choice,
        lambda: stages.stage2(
            session.workspace(), run_id, recipe=choice.name, settings=choice.changes, reviewer=reviewer
        ),
    )


def _train_where_heard(choice: Choice, done: Sequence[str], every_run: Sequence[Run]) -> None:
    left, right = st.columns(2)
    trained = stages.stage2_runs(every_run)
    run_id = left.selectbox(
        "Where is a class heard? By the predictions of", list(dict.fromkeys([*trained, *done])), key="stage:run",
        format_func=lambda one: f"{one} (stage 2)" if one in trained else one,
    )  # fmt: skip
    with session.messages():
        doubt = stages.doubt_of_teacher(session.workspace(), run_id)
    if doubt:
        st.warning(session.plain(doubt[0].upper() + doubt[1:] + "."), icon=":material/warning:")
    reviewer = session.reviewer() or "unknown"
    thresholds = right.multiselect(
        "A label stays where a frame reaches (one network a fold for each)",
        [round(0.1 * step, 1) for step in range(1, 10)],
        default=list(stages.THRESHOLDS),
        key="stage3:thresholds",
    )
    count = len(thresholds)
    folds = choice.recipe.folds.folds if choice.changed is None else choice.changed.folds.folds
    if count:
        st.caption(
            f"Trains {count} × {folds} networks in the folds and {count} on all clips: about "
            f"{count * (folds + 1) / folds:.2g} times as long as a plain training."
        )
    _start(
        "Train stage 3",
        choice,
        lambda: stages.stage3(
            session.workspace(), run_id, recipe=choice.name, settings=choice.changes, thresholds=sorted(thresholds),
            reviewer=reviewer,
        ),
        disabled=not thresholds,
    )  # fmt: skip


def _rounds(choice: Choice) -> None:
    left, right = st.columns(2)
    count = left.number_input("Further rounds, at most", 1, 20, 3, key="rounds:count")
    above = right.slider("Add a class above this probability", 0.5, 0.99, 0.9, 0.01, key="rounds:above")
    settings = [change for change in choice.changes if not change.startswith("iterate.add_above=")]
    settings.append(f"iterate.add_above={above:g}")
    st.caption(
        f"Trains once on the labels now, then up to {_count(int(count), 'time')} more, each on the labels that the "
        "run before corrected."
    )
    _start(
        "Start the rounds",
        choice,
        lambda: rounds.iterate(
            session.workspace(), choice.name, int(count), settings=settings, reviewer=session.reviewer() or "unknown"
        ),
    )


def _start(label: str, choice: Choice, queue: Callable[[], Run], *, disabled: bool = False) -> None:
    """A button that trains with the recipe chosen above, which it names."""
    with st.container(horizontal=True, vertical_alignment="center"):
        wanted = st.button(
            label,
            icon=":material/play_arrow:",
            key=f"start:{label}",
            disabled=disabled or choice.changed is None,
        )
        st.caption(session.plain(f"Recipe {choice.text}, as chosen above."), width="content")
    if not wanted:
        return
    with session.messages(), st.spinner(session.CHECKING):
        run = queue()
        worker.ensure_worker(session.workspace())
    st.toast(f"Run {run.id} is queued")
    st.rerun()


@lru_cache(maxsize=4)
def _batches(root: str, position: int) -> tuple[machine_labels.MachineBatch, ...]:
    """The batches of machine labels that stand: they change only with the journal."""
    with session.workspace().read() as connection:
        return tuple(batch for batch in machine_labels.batches(connection) if batch.standing)


def _standing() -> tuple[machine_labels.MachineBatch, ...]:
    with session.messages():
        with session.workspace().read() as connection:
            position = journal.position(connection)
        return _batches(str(session.workspace().root), position)


def _taken_back() -> None:
    """The batches of machine labels that stand, each with a way to take it back."""
    standing = _standing()
    if not standing:
        return
    total = sum(batch.standing for batch in standing)
    with st.expander(
        f"Labels changed by the model, heard by nobody: {total:,}", icon=":material/robot_2:", key="machine_labels"
    ):
        for batch in standing:
            row = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
            row.markdown(session.plain(_batch_words(batch)), width="content")
            if row.button("Take back", key=f"undo:{batch.batch_id}", icon=":material/undo:"):
                with session.messages():
                    machine_labels.undo_machine(session.workspace(), batch.batch_id, session.reviewer() or "unknown")
                st.toast(f"{_count(batch.standing, 'change')} taken back; what people said stays")
                st.rerun()


def _batch_words(batch: machine_labels.MachineBatch) -> str:
    kinds = ((batch.added, "added"), (batch.removed, "removed"), (batch.taken_back, "of earlier rounds taken back"))
    parts = ", ".join(f"{count:,} {word}" for count, word in kinds if count)
    left = f"; {batch.standing:,} of these stand" if batch.standing < batch.entries else ""
    when = batch.created_at[:16].replace("T", " ")
    by_run = f" by run {batch.run_id}" if batch.run_id else ""
    return f"{when}  {machine_labels.machine_text(batch.what)}{by_run}: {parts}{left}"


def _course(every_run: Sequence[Run]) -> None:
    """How the labels moved in the newest rounds: changes and average precision, a row a round."""
    newest = next(
        (run for run in reversed(every_run) if run.metrics.get("round") or rounds.first_of(run) != run.id), None
    )
    if newest is None:
        return
    with session.messages():
        course = rounds.rounds_of(session.workspace(), newest.id)
    st.markdown("#### Rounds")
    table = pd.DataFrame(
        [
            (row.number, row.run_id, row.status, row.label_version, row.added, row.removed, row.taken_back,
             None if row.share is None else 100 * row.share, row.macro_ap)
            for row in course
        ],
        columns=["round", "run", "status", "trained on labels", "then added", "removed", "taken back", "changed %",
                 "macro-AP"],
    )  # fmt: skip
    waiting = table["changed %"].isna()  # a run that has corrected nothing yet, or is the last
    table[["then added", "removed", "taken back"]] = (
        table[["then added", "removed", "taken back"]].astype("Int64").mask(waiting)
    )
    st.plotly_chart(basic.rounds_figure(table), key="rounds", config=basic.CONFIG)
    formats = {"changed %": "%.2f", "macro-AP": "%.3f"}
    st.dataframe(
        table,
        hide_index=True,
        height="content" if len(table) <= 10 else 380,
        column_config={name: st.column_config.NumberColumn(format=form) for name, form in formats.items()},
    )
    st.caption(
        "Each run is measured against the labels that it was trained on. The run before made these agree with it, so "
        "a higher macro-AP alone does not say that the network hears better: listen to some of what was added."
    )
    if any(row.settled for row in course):
        st.caption("The labels have settled: the last round changed less than `iterate.settled_below` of them.")
