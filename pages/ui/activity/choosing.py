"""What the Activity page looks at: which prediction, class and site, whose time; and the address that keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import available_timezones

import streamlit as st

from labeling.activity.windows import Windows
from labeling.collection import store
from labeling.errors import EarmarkError
from labeling.storage.kept import Kept
from models.prediction.scored_windows import scored
from pages.ui import session
from pages.ui.activity import missing
from pages.ui.routes.activity_json import ALL_SITES, ActivityQuery, laid_out

STATE, ADDRESS = "activity", "activity_address"
VIEWS = {"hours": "When and where", "precision": "Precision and threshold"}
LOUD = 0.5
"""The class with most windows that score so much comes first."""
MOST_COUNTED = 400_000_000
_loudest: Kept[list[str]] = Kept(4)


def asked() -> ActivityQuery | None:
    """What is looked at: its controls. None where there is nothing to look at, which the page then says."""
    with session.messages():
        sources = {one.name: one.title for one in scored(session.workspace())}
    if not sources:
        st.info(
            "Nothing is predicted yet. Predict a folder of recordings: this page then shows on which days and at which "
            "hours each class is heard.",
            icon=":material/info:",
        )
        if session.may("page predict"):
            st.page_link("predict.py", label="Predict recordings", icon=":material/batch_prediction:")
        return None
    if STATE not in st.session_state or st.query_params.to_dict() not in ({}, st.session_state.get(ADDRESS)):
        st.session_state[STATE] = st.query_params.to_dict()
        for name in [name for name in st.session_state if str(name).startswith("activity_")]:
            del st.session_state[name]
    given: Mapping[str, str] = st.session_state[STATE]
    _hold("activity_source", list(sources), given.get("from", ""))
    row = st.container(horizontal=True, vertical_alignment="bottom")
    source = row.selectbox("Of", list(sources), format_func=sources.__getitem__, key="activity_source", width=420)
    clock, columns = _times(given)
    try:
        laid = laid_out(session.workspace(), ActivityQuery(source, "", **clock, **columns))
        codes = loudest(laid.windows)
    except EarmarkError as problem:
        st.error(session.plain(str(problem)), icon=":material/error:")
        return None
    with session.workspace().read() as connection:
        names = {known.code: known.name for known in store.all_classes(connection)}
    _hold("activity_class", codes, given.get("class", ""))
    code = row.selectbox(
        "Class, most heard first", codes, key="activity_class", width=280,
        format_func=lambda one: one if names.get(one, one) == one else f"{names[one]} ({one})",
    )  # fmt: skip
    sites = [ALL_SITES, *laid.where.sites]
    _hold("activity_site", sites, given.get("site", ALL_SITES))
    site = ALL_SITES
    if len(sites) > 2:
        words = {ALL_SITES: f"All {len(sites) - 1} sites", "": "(no site)"}
        site = row.selectbox("Site", sites, key="activity_site", width=220, format_func=lambda one: words.get(one, one))
    if code is None:
        st.info("Nothing is predicted in these recordings.", icon=":material/info:")
        return None
    query = ActivityQuery(source, code, site, **clock, **columns)
    missing.show(query, laid)
    return query


def _hold(key: str, options: list[str], wanted: str) -> None:
    """Let a box show what it showed; else what is wanted, where that is a choice; else the first."""
    if st.session_state.get(key) not in options:
        st.session_state[key] = wanted if wanted in options else (options[0] if options else None)
    else:
        st.session_state[key] = st.session_state[key]  # Streamlit forgets what another page was left with


def loudest(windows: Windows) -> list[str]:
    """The classes, those with most windows that score LOUD first."""

    def order() -> list[str]:
        if len(windows.classes) * len(windows) > MOST_COUNTED:
            return sorted(windows.classes)
        counts = {code: int((windows.of(code) >= LOUD).sum()) for code in windows.classes}
        return sorted(counts, key=lambda code: (-counts[code], code))

    return _loudest.get(windows, order)


def _times(given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Whose time is shown, and which columns say where and when."""
    zones = _zones()
    with st.expander("Times and sites", icon=":material/schedule:"), st.container(horizontal=True):
        _hold("activity_zone", ["", *zones], given.get("zone", ""))
        zone = st.selectbox(
            "Time shown", ["", *zones], key="activity_zone", width=300,
            format_func=lambda one: one or "As the recorders' clocks said",
            help="File names say what the recorder's clock said. AudioMoth's runs on UTC unless it was set otherwise.",
        )  # fmt: skip
        recorders = "UTC"
        if zone:
            _hold("activity_recorders", zones, given.get("recorders", "UTC"))
            recorders = st.selectbox("The recorders' clocks ran on", zones, key="activity_recorders", width=300,
                                     help="Where a file's name gives an offset from UTC, that counts.")  # fmt: skip
        with session.workspace().read() as connection:
            columns = ["", *store.metadata_columns(connection)]
        _hold("activity_site_column", columns, given.get("site_column", ""))
        _hold("activity_time_column", columns, given.get("time_column", ""))
        site_column = st.selectbox("Site", columns, format_func=lambda one: one or "By folder or file name",
                                   key="activity_site_column", width=240)  # fmt: skip
        time_column = st.selectbox("Start", columns, format_func=lambda one: one or "By file name",
                                   key="activity_time_column", width=240)  # fmt: skip
    return {"zone": zone, "recorders": recorders}, {"site_column": site_column, "time_column": time_column}


@st.cache_data
def _zones() -> list[str]:
    return sorted(
        name for name in available_timezones() if name == "UTC" or ("/" in name and not name.startswith("Etc/"))
    )


def view() -> str:
    """Which of VIEWS is looked at."""
    _hold("activity_view", list(VIEWS), st.session_state[STATE].get("view", "hours"))
    chosen = st.segmented_control(
        "Look at", list(VIEWS), format_func=VIEWS.__getitem__, key="activity_view", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    return chosen or "hours"


def keep(query: ActivityQuery, **more: str) -> None:
    """Keep what is looked at in the address."""
    plain = ActivityQuery("", "")
    chosen = {"from": query.source, "class": query.class_code} | {
        name: getattr(query, name)
        for name in ("site", "zone", "recorders", "site_column", "time_column")
        if getattr(query, name) != getattr(plain, name)
    }
    chosen |= {name: text for name, text in more.items() if text}
    st.session_state[STATE] = st.session_state[ADDRESS] = chosen
    if st.query_params.to_dict() != chosen:
        st.query_params.from_dict(chosen)
