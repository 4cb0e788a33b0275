"""The parts of the label quality page: each a question, a figure and a sentence; and what to do where nothing is known.

What takes long is kept by the position of the journal, so that a page drawn again takes no longer than a look-up.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from labeling.collection import store
from labeling.disagreement.voices import MARGIN_FALSE, MARGIN_MISSING, NEIGHBOURS, PREDICTIONS, PRIORS, SPACE
from labeling.gain import measurement
from labeling.gain import words as gain_words
from labeling.quality import audit, calibration
from labeling.quality.calibration import NextYield
from labeling.quality.noise_rates import Rate, Remaining
from labeling.quality.scored_run import ScoredRun
from labeling.records import WORTH_HEARING, Run
from labeling.review.hour_yield import HourYield, next_hour
from labeling.runs import leaks, out_of_fold
from labeling.runs.leaks import LeakReport
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from pages.ui import session
from pages.ui.figures import basic, quality

AUDIT_LINK = {"order": "audit", "p": "0"}
AHEAD = QueueFilter(min_p_wrong=WORTH_HEARING)  # as the queue page has it
WHAT = {"false": "Listed labels", "missing": "Unlisted cells"}
ENOUGH_LOOKS = 30
"""Random looks of a kind from which a share is shown; before, a range would say "anything" (none wrong among 30 still
leaves room for about one in ten: the rule of three)."""


@dataclass(frozen=True)
class Facts:
    """All that the page says of a scored run at one position of the journal."""

    soon: NextYield | None
    rates: tuple[Rate, ...]
    remaining: tuple[Remaining, ...]
    bins: tuple[calibration.Bin, ...]
    decided: int


def _identity(run: ScoredRun) -> tuple[str, str, str, int]:
    return run.run_id, run.scorer, run.scored_at, run.position


@st.cache_data(show_spinner="Reading what was decided", max_entries=8, hash_funcs={ScoredRun: _identity})
def facts_of(root: str, run: ScoredRun) -> Facts:
    """Kept until somebody decides, or the run is scored anew."""
    with session.workspace().read() as connection:
        ahead = queue.places(connection, run, AHEAD, 20)
        return Facts(
            soon=run.next_yield(ahead) if len(ahead) else None,
            rates=tuple(audit.noise_rates(connection, run)),
            remaining=tuple(audit.remaining(connection, run)),
            bins=tuple(calibration.reliability(run.judged)),
            decided=sum(run.calibration.decided.values()),
        )


@st.cache_data(show_spinner=False, max_entries=16, hash_funcs={ScoredRun: _identity})
def hour_of(root: str, run: ScoredRun, reviewer: str) -> HourYield | None:
    """What an hour brings this reviewer; kept as `facts_of` is."""
    if not reviewer:
        return None
    with session.workspace().read() as connection:
        # nobody decides 3,600 labels an hour: one a second, and no time to listen
        return next_hour(connection, run, reviewer, queue.places(connection, run, AHEAD, 3600))


@st.cache_data(show_spinner="Looking for near-copies", max_entries=8)
def leaks_of(root: str, run_id: str, ended_at: str, compared: tuple[int, ...]) -> LeakReport:
    """Kept until the run is trained anew or more sounds are compared."""
    return leaks.find_leaks(session.workspace(), run_id)


@st.cache_data(show_spinner="Comparing the runs", max_entries=8)
def gain_of(root: str, before: str, after: str, ended: tuple[str, str], position: int) -> tuple[str, list[str]]:
    """The verdict on the newest retraining and its cautions."""
    measured = measurement.measure(session.workspace(), before, after)
    return gain_words.verdict(measured), gain_words.warnings(measured)


# --------------------------------------------------------------------------------------------------------- the parts


def said(name: str, figure: str, sentence: str, link: tuple[str, str, dict[str, str] | None] | None = None) -> None:
    """One answer: the figure, and beside it the sentence; ``link`` is (page, label, query parameters)."""
    left, right = st.columns([1, 3], vertical_alignment="center")
    left.metric(name, figure)
    right.markdown(sentence)
    if link:
        page, label, params = link
        right.page_link(page, label=label, icon=":material/arrow_forward:", query_params=params)


SPOKEN = {PREDICTIONS: "what run {} hears", NEIGHBOURS: "the neighbours that run {} found",
          SPACE: "the neighbours in space {}", PRIORS: "which classes occur together, where and when",
          MARGIN_MISSING: "how training took to a class that is not listed",
          MARGIN_FALSE: "how training took to a listed class"}  # fmt: skip


def speaking(run: ScoredRun) -> None:
    """Which runs and neighbours the order of the suspects goes by, and how far."""
    if not run.ranking.voices:
        return
    parts = [f"{SPOKEN[voice.what].format(voice.run_id)} ×{math.exp(voice.weight):.1f}" for voice in run.ranking.voices]
    st.caption(session.plain(
        f"What speaks for or against a label, and how many times a usual difference in it changes the odds: "
        f"{'; '.join(parts)}. What is heard, and the neighbours, are of clips that a network was not trained on: one "
        "that hears little says little."
    ))  # fmt: skip


BY_THEMSELVES = "They also come by themselves while you review: “Second looks” on the Review page says how often."
LISTEN_AT_RANDOM = ("queue.py", "Listen to cells at random", AUDIT_LINK)


def percent(value: float) -> str:
    """A share as people read it: finer where it is small."""
    number = 100 * value
    if number == 0:
        return "0 %"
    if number < 0.1:
        return "under 0.1 %"
    return f"{number:.1f} %" if number < 9.95 else f"{number:.0f} %"


def next_ones(facts: Facts, hour: HourYield | None) -> None:
    """The next screen, and the next hour."""
    st.markdown("#### What listening will bring")
    soon = facts.soon
    if soon is None:
        done = "No suspect is left in this run. A retraining on what you decided finds new ones."
        said("Next in the queue", "none", done, ("retrain.py", "Retrain", None))
        return
    about = f"{soon.expected:.0f}"
    sentence = (
        f"Of the next {soon.of} labels in the queue about {about} {'is' if about == '1' else 'are'} wrong, and very "
        f"likely between {soon.low} and {soon.high}."
        if soon.of > 1
        else f"One suspect is left in the queue; its label is wrong with {percent(soon.expected)}."
    )
    if soon.guess:
        sentence += " So far that is a guess from the model's own errors: each verdict makes it surer."
    said(
        f"Wrong among the next {soon.of}", f"{soon.low} to {soon.high}", sentence, ("queue.py", "Open the queue", None)
    )
    if hour:
        said(
            "Found in the next hour",
            f"{hour.low:.0f} to {hour.high:.0f}",
            _hour(hour),
        )
    else:
        said("Found in the next hour", "not known", "Your pace is not known yet: decide on a few clips in a row first.",
             ("review.py", "Review", None))  # fmt: skip


def _hour(hour: HourYield) -> str:
    finds = f"finds about {_count(hour.found, 'wrong label')}"
    if hour.ends:
        return (
            f"At your pace the queue is done in less than an hour: {_count(hour.decisions, 'decision')}, which {finds}."
        )
    return (
        f"At your pace you get through {_count(hour.clips, 'clip')} with {_count(hour.decisions, 'decision')}, which "
        f"{finds}."
    )


def _count(number: float, what: str) -> str:
    return f"{number:,.0f} {what}" + "s" * (f"{number:.0f}" != "1")


def how_many(facts: Facts, names: dict[int, tuple[str, str]]) -> None:
    """How often labels are wrong and missing, in all and by class."""
    st.markdown("#### How many labels are wrong")
    overall = [rate for kind in WHAT for rate in facts.rates if rate.kind == kind and rate.class_id is None]
    if any(rate.audited for rate in overall):
        for rate in overall:
            _rate(rate)
    else:
        said(
            "Wrong and missing labels",
            "not known",
            f"To know it, listen to {ENOUGH_LOOKS} listed labels and to {ENOUGH_LOOKS} classes that a clip does not "
            f"list, drawn at random, likely or not. {BY_THEMSELVES}",
            LISTEN_AT_RANDOM,
        )
    known = [rate for rate in facts.rates if rate.class_id is not None and rate.kind in WHAT and rate.cells]
    if any(rate.audited for rate in known):
        with st.expander("Class by class", icon=":material/format_list_bulleted:", key="quality_classes"):
            _by_class(known, names)


def _rate(rate: Rate) -> None:
    listed = rate.kind == "false"
    name = "Listed labels that are wrong" if listed else "Missing from the labels"
    if rate.audited < ENOUGH_LOOKS:
        what = "listed labels" if listed else "classes that a clip does not list"
        so_far = f" You have heard {rate.audited} so far." if rate.audited else ""
        said(
            name,
            "not known",
            f"To know it, listen to {ENOUGH_LOOKS} {what}, drawn at random.{so_far} {BY_THEMSELVES}",
            LISTEN_AT_RANDOM,
        )
        return
    where = "labels that the clips list" if listed else "pairs of a clip and a class that it does not list"
    outcome = "are wrong" if listed else "are missing: the class is heard"
    said(
        name,
        percent(rate.value),
        f"Of {rate.cells:,} {where}, about {rate.value * rate.cells:,.0f} {outcome}; very likely between "
        f"{rate.low * rate.cells:,.0f} and {rate.high * rate.cells:,.0f} ({percent(rate.low)} to "
        f"{percent(rate.high)}). {rate.audited:,} random looks say so.",
    )


def _by_class(rates: Sequence[Rate], names: dict[int, tuple[str, str]]) -> None:
    kinds = [kind for kind in WHAT if any(rate.kind == kind for rate in rates)]
    kind = st.segmented_control("Of", kinds, format_func=WHAT.__getitem__, default=kinds[0], required=True,
                                key="quality_kind", label_visibility="collapsed")  # fmt: skip
    mine = sorted((rate for rate in rates if rate.kind == kind), key=lambda rate: (-bool(rate.audited), -rate.value))
    rows = [(_name(names, rate.class_id), rate.value, rate.low, rate.high, rate.audited) for rate in mine]
    st.plotly_chart(quality.rates_figure(rows, kind), key="quality_rates", config=basic.CONFIG)
    most = quality.MOST_CLASSES
    more = f" The {most} highest of {len(rows):,}; the table has all." if len(rows) > most else ""
    st.caption(
        "A line spans what is likely with 95 %. Few looks make a long line, and a ring had none of its own: what is "
        f"known of all classes speaks for it.{more}"
    )
    if len(rows) > most and st.toggle("Table of all classes", key="quality_table"):
        table = pd.DataFrame(rows, columns=["class", "wrong", "from", "to", "random looks"])
        share = st.column_config.NumberColumn(format="percent")
        st.dataframe(table, hide_index=True, column_config=dict.fromkeys(("wrong", "from", "to"), share))


def _name(names: dict[int, tuple[str, str]], class_id: int | None) -> str:
    code, name = names.get(class_id or 0, (str(class_id), ""))
    return name or code


def may_i_stop(facts: Facts) -> None:
    """How many wrong labels are left at most."""
    st.markdown("#### May I stop?")
    open_kinds = [
        remaining for remaining in facts.remaining if remaining.at_most < remaining.among or not remaining.among
    ]
    for remaining in sorted(facts.remaining, key=lambda remaining: remaining.kind != "all"):
        if not open_kinds and remaining.kind != "all":
            continue  # nothing is known of any: said once
        kind = {"false": "Wrong listed labels left", "missing": "Missing labels left"}.get(
            remaining.kind, "Wrong labels left"
        )
        said(
            kind,
            f"at most {remaining.at_most:,}" if remaining.known else "not known",
            session.plain(remaining.sentence),
            None if remaining.known else LISTEN_AT_RANDOM,
        )


def trusted(facts: Facts, report: LeakReport | None, warning: str) -> None:
    """Whether probabilities hold, and whether predictions were honest."""
    st.markdown("#### Can these numbers be trusted?")
    left, right = st.columns([3, 2])
    with left:
        if facts.bins:
            st.markdown(f"**{calibration.sentence(facts.bins)}** Dots near the dotted line were told rightly.")
            st.plotly_chart(quality.reliability_figure(facts.bins), key="quality_reliability", config=basic.CONFIG)
        else:
            st.markdown(
                "Too little is decided to tell whether the likelihoods in the queue hold: "
                f"{_count(facts.decided, 'verdict')} on suspects so far."
            )
    with right:
        if warning:
            st.warning(session.plain(warning), icon=":material/warning:")
        if report is not None:
            _leaks(report)


def _leaks(report: LeakReport) -> None:
    figure = f"{report.dishonest:,}" if report.dishonest else "none found"
    st.metric("Predictions that saw a near-copy", figure if report.folds > 1 else "not known")
    st.markdown(session.plain(report.sentence))
    if report.heard < report.clips:
        st.caption("To compare the sound as well, run on the server:")
        words = ["python", "-m", "labeling", "leaks", "--workspace", str(session.workspace().root), "--run"]
        st.code(shlex.join([*words, report.run_id]), language=None, wrap_lines=True)
    if report.pairs:
        with st.popover("Which clips", icon=":material/content_copy:"):
            rows = [(pair.filename, pair.other_filename, pair.reason, pair.detail) for pair in report.pairs[:1000]]
            st.dataframe(pd.DataFrame(rows, columns=["clip", "other clip", "why", "where"]), hide_index=True)


def helped(root: str, every_run: Sequence[Run], position: int) -> None:
    """Whether the newest retraining on other labels helped."""
    st.markdown("#### Did the last retraining help?")
    pair = measurement.pair_of(every_run)
    if pair is None:
        st.markdown(
            "Not known: no run was trained like an earlier one on other labels. *What did my corrections bring?* on "
            "the Retrain page starts one: same recipe, same folds, same seeds."
        )
        st.page_link("retrain.py", label="Retrain", icon=":material/arrow_forward:")
        return
    old, new = pair
    with session.messages():
        verdict, cautions = gain_of(root, old.id, new.id, (old.ended_at, new.ended_at), position)
    st.markdown(session.plain(verdict))
    for caution in cautions:
        st.caption(session.plain(caution))
    st.page_link("runs.py", label="Compare the runs", icon=":material/arrow_forward:")


def short(root: str, run: ScoredRun) -> None:
    """What the overview says of all this, with a link to the page."""
    facts = facts_of(root, run)
    lines = []
    if facts.soon:
        soon = facts.soon
        lines.append(f"Of the next {soon.of} in the queue, very likely {soon.low} to {soon.high} are wrong.")
    left = next(
        (remaining for remaining in facts.remaining if remaining.kind == "all" and remaining.known and remaining.among),
        None,
    )
    if left:
        lines.append(
            f"At most {left.at_most:,} wrong labels are left among the {left.among:,} cells that nobody decided, with "
            "95 % certainty."
        )
    st.markdown("#### Label quality")
    st.markdown(" ".join(lines) or "How many labels are wrong is not known yet.")
    st.page_link("quality.py", label="How many are wrong, and may I stop?", icon=":material/verified:")


def names_of() -> dict[int, tuple[str, str]]:
    """Class id to code and name."""
    with session.workspace().read() as connection:
        return {label_class.id: (label_class.code, label_class.name) for label_class in store.all_classes(connection)}


def warning_of(run: Run, every_run: Sequence[Run]) -> str:
    """What to be wary of with a run that was brought, "" for nothing."""
    return out_of_fold.warning_of(run, every_run)
