"""Reviewers who go through one list at once, over HTTP, as the player does; and whether all went well."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import uvicorn
from starlette.applications import Starlette

from labeling import journal
from labeling.records import is_machine
from labeling.workspace import Workspace
from pages.ui import signing
from pages.ui.routes.api import api_routes
from tests.support.browser.server import free_port
from tests.support.workspaces.making import add_clips
from tests.support.workspaces.ranked import finished_run, store_ranking

SECRET = b"s" * 32
CODES = ("amecro", "cangoo")  # of each clip: listed and not there, there and not listed
VIEW = {"run": "001-demo", "scorer": "earmark", "p": "0.3", "at": "0"}
AT_ONCE = 60


@dataclass
class Told:
    """What one reviewer has seen: ``stays`` are (clip, from, to) by a clock that all share, while a lease said that the
    clip was theirs; ``acknowledged`` event ids; ``peeked``: others' verdicts that were told before their own."""

    name: str
    stays: list[tuple[int, float, float]] = field(default_factory=list)
    acknowledged: list[tuple[str, int, str]] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    peeked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def make_list(workspace: Workspace, clips: int) -> list[int]:
    """Put so many clips into an empty workspace, two suspects each; returns their ids in the order of the list."""
    add_clips(workspace, tuple((f"c/{number:04}.ogg", ("amecro",)) for number in range(clips)))
    rows = [
        (0, clip_id, code, kind, 0.95, clipwise, clipwise, 0)
        for clip_id in range(1, clips + 1)
        for code, kind, clipwise in (("amecro", "false", 0.05), ("cangoo", "missing", 0.95))
    ]
    store_ranking(workspace, finished_run(workspace), rows=rows)
    return list(range(1, clips + 1))


@contextmanager
def served(workspace: Workspace) -> Iterator[int]:
    """The player's routes on a port of their own, from a thread."""
    config = uvicorn.Config(
        Starlette(routes=api_routes(lambda: workspace, lambda: SECRET)), host="127.0.0.1", port=free_port(),
        log_level="critical", access_log=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    yield config.port
    server.should_exit = True
    thread.join(20)


class Reviewer:
    """Decides on one clip after the other until nothing is left, or time is up."""

    def __init__(
        self, name: str, port: int, clip_ids: Sequence[int], until: float, *, think_s: float, token: str = "",
        view: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.told = Told(name)
        self.port, self.clip_ids, self.until, self.think_s = port, list(clip_ids), until, think_s
        self.headers = {"content-type": "application/json", "x-earmark": token or signing.api_token(SECRET, name)}
        self.view = view or VIEW
        self.holder = str(uuid.uuid4())
        self.random = random.Random(name)

    def work(self, is_over: Callable[[], bool]) -> Told:
        """Be at it. ``is_over`` says whether all looks are there, in case the last clips are others'."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as self.connection:
            at: int | None = self.lease(0)
            while time.monotonic() < self.until:
                if at is not None:
                    at = self._decide(at)
                elif is_over():
                    break
                else:
                    time.sleep(0.2)  # a dozen who wait would else take the processor from those who work
                    at = self.lease(0)
            self.ask("POST", "/api/lease", {"leaves": True, "holder": self.holder})
        return self.told

    def lease(self, first: int) -> int | None:
        """The place that is theirs from now on; None where none is free behind ``first``."""
        for start in range(first, len(self.clip_ids), AT_ONCE):
            answer = self.ask("POST", "/api/lease", {**self.wish(start), "view": self.view})
            if answer["places"]:
                return start + int(answer["places"][0])
        return None

    def wish(self, start: int) -> dict[str, Any]:
        return {"holder": self.holder, "items": self.clip_ids[start : start + AT_ONCE], "to_do_from": 0.3}

    def _decide(self, at: int) -> int | None:
        clip_id, came = self.clip_ids[at], time.monotonic()
        clip = self.ask("GET", f"/api/clips/{clip_id}?{urlencode(self.view)}")
        lanes = [lane for lane in clip["lanes"] if lane["kind"] and not lane["verdict"]]
        if clip["independent"] and any(entry["reviewer"] != self.told.name for entry in clip["history"]):
            self.told.peeked.append(f"history of clip {clip_id}")
        self.told.peeked += [f"{lane['class']} in clip {clip_id}" for lane in lanes if lane["reviewer"]]
        time.sleep(self.think_s * self.random.uniform(0.5, 1.5))
        events = [
            {
                "event_id": str(uuid.uuid4()), "clip_id": clip_id, "class": lane["class"], "kind": lane["kind"],
                "verdict": "absent", "role": lane["role"], "seen_position": clip["seen_position"],
            }
            for lane in lanes
        ]  # fmt: skip
        self.told.stays.append((clip_id, came, time.monotonic()))
        if not events:
            self.told.refused.append(f"clip {clip_id} was handed out with nothing to do")
            return self.lease(at + 1)
        wish = self.wish(at + 1) if at + 1 < len(self.clip_ids) else None
        began = time.monotonic()
        answer = self.ask("POST", "/api/decisions", {"events": events, "view": self.view, "next": wish})
        self.told.took_s.append(time.monotonic() - began)
        if "positions" not in answer:
            return self.lease(0)
        self.told.acknowledged += [(str(one["event_id"]), clip_id, str(one["class"])) for one in events]
        places = answer.get("next") or []
        return at + 1 + int(places[0]) if places else self.lease(0)

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        self.connection.request(method, path, None if body is None else json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
        if answer.status != 200:
            self.told.refused.append(f"{method} {path} {answer.status} {told}")
            return {"places": [], "lanes": [], "history": [], "independent": False, "seen_position": None}
        return told


def problems(workspace: Workspace, everybody: Sequence[Told], looks: int, *, whole: bool = True) -> list[str]:
    """What went wrong, in words: something lost or doubled, two at one clip, a look too few or too many. ``whole``: the
    list was gone through to its end, with so many ``looks`` a cell."""
    with workspace.read() as connection:
        stored = [entry for entry in journal.decisions_where(connection) if not is_machine(entry.reviewer)]
    found = [f"{told.name}: {what}" for told in everybody for what in (*told.refused, *told.peeked)]
    acknowledged = [event_id for told in everybody for event_id, _, _ in told.acknowledged]
    count = Counter(entry.event_id for entry in stored)
    found += [f"{event_id} is lost" for event_id in acknowledged if count[event_id] != 1]
    found += [f"{event_id} was never acknowledged" for event_id in set(count) - set(acknowledged)]
    given: dict[tuple[int, str], list[str]] = {}
    for entry in stored:
        given.setdefault((entry.clip_id, entry.class_code), []).append(entry.reviewer)
    for cell, names in given.items():
        if len(set(names)) < len(names):
            found.append(f"{cell} was looked at twice by one: {names}")
        if len(names) > looks or (whole and len(names) < looks):
            found.append(f"{cell} has {len(names)} looks, not {looks}: {names}")
    by_clip: dict[int, list[tuple[float, float, str]]] = {}
    for told in everybody:
        for clip_id, came, went in told.stays:
            by_clip.setdefault(clip_id, []).append((came, went, told.name))
    for clip_id, stays in by_clip.items():
        for (_, went, one), (came, _, other) in itertools.pairwise(sorted(stays)):
            if came < went:
                found.append(f"{one} and {other} were at clip {clip_id} at the same time")
    return found
