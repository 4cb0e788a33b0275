"""The clips that a reviewer goes through, in the queue's order, and the filter that chose them.

The list is read once and kept for the visit: what is on screen and what comes next do not move while one decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import streamlit as st

from labeling import suspects
from labeling.errors import DataError
from labeling.suspects import QueueFilter
from pages.ui import session

KEY = "worklist"


@dataclass
class Worklist:
    """Clip ids in order, and where the reviewer is among them."""

    scored: tuple[str, str] | None
    wanted: QueueFilter
    clip_ids: list[int]
    at: int = 0

    @property
    def clip_id(self) -> int | None:
        """The clip on screen."""
        return self.clip_ids[self.at] if 0 <= self.at < len(self.clip_ids) else None

    def go_to(self, clip_id: int) -> None:
        """Show a clip; one that the list does not hold is put in at this place."""
        if clip_id in self.clip_ids:
            self.at = self.clip_ids.index(clip_id)
        else:
            self.at = min(self.at, len(self.clip_ids))
            self.clip_ids.insert(self.at, clip_id)

    def coming(self, count: int) -> list[int]:
        """The next clips."""
        return self.clip_ids[self.at + 1 : self.at + 1 + count]


def current() -> Worklist:
    """This visit's list; made from the saved filter on first use."""
    if KEY not in st.session_state:
        start(filter_from(st.session_state.get("queue_filter", {})))
    return st.session_state[KEY]  # type: ignore[no-any-return]


def start(wanted: QueueFilter, clip_id: int | None = None) -> Worklist:
    """Read the list anew and begin at its first clip, or at ``clip_id``."""
    scored = session.scored()
    clip_ids: list[int] = []
    if scored:
        with session.workspace().read() as connection:
            clip_ids = suspects.worklist(connection, *scored, wanted)
    made = Worklist(scored, wanted, clip_ids)
    if clip_id is not None:
        made.go_to(clip_id)
    st.session_state[KEY] = made
    return made


def filter_from(params: Mapping[str, str]) -> QueueFilter:
    """The filter that a URL's parameters describe; what does not fit is passed over."""

    def words(name: str) -> tuple[str, ...]:
        return tuple(unquote(word) for word in params.get(name, "").split("|") if word)

    def number(name: str, most: float) -> float | None:
        try:
            value = float(params[name])
        except (KeyError, ValueError):
            return None
        return value if 0 <= value <= most else None

    p_wrong = number("p", 1.0)
    split = (pair.split("=", 1) for pair in params.get("meta", "").split("|") if "=" in pair)
    pairs = tuple((unquote(column), unquote(value)) for column, value in split)
    try:
        return QueueFilter(
            kinds=words("kind"),
            classes=words("class"),
            folds=tuple(int(word) for word in words("fold") if is_number(word)),
            status=params.get("status", "open"),
            min_p_wrong=suspects.WORTH_HEARING if p_wrong is None else p_wrong,
            min_rating=number("rating", 5.0),
            metadata=pairs,
            search=params.get("q", ""),
            missing_rule=params.get("rule") == "1",
            order=params.get("order", "rank"),
        )
    except DataError:
        return QueueFilter(min_p_wrong=suspects.WORTH_HEARING)


def params_of(wanted: QueueFilter) -> dict[str, str]:
    """The URL parameters that ``filter_from`` reads back; defaults are left out."""
    params = {
        "kind": "|".join(wanted.kinds),
        "class": "|".join(map(escaped, wanted.classes)),
        "fold": "|".join(str(fold) for fold in wanted.folds),
        "status": "" if wanted.status == "open" else wanted.status,
        "p": "" if wanted.min_p_wrong == suspects.WORTH_HEARING else f"{wanted.min_p_wrong:g}",
        "rating": "" if wanted.min_rating is None else f"{wanted.min_rating:g}",
        "meta": "|".join("=".join(map(escaped, pair)) for pair in wanted.metadata),
        "q": wanted.search,
        "rule": "1" if wanted.missing_rule else "",
        "order": "" if wanted.order == "rank" else wanted.order,
    }
    return {key: value for key, value in params.items() if value}


def is_number(text: str) -> bool:
    """Whether a URL's text is a whole number that a database can hold."""
    return text.isascii() and text.isdigit() and len(text) <= 15


def escaped(text: str) -> str:
    """A label or a value between ``|`` and ``=``, both of which it may hold itself."""
    return text.replace("%", "%25").replace("|", "%7C").replace("=", "%3D")
