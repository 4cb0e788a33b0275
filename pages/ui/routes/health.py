"""``/healthz``: the process answers. ``/readyz``: it can serve. ``/metrics``: its figures, for Prometheus.

The first two are for whoever watches over a server, who has no account, and say no more than they must. The third is
for viewers: where people sign in, a token of one opens it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from labeling.errors import EarmarkError, NotAllowed
from labeling.operation import metrics, readiness
from labeling.workspace import Workspace
from pages.ui import signin
from pages.ui.proxies import PEER

KEPT_S = 2.0
"""Strangers may ask as often as they like: the database is asked once in this time."""
NOT_KEPT = {"cache-control": "no-store"}


def health_routes(workspace: Callable[[], Workspace], registry: CollectorRegistry) -> list[Route]:
    """The routes to mount in the app; ``workspace`` is called from threads."""
    looked = _Looked(workspace)

    async def alive(request: Request) -> Response:
        """Also how the request came, by which `earmark doctor --url` knows whether a proxy's headers are believed."""
        peer = request.scope.get(PEER)
        is_forwarded = peer is not None and request.client is not None and peer[0] != request.client.host
        told = {"status": "alive", "scheme": request.url.scheme, "forwarded": is_forwarded}
        return JSONResponse(told, headers=NOT_KEPT)

    async def ready(_: Request) -> Response:
        checks = await run_in_threadpool(looked.checks)
        is_ready = readiness.is_ready(checks)
        told: dict[str, Any] = {
            "status": "ready" if is_ready else "not ready",
            "checks": {check.name: {"good": check.is_good, "said": check.said} for check in checks},
        }
        for check in checks:
            if check.name == "worker" and check.value is not None:
                told["worker_heartbeat_age_s"] = round(check.value, 1)
        return JSONResponse(told, 200 if is_ready else 503, NOT_KEPT)

    def figures(request: Request) -> Response:
        try:
            signin.admitted(request, "GET /metrics")
        except NotAllowed as refused:
            return PlainTextResponse(f"{refused}\n", 403, NOT_KEPT)
        except EarmarkError as problem:
            return PlainTextResponse(f"{problem}\n", 503, NOT_KEPT)
        return Response(metrics.as_text(registry), media_type=CONTENT_TYPE_LATEST, headers=NOT_KEPT)

    async def scraped(request: Request) -> Response:
        return await run_in_threadpool(figures, request)

    return [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", scraped)]


class _Looked:
    """What was found lately; one thread looks at a time."""

    def __init__(self, workspace: Callable[[], Workspace]) -> None:
        self.workspace = workspace
        self.lock = threading.Lock()
        self.at, self.found = float("-inf"), list[readiness.Check]()

    def checks(self) -> list[readiness.Check]:
        with self.lock:
            if time.monotonic() - self.at >= KEPT_S:
                self.found, self.at = readiness.look(self.workspace), time.monotonic()
            return self.found
