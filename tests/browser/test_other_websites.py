"""A page of another website in a real Chromium, whose name leads to this machine (DNS rebinding)."""

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.browser.chromium import FLAGS, executable, expect
from tests.support.browser.server import Server, serve

pytestmark = pytest.mark.browser

TALK = """(url) => new Promise((done) => {
  const socket = new WebSocket(url, ["streamlit"]);
  socket.onopen = () => done("open");
  socket.onerror = () => done("refused");
})"""


@pytest.fixture(scope="module")
def misled(chrome: Any) -> Iterator[Any]:
    """A tab of a Chromium to which two names are this machine's."""
    rules = "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP birds.example 127.0.0.1"
    browser = chrome.browser_type.launch(executable_path=executable(), args=[*FLAGS, rules])
    yield browser.new_page()
    browser.close()


def test_a_website_whose_name_leads_here_gets_nothing(misled: Any, app: Server) -> None:
    port = urlsplit(app.url).port
    for path in ("/", "/_stcore/health", "/_stcore/host-config", "/api/progress", "/clips/vocabulary", "/review"):
        answer = misled.goto(f"http://evil.example:{port}{path}")
        assert answer.status == 403
        assert "--server.allowedHosts NAME" in answer.text()
    for host in ("evil.example", "127.0.0.1", "localhost"):  # its page asks, by whichever name
        assert misled.evaluate(TALK, f"ws://{host}:{port}/_stcore/stream") == "refused"
    misled.goto(f"{app.url}/_stcore/health")
    assert misled.evaluate(TALK, f"ws://127.0.0.1:{port}/_stcore/stream") == "open"


def test_by_hand(app: Server) -> None:
    port = urlsplit(app.url).port or 0
    for host, path in (("evil.example", "/"), ("evil.example", f"http://127.0.0.1:{port}/"), ("", "/")):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        assert connection.getresponse().status == 403
        connection.close()


def test_a_name_that_was_given_at_the_start_opens_the_app(misled: Any, own_copy: Path) -> None:
    with serve(own_copy, streamlit=["--server.allowedHosts", "birds.example"]) as running:
        port = urlsplit(running.url).port
        misled.goto(f"http://birds.example:{port}")
        expect(misled.get_by_role("heading", name="Overview")).to_be_visible()
        assert misled.goto(f"http://evil.example:{port}").status == 403
