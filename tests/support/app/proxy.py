"""A reverse proxy that says who its user is: from an address of its own, in a header of each request."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

ADDRESS = "127.0.0.2"
"""From where it asks, which no browser on this machine does."""


@contextmanager
def proxy(port: int, header: str, user: str) -> Iterator[str]:
    """Start one before the app at ``port``; gives its URL. What its client says of the user is taken away."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, port, header, user), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def _accept(listener: socket.socket, port: int, header: str, user: str) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_one, args=(client, port, header, user), daemon=True).start()


def _one(client: socket.socket, port: int, header: str, user: str) -> None:
    """One request, or one websocket."""
    with suppress(OSError), client, socket.create_connection(("127.0.0.1", port), source_address=(ADDRESS, 0)) as app:
        head = b""
        while b"\r\n\r\n" not in head:
            part = client.recv(65_536)
            if not part:
                return
            head += part
        lines, _, body = head.partition(b"\r\n\r\n")
        upgrades = b"upgrade: websocket" in lines.lower()
        ours = (header.lower().encode(), *([] if upgrades else [b"connection"]))
        kept = [line for line in lines.split(b"\r\n") if line.partition(b":")[0].lower() not in ours]
        kept += [
            f"{header}: {user}".encode(),
            b"X-Forwarded-For: 10.1.2.3",
            *([] if upgrades else [b"Connection: close"]),
        ]
        app.sendall(b"\r\n".join(kept) + b"\r\n\r\n" + body)
        threading.Thread(target=_pass_on, args=(client, app), daemon=True).start()
        _pass_on(app, client)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65_536):
            target.sendall(part)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
