"""Where the collection stands, and what to do next."""

import pandas as pd
import streamlit as st

from labeling.collection import store
from labeling.journal.new_classes import new_classes
from labeling.quality.intervals import Share
from labeling.quality.scored_run import read_scored_run
from labeling.records import WORTH_HEARING
from labeling.review.overview import ReviewerFacts, of_reviewer, overview
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from pages.ui import session
from pages.ui.figures import basic
from pages.ui.panels import digest, quality, relinking
from pages.ui.queue import views


def _next_step(facts: dict[str, object]) -> tuple[str, str, str, str]:
    """(sentence, page, label, icon) of what to do now."""
    suspects_open = sum(dict(facts["suspects"]).values())  # type: ignore[call-overload]
    since = int(str(facts["decisions_since_version"]))
    if not facts["scored_run"]:
        return (
            "Train a first run: each clip is predicted by a network that never saw it, and where the two disagree "
            "a label may be wrong.",
            "retrain.py", "Train a run", ":material/model_training:",
        )  # fmt: skip
    if suspects_open:
        more = f" {since:,} decisions are not yet in a training." if since else ""
        return (
            f"{suspects_open:,} suspects wait to be heard.{more}",
            "queue.py", "Open the queue", ":material/format_list_numbered:",
        )  # fmt: skip
    return (
        f"No suspect is left in this run. Retrain on the corrected labels: {since:,} decisions since the last version.",
        "retrain.py", "Retrain", ":material/model_training:",
    )  # fmt: skip


ENOUGH = 5  # suspects asked blind, and as many seen, before their difference is spoken of


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _of(share: Share) -> str:
    return f"{share.count:,} of {share.of:,}"


def _reviewer(facts: ReviewerFacts) -> None:
    """Today, second looks, flags: each only where there is something to say."""
    today, looks = facts.today, facts.looks
    figures: list[tuple[str, str, str]] = []  # (name, figure, sentence)
    if today.decisions:
        words = f"In {today.clips:,} {'clip' if today.clips == 1 else 'clips'}"
        if today.per_minute and today.seconds_a_clip:
            words += (
                f", {today.per_minute:.1f} decisions a minute, {today.seconds_a_clip:.0f} s a clip, pauses left out"
            )
        figures.append(("Decided today", f"{today.decisions:,}", f"{words}."))
    if looks.consistent.interval and looks.consistent.value is not None:
        low, high = map(_percent, looks.consistent.interval)
        sentence = f"Of cells that came a second time you gave the same verdict to {_percent(looks.consistent.value)}"
        figures.append(("Same verdict again", _of(looks.consistent), f"{sentence}; likely between {low} and {high}."))
    if looks.changed.of:
        what = "verdict that all evidence spoke against was" if looks.changed.of == 1 else "verdicts that all evidence"
        what = what if looks.changed.of == 1 else f"{what} spoke against were"
        sentence = f"{looks.changed.of:,} {what} asked again, blind; {looks.changed.count:,} became another."
        figures.append(("Changed on a second look", _of(looks.changed), sentence))
    if looks.pull and looks.blind.of >= ENOUGH and looks.shown.of >= ENOUGH:
        least, most = 100 * looks.pull.low, 100 * looks.pull.high
        chance = " This may be chance." if least <= 0 <= most else ""
        sentence = (
            f"You agree with the model on {_of(looks.shown)} suspects that you saw and on {_of(looks.blind)} asked "
            f"blind: the difference is likely between {least:+.0f} and {most:+.0f} points.{chance}"
        )
        figures.append(("Pull of what is shown", f"{100 * looks.pull.value:+.0f} points", sentence))
    if figures:
        st.markdown("#### Your decisions")
    for name, figure, sentence in figures:
        left, right = st.columns([1, 4], vertical_alignment="center")
        left.metric(name, figure)
        right.markdown(sentence)
    if facts.flagged:
        st.page_link(
            "queue.py",
            label=f"{facts.flagged:,} {'clip is' if facts.flagged == 1 else 'clips are'} flagged for an expert",
            icon=":material/flag:",
            query_params={"mark": "flag", "status": "all", "p": "0"},
        )


