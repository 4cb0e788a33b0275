"""A proxy before a server of files, that counts what is served, and makes the faults that networks and servers make."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Asked:
    """One request: its method and path, the status that was answered, and the bytes of the answer's body."""

    method: str
    path: str
    status: int
    served: int


@dataclass
class Faults:
    """The proxy's URL, what was asked of it, and ``fault(method, path)``: None for none, a status to answer with,
    ``cut`` to break off in mid-answer, ``slow`` to answer late, or ``gone`` to hang up at once."""

    url: str
    fault: Callable[[str, str], int | str | None] = lambda method, path: None
    asked: list[Asked] = field(default_factory=list)

    @property
    def served(self) -> int:
        """Bytes of all bodies since the last `forget`."""
        return sum(one.served for one in self.asked)

    def forget(self) -> None:
        """Count from now on, and make no fault."""
        self.asked.clear()
        self.fault = lambda method, path: None

    def first(self, fault: int | str, times: int = 1, method: str = "", part: str = "") -> None:
        """Make a fault at the next requests, so many of them, of a method and with a part in their path."""
        left = [times]
        lock = threading.Lock()

        def make(asked: str, path: str) -> int | str | None:
            with lock:
                if left[0] and method in ("", asked) and part in path:
                    left[0] -= 1
                    return fault
            return None

        self.fault = make


SLOW_S = 0.3


@contextmanager
def faults_before(port: int) -> Iterator[Faults]:
    """Start a proxy before the server at a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = self._body()
            fault = told.fault(self.command, self.path)
            if fault == "gone":
                self.close_connection = True
                return
            if fault == "slow":
                time.sleep(SLOW_S)
            if isinstance(fault, int):
                self._answer(fault, [], b"")
                return
            server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            sent = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in ("connection", "transfer-encoding")
            }
            sent["Content-Length"] = str(len(body)) if body or self.command in ("PUT", "POST") else "0"
            server.request(self.command, self.path, body, sent)
            answer = server.getresponse()
            data = answer.read()
            kept = [
                (name, value)
                for name, value in answer.getheaders()
                if name.lower() not in ("connection", "transfer-encoding", "content-length")
            ]
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self._answer(answer.status, [*kept, ("Content-Length", length or "0")], data, cut=fault == "cut")
            server.close()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815

        def _body(self) -> bytes:
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, cut: bool = False) -> None:
            part = data[: len(data) // 2] if cut else data
            # counted before it is sent: who has the answer may look at once
            told.asked.append(Asked(self.command, self.path, status, len(part)))
            self.send_response_only(status)
            for name, value in headers or [("Content-Length", "0")]:
                self.send_header(name, value)
            self.end_headers()
            self.close_connection = cut
            with suppress(OSError):
                self.wfile.write(part)

        def log_message(self, format: str, *args: object) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    told = Faults(f"http://127.0.0.1:{proxy.server_address[1]}")
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield told
    finally:
        proxy.shutdown()
        proxy.server_close()
