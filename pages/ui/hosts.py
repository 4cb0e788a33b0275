"""By which names this server is called, below which path, and whether anybody but this machine reaches it."""

from __future__ import annotations

import ipaddress
import logging
from urllib.parse import urlsplit

import streamlit as st

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_log = logging.getLogger(__name__)


def named_hosts() -> list[str]:
    """The names that the owner gave to this server: Streamlit's options, and where the sign-in leads back to."""
    names = [str(name) for name in st.get_option("server.allowedHosts") or ()]
    names += [str(st.get_option(option) or "") for option in ("server.address", "browser.serverAddress")]
    try:
        names.append(urlsplit(str(st.secrets["auth"]["redirect_uri"])).hostname or "")
    except Exception:  # no secrets, or none that can be read
        _log.debug("no sign-in names a host")
    return [name for name in names if name]


def address() -> str:
    """The address that the app listens on; Streamlit's own choice is every one of this machine's."""
    return str(st.get_option("server.address") or "0.0.0.0")


def listens_here_only() -> bool:
    """Whether the app listens on an address that no other machine reaches."""
    try:
        return address() in LOOPBACK or ipaddress.ip_address(address()).is_loopback
    except ValueError:  # a name: it may lead anywhere
        return False


def serves_this_machine_only() -> bool:
    """Whether the app listens where only this machine reaches it, and nobody gave it a name to be called by."""
    return listens_here_only() and all(name in (*LOOPBACK, address()) for name in named_hosts())


def base_path() -> str:
    """The path below which the whole app lies, such as ``/birds``; "" for none."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}" if base else ""
