"""Whose turn it is: what is asked for ahead waits until nothing is asked for that somebody waits for.

The player fetches the next clips while one is looked at. On a busy machine their decoding took the processors from the
press that came meanwhile. So it says of such a request (the header AHEAD) that nobody waits for it yet. Few of those
are worked at at once, each begins when no other request is being worked at, and one whose client has gone meanwhile is
never begun: the reviewer went past it, or waits for it by now and has asked anew.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

AHEAD = b"x-earmark-ahead"
OURS = ("/api/", "/clips/")  # parts of the paths that are worked at; Streamlit's own pass
AT_ONCE = max(1, (os.cpu_count() or 1) // 2)
LONGEST_S = 1.0  # on a server that always has something to do, what is asked for ahead must come too


class Turns:
    """ASGI middleware around the app. A request is worked at until the first bytes of its body leave."""

    def __init__(self, app: ASGIApp, longest_s: float = LONGEST_S) -> None:
        self.app = app
        self.longest_s = longest_s
        self._waited_for = 0  # requests that somebody waits for and that are being worked at
        self._ahead = 0
        self._waiting: list[asyncio.Future[None]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request in its turn."""
        if scope["type"] != "http" or not any(part in scope["path"] for part in OURS):
            await self.app(scope, receive, send)
        elif AHEAD in dict(scope["headers"]):
            await self._later(scope, receive, send)
        else:
            self._waited_for += 1
            await self._worked(scope, receive, send, self._answered)

    async def _later(self, scope: Scope, receive: Receive, send: Send) -> None:
        told = [await receive()]  # all of it: such a request has no body
        leaves = asyncio.ensure_future(receive())

        async def received() -> Message:
            return told.pop() if told else await asyncio.shield(leaves)

        try:
            if await self._turn(leaves):
                self._ahead += 1
                await self._worked(scope, received, send, self._came_ahead)
        finally:
            leaves.cancel()
            with suppress(asyncio.CancelledError):
                await leaves

    async def _turn(self, leaves: asyncio.Future[Message]) -> bool:
        """Wait until it is the turn of what is asked for ahead; False where its client leaves before."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.longest_s
        while not leaves.done():
            left_s = until - loop.time() if self._waited_for else 0.0
            if self._ahead < AT_ONCE and left_s <= 0:
                return True
            changes: asyncio.Future[None] = loop.create_future()
            self._waiting.append(changes)
            longest_s = left_s if self._ahead < AT_ONCE else None
            await asyncio.wait((changes, leaves), timeout=longest_s, return_when=asyncio.FIRST_COMPLETED)
            if changes in self._waiting:
                self._waiting.remove(changes)
        return False

    async def _worked(self, scope: Scope, receive: Receive, send: Send, done: Callable[[], None]) -> None:
        over = False

        def end() -> None:
            nonlocal over
            if not over:
                over = True
                done()
                self._wake()

        async def sent(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.body":
                end()

        try:
            await self.app(scope, receive, sent)
        finally:
            end()

    def _answered(self) -> None:
        self._waited_for -= 1

    def _came_ahead(self) -> None:
        self._ahead -= 1

    def _wake(self) -> None:
        """Let all that wait look whether it is their turn, the longest waiting first."""
        waiting, self._waiting = self._waiting, []
        for changes in waiting:
            changes.set_result(None)
