"""The clip player: one Streamlit component in which a reviewer goes through a list of clips.

Streamlit draws the page once and hands over the list. From then on the scripts beside this file ask and
tell the routes of pages/ui/routes/api.py by themselves: clips are fetched ahead, a decision is one small request, and
the next clip is on the screen without a rerun of the page. Only what the page itself must know comes back as an event:
that the list has ended, that the token has run out, that more like a stretch is looked for, or (where something beside
the player follows it) that another clip is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from labeling.errors import DataError
from labeling.review.second_looks import Look
from pages.ui.player import events
from pages.ui.shared import shapes
from pages.ui.shared.component import Component

Action = Literal["finished", "moved", "refresh", "like"]
ACTIONS: tuple[Action, ...] = ("finished", "moved", "refresh", "like")

PLAYER = Component(
    "player",
    "player/player.js",
    (
        "shared/base.css",
        "player/player.css",
        "player/picture/stage.css",
        "player/picture/settings.css",
        "player/sound/sound.css",
        "player/lanes/lanes.css",
    ),
)


@dataclass(frozen=True)
class Visit:
    """One passage through a list of clips.

    ``id`` changes when the list is read anew; while it stays the player keeps its own place. ``token`` names the
    reviewer (signing.api_token). ``view`` goes with every request: ``run``, ``scorer``, ``p``, ``compare``. ``link``
    are the URL parameters that lead a colleague to the same list. ``follow`` asks for an event when another clip is
    shown. ``may_decide`` is false for one who only looks and listens. ``renewed`` is another word whenever the player
    asked for a new token. ``alone`` is said where the page holds nothing but the player (pages/ui/light/), ``partial``
    where the list has no more than the clip that was linked to, and the whole of it comes later under the same ``id``.
    ``clip`` is that clip. ``to_do_from``: the list is of suspects to do from this likelihood on, so that what
    others settle falls out of it; None: it is of others. ``placed``: a link or a row led to the place; else the first
    one is shown at which nobody is. ``searches``: there is a space in which more like a stretch can be looked for.
    ``moment_s``: where in the first clip to begin, None for its start.
    """

    id: str
    items: tuple[Look, ...]
    at: int
    token: str
    view: Mapping[str, str] = field(default_factory=dict)
    link: Mapping[str, str] = field(default_factory=dict)
    preferences: Mapping[str, Any] = field(default_factory=dict)
    follow: bool = False
    renewed: str = ""
    may_decide: bool = True
    alone: bool = False
    partial: bool = False
    to_do_from: float | None = None
    placed: bool = False
    clip: shapes.Clip | None = None
    searches: bool = False
    moment_s: float | None = None

    def to_json(self) -> shapes.Visit:
        """Plain values for the browser."""
        visit: shapes.Visit = {
            "visit": self.id,
            "items": items_json(self.items),
            "at": self.at,
            "token": self.token,
            "view": dict(self.view),
            "link": dict(self.link),
            "preferences": dict(self.preferences),
            "follow": self.follow,
            "renewed": self.renewed,
            "may_decide": self.may_decide,
            "alone": self.alone,
            "partial": self.partial,
            "to_do_from": self.to_do_from,
            "placed": self.placed,
            "searches": self.searches,
            "moment_s": self.moment_s,
        }
        if self.clip is not None:
            visit["clip"] = self.clip
        return visit


def items_json(items: Iterable[Look]) -> list[int | list[int | str]]:
    """The places of a list in plain values."""
    return [[item.clip_id, item.mode, item.class_code] if item.mode else item.clip_id for item in items]


@dataclass(frozen=True)
class PageEvent:
    """What the page must know: ``finished`` (past the last clip), ``moved`` (to ``clip_id``), ``refresh`` (token),
    ``like`` (more like a stretch, as `query.written` writes it, of the class in focus, if any).

    ``mode`` says how the clip is asked about (events.MODES).
    """

    action: Action
    clip_id: int
    mode: str = ""
    like: str = ""
    class_code: str = ""


def parse_page_event(raw: object) -> PageEvent | None:
    """Check what the browser sent; None for no event. Raises DataError where it is not an event of this player."""
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise DataError(f"player event is {type(raw).__name__}, not a mapping; reload the page")
    action = cast(Action, events.one_of(raw, "action", ACTIONS))
    mode = events.one_of(raw, "mode", events.MODES)
    like, class_code = events.text_of(raw, "like", 200), events.text_of(raw, "class", 500)
    return PageEvent(action, events.clip_id_of(raw), mode, like, class_code)


def clip_player(visit: Visit, on_event: Callable[[PageEvent], None], key: str = "player") -> None:
    """Show the player. ``on_event`` is called before the script runs again."""
    PLAYER.show_with_events(visit.to_json(), key, parse_page_event, on_event)
