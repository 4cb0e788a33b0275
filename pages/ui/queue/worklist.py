"""The clips that a reviewer goes through, in the queue's order, and the filter that chose them.

The list is read once and kept for the visit: what is on screen and what comes next do not move while one decides.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

import streamlit as st
from sqlalchemy.engine import Connection

from labeling.active.teaching import in_turn
from labeling.errors import DataError
from labeling.quality import audit
from labeling.quality.scored_run import ScoredRun
from labeling.records import WORTH_HEARING
from labeling.review import second_looks
from labeling.review.second_looks import Look
from labeling.reviewer import preferences
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.suspects.worth import RARITY
from pages.ui import session, signing
from pages.ui.queue import drawn

KEY = "worklist"
ASKED = "review_asked"
PLACE = ("clip", "look", "next", "t")
"""URL parameters of a place in the list: a clip, or a second look (signing.look_token) and the clip that follows it;
and the moment in the clip, in seconds."""
DRAWN_AT_ONCE = 1_000  # looks of a list in the order "audit"


@dataclass
class Worklist:
    """Clips in order, and where the reviewer began among them; ``id`` is new whenever the list is read anew.

    ``position`` of the journal is where its order was drawn: likelihoods stay as they were then. ``placed``: the
    reviewer was led to the place by a link or a row; to the ``moment_s`` of its clip, where the link says one.
    """

    scored: tuple[str, str] | None
    wanted: QueueFilter
    items: list[Look]
    at: int = 0
    position: int | None = None
    placed: bool = False
    moment_s: float | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def to_do_from(self) -> float | None:
        """The likelihood from which on suspects are to do in it; None for a list of others (component.Visit)."""
        return to_do_from(self.wanted) if self.scored else None

    @property
    def clip_id(self) -> int | None:
        """The clip at this place."""
        return self.items[self.at].clip_id if 0 <= self.at < len(self.items) else None

    def go_to(self, clip_id: int) -> None:
        """Go to a clip; one that the list does not hold is put in at this place."""
        self.placed = True
        if clip_id == self.clip_id:
            return
        places = [place for place, item in enumerate(self.items) if (item.clip_id, item.mode) == (clip_id, "")]
        if places:
            self.at = next((place for place in places if place >= self.at), places[0])
        else:
            self.at = min(self.at, len(self.items))
            self.items.insert(self.at, Look(clip_id))
            self.id = uuid.uuid4().hex

    def go_back_to(self, look: Look, following: int | None) -> None:
        """Go to a second look; one that the list, read anew, does not hold is put in before a clip (None: here)."""
        self.placed = True
        places = [place for place, item in enumerate(self.items) if item.clip_id == following and not item.mode]
        if look in self.items:
            self.at = self.items.index(look)
            return
        self.at = places[0] if places else min(self.at, len(self.items))
        self.items.insert(self.at, look)
        self.id = uuid.uuid4().hex


def current() -> Worklist:
    """This visit's list; made on first use from the filter in the URL, else from the queue's."""
    if KEY not in st.session_state:
        given = {name: st.query_params[name] for name in st.query_params if name not in PLACE}
        if given.get("run"):
            st.session_state["scored"] = (given["run"], given.get("scorer", ""))
        start(filter_from(given or st.session_state.get("queue_filter", {})))
    return st.session_state[KEY]  # type: ignore[no-any-return]


def follow_link(todo: Worklist) -> None:
    """Go where the URL leads. The player keeps it at its own place: only one that was followed leads elsewhere."""
    asked = {name: st.query_params.get(name, "") for name in PLACE}
    before = st.session_state.get(ASKED, dict.fromkeys(PLACE, ""))
    if asked in (before, {**before, "t": ""}):  # the player leaves the moment out once it is there
        return
    st.session_state[ASKED] = asked
    todo.moment_s = moment_of(asked["t"])
    following = int(asked["next"]) if is_number(asked["next"]) else None
    given = signing.look_of(session.secret(), session.reviewer(), asked["look"]) if asked["look"] else None
    look = Look(*given) if given else None
    with session.workspace().read() as connection:
        if look and look not in todo.items and not second_looks.is_open(connection, session.reviewer(), look):
            look = None
    if look:
        todo.go_back_to(look, following)
    elif is_number(asked["clip"]):
        todo.go_to(int(asked["clip"]))
    elif following is not None and any(item.clip_id == following for item in todo.items):
        todo.go_to(following)
    else:
        return
    todo.id = uuid.uuid4().hex  # the player goes there too


def start(wanted: QueueFilter, clip_id: int | None = None) -> Worklist:
    """Read the list anew and begin at its first clip, or at ``clip_id``."""
    scored, reviewer = session.scored(), session.reviewer()
    looks: list[Look] = []
    position: int | None = None
    if scored:
        with session.workspace().read() as connection:
            run, look_s = drawn.read(connection, scored)
            position = run.position
            run = in_turn(session.workspace(), connection, run, wanted)
            looks = looks_of(connection, run, wanted, reviewer, look_s)
    todo = Worklist(scored, wanted, looks, position=position)
    if clip_id is not None:
        todo.go_to(clip_id)
    st.session_state[KEY] = todo
    return todo


def looks_of(connection: Connection, run: ScoredRun, wanted: QueueFilter, reviewer: str, look_s: float) -> list[Look]:
    """What a reviewer goes through: the clips that a filter leaves, in its order, with the second looks among them."""
    asks = wanted.status == "open" and bool(reviewer)  # decided ones are shown, not asked about
    if reviewer and is_audit(wanted):
        at_random = audit.waiting(connection, run, reviewer, DRAWN_AT_ONCE, wanted.kinds, window=1)
        return [Look(clip, "audit", code) for clip, code in at_random]
    clip_ids = queue.worklist(connection, run, replace(wanted, reviewer=reviewer), look_s=look_s)
    shares = second_looks.Shares(0, 0, 0)
    if asks:
        shares = second_looks.shares_of(preferences.get_all(connection, reviewer).get("second_looks"))
    if narrows(wanted):  # a draw from some clips or classes alone says nothing of the rest
        shares = replace(shares, audit=0)
    return second_looks.woven(
        connection, run, clip_ids, shares,
        min_p_wrong=wanted.min_p_wrong or WORTH_HEARING, reviewer=reviewer, kinds=wanted.kinds,
    )  # fmt: skip


def to_do_from(wanted: QueueFilter) -> float | None:
    """The likelihood from which on a filter's suspects are to do; None where it is not of what is to do."""
    if wanted.status != "open":
        return None
    return 0.0 if wanted.order == "audit" else wanted.min_p_wrong


