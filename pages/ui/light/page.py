"""``/clip/{id}``: one clip by its link, on a page that holds the player and what it needs, all in one answer.

It is the same player, with the same tokens, as on the review page; whoever has to sign in first is sent there. The
parameters are those of the review page's link, so that the clip stands in the same list.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from labeling.errors import EarmarkError
from labeling.quality.scored_run import read_scored_run
from labeling.records import WORTH_HEARING, is_machine
from labeling.review.second_looks import Look
from labeling.reviewer import preferences
from labeling.storage.text import not_a_persons
from labeling.suspects import queue
from labeling.workspace import Workspace
from pages.ui import session, signin, signing
from pages.ui.light import html, places
from pages.ui.player.component import Visit
from pages.ui.queue import worklist
from pages.ui.routes.api import Asked, NotFound, read_clip
from pages.ui.shared import shapes

LOOK = "look"
"""In place of the id in the path of a second look, whose clip is not told."""


@dataclass(frozen=True)
class Place:
    """Where a link leads: to a clip, or to a second look; with the parameters of its list."""

    clip_id: int | None
    params: Mapping[str, str]

    @property
    def in_the_app(self) -> str:
        """The address of the same place on the review page, below the app's root."""
        own = {"clip": str(self.clip_id)} if self.clip_id is not None else {}
        return f"review?{urlencode({**self.params, **own})}"


def light_routes(workspace: Callable[[], Workspace], secret: Callable[[], bytes]) -> list[Route]:
    """The route to mount in the app; ``workspace`` and ``secret`` are called for each request, from threads."""

    def answer(request: Request) -> Response:
        name = request.path_params["place"]
        params = {key: value for key, value in request.query_params.items() if key != "clip"}
        if name != LOOK:
            params = {key: value for key, value in params.items() if key not in worklist.PLACE}
        if name != LOOK and not worklist.is_number(name):
            return html.message("There is no such clip: a link to one ends in its number.", "", 404)
        place = Place(int(name) if name != LOOK else None, params)
        person = signin.of_request(request)
        if person is None:
            return RedirectResponse(f"../{place.in_the_app}", 303, {"cache-control": "no-store"})
        reviewer = person or session.default_reviewer(request.cookies)
        if not reviewer or is_machine(reviewer):
            why = not_a_persons(reviewer) if reviewer else "Give your name first: every decision is kept under it."
            return html.message(why, place.in_the_app, 200, asks_name=True)
        try:
            asked = Asked(workspace(), signing.key_of(secret(), person), reviewer, params, {}, {})
            shown = given(asked, place)
        except EarmarkError as problem:
            return html.message(str(problem), place.in_the_app, 503)
        if shown is None:
            return html.message(
                "This second look is answered already, or meant for another reviewer.", place.in_the_app, 404
            )
        return html.page(shown, place.in_the_app, reviewer, may_rename=not person)

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answer, request)

    return [Route("/clip/{place}", endpoint)]


def given(asked: Asked, place: Place) -> shapes.Light | None:
    """What the page's scripts are given; None where a second look cannot be shown."""
    look = places.look_asked(asked, place.params) if place.clip_id is None else Look(place.clip_id)
    if look is None:
        return None
    wanted = worklist.filter_from({name: value for name, value in place.params.items() if name not in worklist.PLACE})
    with asked.workspace.read() as connection:
        newest = queue.current(connection)
        scored = queue.current(connection, place.params.get("run", ""), place.params.get("scorer", ""))
        position = read_scored_run(connection, *scored).position if scored else None
        mine = preferences.get_all(connection, asked.reviewer)
    view = {"p": f"{wanted.min_p_wrong if wanted.min_p_wrong > 0 else WORTH_HEARING:g}"}
    if scored:
        view |= {"run": scored[0], "scorer": scored[1], "at": str(position)}
    link = worklist.link_params(wanted, scored, newest)
    try:
        seen = {**view, "mode": look.mode, "class": look.class_code} if look.mode else view
        clip = read_clip(asked, look.clip_id, seen)
    except NotFound:
        clip = None  # the player says so
    visit = Visit(
        id=uuid.uuid4().hex,
        items=(look,),
        at=0,
        token=signing.api_token(asked.secret, asked.reviewer),
        view=view,
        link=link,
        preferences=mine,
        alone=True,
        partial=True,
        clip=clip,
    )
    own = {name: place.params[name] for name in worklist.PLACE if name in place.params}
    if place.clip_id is not None:
        own = {"clip": str(place.clip_id)}
    list_params = {**link, **{name: view[name] for name in ("run", "scorer") if name in view}, **own}
    if position is not None:
        list_params[places.POSITION] = str(position)
    return {"visit": visit.to_json(), "list": f"api/list?{urlencode(list_params)}"}
