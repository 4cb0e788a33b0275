"""How long the server waits for a request to be spoken out.

uvicorn waits for ever for the head of a request. Each connection holds a file handle, of which a process usually has
1,024, so that a thousand connections on which nothing is said kept everybody else out.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

HEAD_S = 10.0
MOST_WAITING = 256
"""Connections on which a head is waited for; beyond these the one that has waited longest is closed."""
_CHANGED = "_earmark_waits"


class Waiting:
    """Connections whose request is still to come, the oldest first."""

    def __init__(self, head_s: float = HEAD_S, most: int = MOST_WAITING) -> None:
        self.head_s = head_s
        self.most = most
        self._timers: dict[Any, asyncio.TimerHandle] = {}

    def look_at(self, protocol: Any) -> None:
        """Begin to wait for a connection's next request, go on, or stop because it is here."""
        if not _is_silent(protocol):
            self.forget(protocol)
        elif protocol not in self._timers:
            while len(self._timers) >= self.most:
                self._close(next(iter(self._timers)))
            self._timers[protocol] = asyncio.get_running_loop().call_later(self.head_s, self._close, protocol)

    def forget(self, protocol: Any) -> None:
        """Wait no more."""
        if timer := self._timers.pop(protocol, None):
            timer.cancel()

    def _close(self, protocol: Any) -> None:
        self.forget(protocol)
        protocol.transport.abort()


def _is_silent(protocol: Any) -> bool:
    """Whether nothing is being answered on a connection, and uvicorn has no timer of its own (between requests)."""
    if protocol.transport.is_closing() or protocol.transport.get_protocol() is not protocol:  # a websocket by now
        return False
    answering = protocol.cycle is not None and not protocol.cycle.response_complete
    return not answering and protocol.timeout_keep_alive_task is None


def be_impatient(waiting: Waiting | None = None) -> None:
    """From now on, close connections of uvicorn's servers in this process on which no request comes. Once is enough.

    Streamlit makes the server and gives no way to choose its protocol, so the class itself is told.
    """
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    protocol: Any = AutoHTTPProtocol
    if getattr(protocol, _CHANGED, None) is not None:
        setattr(protocol, _CHANGED, waiting or Waiting())
        return
    made, received, lost = protocol.connection_made, protocol.data_received, protocol.connection_lost

    def connection_made(self: Any, transport: asyncio.Transport) -> None:
        made(self, transport)
        getattr(self, _CHANGED).look_at(self)

    def data_received(self: Any, data: bytes) -> None:
        received(self, data)
        getattr(self, _CHANGED).look_at(self)

    def connection_lost(self: Any, error: Exception | None) -> None:
        getattr(self, _CHANGED).forget(self)
        lost(self, error)

    setattr(protocol, _CHANGED, waiting or Waiting())
    protocol.connection_made, protocol.data_received = connection_made, data_received
    protocol.connection_lost = connection_lost


def open_more_files() -> None:
    """Let this process have as many open files and connections as the system allows it."""
    try:
        import resource
    except ImportError:  # Windows has no such bound
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < 65_536:
        with contextlib.suppress(ValueError, OSError):
            wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
