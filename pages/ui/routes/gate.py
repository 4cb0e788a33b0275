"""Who may knock: requests that a page of another website makes are turned away before anything answers them.

A website can have its name point to 127.0.0.1 (DNS rebinding); to the browser its page and this app are then one site.
So a request must name a host that is this app's: a number, localhost, or a name that was given at the start. And where
it says which page made it (``Origin``), that must be a page of the same host. A body that does not come is not waited
for. All of this holds for Streamlit's own routes and websockets too, which by themselves believe any name.

Where people sign in, files that a page gives for download and the places of files that are brought are for them alone:
Streamlit gives the one to whoever knows the link, and takes the other from whoever looks at the sign-in. Who opens a
page without having signed in with a password is sent to where that is done. A header in which a proxy names the user
counts only from that proxy, and is taken away from all others.

Where the app lies below a path (``server.baseUrlPath``), what is ours is found there, too.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeling.errors import EarmarkError, NotAllowed
from pages.ui import proxies, signin
from pages.ui.hosts import base_path, named_hosts

BODY_S = 20.0
SLOWEST_BYTES_A_SECOND = 10_000
OF_PAGES = ("/media/", "/_stcore/upload_file")
OF_MACHINES = ("/healthz", "/readyz", "/metrics")
OURS = ("/api/", "/assets/", "/clip/", "/clips/", "/signin", "/signout", "/suspects", *OF_MACHINES)
NO_PAGES = ("/api/", "/assets/", "/clips/", "/signin", "/signout", "/_stcore/", "/static/", "/media/", *OF_MACHINES)
_log = logging.getLogger(__name__)


class Gate:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it with 403 and the reason."""
        if scope["type"] in ("http", "websocket") and (reason := refusal(Headers(scope=scope))):
            _log.warning("refused: %s", reason)
            if scope["type"] == "http":
                await PlainTextResponse(reason, 403, {"x-content-type-options": "nosniff"})(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        if scope["type"] in ("http", "websocket"):
            scope = proxies.without_forged(scope)
        if scope["type"] == "http":
            is_asked = _is_of_pages(scope) or _opens_a_page(scope)
            if is_asked and (answer := await run_in_threadpool(_turned_away, scope)):
                await answer(scope, receive, send)
                return
            scope, receive = at_its_route(scope), impatient(receive)
        await self.app(scope, receive, send)


def _turned_away(scope: Scope) -> Response | None:
    """What one who has not signed in is answered by this app beside its own routes; None for a request that is let in.

    The pages themselves say why there is nothing to see, where a provider or a proxy signs people in.
    """
    request = HTTPConnection(scope)
    try:
        if _is_of_pages(scope):
            signin.admitted(request, "page overview")
        elif _opens_a_page(scope) and signin.way() == "accounts" and signin.of_request(request) is None:
            query = scope["query_string"].decode("latin-1")
            wanted = quote(scope["path"]) + (f"?{query}" if query else "")
            return RedirectResponse(
                f"{base_path()}/signin?{urlencode({'next': wanted})}", 303, {"cache-control": "no-store"}
            )
    except NotAllowed as refused:
        return PlainTextResponse(str(refused), 403)
    except EarmarkError as problem:  # of the workspace; a page says so itself
        return None if _opens_a_page(scope) else PlainTextResponse(str(problem), 503)
    return None


def _is_of_pages(scope: Scope) -> bool:
    """Whether a file is asked for that a page gives, or brought to one."""
    return any(path in scope["path"] for path in OF_PAGES)


def _opens_a_page(scope: Scope) -> bool:
    """Whether a browser asks for a page to show, and not for a part of one."""
    ours = scope["path"].removeprefix(base_path())
    is_read = scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")
    return is_read and not ours.startswith(NO_PAGES)


def at_its_route(scope: Scope) -> Scope:
    """A request for one of our own routes as these know it: without the path below which the app lies, if any.

    Streamlit's own routes know that path themselves.
    """
    base = base_path()
    path = scope["path"].removeprefix(base)
    if not base or path == scope["path"] or not path.startswith(OURS):
        return scope
    return {**scope, "path": path, "raw_path": scope.get("raw_path", b"").removeprefix(base.encode())}


def refusal(headers: Headers) -> str:
    """Why a request with these headers is turned away, "" for one that is let in."""
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    if len(hosts) != 1 or len(origins) > 1:
        return "a request must name one host, and at most one origin"
    host, names = _parsed(f"//{hosts[0]}"), named_hosts()
    if host is None or not (_cannot_be_rebound(host.hostname or "") or _is_among(host.hostname or "", names)):
        return (
            f"the host {hosts[0][:80]!r} is not one of this app's: open it as http://localhost, or start it with "
            f"--server.allowedHosts NAME for each name that it is called by"
        )
    if origins and not _same_site(origins[0], hosts[0], names):
        return (
            f"a page of {origins[0][:80]!r} asks, and this app is {hosts[0][:80]!r}; if both are the same, behind a "
            "proxy, start it with --server.allowedHosts NAME"
        )
    return ""


def _cors_origins() -> list[str]:
    return [str(origin).strip() for origin in st.get_option("server.corsAllowedOrigins") or ()]


def _parsed(url: str) -> SplitResult | None:
    """A URL of a host and perhaps a port, None for what is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is none
    except ValueError:
        return None
    odd = parts.username is not None or parts.path or parts.query or parts.fragment or "\\" in url
    return parts if parts.hostname and not odd else None


def _cannot_be_rebound(name: str) -> bool:
    """Whether a host is one that no name server is asked for: a number, or localhost."""
    name = name.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_among(name: str, named: list[str]) -> bool:
    name = name.lower().rstrip(".")
    for known in (one.strip().lower().rstrip(".") for one in named):
        if known in ("*", name) or (known.startswith("*.") and name.endswith(known[1:])):
            return True
    return False


def _same_site(origin: str, host: str, names: list[str]) -> bool:
    """Whether a page of ``origin`` is one of this app's, which a proxy may know by another host."""
    parts = _parsed(origin)
    if parts is None or parts.scheme not in ("http", "https"):
        return False
    named = [name for name in names if name != "*" and not _cannot_be_rebound(name)]
    return parts.netloc.lower() == host.lower() or origin in _cors_origins() or _is_among(parts.hostname or "", named)


def impatient(receive: Receive) -> Receive:
    """``receive`` for a request whose body must come at a bearable pace; one that does not counts as gone."""
    began, received, complete = time.monotonic(), 0, False

    async def next_message() -> Message:
        nonlocal received, complete
        if complete:  # from here on one waits for the client to go, however long that takes
            return await receive()
        left_s = began + BODY_S + received / SLOWEST_BYTES_A_SECOND - time.monotonic()
        try:
            async with asyncio.timeout(max(left_s, 0.0)):
                message = await receive()
        except TimeoutError:
            complete = True
            return {"type": "http.disconnect"}
        received += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        return message

    return next_message
