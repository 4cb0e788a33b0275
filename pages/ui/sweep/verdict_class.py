"""Of which class the verdicts on a wall of any sounds are: one that is there, or a new one."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from labeling.collection import classes
from labeling.records import LabelClass
from pages.ui import session


def choice(known: Mapping[str, LabelClass], new: frozenset[str], key: str) -> str | None:
    """The choice of a class, of the ``known`` ones or one that is written; ``new`` are those that nothing lists yet."""
    code: str | None = st.selectbox(
        "Class of the verdicts", list(known), format_func=lambda code: text(code, known, new),
        accept_new_options=session.may("decide"), placeholder="Choose one, or write a new one", key=key, width=300,
    )  # fmt: skip
    return code


def text(code: str, known: Mapping[str, LabelClass], new: frozenset[str]) -> str:
    """A class as the choice calls it."""
    name = known[code].name if code in known else code
    return (name if name == code else f"{name} ({code})") + (" · new" if code in new or code not in known else "")


def stored(code: str | None, known: Mapping[str, LabelClass]) -> str:
    """The code of what was chosen, "" for nothing; one that was written becomes a class.

    Raises DataError for a code that is none, NotAllowed.
    """
    if code and code not in known:
        session.check("decide")
        with session.workspace().write() as connection:
            return classes.add_class(connection, code, added_by=session.reviewer()).code
    return code or ""
