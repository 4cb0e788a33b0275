"""The light pages by URL: ``/suspects``, the queue, and ``/clip/{id}``, a clip by its link.

Each holds one component and what it needs, all in one answer, and nothing of Streamlit: they are there in a third of
the time. The parameters are those of the app's own links, so that either leads to the same place in the other.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labeling.workspace import Workspace
from pages.ui.light import clip, suspects
from pages.ui.light.visitor import shown_to_visitor


def light_routes(workspace: Callable[[], Workspace], secret: Callable[[], bytes]) -> list[Route]:
    """The routes to mount in the app; ``workspace`` and ``secret`` are called for each request, from threads."""

    def clip_page(request: Request) -> Response:
        place = clip.place_of(request.path_params["place"], request.query_params)
        if place is None:
            return clip.no_such_clip()

        return shown_to_visitor(
            request, clip.PATH, workspace, secret, place.params, place.frame, lambda *given: clip.show(place, *given)
        )

    def suspects_page(request: Request) -> Response:
        params = dict(request.query_params)
        frame = suspects.frame(params)
        return shown_to_visitor(request, suspects.PATH, workspace, secret, params, frame, suspects.show)

    def route(path: str, answer: Callable[[Request], Response]) -> Route:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(answer, request)

        return Route(path, endpoint)

    return [route(clip.PATH, clip_page), route(suspects.PATH, suspects_page)]
