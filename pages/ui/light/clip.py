"""``/clip/{id}``: one clip by its link, on a page that holds the player and what it needs, all in one answer.

It is the same player, with the same tokens, as on the review page. The parameters are those of the review page's link,
so that the clip stands in the same list.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode

from starlette.responses import Response

from labeling.embeddings.space import has_spaces
from labeling.people import roles
from labeling.people.roles import Person
from labeling.quality.scored_run import read_scored_run
from labeling.records import WORTH_HEARING
from labeling.review.second_looks import Look
from labeling.reviewer import preferences
from labeling.suspects import queue
from pages.ui import signing
from pages.ui.light import html, places
from pages.ui.light.html import Frame
from pages.ui.player.component import PLAYER, Visit
from pages.ui.queue import worklist
from pages.ui.routes.asked import Asked, NotFound
from pages.ui.routes.clips import read_clip
from pages.ui.shared import assets, shapes
from pages.ui.shared.scripts import join_scripts

PATH = "/clip/{place}"
ENTRY, EARLY = "light/clip.js", "light/early.js"
LOOK = "look"
"""In place of the id in the path of a second look, whose clip is not told."""
ROOT = "../"


@dataclass(frozen=True)
class Place:
    """Where a link leads: to a clip, or to a second look; with the parameters of its list."""

    clip_id: int | None
    params: Mapping[str, str]

    @property
    def frame(self) -> Frame:
        """Of the page at this place."""
        own = {"clip": str(self.clip_id)} if self.clip_id is not None else {}
        list_params = urlencode({name: value for name, value in self.params.items() if name not in worklist.PLACE})
        return Frame(ROOT, f"review?{urlencode({**self.params, **own})}", f"suspects?{list_params}".rstrip("?"))


def place_of(name: str, query: Mapping[str, str]) -> Place | None:
    """The place that a link's last part and its parameters name; None where they name none."""
    params = {key: value for key, value in query.items() if key != "clip"}
    if name == LOOK:
        return Place(None, params)
    if not worklist.is_number(name):
        return None
    return Place(int(name), {key: value for key, value in params.items() if key == "t" or key not in worklist.PLACE})


def no_such_clip() -> Response:
    """The page of a link that names no place."""
    return html.message(
        Frame(ROOT, "queue", "suspects"), "There is no such clip: a link to one ends in its number.", 404
    )


def show(place: Place, asked: Asked, frame: Frame, person: Person) -> Response:
    """The page of a clip, for a person."""
    shown = given(asked, place, person)
    if shown is None:
        return html.message(frame, "This second look is answered already, or meant for another reviewer.", 404)
    clip = shown["visit"].get("clip")
    title = clip["title"] if clip else f"clip {shown['visit']['items'][0]}"
    return html.page(frame, title, html.Part(PLAYER.script_asset(), PLAYER.style, script_asset(), _early()), shown)


@cache
def script_asset() -> assets.Asset:
    """The script that stands around the player, as the browser fetches it."""
    return assets.publish("clip.js", join_scripts(ENTRY))


@cache
def _early() -> str:
    """Run where it stands, which no module is."""
    return f'(() => {{\n"use strict";\n{join_scripts(EARLY)}}})();\n'


def given(asked: Asked, place: Place, person: Person) -> shapes.LightClip | None:
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
        may_decide=roles.may(person, "decide"),
        partial=True,
        to_do_from=worklist.to_do_from(wanted) if scored else None,
        placed=True,
        clip=clip,
        searches=has_spaces(asked.workspace),
        moment_s=worklist.moment_of(asked.query.get("t", "")),
    )
    own = {name: place.params[name] for name in worklist.PLACE if name in place.params}
    if place.clip_id is not None:
        own = {"clip": str(place.clip_id)}
    list_params = {**link, **{name: view[name] for name in ("run", "scorer") if name in view}, **own}
    if position is not None:
        list_params[places.POSITION] = str(position)
    return {"visit": visit.to_json(), "list": f"api/list?{urlencode(list_params)}"}
