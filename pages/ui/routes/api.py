"""What the player asks for and says while one reviews: clips, decisions, undo, marks, preferences; JSON over HTTP.

A press must not wait for a page to be drawn anew, so the player talks to these routes and Streamlit is left out of it.
Routes beside Streamlit's pages are not behind its sign-in: each request carries, in the header ``X-Earmark``, the
token that the page gave to its reviewer (signing.api_token), and where people sign in only its owner may use it
(signin.admitted). A header of our own also keeps other sites' forms out. A script shows a token of its own instead.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from labeling.collection import channels, classes
from labeling.errors import PASSING, DataError, EarmarkError, NotAllowed, StaleDecision
from labeling.log import lines
from labeling.reviewer import preferences
from labeling.reviewer.pace import today
from labeling.sound.channels import channel_name
from labeling.workspace import Workspace
from pages.ui import signin, signing
from pages.ui.player import events
from pages.ui.routes import activity_json, chosen_json, next_json, similar_json, team_json
from pages.ui.routes.asked import Asked, NotFound
from pages.ui.routes.clip_json import lanes_bytes
from pages.ui.routes.clips import clip_after, read_clip
from pages.ui.routes.decisions import decide, undo
from pages.ui.routes.marks_json import leave_mark, people_json
from pages.ui.routes.media import problem
from pages.ui.routes.observed import FAILED
from pages.ui.routes.snippets_json import snippets_json, verdicts_json
from pages.ui.shared import shapes

MOST_BYTES = 2 * 1024**2
_log = logging.getLogger(__name__)


Answer = Callable[[Asked], Mapping[str, Any] | bytes]
NOT_KEPT = {"cache-control": "no-store"}


def api_routes(
    workspace: Callable[[], Workspace],
    secret: Callable[[], bytes],
    more: Mapping[str, Answer] | None = None,
    more_posts: Mapping[str, Answer] | None = None,
) -> list[Route]:
    """The routes to mount in the app; ``workspace`` and ``secret`` are called for each request, from threads.

    ``more`` and ``more_posts`` are answers to GET and to POST that lie further up in the house, by path.
    """

    def route(path: str, answer: Answer, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                body = await _body(request) if method != "GET" else {}
            except DataError as refused:
                return problem(422, str(refused))

            def work() -> Response:
                person = signin.admitted(request, f"{method} {path}")
                key = signing.key_of(secret(), person.name)
                who = signing.reviewer_of(key, request.headers.get("x-earmark", ""))
                if signin.is_script(request):
                    who = person.name
                # whoever gave no name may look, and change nothing
                if who is None or (not who and method != "GET") or (person.name and who != person.name):
                    return problem(403, "the page is too old to be trusted; reload it")
                asked = Asked(workspace(), key, who, request.query_params, request.path_params, body, person)
                told = answer(asked)
                if isinstance(told, bytes):
                    return Response(told, media_type="application/octet-stream", headers=NOT_KEPT)
                return JSONResponse(told, headers=NOT_KEPT)

            try:
                return await run_in_threadpool(work)
            except StaleDecision as refused:
                return problem(409, str(refused))
            except signin.NotSignedIn as refused:
                return problem(403, str(refused))
            except NotAllowed as refused:
                return JSONResponse({"error": str(refused), "final": True}, 403)  # a new token changes nothing
            except NotFound as refused:
                return problem(404, str(refused))
            except PASSING as away:
                return problem(503, str(away))  # may be stored or not: who asked sends the same event again
            except EarmarkError as refused:
                return problem(422, str(refused))
            except Exception:
                _log.exception("%s %s", method, path)
                return problem(500, lines.with_reference(FAILED))

        return Route(path, endpoint, methods=[method])

    return [
        route("/api/clips/{clip_id:id}", lambda asked: read_clip(asked, events.clip_id_of(asked.path), asked.query)),
        route(
            "/api/clips/{clip_id:id}/lanes",
            lambda asked: lanes_bytes(asked.workspace, events.clip_id_of(asked.path), asked.query),
        ),
        route("/api/snippets", lambda asked: snippets_json(asked.workspace, asked.secret, asked.query, asked.reviewer)),
        route(next_json.PATH, lambda asked: next_json.next_json(asked.workspace, asked.secret, asked.query)),
        route(similar_json.PATH, lambda asked: similar_json.similar_json(asked.workspace, asked.secret, asked.query)),
        route(chosen_json.PATH, lambda asked: chosen_json.chosen_json(asked.workspace, asked.secret, asked.query)),
        route(
            activity_json.PATH, lambda asked: activity_json.activity_json(asked.workspace, asked.secret, asked.query)
        ),
        route("/api/snippets/verdicts", lambda asked: verdicts_json(asked.workspace, asked.query, asked.reviewer)),
        route("/api/decisions", decide, "POST"),
        route("/api/undo", undo, "POST"),
        route("/api/classes", _add_class, "POST"),
        route("/api/marks", leave_mark, "POST"),
        route("/api/channel", _set_channel, "POST"),
        route("/api/preferences", _prefer, "POST"),
        route("/api/progress", _progress),
        route("/api/changes", lambda asked: team_json.changes_json(asked.workspace, asked.reviewer, asked.query)),
        route("/api/lease", lambda asked: team_json.lease_json(asked.workspace, asked.reviewer, asked.body), "POST"),
        route("/api/people", people_json),
        *(route(path, answer) for path, answer in (more or {}).items()),
        *(route(path, answer, "POST") for path, answer in (more_posts or {}).items()),
    ]


async def _body(request: Request) -> Mapping[str, Any]:
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > MOST_BYTES:
            raise DataError(f"the request is above {MOST_BYTES} bytes; send less at once")
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise DataError("the request is not JSON; reload the page") from None
    if not isinstance(value, Mapping):
        raise DataError("the request is not a mapping; reload the page")
    return value


def _add_class(asked: Asked) -> shapes.NewClass:
    """Add a class that no label has yet; sent again it is the same class."""
    code = events.text_of(asked.body, "class", 500)
    name = events.text_of(asked.body, "name", 500)
    with asked.workspace.write() as connection:
        added = classes.add_class(connection, code, name, added_by=asked.reviewer)
    return {"notice": f"new class: {added.name}", "class": added.code, "name": added.name}


def _set_channel(asked: Asked) -> shapes.ChannelKept:
    """Keep which channel of a clip everybody sees and hears, and the next training reads."""
    clip_id, channel = events.clip_id_of(asked.body), events.whole_of(asked.body, "channel")
    if channel is None:
        raise DataError("channel is missing; give 0 for the mix, or the number of one")
    with asked.workspace.write() as connection:
        clip = channels.set_channel(connection, clip_id, channel)
    name = channel_name(channel, clip.channels)
    what = f"the {name} channel" if name in ("left", "right") else name if channel else "the mix"
    notice = f"everybody now hears and sees {what} of this clip"
    return {"notice": notice, **clip_after(asked, clip_id, asked.body.get("view"))}


def _prefer(asked: Asked) -> dict[str, Any]:
    """Keep how a reviewer likes it."""
    name = events.text_of(asked.body, "name", 80)
    preferences.put(asked.workspace, asked.reviewer, name, asked.body.get("value"))
    return {"notice": "kept"}


def _progress(asked: Asked) -> shapes.Progress:
    """Today's count and pace in words, and how long the rest of the list would take."""
    try:
        left, offset_min = int(asked.query.get("left", "0")), int(asked.query.get("offset_min", "0"))
    except ValueError:
        raise DataError("left and offset_min are whole numbers; reload the page") from None
    if not 0 <= left < 2**31:
        raise DataError("left is no number of clips; reload the page")
    with asked.workspace.read() as connection:
        done = today(connection, asked.reviewer, utc_offset_min=offset_min)
    if not done.decisions:
        return {"text": "", "title": ""}
    pace, rest_s = done.seconds_a_clip, done.time_for_s(left)
    text = f"{done.decisions:,} today" + (f", {pace:.0f} s a clip" if pace else "")
    title = f"{done.decisions:,} cells decided in {done.clips:,} clips today"
    if rest_s is not None:
        title += f"; the {left:,} left in this list would take about {max(1, round(rest_s / 60)):,} min at this pace"
    return {"text": text, "title": title}
