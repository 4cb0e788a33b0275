"""Who may knock: requests that a page of another website makes are turned away before anything answers them.

A website can have its name point to 127.0.0.1 (DNS rebinding); to the browser its page and this app are then one site.
So a request must name a host that is this app's: a number, localhost, or a name that was given at the start. And where
it says which page made it (``Origin``), that must be a page of the same host. A body that does not come is not waited
for. All of this holds for Streamlit's own routes and websockets too, which by themselves believe any name.

Where people sign in, files that a page gives for download and the places of files that are brought are for them alone:
Streamlit gives the one to whoever knows the link, and takes the other from whoever looks at the sign-in.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from urllib.parse import SplitResult, urlsplit

import streamlit as st
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.ui import signin
from pages.ui.hosts import named_hosts

BODY_S = 20.0
SLOWEST_BYTES_A_SECOND = 10_000
OF_PAGES = ("/media/", "/_stcore/upload_file")
NOT_SIGNED_IN = "sign in first; reload the page"
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
        is_of_pages = scope["type"] == "http" and any(path in scope["path"] for path in OF_PAGES)
        if is_of_pages and signin.of_request(HTTPConnection(scope)) is None:
            await PlainTextResponse(NOT_SIGNED_IN, 403)(scope, receive, send)
            return
        await self.app(scope, impatient(receive) if scope["type"] == "http" else receive, send)


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
