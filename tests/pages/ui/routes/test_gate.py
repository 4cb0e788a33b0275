"""pages/ui/routes/gate.py: which hosts and pages are let in, and bodies that do not come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit import config
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from labeling.workspace import Workspace
from pages.ui import served
from pages.ui.routes import gate
from tests.support.app.client import client_of


@pytest.fixture
def named() -> Iterator[None]:
    before = config.get_option("server.allowedHosts")
    config.set_option("server.allowedHosts", ["Earmark.example.org", "*.birds.example"])
    yield
    config.set_option("server.allowedHosts", before)


def refused(host: str, origin: str | None = None) -> str:
    return gate.refusal(Headers({"host": host} | ({} if origin is None else {"origin": origin})))


NUMBERS = ["127.0.0.1:8501", "localhost:8501", "LOCALHOST", "ear.localhost:1", "[::1]:8501", "192.168.1.7:80"]
NAMES = ["evil.example", "evil.example:8501", "localhost.evil.example", "127.0.0.1.evil.example", "", "x y", "a:b",
         "user@127.0.0.1", "localhost\\@evil.example", "localhost:99999", "localhost/x.evil.example"]  # fmt: skip


@pytest.mark.parametrize("host", NUMBERS)
def test_a_number_and_localhost_are_let_in_and_their_own_pages(host: str) -> None:
    assert refused(host) == refused(host, f"http://{host}") == ""
    for origin in ("http://evil.example", "null", "", "file://", f"http://{host}0", f"http://evil.{host}", "http://[x"):
        assert "a page of" in refused(host, origin), origin


@pytest.mark.parametrize("host", NAMES)
def test_a_name_that_nobody_gave_to_this_server_is_not(host: str) -> None:
    assert refused(host)
    assert refused(host, f"http://{host}")


def test_names_that_were_given_at_the_start(named: None) -> None:
    for host in ("earmark.example.org", "EARMARK.example.org.:443", "a.birds.example"):
        assert refused(host) == refused(host, f"https://{host}") == ""
        assert refused("127.0.0.1:8501", f"https://{host}") == ""  # a proxy that names the app by its number
    for host in ("birds.example", "earmark.example.org.evil.example", "evil.example"):
        assert "--server.allowedHosts NAME" in refused(host)
        assert refused("earmark.example.org", f"https://{host}")


def test_two_hosts_or_none_are_not_let_in() -> None:
    for raw in ([], [(b"host", b"localhost"), (b"host", b"evil.example")]):
        assert gate.refusal(Headers(raw=raw))


def test_the_gate_stands_before_pages_and_websockets() -> None:
    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse("the labels")

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("the labels")
        await socket.close()

    app = Starlette(routes=[Route("/", page), WebSocketRoute("/talk", talk)], middleware=[Middleware(gate.Gate)])
    own, foreign = client_of(app, "http://127.0.0.1:8501"), client_of(app, "http://evil.example:8501")
    assert own.get("/").text == "the labels"
    answer = foreign.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (403, "text/plain; charset=utf-8")
    assert "the host 'evil.example:8501' is not one of this app's" in answer.text
    assert own.get("/", headers={"origin": "http://localhost:3000"}).status_code == 403  # another app of this machine
    with own.websocket_connect("ws://127.0.0.1:8501/talk") as socket:
        assert socket.receive_text() == "the labels"
    for host, heads in (("evil.example", {}), ("127.0.0.1", {"origin": "http://localhost:3000"})):
        with pytest.raises(WebSocketDisconnect), own.websocket_connect(f"ws://{host}:8501/talk", headers=heads):
            pass


def test_a_body_must_come_at_a_bearable_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_S", 0.2)

    async def received(*messages: Message) -> list[str]:
        left = list(messages)

        async def receive() -> Message:
            if left:
                return left.pop(0)
            await asyncio.sleep(60)
            raise AssertionError

        told, next_message = [], gate.impatient(receive)
        while not told or told[-1] == "http.request":
            message = await asyncio.wait_for(next_message(), 2)
            told.append(message["type"])
            if message["type"] == "http.request" and not message.get("more_body"):
                break
        return told

    def run(*messages: Message) -> list[str]:
        with ThreadPoolExecutor(1) as thread:  # a browser's test may have left a loop running in this one
            return thread.submit(asyncio.run, received(*messages)).result()

    part = {"type": "http.request", "body": b"x" * 1000, "more_body": True}
    assert run() == ["http.disconnect"]
    assert run(part) == ["http.request", "http.disconnect"]
    assert run(part, {**part, "more_body": False}) == ["http.request"] * 2


def test_below_a_path_our_own_routes_are_found_there_and_streamlits_know_it_themselves() -> None:
    async def given(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.scope["path"])

    ours = ("/clips/5/tile", "/api/list", "/clip/5", "/suspects")
    routes = [Route(path, given) for path in ("/clips/{rest:path}", *ours[1:], "/birds/media/x")]
    app = client_of(Starlette(routes=routes, middleware=[Middleware(gate.Gate)]), base_url="http://127.0.0.1")
    before = config.get_option("server.baseUrlPath")
    try:
        for base in ("birds", "/birds/"):
            config.set_option("server.baseUrlPath", base)
            found = {path: app.get(path).text for path in map("/birds{}".format, ours)}
            assert found == {path: path.removeprefix("/birds") for path in found}
            assert app.get("/birds/media/x").text == "/birds/media/x"
        config.set_option("server.baseUrlPath", "")
        assert app.get("/birds/api/list").status_code == 404
    finally:
        config.set_option("server.baseUrlPath", before)


def test_where_people_sign_in_files_of_pages_are_for_them_alone(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(served.WORKSPACE, str(workspace.root))

    async def given(_: Request) -> PlainTextResponse:
        return PlainTextResponse("labels.zip")

    paths = ["/media/0ff1ce.zip", "/_stcore/upload_file/session/file", "/earmark/media/0ff1ce.zip"]
    open_path = "/_stcore/health"
    routes = [Route(path, given, methods=["GET", "PUT"]) for path in (*paths, open_path)]
    app = client_of(Starlette(routes=routes, middleware=[Middleware(gate.Gate)]), base_url="http://127.0.0.1")
    secret = tmp_path / "secrets.toml"
    before = config.get_option("secrets.files")
    config.set_option("secrets.files", [str(secret)])
    st.secrets._reset()
    try:
        assert {app.get(path).status_code for path in paths} == {200}
        secret.write_text('[auth]\nredirect_uri = "http://127.0.0.1/oauth2callback"\ncookie_secret = "of this app"\n')
        st.secrets._reset()
        for path in paths:
            assert app.get(path).status_code == app.put(path).status_code == 403
        assert app.get(open_path).status_code == 200
        user = '{"origin": "http://127.0.0.1", "is_logged_in": true, "email": "ann@example.org"}'
        for key, status in (("of another", 403), ("of this app", 200)):
            app.cookies = {"_streamlit_user": create_signed_value(key, "_streamlit_user", user).decode()}
            assert {app.get(path).status_code for path in paths} == {status}
    finally:
        config.set_option("secrets.files", before)
        st.secrets._reset()
