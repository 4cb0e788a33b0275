"""What the server and the browser's scripts tell each other, as types.

The scripts are checked against the same: pages/ui/shared/server.d.ts is written from here (tests/support/typescript.py)
and a test compares the two. What the browser sends of a cell is events.PlayerEvent.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Steps(TypedDict):
    """Where a lane's values lie: value t covers ``start_s + t * step_s`` to ``start_s + (t + 1) * step_s``."""

    start_s: float
    step_s: float


class Box(TypedDict):
    """A box that stands on a cell; ``position`` is the journal entry that drew it. Without frequencies it spans all."""

    position: int
    reviewer: str
    onset_s: float
    offset_s: float
    low_hz: float | None
    high_hz: float | None


class Spread(TypedDict):
    """The lowest and the highest of several folds or runs, a value a step each."""

    low: list[float]
    high: list[float]


# "class" is a word of Python's own, so these are made by a call.
Lane = TypedDict(
    "Lane",
    {
        "class": str,
        "name": str,
        "role": str,
        "kind": str,
        "verdict": str,
        "machine": str,
        "reviewer": str,
        "clipwise": float | None,
        "values": list[float],
        "onset_s": float | None,
        "offset_s": float | None,
        "p_wrong": float | None,
        "partner": str,
        "support": str,
        "is_new": bool,
        "threshold": float | None,
        "events": list[Box],
        "quiet": list[Box],
        "compare": list[float] | None,
        "spread": Spread | None,
    },
)
"""One class of a clip: its labels, what the model says of it (clipwise, and a value a step), its boxes. One that
``is_new`` is held by no import and no label version."""

Entry = TypedDict(
    "Entry",
    {
        "position": int,
        "created_at": str,
        "class": str,
        "name": str,
        "standing": bool,
        "reviewer": str,
        "text": str,
        "shown": str,
        "can_undo": bool,
    },
)
"""One entry of a clip's journal, in words."""


class Mark(TypedDict):
    """A note, a flag, "later" or "skip" that stands on a clip."""

    id: int
    kind: str
    text: str
    reviewer: str
    created_at: str


class Clip(TypedDict):
    """One clip: `GET /api/clips/ID`. A candidate is (class, clipwise probability, why it is offered).

    ``look`` leads back to a second look (signing.look_token), "" for a clip as usual. ``channels`` are the names to
    choose ``channel`` from, the mix first; empty where there is one channel alone.
    """

    clip_id: int
    mode: str
    title: str
    duration_s: float
    sample_rate: int
    channel: int
    channels: list[str]
    error: str
    audio_url: str
    tile_url: str
    peaks_url: str
    classes_url: str
    look: str
    seen_position: int | None
    run_id: str
    can_undo: bool
    steps: Steps
    compare_run: str
    compare_steps: Steps | None
    lanes: list[Lane]
    candidates: list[tuple[str, float | None, str]]
    history: list[Entry]
    marks: list[Mark]
    metadata: dict[str, str]


class WithClip(TypedDict):
    """The clip as it is now; left out where something was stored and the clip could not be read after it."""

    clip: NotRequired[Clip]


class Decided(WithClip):
    """What is answered to `POST /api/decisions`; ``boxes_left`` where a box was moved or taken away."""

    notice: str
    positions: list[int]
    boxes_left: NotRequired[int]


NewClass = TypedDict("NewClass", {"notice": str, "class": str, "name": str})
"""What is answered to `POST /api/classes`."""

Undone = TypedDict(
    "Undone", {"notice": str, "clip_id": int, "class": str, "mode": str, "clip": NotRequired[Clip]}
)  # fmt: skip
"""What is answered to `POST /api/undo` where something was taken back."""


class NothingUndone(TypedDict):
    """What is answered to `POST /api/undo` where there was nothing to take back."""

    notice: str
    clip_id: None


class Marked(TypedDict):
    """What is answered to `POST /api/marks`: the marks that stand now, where they could be read."""

    notice: str
    marks: NotRequired[list[Mark]]


class ChannelKept(WithClip):
    """What is answered to `POST /api/channel`."""

    notice: str


class Progress(TypedDict):
    """What is answered to `GET /api/progress`."""

    text: str
    title: str


class Snippet(TypedDict):
    """One suspect on the wall and the stretch ``from_s`` to ``to_s`` of its clip to hear and see."""

    clip_id: int
    title: str
    kind: str
    role: str
    verdict: str
    p_wrong: float
    clipwise: float
    framewise: float
    onset_s: float
    offset_s: float
    from_s: float
    to_s: float
    audio_url: str
    tile_url: str


class Snippets(TypedDict):
    """What is answered to `GET /api/snippets`; ``more`` says that there are others after these."""

    position: int
    more: bool
    snippets: list[Snippet]


class Verdicts(TypedDict):
    """What is answered to `GET /api/snippets/verdicts`: the standing verdicts of a class by clip id."""

    position: int
    verdicts: dict[str, str]


class Visit(TypedDict):
    """What the page tells the player (component.Visit). An item is a clip id, or [clip id, mode, class].

    ``clip`` is the one at that place, where the page has it already.
    """

    visit: str
    items: list[int | list[int | str]]
    at: int
    token: str
    view: dict[str, str]
    link: dict[str, str]
    preferences: dict[str, Any]
    follow: bool
    renewed: str
    alone: bool
    partial: bool
    clip: NotRequired[Clip]


class Places(TypedDict):
    """What is answered to `GET /api/list`: the whole list of a visit, and where in it the clip stands that was asked
    for."""

    items: list[int | list[int | str]]
    at: int


class Light(TypedDict):
    """What the light page is given: the visit, and the address of its list below the app's root."""

    visit: Visit
    list: str


class Wall(TypedDict):
    """What the page tells the wall."""

    query: dict[str, str]
    class_name: str
    token: str
    empty: str
