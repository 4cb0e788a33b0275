"""Answers leave at once.

uvicorn writes the head and the body of an answer apart. TCP holds a small second packet back until the first is
acknowledged (Nagle), and the other end acknowledges up to 40 ms late. asyncio turns that off only on sockets that say
they are TCP's; the one that Streamlit makes leaves the protocol open.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

_CHANGED = "_earmark_is_prompt"


def be_prompt() -> None:
    """From now on, let uvicorn's servers in this process hold nothing back (TCP_NODELAY). Once is enough."""
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    protocol: Any = AutoHTTPProtocol
    if getattr(protocol, _CHANGED, False):
        return
    made = protocol.connection_made

    def connection_made(self: Any, transport: asyncio.Transport) -> None:
        connection = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # it is closed already, or no TCP
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made(self, transport)

    protocol.connection_made = connection_made
    setattr(protocol, _CHANGED, True)