def is_audit(wanted: QueueFilter) -> bool:
    """Whether a filter asks for looks drawn at random, each without what the model thinks."""
    return wanted.order == "audit" and wanted.status == "open" and not narrows(wanted)


def narrows(wanted: QueueFilter) -> bool:
    """Whether a filter leaves out clips or classes, whatever their likelihood."""
    some = (wanted.classes, wanted.folds, wanted.metadata, wanted.search, wanted.missing_rule, wanted.marks)
    return any(some) or wanted.mine or bool(wanted.chosen) or wanted.min_rating is not None


def seldom_set(wanted: QueueFilter) -> int:
    """How many of the filters are set that are rarely needed: all but status, kind, class and order."""
    return sum([
        bool(wanted.marks), wanted.min_p_wrong != WORTH_HEARING, bool(wanted.search), bool(wanted.metadata),
        wanted.min_rating is not None, wanted.missing_rule, bool(wanted.folds),
    ])  # fmt: skip


def link_of(todo: Worklist) -> dict[str, str]:
    """URL parameters that lead a colleague to the same list; the run is named where it is not the newest."""
    with session.workspace().read() as connection:
        newest = queue.current(connection)
    return link_params(todo.wanted, todo.scored, newest)


def link_params(wanted: QueueFilter, scored: tuple[str, str] | None, newest: tuple[str, str] | None) -> dict[str, str]:
    """The URL parameters of a list of a scored run."""
    params = params_of(wanted)
    if scored and scored != newest:
        params |= {"run": scored[0], "scorer": scored[1]}
    return params


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

    p_wrong, rarity = number("p", 1.0), number("rare", 1.0)
    split = (pair.split("=", 1) for pair in params.get("meta", "").split("|") if "=" in pair)
    pairs = tuple((unquote(column), unquote(value)) for column, value in split)
    try:
        return QueueFilter(
            kinds=words("kind"),
            classes=words("class"),
            folds=tuple(int(word) for word in words("fold") if is_number(word)),
            status=params.get("status", "open"),
            min_p_wrong=WORTH_HEARING if p_wrong is None else p_wrong,
            min_rating=number("rating", 5.0),
            metadata=pairs,
            search=params.get("q", ""),
            missing_rule=params.get("rule") == "1",
            order=params.get("order", "likely"),
            marks=words("mark"),
            rarity=RARITY if rarity is None else rarity,
            variety=params.get("variety") != "0",
            batches=params.get("batches") == "1",
            mine=params.get("mine") == "1",
            chosen=params.get("chosen", "")[:40],
            space=params.get("heard", "")[:80],
            taught=params.get("taught", "hybrid"),
        )
    except DataError:
        return QueueFilter(min_p_wrong=WORTH_HEARING)


