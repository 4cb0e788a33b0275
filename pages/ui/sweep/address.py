"""What the Sweep page is asked for, as its address has it: a link, and a reload, show the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import streamlit as st

_ASKED, _KNOWN = "sweep", "sweep_address"
"""The page's parameters, in the session; and the address that is known: any other is a link that was followed."""


def asked() -> dict[str, Any]:
    """The page's parameters; some of them say what it is of."""
    given: dict[str, Any] = st.session_state[_ASKED]
    return given


def follow(words: Iterable[str]) -> None:
    """Do as the address asks at first, and where it holds one of these words anew."""
    given = st.query_params.to_dict()
    if _ASKED not in st.session_state or (given.keys() & set(words) and given != st.session_state.get(_KNOWN)):
        st.session_state[_ASKED] = given


def keep(chosen: dict[str, str]) -> None:
    """Keep what is asked for in the address."""
    st.session_state[_ASKED] = st.session_state[_KNOWN] = chosen
    if st.query_params.to_dict() != chosen:
        st.query_params.from_dict(chosen)


def begin(chosen: dict[str, str], widgets: str = "") -> None:
    """Ask for something else from now on, whatever the address says still; widgets whose keys begin so begin anew."""
    st.session_state[_ASKED], st.session_state[_KNOWN] = chosen, st.query_params.to_dict()
    for name in [name for name in st.session_state if widgets and str(name).startswith(widgets)]:
        del st.session_state[name]
