"""``/assets/{hash}/{name}``: the scripts of the player and the wall, which browsers keep for good.

They are the same for everybody and hold nothing of a workspace, so no token is asked for.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pages.ui.shared import assets

FOREVER = "public, max-age=31536000, immutable"


def asset_routes() -> list[Route]:
    """The route to mount in the app."""
    return [Route(f"/{assets.PLACE}/{{rest:path}}", _answer)]


async def _answer(request: Request) -> Response:
    asset = assets.published(f"{assets.PLACE}/{request.path_params['rest']}")
    if asset is None:
        return PlainTextResponse("this script is of another version of the app; reload the page", 404)
    packs = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"cache-control": FOREVER, "vary": "accept-encoding", "x-content-type-options": "nosniff"}
    if packs:
        headers["content-encoding"] = "gzip"
    return Response(asset.packed if packs else asset.script, media_type="text/javascript", headers=headers)
