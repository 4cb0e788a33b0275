"""Each request is counted and timed, bears an id, and leaves a line in the log where that is JSON.

The id (``X-Request-ID``) is the one that a proxy sent, or a new one; it stands in the answer, in every line of the log
that the request causes, and in the message of a failure. Requests are counted by the pattern of their route and never
by their path, so that there are no more series than routes; all that Streamlit answers is one, ``pages``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeling.log import lines, redaction
from pages.ui.hosts import base_path
from pages.ui.proxies import PEER

HEADER = "x-request-id"
PAGES = "pages"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
QUIET = ("/healthz", "/readyz", "/metrics", "/_stcore/health", "/_stcore/host-config")
"""Asked every few seconds by machines: they leave a line only where they fail."""
FAILED = "the server failed at this; its log says why"
_log = logging.getLogger("earmark.request")


class Figures:
    """Counters of one process' requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ("method", "route")
        self.requests = Counter("earmark_requests", "Requests answered", [*names, "status"], registry=registry)
        self.durations = Histogram(
            "earmark_request_duration_seconds", "From a request to the end of its answer", names, buckets=BOUNDS_S,
            registry=registry,
        )  # fmt: skip
        self.now = Gauge("earmark_requests_in_progress", "Requests that are being answered", registry=registry)
        self.open_pages = Gauge("earmark_open_pages", "Pages that are open in browsers", registry=registry)


class Observed:
    """ASGI middleware around the whole app, the gate included."""

    def __init__(self, app: ASGIApp, figures: Figures, routes: Sequence[Route] = (), says_each: bool = False) -> None:
        self.app, self.figures, self.routes, self.says_each = app, figures, routes, says_each

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and keep what it took."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent = headers.getlist(HEADER)
        reference = lines.as_reference(sent[0]) if len(sent) == 1 else lines.new_reference()
        with redaction.known_here(_secrets(scope, headers)), lines.in_hand(request_id=reference):
            if scope["type"] == "websocket":
                with self.figures.open_pages.track_inprogress():
                    await self.app(scope, receive, send)
            else:
                with self.figures.now.track_inprogress():
                    await self._answered(scope, receive, send, reference)

    async def _answered(self, scope: Scope, receive: Receive, send: Send, reference: str) -> None:
        began, status = time.perf_counter(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = reference
            await send(message)

        try:
            await self.app(scope, receive, sent)
        except Exception:
            _log.exception("%s %s", scope["method"], self._route(scope))
            if status:  # too late to say so
                raise
            text = {"error": lines.with_reference(FAILED)}
            await JSONResponse(text, 500, {"cache-control": "no-store"})(scope, receive, sent)
        finally:
            self._keep(scope, status or 499, time.perf_counter() - began)

    def _keep(self, scope: Scope, status: int, took_s: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = self._route(scope)
        self.figures.requests.labels(method, route, str(status)).inc()
        self.figures.durations.labels(method, route).observe(took_s)
        if not self.says_each or (scope["path"].endswith(QUIET) and status < 400):
            return
        peer = scope.get("client") or scope.get(PEER) or ("",)
        facts = {
            "method": method, "path": scope["path"][:500], "route": route, "status": status,
            "duration_ms": round(1000 * took_s, 1), "client": peer[0],
        }  # fmt: skip
        _log.info("%s %s %s", method, route, status, extra={"facts": facts})

    def _route(self, scope: Scope) -> str:
        """The pattern of the route that answers; `PAGES` for what is Streamlit's."""
        path = scope["path"].removeprefix(base_path())
        return next((route.path_format for route in self.routes if route.path_regex.match(path)), PAGES)


def _secrets(scope: Scope, headers: Headers) -> Iterator[str]:
    """What lets somebody in that this request came with."""
    for name in ("authorization", "proxy-authorization", "x-earmark"):
        for value in headers.getlist(name):
            yield value
            yield value.partition(" ")[2]
    for cookie in headers.getlist("cookie"):
        for pair in cookie.split(";"):
            name, _, value = pair.strip().partition("=")
            if not name.startswith("earmark_reviewer"):  # a name that decisions bear openly
                yield value.strip('"')
    for pair in scope.get("query_string", b"").decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        if name in ("token", "code", "state", "password"):
            yield value