def params_of(wanted: QueueFilter) -> dict[str, str]:
    """The URL parameters that ``filter_from`` reads back; defaults are left out."""
    params = {
        "kind": "|".join(wanted.kinds),
        "class": "|".join(map(escaped, wanted.classes)),
        "fold": "|".join(str(fold) for fold in wanted.folds),
        "status": "" if wanted.status == "open" else wanted.status,
        "p": "" if wanted.min_p_wrong == WORTH_HEARING else f"{wanted.min_p_wrong:g}",
        "rating": "" if wanted.min_rating is None else f"{wanted.min_rating:g}",
        "meta": "|".join("=".join(map(escaped, pair)) for pair in wanted.metadata),
        "q": wanted.search,
        "rule": "1" if wanted.missing_rule else "",
        "mark": "|".join(wanted.marks),
        "order": "" if wanted.order == "likely" else wanted.order,
        "rare": "" if wanted.rarity == RARITY else f"{wanted.rarity:g}",
        "variety": "" if wanted.variety else "0",
        "batches": "1" if wanted.batches else "",
        "mine": "1" if wanted.mine else "",
        "chosen": wanted.chosen,
        "heard": wanted.space,
        "taught": "" if wanted.taught == "hybrid" else wanted.taught,
    }
    return {key: value for key, value in params.items() if value}


def moment_of(text: str) -> float | None:
    """The seconds that a URL's text says; None where it says none.

    >>> moment_of("12.5"), moment_of("-1"), moment_of("soon")
    (12.5, None, None)
    """
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e7 else None


def place_of(clip_id: int, moment_s: float | None = None) -> dict[str, str]:
    """The URL parameters of a clip, and of a moment in it.

    >>> place_of(3), place_of(3, 57.0)
    ({'clip': '3'}, {'clip': '3', 't': '57'})
    """
    clip = {"clip": str(clip_id)}
    return clip if moment_s is None else clip | {"t": f"{moment_s:.3f}".rstrip("0").rstrip(".")}


def is_number(text: str) -> bool:
    """Whether a URL's text is a whole number that a database can hold."""
    return text.isascii() and text.isdigit() and len(text) <= 15


def escaped(text: str) -> str:
    """A label or a value between ``|`` and ``=``, both of which it may hold itself."""
    return text.replace("%", "%25").replace("|", "%7C").replace("=", "%3D")
