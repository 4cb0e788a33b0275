"""pages/ui/proxies.py: whose word for who somebody is counts."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from labeling.errors import ConfigError
from pages.ui import proxies


def named(monkeypatch: pytest.MonkeyPatch, addresses: str, header: str = "X-Forwarded-User") -> None:
    monkeypatch.setenv(proxies.TRUSTED, addresses)
    monkeypatch.setenv(proxies.HEADER, header)


def user_said_by(peer: tuple[str, int] | None) -> list[bytes]:
    headers = [(b"X-Forwarded-User", b"eve"), (b"x-forwarded-user", b"olga"), (b"accept", b"*/*")]
    scope = proxies.without_forged({"type": "http", "client": peer, "headers": headers})
    assert (b"accept", b"*/*") in scope["headers"]
    return [value for name, value in scope["headers"] if name.lower() == b"x-forwarded-user"]


@pytest.mark.parametrize(
    ("peer", "believed"),
    [
        ("10.0.0.2", True), ("::ffff:10.0.0.2", True), ("192.168.7.9", True), ("fd00::1", True),
        ("10.0.0.3", False), ("192.169.0.1", False), ("fd01::1", False), ("", False), ("proxy.example", False),
    ],
)  # fmt: skip
def test_a_header_from_elsewhere_is_taken_away(peer: str, believed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, "10.0.0.2, 192.168.0.0/16,fd00::/64")
    assert user_said_by((peer, 1234)) == ([b"eve", b"olga"] if believed else [])
    assert user_said_by(None) == []


def test_the_peer_counts_and_not_what_it_says_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from uvicorn import config

    named(monkeypatch, "10.0.0.2")
    before, heard = config.ProxyHeadersMiddleware, []  # type: ignore[attr-defined]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append((scope["client"][0], proxies.is_believed(scope)))

    try:
        proxies.know_peers()
        wrapped: Any = config.ProxyHeadersMiddleware(app, trusted_hosts="127.0.0.1")  # type: ignore[attr-defined]
        for peer, says in (("127.0.0.1", "10.0.0.2"), ("10.0.0.2", "127.0.0.1")):
            headers = [(b"x-forwarded-for", says.encode())]
            asked = wrapped({"type": "http", "client": (peer, 5), "headers": headers}, None, None)
            with ThreadPoolExecutor(1) as thread:  # a browser's tests leave a loop that runs in this one
                thread.submit(asyncio.run, asked).result()
    finally:
        config.ProxyHeadersMiddleware = before  # type: ignore[attr-defined]
    assert heard == [("10.0.0.2", False), ("10.0.0.2", True)]


@pytest.mark.parametrize(
    ("addresses", "header", "said"),
    [
        ("", "X-User", "no proxy is named, so that anybody could send it; start with --trust-proxy ADDRESS"),
        ("10.0.0.2", "", "start with --user-header X-Forwarded-User"),
        ("10.0.0.2", "X-Benützer: x", "'x-benützer: x' is no name of a header"),
        ("10.0.0.2,nginx", "X-User", "--trust-proxy 'nginx' is no address; give one such as 10.0.0.2"),
    ],
)
def test_half_a_setting_is_refused(addresses: str, header: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, addresses, header)
    with pytest.raises(ConfigError, match=said):
        proxies.check()
