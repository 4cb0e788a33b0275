"""Proxies that sign people in: which are believed, and in which header they name the user.

A header is worth as much as who sends it. So the proxies are named by their addresses, and from whoever else sends such
a header it is taken away before anything reads it (pages/ui/routes/gate.py).
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from typing import Any

import streamlit as st
from starlette.types import Receive, Scope, Send

from labeling.errors import ConfigError

TRUSTED, HEADER = "EARMARK_TRUST_PROXY", "EARMARK_USER_HEADER"
PEER = "earmark.peer"
"""Where a scope says who is at the other end of the connection, whatever a header says."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def headers() -> Mapping[str, str]:
    """Header to what it says of the user; empty where no proxy signs people in."""
    mapping = st.get_option("server.trustedUserHeaders")
    named = {name.lower(): claim for name, claim in mapping.items()} if isinstance(mapping, dict) else {}
    own = os.environ.get(HEADER, "").strip().lower()
    return {**named, own: "preferred_username"} if own else named


def trusted() -> list[Network]:
    """The proxies that are believed; raises ConfigError for what is no address."""
    found = []
    for text in filter(None, (one.strip() for one in os.environ.get(TRUSTED, "").split(","))):
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            raise ConfigError(
                f"--trust-proxy {text!r} is no address; give one such as 10.0.0.2, or a network such as 10.0.0.0/24"
            ) from None
    return found


def check() -> None:
    """Raise ConfigError where a proxy is named without its header, or the other way round."""
    for name in headers():
        if not re.fullmatch(r"[a-z0-9_-]+", name):
            raise ConfigError(f"--user-header {name!r} is no name of a header; give one such as X-Forwarded-User")
    if headers() and not trusted():
        raise ConfigError(
            f"the header {next(iter(headers()))!r} is to name the user, but no proxy is named, so that anybody could "
            "send it; start with --trust-proxy ADDRESS, the address from which the proxy reaches this app"
        )
    if trusted() and not headers():
        raise ConfigError(
            "a proxy is named, but not the header in which it names the user; start with --user-header "
            "X-Forwarded-User, or as your proxy calls it"
        )


def is_believed(scope: Scope) -> bool:
    """Whether a request comes straight from a proxy that is believed."""
    peer = scope.get(PEER) or scope.get("client")
    try:
        address = ipaddress.ip_address(peer[0]) if peer else None
    except ValueError:
        return False
    if address is None:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in trusted())


def without_forged(scope: Scope) -> Scope:
    """A request without the headers that name a user, where it does not come from a proxy that is believed."""
    names = {name.encode("latin-1") for name in headers()}
    if not names or is_believed(scope):
        return scope
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name.lower() not in names]}


def know_peers() -> None:
    """From now on, let requests of uvicorn's servers in this process say who is at the other end. Once is enough.

    From a peer on this machine, uvicorn puts what a header says in the place of the peer's address, and Streamlit,
    which makes the server, gives no way to change that.
    """
    from uvicorn import config
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    class KeepsPeer(ProxyHeadersMiddleware):
        async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # type: ignore[override]
            scope[PEER] = scope.get("client")
            await super().__call__(scope, receive, send)  # type: ignore[arg-type]

    config.ProxyHeadersMiddleware = KeepsPeer  # type: ignore[attr-defined]
