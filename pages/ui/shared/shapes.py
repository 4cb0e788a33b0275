"""What the server and the browser's scripts tell each other, as types.

The scripts are checked against the same: pages/ui/shared/server.d.ts is written from here
(tests/support/scripts/typescript.py) and a test compares the two. What the browser sends of a cell is
events.PlayerEvent.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Steps(TypedDict):
    """Where a lane's values lie: value t covers ``start_s + t * step_s`` to ``start_s + (t + 1) * step_s``.

    There are ``count``. What comes with the clip is of a ``level`` (labeling/review/pooling.py), 0 for all of them; the
    finer ones come in tiles.
    """

    start_s: float
    step_s: float
    count: int
    level: int


class Box(TypedDict):
    """A box that stands on a cell; ``position`` is the journal entry that drew it. Without frequencies it spans all."""

    position: int
    reviewer: str
    onset_s: float
    offset_s: float
    low_hz: float | None
    high_hz: float | None


class Spread(TypedDict):
    """The lowest and the highest of several folds or runs, a value a step each, packed as Lane.values."""

    low: str
    high: str


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
        "values": str,
        "onset_s": float | None,
        "offset_s": float | None,
        "p_wrong": float | None,
        "partner": str,
        "support": str,
        "is_new": bool,
        "threshold": float | None,
        "events": list[Box],
        "quiet": list[Box],
        "compare": str | None,
        "spread": Spread | None,
    },
)
"""One class of a clip: its labels, what the model says of it (clipwise, and a value a step), its boxes. One that
``is_new`` is held by no import and no label version. ``values`` are uint16, 65,535 for 1, in base64; "" for none."""

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


class Side(TypedDict):
    """What one person says of a cell on which people disagree (agreement.disagreements.Side)."""

    reviewer: str
    verdict: str
    created_at: str
    notes: list[str]
    boxes: list[Box]
    had_seen: bool
    is_adjudication: bool


class Mark(TypedDict):
    """A note, a flag, "later" or "skip" that stands on a clip. ``reply_to`` is the note that a note answers; ``calls``
    are the places in its text, from and to which sign, at which somebody is called."""

    id: int
    kind: str
    text: str
    reviewer: str
    created_at: str
    reply_to: int | None
    calls: list[tuple[int, int]]


class Clip(TypedDict):
    """One clip: `GET /api/clips/ID`. A candidate is (class, clipwise probability, why it is offered).

    ``version`` is that of all at the time (listing.version_of); ``independent``: what others said is not in it.
    ``look`` leads back to a second look (signing.look_token), "" for a clip as usual. ``sides`` are there where people
    disagree and it is to be adjudicated. ``channels`` are the names to
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
    version: str
    independent: bool
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
    sides: NotRequired[list[Side]]


class WithClip(TypedDict):
    """The clip as it is now; left out where something was stored and the clip could not be read after it."""

    clip: NotRequired[Clip]


class Decided(WithClip):
    """What is answered to `POST /api/decisions`; ``boxes_left`` where a box was moved or taken away; ``next`` where it
    was asked which place comes next: as `Leased` has them."""

    notice: str
    positions: list[int]
    boxes_left: NotRequired[int]
    next: NotRequired[list[int]]


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


class People(TypedDict):
    """What is answered to `GET /api/people`: who can be called in a note."""

    names: list[str]


class Progress(TypedDict):
    """What is answered to `GET /api/progress`."""

    text: str
    title: str


class Leased(TypedDict):
    """What is answered to `POST /api/lease`: of the places that were asked about, the one that is leased, and behind it
    those that are likely next; none where none is free, ``held_by`` whom."""

    places: list[int]
    held_by: str


class Changes(TypedDict):
    """What is answered to `GET /api/changes`: the newest version, and what changed since the one that was named. A cell
    is (clip id, class, verdict), ``clips`` bear other marks. With ``more`` it is too much to tell."""

    version: str
    cells: list[tuple[int, str, str]]
    clips: list[int]
    more: bool