st.title("Overview")
with session.messages():
    facts = overview(session.workspace())
    offset_min = st.context.timezone_offset  # of the browser, west of UTC; None where there is none
    mine = of_reviewer(session.workspace(), session.reviewer(), -int(offset_min or 0))
    with session.workspace().read() as connection:
        skipped = store.skipped_clips(connection)
        imports = store.all_imports(connection)
        new = new_classes(connection)
        run, by_class = None, {}
        if facts["scored_run"]:
            run = read_scored_run(connection, facts["scored_run"], facts["scorer"])
            by_class = queue.count_by_class(connection, run, QueueFilter(min_p_wrong=WORTH_HEARING))
if not facts["clips"]:
    st.markdown("Nothing is here yet. Bring in recordings, and a table or files that say what is in them.")
    st.page_link("importing.py", label="Import a collection", icon=":material/input:")
    st.stop()

sentence, target, label, icon = _next_step(facts)
with st.container(border=True):
    st.markdown(f"**Next.** {sentence}")
    with st.container(horizontal=True):
        st.page_link(target, label=label, icon=icon)
        if target == "queue.py":
            st.page_link("sweep.py", label="Or sweep class by class", icon=":material/grid_view:")
            views.light_link("Or on the light page", {})

columns = st.columns(5)
columns[0].metric("Clips", f"{facts['clips']:,}", help=f"{facts['hours']:.1f} hours in {facts['groups']:,} groups")
columns[1].metric(
    "Classes", f"{facts['classes']:,}",
    help=f"New, and in no label version yet: {session.plain(', '.join(sorted(new)[:12]))}" if new else None,
)  # fmt: skip
columns[2].metric(
    "Labels", f"{facts['labels']:,}", help=f"{facts['without_secondary']:,} clips list no secondary label"
)
columns[3].metric("Decisions", f"{facts['decisions']:,}", help="Entries in the journal, undo entries included")
columns[4].metric("Label version", facts["label_version"] or "none")

digest.show()
_reviewer(mine)
left, right = st.columns([3, 2])
with left:
    st.markdown("#### Suspects to do")
    if by_class:
        st.plotly_chart(basic.suspects_by_class(by_class), key="by_class", config=basic.CONFIG)
        st.caption(f"Run {facts['scored_run']}, scored by {facts['scorer']}.")
    else:
        st.caption("None yet: no run is scored." if not facts["scored_run"] else "None left in this run.")
with right:
    st.markdown("#### Verdicts so far")
    if facts["decided_cells"]:
        st.dataframe(
            pd.DataFrame(sorted(facts["decided_cells"].items()), columns=["verdict", "cells"]),
            hide_index=True,
            height="content",
        )
    else:
        st.caption("Nobody has decided on a cell yet.")
    if by_machine := sum(facts["machine_cells"].values()):
        st.caption(
            f"The model changed {by_machine:,} {'cell' if by_machine == 1 else 'cells'} that nobody has heard; the "
            "Retrain page takes them back."
        )

if run:
    with session.messages():
        quality.short(str(session.workspace().root), run)

status = {name: count for name, count in facts["status"].items() if name != "ok"}
if status:
    st.markdown("#### Clips with a remark")
    st.caption(
        ", ".join(f"{count:,} {session.plain(name.replace('_', ' '))}" for name, count in sorted(status.items()))
    )
if skipped:
    count = "1 clip is" if len(skipped) == 1 else f"{len(skipped):,} clips are"
    with st.expander(f"{count} skipped", icon=":material/warning:"):
        st.dataframe(
            pd.DataFrame(
                [(clip.filename, clip.status, clip.reason) for clip in skipped], columns=["file", "why", "reason"]
            ),
            hide_index=True,
        )
        relinking.show()
with st.expander("Imports", icon=":material/input:"):
    st.dataframe(
        pd.DataFrame(
            [
                (
                    record.id,
                    record.name,
                    record.format,
                    record.source,
                    record.audio_root,
                    record.created_at[:19].replace("T", " "),
                )
                for record in imports
            ],
            columns=["number", "import", "format", "table", "audio", "time"],
        ),
        hide_index=True,
    )
    st.page_link("importing.py", label="Import another table or collection", icon=":material/input:")
    if not skipped:
        st.markdown("#### Find files that moved")
        relinking.show()
