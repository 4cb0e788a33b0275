"""Requests that no page of ours makes: bodies, parameters, paths and headers with a part of them changed."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from starlette.applications import Starlette

from labeling.collection import allowed, store
from labeling.records import Clip
from labeling.workspace import CACHE, Workspace
from pages.ui import signing
from pages.ui.routes.api import api_routes
from pages.ui.routes.media import media_routes
from pages.ui.rows.cells_json import decide_cells
from pages.ui.rows.rows_json import queue_json
from tests.support.app.client import client_of
from tests.support.odd.damaged import damaged

SECRET = b"s" * 32
SLOWEST_S = 5.0
REVIEWERS = ("rita", "rita", "rita", "", " ", "auto:stage1", "a\0b", "\ud800", "é" * 300, "<script>", "=1+1")
NUMBERS = (
    0, -1, 1, 2, 4, 99, 2**31 - 1, 2**31, -(2**31) - 1, 2**53, 2**63, 2**64, 10**40, 0.5, -0.0, 1e9, 1e308, 5e-324
)  # fmt: skip
NO_NUMBERS = (float("nan"), float("inf"), float("-inf"))
TEXTS = (
    "", " ", "\0", "a\0b", "\ud800", "a\udfffb", "\u202e", "é" * 90, "x" * 501, "x" * 2001, "x" * 70_000, "１", "1e3",
    "nan", "inf", "-1", "true", "' or 1=1 --", "../../etc/passwd", "%00", "amecro", "present", "undo", "=cmd()", "<b>",
    "\r\nset-cookie: a=b", "😀", "auto:stage1", "a" * 80, "keys", "again", "blind",
)  # fmt: skip
NESTS: tuple[Any, ...] = ([], {}, [[]], [None], {"": ""}, {"a\0": 1}, {"\ud800": "\ud800"}, {"region": {"region": {}}})


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def odd_value(rng: random.Random) -> Any:
    """Any JSON value, seldom one that is meant."""
    kinds: tuple[Sequence[Any], ...] = (NUMBERS, NUMBERS, NO_NUMBERS, TEXTS, TEXTS, NESTS, (None, True, False))
    return _deep(rng.choice((30, 600))) if rng.random() < 0.03 else rng.choice(rng.choice(kinds))


def bodies(view: Mapping[str, str], code: str) -> dict[str, Any]:
    """Path to a body that is as it should be."""
    event = {
        "event_id": "e", "clip_id": 1, "class": code, "verdict": "absent", "role": "primary", "kind": "false",
        "region": {"onset_s": 0.5, "offset_s": 1.5, "low_hz": 500, "high_hz": 2000}, "replaces": None,
        "seen_position": None, "note": "faint", "mode": "",
    }  # fmt: skip
    plain = {"event_id": "e", "clip_id": 2, "class": code, "verdict": "present"}
    cells = {"cells": [[1, code], [2, code]], "choice": "absent", "version": "0.0", "batch": "c", "query": dict(view)}
    seen = {**view, "p": "0.1", "mode": "", "class": code, "compare": "", "at": "0"}
    return {
        "/api/decisions": {"events": [plain, event | {"event_id": "f"}], "view": seen, "batch": "b", "answer": "clip"},
        "/api/decisions#box": {"events": [event | {"event_id": "g", "replaces": 2}], "view": seen, "answer": "clip"},
        "/api/undo": {"event_id": "u", "position": 1, "view": seen},
        "/api/classes": {"class": "eastow", "name": "Eastern Towhee"},
        "/api/marks": {"event_id": "m", "clip_id": 1, "kind": "note", "text": "a rattle", "removes": None},
        "/api/channel": {"clip_id": 1, "channel": 0, "view": seen},
        "/api/preferences": {"name": "keys", "value": {"play": ["Space"]}},
        **({"/api/cells": cells} if view.get("run") else {}),  # of a run's suspects
    }


PARAMS: dict[str, dict[str, str]] = {
    "/api/clips/1": {"run": "r", "scorer": "s", "p": "0.1", "mode": "", "class": "amecro", "compare": "", "at": "3"},
    "/api/clips/1/lanes": {"run": "r", "level": "1", "index": "0", "spread": "1", "codes": '["amecro"]'},
    "/api/queue": {"run": "r", "scorer": "s", "position": "3", "look_s": "2.5", "version": "3.0", "first": "50",
                   "count": "50", "kind": "missing", "order": "worth", "p": "0.1"},
    "/api/snippets": {"run": "r", "scorer": "s", "class": "amecro", "which": "all", "status": "all", "order": "rank",
                      "min_p_wrong": "0.1"},
    "/api/snippets/verdicts": {"class": "amecro"},
    "/api/progress": {"left": "4", "offset_min": "60"},
    "/clips/1/audio": {"channel": "1", "expand": "10", "at_s": "0.5"},
    "/clips/1/tile": {"level": "5", "index": "0", "channel": "0", "n_fft": "512", "hop_length": "128", "scale": "pcen",
                      "height_px": "64"},
    "/clips/1/peaks": {"level": "5", "index": "0", "channel": "0"},
    "/clips/vocabulary": {"tag": "x"},
}  # fmt: skip
PATHS = ("/api/clips/%00", "/api/clips/-1", "/api/clips/2147483648", "/api/clips/1e3", "/api/clips/..%2f..%2fetc",
         "/clips/1/%2e%2e/audio", "/clips/99999999999999999999/audio", "/clips/1%00/tile", "/api/clips/1/", "/api/",
         "/api/clips/" + "9" * 8000, "/api/%ff%fe", "/clips/0/tile", "/api/clips/١")  # fmt: skip


def ends(number: str) -> list[str]:
    """URLs of all that is to be had of a clip, with tokens."""
    media = [signing.signed_url(SECRET, f"/clips/{number}/{part}") for part in ("audio", "tile", "peaks")]
    return [f"/api/clips/{number}", *media]


@dataclass(frozen=True)
class OddRequest:
    """One request; ``url`` is encoded, with a token where the path is a clip's sound or picture."""

    method: str
    url: str
    body: bytes
    headers: dict[str, str]


