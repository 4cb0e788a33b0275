"""How often scores are right: a random draw of each band to listen to, precision with intervals, and the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import streamlit as st

from labeling.activity.detections import detections, raven_zip, table_bytes
from labeling.activity.draws import EACH, MOST_EACH, read_edges
from labeling.activity.study import Study, in_words, said_of, study
from labeling.activity.threshold import NotKnown, Threshold, threshold
from labeling.activity.words import words_of
from labeling.errors import DataError
from pages.ui import session
from pages.ui.activity import choosing, listening
from pages.ui.figures.activity import precision_figure
from pages.ui.figures.basic import CONFIG
from pages.ui.routes.activity_json import ActivityQuery, Laid, laid_out


def show(query: ActivityQuery) -> None:
    """What was heard of the draw, what follows, and what is still to be heard."""
    query, wanted = _controls(query)
    laid = laid_out(session.workspace(), query)
    with session.messages(), session.workspace().read() as connection:
        said = said_of(connection, query.class_code)
        found = study(laid.windows, query.question, said, laid.where)
        answer = found.learned if isinstance(found.learned, NotKnown) else threshold(found.learned, wanted)
    _answer(found, answer, wanted)
    _export(query, laid, found, answer)
    if not found.playable:
        st.info("None of these recordings is in the collection, so none can be heard.", icon=":material/info:")
        return
    st.markdown("#### Listen to the draw")
    st.caption(
        "Windows drawn at random within each band of scores, mixed and without their scores. A window is "
        "**present** where you hear the class in it. Unsure counts as not right; to pass over widens the interval."
    )
    listening.show(query, f"{query.class_code}, at random", "No window lies in these bands.")


def _controls(query: ActivityQuery) -> tuple[ActivityQuery, float]:
    given: Mapping[str, str] = st.session_state[choosing.STATE]
    plain = ActivityQuery("", "")
    session.begin_with({
        "activity_wanted": min(0.99, max(0.5, _number(given.get("precision", ""), 0.9))),
        "activity_each": int(min(MOST_EACH, max(1, _number(given.get("each", ""), EACH)))),
        "activity_bands": given.get("bands", plain.bands),
        "activity_seed": int(min(999, max(0, _number(given.get("seed", ""), 0)))),
    })  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.number_input("Precision wanted", 0.5, 0.99, step=0.01, key="activity_wanted", width=160)
        each = st.number_input("Windows a band", 1, MOST_EACH, step=5, key="activity_each", width=160)
        bands = st.text_input("Bands of scores", key="activity_bands", width=260)
        seed = st.number_input("Draw", 0, 999, key="activity_seed", width=110,
                               help="Another number draws other windows.")  # fmt: skip
    try:
        read_edges(bands)
    except DataError as problem:
        st.error(session.plain(str(problem)), icon=":material/error:")
        st.stop()
    query = replace(query, bands=bands, each=str(each), seed=str(seed))
    choosing.keep(
        query, view="precision", precision="" if wanted == 0.9 else f"{wanted:g}",
        each="" if each == EACH else str(each), bands="" if bands == plain.bands else bands,
        seed="" if seed == 0 else str(seed),
    )  # fmt: skip
    return query, float(wanted)


def _number(text: str, default: float) -> float:
    try:
        value = float(text)
    except ValueError:
        return default
    return value if value == value else default


def _answer(found: Study, answer: Threshold | NotKnown, wanted: float) -> None:
    score = answer.score if isinstance(answer, Threshold) else None
    curve = None if isinstance(found.learned, NotKnown) else found.learned.curve
    left, right = st.columns([3, 2])
    with left:
        st.plotly_chart(precision_figure(found.bands, curve, score, wanted),
                        key="activity_precision", config=CONFIG)  # fmt: skip
    with right:
        if isinstance(answer, Threshold):
            for line in words_of(answer).splitlines():
                st.markdown(session.plain(line[0].upper() + line[1:] + "."))
        else:
            st.info(session.plain(answer.why[0].upper() + answer.why[1:] + "."), icon=":material/hourglass_empty:")
        st.caption(session.plain(in_words(found)[0].upper() + in_words(found)[1:] + "."))
        table = pd.DataFrame(
            [
                {
                    "score": f"{band.low:g} to {band.high:g}",
                    "windows": band.windows,
                    "heard": f"{band.heard} of {band.drawn}",
                    "right": "" if band.precision is None else f"{100 * band.precision:.0f} %",
                    "likely": ""
                    if band.interval is None
                    else f"{100 * band.interval[0]:.0f} to {100 * band.interval[1]:.0f} %",
                }
                for band in found.bands
            ]
        )
        st.dataframe(table, hide_index=True, height="content", key="activity_table")


def _export(query: ActivityQuery, laid: Laid, found: Study, answer: Threshold | NotKnown) -> None:
    told = answer.score.value if isinstance(answer, Threshold) and answer.detections else None
    with st.expander("Take the detections along", icon=":material/download:"):
        if not session.may_here("export"):
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            least = st.number_input(
                "From score", 0.0, 1.0, 0.5 if told is None else round(told, 3), 0.01, format="%.3f", width=180,
                key=f"activity_least:{told}",
            )  # fmt: skip
            places = detections(laid.windows.of(query.class_code), least, found.in_site)
            st.download_button(
                f"{len(places):,} detections (CSV)",
                lambda: table_bytes(laid.windows, places, query.class_code, laid.where, query.clock),
                f"detections-{query.class_code}.csv", "text/csv", on_click="ignore", icon=":material/table:",
                key="activity_detections", disabled=not len(places),
            )  # fmt: skip
            st.download_button(
                "Raven tables (zip)", lambda: raven_zip(laid.windows, places, query.class_code),
                f"detections-{query.class_code}.zip", "application/zip", on_click="ignore",
                icon=":material/folder_zip:", key="activity_raven", disabled=not len(places),
            )  # fmt: skip
