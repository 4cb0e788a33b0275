"""``/suspects``: the queue, on a page that holds its rows, the first of them in the same answer.

They are the same rows, with the same keys and tokens, as on the queue's page in the app, and so are the parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from html import escape
from urllib.parse import urlencode

from starlette.responses import Response

from labeling.active.teaching import in_turn
from labeling.collection import store
from labeling.embeddings.space import list_spaces
from labeling.people import roles
from labeling.people.roles import Person
from labeling.quality.scored_run import read_scored_run
from labeling.suspects import order, queue
from labeling.suspects.filter import QueueFilter
from labeling.suspects.queue import QueuePage
from labeling.team import assignments
from pages.ui import signing
from pages.ui.light import html
from pages.ui.light.choices import Choice, choices
from pages.ui.light.html import Frame
from pages.ui.queue import words, worklist
from pages.ui.routes.asked import Asked
from pages.ui.rows.component import ROWS
from pages.ui.rows.rows_json import first_screen
from pages.ui.shared import assets
from pages.ui.shared.scripts import join_scripts

PATH = "/suspects"
ENTRY = "light/suspects.js"


def frame(params: Mapping[str, str]) -> Frame:
    """Of the page of a list with these parameters."""
    return Frame("./", _address("queue", params))


def show(asked: Asked, given: Frame, person: Person) -> Response:
    """The page of a list, for a person."""
    with asked.workspace.read() as connection:
        every_scored = [(run_id, scorer) for run_id, scorer, _ in queue.scored(connection)]
        scored = queue.current(connection, asked.query.get("run", ""), asked.query.get("scorer", ""))
        if scored is None:
            why = "Nothing is scored yet. Train a run: its out-of-fold predictions rank the suspects."
            return html.message(given, why, 200, links=[("retrain", "Train a run")])
        assigned = bool(assignments.of_reviewer(connection, asked.reviewer))
        names = {known.code: known.name for known in store.all_classes(connection)}
        wanted = worklist.filter_from(asked.query)
        wanted = replace(
            wanted, classes=tuple(code for code in wanted.classes if code in names), reviewer=asked.reviewer
        )
        link = worklist.link_params(wanted, scored, every_scored[0])
        run = in_turn(asked.workspace, connection, read_scored_run(connection, *scored), wanted)
        look_s = order.look_s_of(connection, run, asked.reviewer)
        page, told = first_screen(
            connection, run, wanted, look_s, link=link, token=signing.api_token(asked.secret, asked.reviewer),
            may_decide=roles.may(person, "decide"),
        )  # fmt: skip
    spaces = [facts.name for facts in list_spaces(asked.workspace)]
    given = replace(given, in_the_app=_address("queue", link))
    above = _above(wanted, page, link, choices(wanted, page, names, scored, every_scored, assigned, spaces))
    part = html.Part(ROWS.script_asset(), ROWS.style, script_asset())
    return html.page(given, "Queue", part, told, above)


@cache
def script_asset() -> assets.Asset:
    """The script that stands around the rows, as the browser fetches it."""
    return assets.publish("suspects.js", join_scripts(ENTRY))


def _address(page: str, params: Mapping[str, str]) -> str:
    return f"{page}?{urlencode(params)}" if params else page


def _above(wanted: QueueFilter, page: QueuePage, link: Mapping[str, str], selects: list[Choice]) -> str:
    """What stands above the rows: how many there are, the filters, the way to the first clip."""
    said = "".join(f"<span>{_marked(text)}</span>" for text in (words.summary(page), words.soon(page)) if text)
    others = worklist.seldom_set(wanted)
    more = f"More filters ({others}) in the app" if others else "More filters in the app"
    start = ""
    if page.rows:
        first = page.rows[0].suspect.clip_id
        # the looks of an audit are the app's to draw
        place = _address("review", link) if worklist.is_audit(wanted) else _address(f"clip/{first}", link)
        start = f'<a class="start" href="{escape(place)}">Review these</a>'
    nothing = "" if page.total else f'<p class="empty" role="status">{escape(words.nothing(wanted))}</p>'
    return (
        f'<div id="above"><div class="title"><h1>Queue</h1>{start}<p class="said">{said}</p></div>'
        f'<form id="filters" autocomplete="off">{"".join(choice.html for choice in selects)}'
        f'<a href="{escape(_address("queue", link))}">{more}</a></form>{nothing}</div>'
    )


def _marked(text: str) -> str:
    """The little Markdown of our own words as HTML."""
    text = re.sub(r":gray\[(.*?)\]", r"<small>\1</small>", escape(text))
    return re.sub(r"\*\*(.*?)\*\*", r"<b>\1</b>", text)