class Snippet(TypedDict):
    """One suspect on the wall and the stretch ``from_s`` to ``to_s`` of its clip to hear and see.

    ``id`` is its own on the wall. In a search a verdict is of the stretch alone where ``of_stretch``, ``similarity`` is
    that with the examples, and ``likely`` how likely it is the class, where that is known. ``at_random``: chance picked
    it. Where tiles ask of several classes, ``asks`` is the code of its own, ``asks_name`` its name, and ``reason`` why
    it is asked.
    """

    id: str
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
    of_stretch: NotRequired[bool]
    similarity: NotRequired[float]
    likely: NotRequired[float]
    at_random: NotRequired[bool]
    asks: NotRequired[str]
    asks_name: NotRequired[str]
    reason: NotRequired[str]


class Snippets(TypedDict):
    """What is answered to `GET /api/snippets`, `GET /api/similar` and `GET /api/next`; ``more`` says that there are
    others after these, ``said`` what is to be expected of them, or what they learned from."""

    position: int
    more: bool
    snippets: list[Snippet]
    said: NotRequired[str]


class Verdicts(TypedDict):
    """What is answered to `GET /api/snippets/verdicts`: the standing verdicts of a class by clip id."""

    position: int
    verdicts: dict[str, str]


class Visit(TypedDict):
    """What the page tells the player (component.Visit). An item is a clip id, or [clip id, mode, class].

    ``clip`` is the one at that place, where the page has it already. ``to_do_from``: the list is of suspects to do from
    this likelihood on; null: it is of others. ``placed``: a link or a row led to its place. Else the first clip is that
    is free.
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
    may_decide: bool
    alone: bool
    partial: bool
    to_do_from: float | None
    placed: bool
    searches: bool
    moment_s: float | None
    clip: NotRequired[Clip]


class Places(TypedDict):
    """What is answered to `GET /api/list`: the whole list of a visit, and where in it the clip stands that was asked
    for."""

    items: list[int | list[int | str]]
    at: int


class LightClip(TypedDict):
    """What the light page of a clip is given: the visit, and the address of its list below the app's root."""

    visit: Visit
    list: str


class Wall(TypedDict):
    """What the page tells the wall. ``path`` is where the snippets of the query are asked for; ``searches`` says that
    there is a space to search in, ``stretches`` that its snippets are stretches of recordings: then the page is told of
    each batch that was decided."""

    path: str
    searches: bool
    query: dict[str, str]
    class_name: str
    token: str
    empty: str
    may_decide: bool
    stretches: NotRequired[bool]


QueueRow = TypedDict(
    "QueueRow",
    {
        "clip_id": int,
        "class": str,
        "name": str,
        "file": str,
        "verdict": str,
        "marks": list[str],
        "rating": float | None,
        "fold": int,
        "rank": NotRequired[int],
        "kind": NotRequired[str],
        "wrong": NotRequired[float],
        "why": NotRequired[str],
        "clipwise": NotRequired[float | None],
        "frame": NotRequired[float | None],
    },
)
"""One suspect of the queue. What may be left out is what the model thinks, which is kept from who audits."""


class QueueRows(TypedDict):
    """What is answered to `GET /api/queue`: rows ``first`` and on, of ``total``, in the listing of a version."""

    version: str
    total: int
    first: int
    rows: list[QueueRow]


class Queue(TypedDict):
    """What the page tells the queue's rows (rows/component.py). Another ``view`` is another list."""

    view: str
    query: dict[str, str]
    link: dict[str, str]
    columns: list[str]
    hidden: list[str]
    sorted: str
    dealt: bool
    hint: str
    token: str
    reviewer: str
    may_decide: bool
    most: int
    rows: QueueRows


class DecidedCells(TypedDict):
    """What is answered to `POST /api/cells`: how many ``cells`` are decided, or would be; the same with their clips in
    ``words``; the ``verdicts`` in words; how many had one before; the journal's ``position`` once they are stored."""

    cells: int
    words: str
    verdicts: str
    decided: int
    position: NotRequired[int]
