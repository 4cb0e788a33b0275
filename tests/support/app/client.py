"""Routes asked in this process."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from functools import cache
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.testclient import TestClient
from starlette.types import ASGIApp


def client_of(app: ASGIApp, *given: Any, **more: Any) -> TestClient:
    """Starlette's own client. All share one event loop: else each request would start one, and a thread for it, which
    takes longer than most answers."""
    client = TestClient(app, *given, **more)
    client.portal = _portal()
    return client


@cache
def _portal() -> BlockingPortal:
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(start_blocking_portal("asyncio"))
