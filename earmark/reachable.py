"""A served app as somebody sees it who comes by its address: TLS, the proxy before it, the names it answers to."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Literal
from urllib.parse import SplitResult, urlsplit

WAIT_S = 10.0
FEW_DAYS = 14
SKEW_S = 5.0
DAY_S = 86_400.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
Found = tuple[Literal["good", "odd", "bad"], str] | tuple[Literal["good", "odd", "bad"], str, str]


def look(url: str) -> Iterator[Found]:
    """What is wrong with an app's address.

    Parameters
    ----------
    url : str
        As people open it, ``https://birds.example.org``, or with a path below which the app lies.

    Yields
    ------
    tuple
        ``good``, ``odd`` or ``bad``, what was found, and a remedy. Nothing is raised for what does not answer.
    """
    place = _parsed(url)
    if place is None or place.scheme not in ("http", "https") or not place.hostname:
        yield "bad", f"{url!r} is no address of a page", "give one such as https://birds.example.org"
        return
    try:
        answer, text = _get(place, "/healthz")
    except ssl.SSLCertVerificationError as problem:
        yield "bad", f"{url}: its certificate is not believed: {problem.verify_message}", "see the proxy's log"
        return
    except (OSError, HTTPException) as problem:
        yield "bad", f"{url} does not answer: {problem}", "is the app started, the port open, the name known?"
        return
    if answer.status == 403 and "not one of this app's" in text:
        yield "bad", f"the app does not answer to the name {place.hostname}", f"start it with --host {place.hostname}"
        return
    told = _alive(text) if answer.status == 200 else None
    if told is None:
        what = f"{url}/healthz answers {answer.status}, and not as Earmark does"
        yield "bad", what, "does the proxy pass on to the app, at this path?"
        return
    yield "good", f"{url} is answered by Earmark"
    yield from _transport(place, answer, told)
    yield from _shut(place)
    yield from _socket(place)
    yield from _clock(answer)


def _parsed(url: str) -> SplitResult | None:
    try:
        place = urlsplit(url.rstrip("/"))
        _ = place.port  # raises where it is none
    except ValueError:
        return None
    return place


def _alive(text: str) -> dict[str, object] | None:
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) and told.get("status") == "alive" else None


def _connection(place: SplitResult) -> HTTPConnection:
    assert place.hostname
    if place.scheme == "http":
        return HTTPConnection(place.hostname, place.port, timeout=WAIT_S)
    return HTTPSConnection(place.hostname, place.port, timeout=WAIT_S, context=ssl.create_default_context())


def _get(place: SplitResult, path: str, headers: dict[str, str] | None = None) -> tuple[HTTPResponse, str]:
    with closing(_connection(place)) as connection:
        connection.request("GET", f"{place.path}{path}", headers=headers or {})
        answer = connection.getresponse()
        return answer, "" if answer.status == 101 else answer.read(1_000_000).decode("utf-8", "replace")


def _transport(place: SplitResult, answer: HTTPResponse, told: dict[str, object]) -> Iterator[Found]:
    if place.scheme == "http":
        if place.hostname not in LOOPBACK:
            yield "bad", "passwords and sound go over the network as they are", "put a proxy with TLS before the app"
        return
    if told.get("scheme") != "https":
        yield (
            "odd",
            "the app does not believe that it is behind TLS, so that cookies are sent without it too",
            "start it with FORWARDED_ALLOW_IPS=ADDRESS, the proxy's, which must send X-Forwarded-Proto and -For",
        )
    if not answer.getheader("strict-transport-security"):
        yield "odd", "browsers are not told to come by TLS alone", "let the proxy send Strict-Transport-Security"
    try:
        left_days = (_expires_at(place) - time.time()) / DAY_S
    except OSError as problem:
        yield "odd", f"when the certificate ends is not known: {problem}"
        return
    said = f"the certificate holds for {left_days:.0f} more days"
    if left_days < FEW_DAYS:
        # those that a proxy makes itself, for a network without a name, live for hours and are made anew
        yield "odd", said, "see whether the proxy gets a new one; Caddy's own live for half a day, and that is fine"
    else:
        yield "good", said


def _expires_at(place: SplitResult) -> float:
    address = (place.hostname or "", place.port or 443)
    with (
        socket.create_connection(address, WAIT_S) as raw,
        ssl.create_default_context().wrap_socket(raw, server_hostname=place.hostname) as secured,
    ):
        ends = (secured.getpeercert() or {}).get("notAfter")
    return ssl.cert_time_to_seconds(str(ends))


def _shut(place: SplitResult) -> Iterator[Found]:
    """What must not be had without a sign-in, on an address that others reach."""
    if place.hostname in LOOPBACK and place.scheme == "http":
        return
    try:
        answer, _ = _get(place, "/metrics")
        page, text = _get(place, "/suspects")
    except (OSError, HTTPException) as problem:
        yield "odd", f"it does not always answer: {problem}", "see the logs of the proxy and of the app"
        return
    if answer.status == 200:
        yield "bad", "anybody can read its figures (/metrics)", "let people sign in: docs/security.md"
    if page.status == 200 and "Sign in" not in text:
        yield "bad", "anybody is let in", "let people sign in, or name the proxy that does so: docs/security.md"


def _socket(place: SplitResult) -> Iterator[Found]:
    """The pages live on a websocket, which a proxy must let through."""
    key = base64.b64encode(os.urandom(16)).decode()
    headers = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Protocol": "streamlit", "Origin": f"{place.scheme}://{place.netloc}",
    }  # fmt: skip
    try:
        answer, _ = _get(place, "/_stcore/stream", headers)
        status = str(answer.status)
    except (OSError, HTTPException) as problem:
        status = str(problem)
    if status == "101":
        yield "good", "websockets come through"
    else:
        yield (
            "bad",
            f"websockets do not come through ({status}), so that pages stay empty",
            "let the proxy pass them on",
        )


def _clock(answer: HTTPResponse) -> Iterator[Found]:
    try:
        there = parsedate_to_datetime(answer.getheader("date") or "").timestamp()
    except ValueError:
        return
    off_s = abs(time.time() - there)
    if off_s > SKEW_S:
        yield "odd", f"the clocks of this machine and the server differ by {off_s:.0f} s", "run NTP on both"
