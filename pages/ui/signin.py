"""Who is at the screen, where sign-in is set up: by ``[auth]`` in Streamlit's secrets, or by a proxy's trusted headers.

Where it is, nobody sees anything without it: no page, and nothing that our own routes give. Both ask here.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from typing import Any

import streamlit as st
from starlette.requests import HTTPConnection
from streamlit.errors import Error

NO_NAME = "Your account has neither a checked e-mail address nor an id; ask for one where accounts are kept."
SET_UP_WRONGLY = "Sign-in is set up, but not rightly, so nobody is let in; the server's log says what is wrong."
_log = logging.getLogger(__name__)


def is_required() -> bool:
    """Whether this server is only for who has signed in.

    Secrets that are there and cannot be read count as sign-in: else a slip of the pen would open the app to everybody.
    """
    if _trusted_headers():
        return True
    try:
        return "auth" in st.secrets
    except Exception:  # TOML's, the file system's and Streamlit's own
        return any(os.path.lexists(path) for path in st.get_option("secrets.files"))


def person(user: Mapping[str, Any]) -> str:
    """The name under which a signed-in user decides, "" for one who is not signed in or has none.

    It is the e-mail address, unless the provider says that nobody has checked it; else the name with the id, so that
    none can call himself another's address.
    """
    signed_in, proxied = user.get("is_logged_in") is True, bool(_trusted_headers())
    if not signed_in and not proxied:
        return ""

    def text(claim: str) -> str:
        value = user.get(claim)
        return value.strip() if isinstance(value, str) else ""

    if text("email") and str(user.get("email_verified", True)).lower() != "false":
        return text("email")
    name = text("preferred_username") or text("name")
    if not signed_in:  # what a proxy says is believed
        return name
    return f"{name} ({text('sub')})".strip() if text("sub") else ""


def at_the_page() -> str:
    """`person` of who looks at this page."""
    return person(st.user.to_dict())


def of_request(request: HTTPConnection) -> str | None:
    """Who makes a request: "" where nobody needs to sign in, None for one who has to and has not."""
    if not is_required():
        return ""
    user = _cookie(request)
    user.update({claim: request.headers.get(header) for header, claim in _trusted_headers().items()})
    return person(user) or None


def _trusted_headers() -> Mapping[str, str]:
    """Header to claim, for a server behind a proxy that signs people in."""
    mapping = st.get_option("server.trustedUserHeaders")
    return mapping if isinstance(mapping, dict) else {}


def _cookie(request: HTTPConnection) -> dict[str, Any]:
    """What Streamlit's signed cookie says of the user; nothing where there is none, or none of this server."""
    from streamlit.auth_util import get_cookie_with_chunks, get_origin_from_redirect_uri
    from streamlit.web.server.server_util import get_cookie_secret
    from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

    secret = get_cookie_secret()

    def one(name: str) -> bytes | None:
        value = request.cookies.get(name)
        try:
            return None if value is None or not secret else decode_signed_value(secret, name, value.encode("latin-1"))
        except UnicodeEncodeError:
            return None

    raw = get_cookie_with_chunks(one, USER_COOKIE_NAME)
    try:
        user = json.loads(raw or b"{}")
    except ValueError:
        return {}
    return user if isinstance(user, dict) and user.get("origin") == get_origin_from_redirect_uri() else {}


# ------------------------------------------------------------------------------------------------ the screen


def show() -> None:
    """The screen of one who has not signed in: a button for each provider, or why there is none."""
    st.title("Earmark")
    if st.user.to_dict().get("is_logged_in"):
        st.error(NO_NAME, icon=":material/error:")
        sign_out()
        return
    try:
        names = _providers()
    except Exception as problem:
        st.error(SET_UP_WRONGLY, icon=":material/error:")
        _log.error("the secrets that set up the sign-in cannot be read: %s", problem)
        return
    if not names:
        st.error("Only who comes through the sign-in of this server's proxy is let in.", icon=":material/lock:")
        return
    st.markdown("Sign in to listen and decide; every decision is kept under your name.")
    for name in names:
        if st.button(f"Sign in with {name}" if name else "Sign in", key=f"sign_in:{name}", icon=":material/login:"):
            try:
                st.login(name or None)
            except Error as problem:  # authlib is missing, or a key of the secrets
                st.error(SET_UP_WRONGLY, icon=":material/error:")
                _log.error("the sign-in is set up wrongly: %s", problem)


def _providers() -> list[str]:
    """Names of the providers in the secrets, "" for the one without a name."""
    section = st.secrets.get("auth", {})
    named = [name for name, value in section.items() if isinstance(value, Mapping) and "client_id" in value]
    return [""] * ("client_id" in section or (not named and bool(section))) + named


def sign_out() -> None:
    """A button, for who is signed in by Streamlit; a proxy has its own."""
    if st.user.to_dict().get("is_logged_in") is True:
        st.button("Sign out", icon=":material/logout:", on_click=st.logout, key="sign_out")