def odd_request(rng: random.Random, view: Mapping[str, str], code: str) -> OddRequest:
    """One request with up to three parts changed; every id in a body is new, so that most would be stored."""
    headers = {"x-earmark": signing.api_token(SECRET, rng.choice(REVIEWERS)), "content-type": "application/json"}
    if rng.random() < 0.05:
        headers["x-earmark"] = rng.choice(("", "x", "9999999999.YQ.00", "." * 5000, headers["x-earmark"][:-1] + "g"))
    if rng.random() < 0.1:
        headers[rng.choice(("range", "content-type", "accept", "cookie", "if-range"))] = rng.choice(
            ("bytes=-1", "bytes=5-1", "bytes=0-1,3-4", "bytes=" + "9" * 40 + "-", "x" * 4000, "a=b; =; ;;", "")
        )
    if rng.random() < 0.5:
        path, body = rng.choice(list(bodies(view, code).items()))
        body = _new_ids(body, rng)
        for _ in range(rng.choice((0, 1, 1, 2))):
            body = _changed(rng, body)
        if isinstance(body, dict) and isinstance(body.get("events"), list) and rng.random() < 0.1:
            body["events"] *= rng.choice((2, 900))
        text = json.dumps(body)
        if rng.random() < 0.05:
            text = text.replace("{", '{"clip_id": 1, "event_id": "twice", ', 1)  # keys that come twice
        raw = damaged(rng, text.encode()) if rng.random() < 0.1 else text.encode()
        return OddRequest("POST" if rng.random() < 0.97 else "PUT", path.partition("#")[0], raw, headers)
    if rng.random() < 0.1:
        return OddRequest(rng.choice(("GET", "POST", "DELETE", "HEAD", "OPTIONS")), rng.choice(PATHS), b"{}", headers)
    path, params = rng.choice(list(PARAMS.items()))
    changed: dict[str, Any] = {**params, **(view if "run" in params else {})}
    changed |= {"class": code} if "class" in params else {}
    for _ in range(rng.choice((1, 1, 2, 3))):
        name = rng.choice((*changed, "unknown", "low_hz", "height_px")) if changed else "x"
        changed[name] = odd_value(rng)
        if rng.random() < 0.1:
            del changed[name]
    if path == "/clips/1/audio" and rng.random() < 0.5:
        changed.pop("at_s", None)
    path = path.replace("/1", f"/{rng.choice((1, 1, 1, 2, 3, 2**31, 10**30))}")
    query = urlencode({name: str(value) for name, value in changed.items()}, errors="surrogatepass")
    if path.startswith("/clips"):
        query += "&" + signing.signed_url(SECRET, path).partition("?")[2]
    return OddRequest("GET", f"{quote(path)}?{query[:60_000]}", b"", headers)


def _new_ids(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        return {
            name: f"{item}-{rng.randrange(10**12)}" if name in ("event_id", "batch") and item else _new_ids(item, rng)
            for name, item in value.items()
        }
    return [_new_ids(item, rng) for item in value] if isinstance(value, list) else value


def _changed(rng: random.Random, value: Any) -> Any:
    """``value`` with one part in the place of another, a part taken away, or one more."""
    if isinstance(value, dict) and value and rng.random() < 0.93:
        name = rng.choice(list(value))
        if rng.random() < 0.1:
            return {key: item for key, item in value.items() if key != name}
        return {**value, name: _changed(rng, value[name])}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        return [*value[:at], _changed(rng, value[at]), *value[at + 1 :]]
    return odd_value(rng)


class Asker:
    """Asks a workspace's routes."""

    def __init__(self, workspace: Workspace, view: Mapping[str, str]) -> None:
        self.view = view
        with workspace.read() as connection:
            self.code = store.all_classes(connection)[0].code

        def clip_of(clip_id: int) -> Clip | None:
            with workspace.read() as connection:
                clip = store.clip_by_id(connection, clip_id)
                return None if clip is None else allowed.file_of(connection, clip)

        media = media_routes(workspace.root / CACHE, clip_of, lambda: SECRET)
        more = {"/api/queue": queue_json}
        api = api_routes(lambda: workspace, lambda: SECRET, more, {"/api/cells": decide_cells})
        self.client = client_of(Starlette(routes=[*media, *api]))

    def ask(self, rng: random.Random) -> int:
        """Make one request; returns the status. Raises AssertionError for an answer that none should get."""
        odd, began = odd_request(rng, self.view, self.code), time.monotonic()
        answer = self.client.request(odd.method, odd.url, content=odd.body, headers=odd.headers)
        took_s = time.monotonic() - began
        told = f"{answer.status_code} {answer.text[:300]!r} after {took_s:.1f} s: {odd}"[:3000]
        assert answer.status_code < 500, told
        assert took_s < SLOWEST_S, told
        if answer.headers.get("content-type") == "application/json" and odd.method != "HEAD":
            value = json.loads(answer.content, parse_constant=_no_json)
            assert answer.status_code < 400 or value["error"].strip(), told
        return answer.status_code


def _no_json(word: str) -> Any:
    raise AssertionError(f"{word} in an answer is no JSON")
