"""Who looks at a light page: whoever has to sign in is sent there, whoever may not is told so, and whoever gave no name
is asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from labeling.errors import EarmarkError, NotAllowed
from labeling.people.roles import Person
from labeling.records import is_machine
from labeling.storage.text import not_a_persons
from labeling.workspace import Workspace
from pages.ui import session, signin, signing
from pages.ui.light import html
from pages.ui.light.html import Frame
from pages.ui.routes.asked import Asked

Show = Callable[[Asked, Frame, Person], Response]


def shown_to_visitor(
    request: Request,
    path: str,
    workspace: Callable[[], Workspace],
    secret: Callable[[], bytes],
    params: Mapping[str, str],
    frame: Frame,
    show: Show,
) -> Response:
    """What ``show`` makes of a page with these parameters, in the name of who looks at it; else why it is not shown.

    ``path`` is the route's, by which the roles that may see it are known.
    """
    try:
        person = signin.admitted(request, f"GET {path}")
    except signin.NotSignedIn:
        return RedirectResponse(f"{frame.root}{frame.in_the_app}", 303, {"cache-control": "no-store"})
    except EarmarkError as problem:
        return html.message(frame, str(problem), 403 if isinstance(problem, NotAllowed) else 503)
    reviewer = person.name or session.default_reviewer(request.cookies)
    if not reviewer or is_machine(reviewer):
        why = not_a_persons(reviewer) if reviewer else "Give your name first: every decision is kept under it."
        return html.message(replace(frame, may_rename=True), why, 200, asks_name=True)
    try:
        asked = Asked(workspace(), signing.key_of(secret(), person.name), reviewer, params, {}, {}, person)
        may_leave = signin.way() == "accounts"
        frame = replace(frame, reviewer=reviewer, may_rename=not person.name, may_leave=may_leave)
        return show(asked, frame, person)
    except EarmarkError as problem:
        return html.message(frame, str(problem), 503)
