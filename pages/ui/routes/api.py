"""What the player asks for and says while one reviews: clips, decisions, undo, marks, preferences; JSON over HTTP.

A press must not wait for a page to be drawn anew, so the player talks to these routes and Streamlit is left out of it.
Routes beside Streamlit's pages are not behind its sign-in: each request carries, in the header ``X-Earmark``, the
token that the page gave to its reviewer (signing.api_token), and where people sign in only its owner may use it
(signin.of_request). A header of our own also keeps other sites' forms out.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from labeling import journal
from labeling.collection import channels, classes
from labeling.errors import (
    DataError,
    EarmarkError,
    StaleDecision,
    WorkspaceCorrupt,
    WorkspaceFull,
    WorkspaceLocked,
    WorkspaceReadOnly,
    WorkspaceUnreachable,
)
from labeling.journal import boxes
from labeling.quality.scored_run import read_scored_run
from labeling.records import WORTH_HEARING, Decision, Shown
from labeling.review import second_looks
from labeling.review.clip_view import clip_view
from labeling.reviewer import marks, preferences
from labeling.reviewer.pace import today
from labeling.sound.channels import channel_name
from labeling.suspects import queue
from labeling.workspace import Workspace
from pages.ui import signin, signing
from pages.ui.player import events
from pages.ui.routes.clip_json import clip_json, mark_json
from pages.ui.routes.media import SIGN_IN, problem
from pages.ui.routes.snippets_json import snippets_json, verdicts_json
from pages.ui.shared import shapes

MOST_BYTES = 2 * 1024**2
MOST_EVENTS = 2000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """One request: who asks, of which workspace, with what; ``secret`` signs what this reviewer is given."""

    workspace: Workspace
    secret: bytes
    reviewer: str
    query: Mapping[str, str]
    path: Mapping[str, Any]
    body: Mapping[str, Any]


Answer = Callable[[Asked], Mapping[str, Any]]


class NotFound(DataError):
    """What was asked for is not there."""


def api_routes(
    workspace: Callable[[], Workspace], secret: Callable[[], bytes], more: Mapping[str, Answer] | None = None
) -> list[Route]:
    """The routes to mount in the app; ``workspace`` and ``secret`` are called for each request, from threads.

    ``more`` are answers to GET that lie further up in the house, by path.
    """

    def route(path: str, answer: Answer, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                body = await _body(request) if method != "GET" else {}
            except DataError as refused:
                return problem(422, str(refused))

            def work() -> Response:
                person = signin.of_request(request)
                if person is None:
                    return problem(403, SIGN_IN)
                key = signing.key_of(secret(), person)
                who = signing.reviewer_of(key, request.headers.get("x-earmark", ""))
                if not who or (person and who != person):
                    return problem(403, "the page is too old to be trusted; reload it")
                asked = Asked(workspace(), key, who, request.query_params, request.path_params, body)
                return JSONResponse(answer(asked), headers={"cache-control": "no-store"})

            try:
                return await run_in_threadpool(work)
            except StaleDecision as refused:
                return problem(409, str(refused))
            except NotFound as refused:
                return problem(404, str(refused))
            except (WorkspaceLocked, WorkspaceUnreachable, WorkspaceReadOnly, WorkspaceFull, WorkspaceCorrupt) as away:
                return problem(503, str(away))  # may be stored or not: who asked sends the same event again
            except EarmarkError as refused:
                return problem(422, str(refused))
            except Exception:
                _log.exception("%s %s", method, path)
                return problem(500, "the server failed at this; its log says why")

        return Route(path, endpoint, methods=[method])

    return [
        route("/api/clips/{clip_id:id}", _clip),
        route("/api/snippets", lambda asked: snippets_json(asked.workspace, asked.secret, asked.query)),
        route("/api/snippets/verdicts", lambda asked: verdicts_json(asked.workspace, asked.query)),
        route("/api/decisions", _decide, "POST"),
        route("/api/undo", _undo, "POST"),
        route("/api/classes", _add_class, "POST"),
        route("/api/marks", _mark, "POST"),
        route("/api/channel", _set_channel, "POST"),
        route("/api/preferences", _prefer, "POST"),
        route("/api/progress", _progress),
        *(route(path, answer) for path, answer in (more or {}).items()),
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


# ------------------------------------------------------------------------------------------------ clips


def _scored(view: Mapping[str, Any]) -> tuple[str, str] | None:
    run_id, scorer = events.text_of(view, "run", 200), events.text_of(view, "scorer", 200)
    return (run_id, scorer) if run_id and scorer else None


def _calibrated_at(view: Mapping[str, Any]) -> int | None:
    """The journal position that this list's likelihoods stand on; None where it names none that there could be."""
    text = str(view.get("at") or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def _clip(asked: Asked) -> shapes.Clip:
    return read_clip(asked, events.clip_id_of(asked.path), asked.query)


def read_clip(asked: Asked, clip_id: int, view: Mapping[str, Any]) -> shapes.Clip:
    """The clip as the player shows it. ``view`` says of which run, from what likelihood on, and how it is asked."""
    p = events.share_of(view, "p") or WORTH_HEARING
    mode, class_code = events.one_of(view, "mode", events.MODES), events.text_of(view, "class", 500)
    shown_clip = clip_view(
        asked.workspace,
        clip_id,
        _scored(view),
        min_p_wrong=p,
        reviewer=asked.reviewer,
        compare=events.text_of(view, "compare", 200),
        unseen=class_code if mode == "again" else "",
        calibrated_at=_calibrated_at(view),
    )
    if shown_clip is None:
        raise NotFound(f"there is no clip {clip_id} in this workspace")
    with asked.workspace.read() as connection:
        left_here = marks.of_clip(connection, clip_id, asked.reviewer)
    return clip_json(shown_clip, left_here, asked.secret, asked.reviewer, mode=mode, class_code=class_code)


def _clip_after(asked: Asked, clip_id: int, view: object) -> shapes.WithClip:
    """The clip, once something is stored; nothing where it cannot be read now, and the player asks for it anew.

    What is stored is acknowledged whatever fails here: a press called "not saved" would be made once more.
    """
    try:
        return {"clip": read_clip(asked, clip_id, view if isinstance(view, Mapping) else {})}
    except Exception as failed:
        _log.warning("clip %s after a change: %s", clip_id, failed, exc_info=not isinstance(failed, EarmarkError))
        return {}


# ------------------------------------------------------------------------------------------------ decisions


def _decide(asked: Asked) -> shapes.Decided:
    """Store one or more presses in one transaction; the answer is sent once they are on the disk."""
    given = asked.body.get("events")
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_EVENTS:
        raise DataError(f"1 to {MOST_EVENTS} events are expected; decide fewer cells at once")
    view = asked.body.get("view")
    view = view if isinstance(view, Mapping) else {}
    batch = events.event_id_of(asked.body, "batch") if asked.body.get("batch") else ""
    parsed = [events.parse_event(event) for event in given]
    shown = _what_was_shown(asked, view, parsed)
    first = parsed[0]
    if any(event.replaces is not None for event in parsed):
        if len(parsed) > 1:
            raise DataError(f"a box is moved or taken away alone, not with {len(parsed) - 1} other events")
        return _change_box(asked, first, view, shown[first.clip_id, first.class_code])
    stored = journal.append(
        asked.workspace,
        [_decision(asked, event, batch, view, shown[event.clip_id, event.class_code]) for event in parsed],
    )
    positions = [decision.position for decision in stored]
    single = len(set(positions)) == 1  # also where a press came twice in one request
    count = f"{first.class_code} {first.verdict}" if single else f"{len(set(positions))} decisions"
    answer: shapes.Decided = {"notice": f"saved: {count}", "positions": positions}
    if asked.body.get("answer") == "clip" and (clip := _clip_after(asked, first.clip_id, view).get("clip")):
        answer["clip"] = clip
    return answer


def _change_box(asked: Asked, event: events.PlayerEvent, view: Mapping[str, Any], shown: Shown) -> shapes.Decided:
    """Move a box, or take it away; ``boxes_left`` counts those that still mark the class as present."""
    change = boxes.change_box(
        asked.workspace,
        _decision(asked, event, "", view, shown) if event.region else None,
        event.replaces,
        reviewer=asked.reviewer,
        event_id=event.event_id,
        seen_position=event.seen_position,
    )
    what = "box moved" if event.region else "box taken away"
    return {
        "notice": f"saved: {event.class_code}, {what}",
        "positions": [entry.position for entry in change.entries],
        "boxes_left": change.left,
        **_clip_after(asked, event.clip_id, view),
    }


def _decision(asked: Asked, event: events.PlayerEvent, batch: str, view: Mapping[str, Any], shown: Shown) -> Decision:
    takes_primary = event.kind == "swapped" and not event.role and event.verdict == "present"
    return Decision(
        event_id=event.event_id,
        reviewer=asked.reviewer,
        clip_id=event.clip_id,
        class_code=event.class_code,
        verdict=event.verdict,
        role="primary" if takes_primary else "",
        region=event.region,
        note=event.note,
        run_id=events.text_of(view, "run", 200),
        shown=shown,
        seen_position=event.seen_position,
        batch_id=batch,
    )


def _what_was_shown(
    asked: Asked, view: Mapping[str, Any], parsed: list[events.PlayerEvent]
) -> dict[tuple[int, str], Shown]:
    """The suspects on screen, by cell, as the journal keeps them."""
    scored, looked_at = _scored(view), events.text_of(view, "class", 500)  # a second look asks of one class
    cells = [(cell_event.clip_id, cell_event.class_code) for cell_event in parsed]
    with asked.workspace.read() as connection:
        run = read_scored_run(connection, *scored, _calibrated_at(view)) if scored else None
        rows = queue.of_cells(connection, run, cells) if run else []
        shown = {
            (row.suspect.clip_id, row.suspect.class_code): queue.as_shown(row, scored[1]) for row in rows if scored
        }
        for event in parsed:
            cell = event.clip_id, event.class_code
            mode = event.mode if event.class_code == looked_at else ""  # whatever else is said in that clip
            how = replace(
                shown.get(cell, Shown()),
                asked=bool(event.kind or mode),  # else the reviewer spoke of a cell that no screen doubted
                blind=mode == "blind",
                audit=mode == "audit",
            )
            if mode == "again":
                how = replace(how, second_look=second_looks.first_look(connection, asked.reviewer, *cell))
            shown[cell] = how
    return shown


def _hidden_as(shown: Shown) -> str:
    """The mode in which a cell was asked with all else hidden; it is asked so again when it is taken back."""
    return "blind" if shown.blind else "audit" if shown.audit else ""


def _undo(asked: Asked) -> shapes.Undone | shapes.NothingUndone:
    """Take back this reviewer's last press, or the batch that it was part of, or the entry at ``position``."""
    event_id, position = events.event_id_of(asked.body, "event_id"), events.whole_of(asked.body, "position")
    with asked.workspace.read() as connection:
        # a request that is sent again takes back nothing more
        last, mark = journal.undone_by(connection, event_id), marks.undone_by(connection, event_id)
        again = bool(last or mark)
        if not again:
            mark = marks.last_undoable(connection, asked.reviewer) if position is None else None
            last = journal.last_undoable(connection, asked.reviewer) if position is None else []
            last = journal.batch_of(connection, position, asked.reviewer) if position is not None else last
    if mark and (not last or mark.is_after(last[-1])):
        if not again:
            marks.undo(asked.workspace, mark, event_id)
        what = mark.kind if mark.removes is None else f"{mark.kind} taken back"
        clip_id, code, mode = mark.clip_id, "", ""
    elif last:
        if not again:
            journal.undo_all(asked.workspace, last, asked.reviewer, event_id)
        decision = last[-1]
        what = "box taken away" if decision.verdict == "undo" else decision.verdict
        single = len(last) == 1 or any(entry.undoes for entry in last)
        what = f"{decision.class_code} {what}" if single else f"{len(last)} decisions"
        clip_id, code, mode = decision.clip_id, decision.class_code, _hidden_as(decision.shown)
    else:
        return {"notice": "nothing of yours to undo", "clip_id": None}
    clip = _clip_after(asked, clip_id, asked.body.get("view"))
    return {"notice": f"undone: {what}", "clip_id": clip_id, "class": code, "mode": mode, **clip}


def _add_class(asked: Asked) -> shapes.NewClass:
    """Add a class that no label has yet; sent again it is the same class."""
    code = events.text_of(asked.body, "class", 500)
    name = events.text_of(asked.body, "name", 500)
    with asked.workspace.write() as connection:
        added = classes.add_class(connection, code, name, added_by=asked.reviewer)
    return {"notice": f"new class: {added.name}", "class": added.code, "name": added.name}


# ------------------------------------------------------------------------------------------------ marks, preferences


def _mark(asked: Asked) -> shapes.Marked:
    """Leave a note, a flag, "later" or "skip" on a clip, or take one back."""
    event_id, clip_id = events.event_id_of(asked.body, "event_id"), events.clip_id_of(asked.body)
    kind = events.one_of(asked.body, "kind", tuple(marks.KINDS))
    removes = events.whole_of(asked.body, "removes")
    if removes is not None:
        marks.remove(asked.workspace, removes, asked.reviewer, event_id)
        notice = f"taken back: {kind}"
    else:
        text = events.text_of(asked.body, "text", marks.MOST_SIGNS)
        marks.add(asked.workspace, marks.Mark(event_id, asked.reviewer, clip_id, kind, text))
        notice = f"saved: {kind}"
    try:
        with asked.workspace.read() as connection:
            standing = marks.of_clip(connection, clip_id, asked.reviewer)
    except EarmarkError as failed:
        _log.warning("marks of clip %s after a change: %s", clip_id, failed)
        return {"notice": notice}
    return {"notice": notice, "marks": [mark_json(mark) for mark in standing]}


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
    return {"notice": notice, **_clip_after(asked, clip_id, asked.body.get("view"))}


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
