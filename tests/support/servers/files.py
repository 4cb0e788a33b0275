"""A server of HTTP that gives a folder's files, whole or in parts, as servers of sound do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@contextmanager
def files_server(folder: Path, by_range: bool = True, redirects: dict[str, str] | None = None) -> Iterator[int]:
    """Serve a folder; gives the port. Without ``by_range`` parts are not given; ``redirects`` send on to URLs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = unquote(urlsplit(self.path).path)
            path = folder / name.lstrip("/")
            if target := (redirects or {}).get(name):
                self._answer(302, {"Location": target}, b"")
                return
            if not path.is_file():
                self._answer(404, {}, b"")
                return
            state = path.stat()
            tag = f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
            headers = {"ETag": tag, "Accept-Ranges": "bytes" if by_range else "none"}
            if self.headers.get("If-Match", tag) != tag:
                self._answer(412, headers, b"")
                return
            wanted = self.headers.get("Range", "")
            if wanted and by_range:
                first, last = wanted.removeprefix("bytes=").split("-")
                with path.open("rb") as file:
                    file.seek(int(first))
                    part = file.read(int(last or state.st_size) + 1 - int(first))
                headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{state.st_size}"
                self._answer(206, headers, part)
            elif self.command == "HEAD":
                self._answer(200, headers | {"Content-Length": str(state.st_size)}, b"")
            else:
                self._answer(200, headers, path.read_bytes())

        do_HEAD = do_GET  # noqa: N815

        def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
