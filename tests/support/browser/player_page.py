"""A page that holds the whole player and answers in the server's place, for tests of what is drawn of given data."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from pages.ui.player.component import PLAYER
from pages.ui.routes.clip_json import blank_lane, packed
from pages.ui.shared import shapes
from pages.ui.shared.scripts import join_scripts
from tests.support.scripts.typescript import check

ADDRESS = "http://player.test/"
PAGE = """<!doctype html><meta charset="utf-8"><style>
  body {{ margin: 12px; background: {paper}; --st-background-color: {paper}; --st-text-color: {ink};
    --st-secondary-background-color: {panel}; font-family: sans-serif; }}
</style><style>{style}</style><div id="player"></div><script type="module" src="/player.mjs"></script>"""
START = """
const events = [];
const holder = document.getElementById("player");
mount({{ parentElement: holder, data: {visit}, setTriggerValue: (_, event) => events.push(event) }});
window.player = players.get(holder);
"""
LIGHT, DARK = ("#ffffff", "#1c2430", "#f4f5f7"), ("#0e1117", "#fafafa", "#262730")


def lane(code: str, values: list[float], **more: Any) -> dict[str, Any]:
    """A lane as the server gives it; ``compare`` and ``spread`` in plain numbers too."""
    given = {"clipwise": max(values, default=None), "values": packed(np.array(values)), "threshold": 0.5} | more
    if given.get("compare"):
        given["compare"] = packed(np.array(given["compare"]))
    if given.get("spread"):
        given["spread"] = {name: packed(np.array(numbers)) for name, numbers in given["spread"].items()}
    return blank_lane(code, code.title()) | given


def unpacked(text: str) -> NDArray[np.float64]:
    """The numbers of shapes.Lane."""
    return np.frombuffer(base64.b64decode(text), "<u2") / 65_535


def clip(lanes: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A clip of 10 s as the server gives it, its frames 0.5 s long."""
    given = {
        "clip_id": 1, "mode": "", "title": "one.wav", "duration_s": 10.0, "sample_rate": 32000, "channel": 0,
        "channels": [], "error": "",
        "audio_url": "", "tile_url": "", "peaks_url": "", "lanes": lanes,
        "steps": {"start_s": 0.0, "step_s": 0.5, "count": 20, "level": 0},
        "compare_steps": None, "compare_run": "", "run_id": "001-demo",
        "seen_position": 7, "version": "7.0", "independent": False, "can_undo": True, "candidates": [],
        "marks": [], "history": [], "metadata": {},
        "classes_url": "/clips/vocabulary?token=x", "look": "",
    } | more  # fmt: skip
    check(given, shapes.Clip, "the clip")
    return given


@dataclass
class PlayerPage:
    """The player in a Chromium page. ``data`` is the clip, ``posts`` the decisions that the player sent.

    A box that is sent is kept in ``data``, as the server would; ``refusal`` is answered instead where it is given.
    With ``hold`` no decision is answered before release(); with ``gone`` the clip cannot be fetched.
    """

    page: Any
    data: dict[str, Any]
    preferences: dict[str, Any] = field(default_factory=dict)
    colours: tuple[str, str, str] = LIGHT
    posts: list[dict[str, Any]] = field(default_factory=list)
    held: list[Any] = field(default_factory=list)
    hold: bool = False
    refusal: str = ""
    gone: bool = False

    def open(self) -> None:
        """Load the page and wait for the lanes."""
        self.page.route("**/*", self._route)
        self.page.goto(ADDRESS)
        self.page.wait_for_selector("[data-testid=player-lane]")

    def release(self) -> None:
        """Answer what was held back."""
        held, self.held, self.hold = self.held, [], False
        for route in held:
            self._decide(route)

    def _route(self, route: Any) -> None:
        url = urlsplit(route.request.url)
        visit = {
            "visit": "v", "items": [self.data["clip_id"]], "at": 0, "token": "t", "view": {}, "link": {},
            "may_decide": True, "preferences": self.preferences, "follow": False, "renewed": "",
            "alone": False, "partial": False, "to_do_from": None, "searches": False, "placed": True, "moment_s": None,
        }  # fmt: skip
        check(visit, shapes.Visit, "the visit")
        if url.path == "/":
            paper, ink, panel = self.colours
            body = PAGE.format(style=PLAYER.style, paper=paper, ink=ink, panel=panel)
            route.fulfill(body=body, content_type="text/html")
        elif url.path == "/player.mjs":
            script = join_scripts(PLAYER.entry, START.format(visit=json.dumps(visit)))
            route.fulfill(body=script, content_type="text/javascript")
        elif url.path.startswith("/api/clips/"):
            route.fulfill(status=404 if self.gone else 200, json={"error": "gone"} if self.gone else self.data)
        elif url.path == "/api/decisions":
            self.posts += route.request.post_data_json["events"]
            if self.hold:
                self.held.append(route)
            else:
                self._decide(route)
        else:
            route.fulfill(json=[] if url.path == "/clips/vocabulary" else {})

    def _decide(self, route: Any) -> None:
        if self.refusal:
            route.fulfill(status=409, json={"error": self.refusal})
            return
        event = route.request.post_data_json["events"][0]
        changed = next(one for one in self.data["lanes"] if one["class"] == event["class"])
        boxes = [box for box in changed["events"] if box["position"] != event["replaces"]]
        self.data["seen_position"] += 1
        if event["region"]:
            boxes.append(event["region"] | {"position": self.data["seen_position"], "reviewer": "rita"})
        changed["events"] = boxes
        answer = {"notice": "saved", "positions": [], "boxes_left": len(boxes), "clip": self.data}
        route.fulfill(json=answer)
