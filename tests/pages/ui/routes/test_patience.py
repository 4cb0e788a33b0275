"""pages/ui/routes/patience.py: connections on which nothing is said do not keep others out."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pages.ui.routes.patience import Waiting, be_impatient, open_more_files

HEAD_S, MOST = 0.6, 40


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server that waits for HEAD_S, on at most MOST connections."""

    async def answer(request: Request) -> PlainTextResponse:
        await asyncio.sleep(float(request.query_params.get("s", "0")))
        return PlainTextResponse("here")

    be_impatient(Waiting(HEAD_S, MOST))
    app = Starlette(routes=[Route("/", answer)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()
    be_impatient()


def is_closed(connection: socket.socket, within_s: float) -> bool:
    connection.settimeout(within_s)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("before", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_a_head_that_does_not_come_is_waited_for_only_so_long(port: int, before: bytes, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(before)
        heard = b"" if before else b"here"
        while b"here" not in heard:
            heard += connection.recv(4096)
        connection.sendall(said)
        assert not is_closed(connection, HEAD_S / 3)
        if said or not before:  # else uvicorn waits for a next request
            assert is_closed(connection, 4 * HEAD_S)


def test_saying_a_little_now_and_then_buys_no_time(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        began = time.monotonic()
        while not is_closed(connection, 0.1):
            connection.sendall(b"X: y\r\n")
            assert time.monotonic() < began + 10 * HEAD_S


def test_a_thousand_silent_connections_keep_nobody_out(port: int) -> None:
    open_more_files()
    with ExitStack() as silent:
        sockets = [silent.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(1000)]
        assert httpx.get(f"http://127.0.0.1:{port}/", timeout=HEAD_S).text == "here"
        assert is_closed(sockets[0], 1)  # the oldest make room for the newest


def test_what_is_answered_slowly_is_waited_for(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(2):  # on one connection
            assert client.get("/", params={"s": 2 * HEAD_S}).text == "here"
        time.sleep(2 * HEAD_S)  # between requests uvicorn's own time holds
        assert client.get("/").text == "here"
