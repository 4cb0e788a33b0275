"""earmark/reachable.py: each slip between the network and the app is told with what mends it. The whole, with Caddy and
TLS, is looked at in tests/test_deployment.py."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from earmark import reachable
from earmark.doctor import look
from tests.support.browser.server import free_port

ALIVE = json.dumps({"status": "alive", "scheme": "http", "forwarded": False})


@contextmanager
def serving(answers: dict[str, tuple[int, str]]) -> Iterator[str]:
    """A server that answers a few paths."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = answers.get(self.path, (404, ""))
            self.send_response(status)
            if status != 101:
                self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def levels(url: str) -> list[str]:
    return [f"{found[0]}: {found[1]}" for found in reachable.look(url)]


def test_an_app_that_answers_is_called_good() -> None:
    with serving({"/birds/healthz": (200, ALIVE), "/birds/_stcore/stream": (101, "")}) as url:
        assert levels(f"{url}/birds/") == [
            f"good: {url}/birds/ is answered by Earmark",
            "good: websockets come through",
        ]
        assert {one.check for one in look(None, url=f"{url}/birds")} >= {"address", "packages"}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"/healthz": (403, "the host 'x' is not one of this app's")}, "the app does not answer to the name 127.0.0.1"),
        ({"/healthz": (200, "<html>nginx</html>")}, "/healthz answers 200, and not as Earmark does"),
        ({"/healthz": (502, "bad gateway")}, "/healthz answers 502, and not as Earmark does"),
        ({"/healthz": (200, ALIVE), "/_stcore/stream": (400, "")}, "bad: websockets do not come through (400)"),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_is_told(answers: dict[str, tuple[int, str]], said: str) -> None:
    with serving(answers) as url:
        assert said in levels(url)[-1]


def test_what_does_not_answer_is_told_and_what_is_no_address_too() -> None:
    assert levels(f"http://127.0.0.1:{free_port()}")[0].startswith("bad: http://127.0.0.1:")
    for odd in ("birds.example.org", "ftp://birds", "http://", "http://["):
        assert levels(odd)[0].startswith("bad: ")


def test_an_address_of_others_without_tls_or_a_sign_in_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachable, "LOOPBACK", ())  # as if this were another machine
    answers = {"/healthz": (200, ALIVE), "/metrics": (200, "x 1"), "/suspects": (200, "<h1>all</h1>")}
    with serving(answers | {"/_stcore/stream": (101, "")}) as url:
        said = " ".join(levels(url))
    for problem in ("go over the network as they are", "anybody can read its figures", "anybody is let in"):
        assert f"bad: {problem}" in said or problem in said
