"""Who is at the screen or makes a request, and how that is known. Every page and every route of ours asks here.

There are four ways, and a server goes one of them: a proxy that signs people in (pages/ui/proxies.py), a provider of
OpenID Connect (``[auth]`` in Streamlit's secrets), accounts of the workspace, or nothing, where only this machine
reaches the app and nobody has an account. Beside it, a script says who it is by a token (labeling/people/tokens.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from labeling.errors import NotAllowed
from labeling.people import sign_ins, tokens, users
from labeling.people.roles import ALONE, Person, check
from pages.ui import proxies, served
from pages.ui.hosts import listens_here_only

Way = Literal["proxy", "provider", "accounts", "none"]
STRANGER = Person("", "nobody")
SIGN_IN = "sign in first; reload the page"
ASKED_AGAIN_S = 1.0
_accounts: dict[str, tuple[float, bool]] = {}


class NotSignedIn(NotAllowed):
    """Who asks has not signed in, or not any more."""


def way() -> Way:
    """How people sign in at this server.

    Secrets that are there and cannot be read count as a provider: else a slip of the pen would open the app to
    everybody. Where other machines reach the app, nobody is let in without an account. Raises WorkspaceError where the
    accounts cannot be read.
    """
    if proxies.headers():
        return "proxy"
    try:
        if "auth" in st.secrets:
            return "provider"
    except Exception:  # TOML's, the file system's and Streamlit's own
        if any(os.path.lexists(path) for path in st.get_option("secrets.files")):
            return "provider"
    if not listens_here_only():
        return "accounts"
    if not served.is_given():
        return "none"
    return "accounts" if _has_accounts(served.workspace_path()) else "none"


def _has_accounts(path: str) -> bool:
    """Whether anybody has an account in the workspace on show. Who has one is asked for at each request, whether there
    are any at most once in `ASKED_AGAIN_S`: most servers have none, and should not wait for that."""
    at, found = _accounts.get(path, (-ASKED_AGAIN_S, False))
    if time.monotonic() - at >= ASKED_AGAIN_S:
        with served.workspace().read() as connection:
            found = users.has_accounts(connection)
        _accounts[path] = time.monotonic(), found
    return found


def is_required() -> bool:
    """Whether this server is only for who has signed in."""
    return way() != "none"


def at_the_page() -> Person:
    """Who looks at this page; `STRANGER` for one who has not signed in."""
    sent = st.context.headers
    raw = [(name.lower().encode("latin-1"), one.encode("latin-1")) for name in sent for one in sent.get_all(name)]
    return _who(Headers(raw=raw), st.context.cookies) or STRANGER


def of_request(request: HTTPConnection) -> Person | None:
    """Who makes a request; None for one who has to sign in and has not."""
    if token := _token(request):
        with served.workspace().read() as connection:
            return tokens.person_of(connection, token)
    return _who(request.headers, request.cookies)


def admitted(request: HTTPConnection, what: str) -> Person:
    """Who makes a request, that may do ``what`` (labeling/people/roles.py); raises NotSignedIn or NotAllowed."""
    person = of_request(request)
    if person is None:
        raise NotSignedIn(SIGN_IN)
    check(person, what)
    return person


def is_script(request: HTTPConnection) -> bool:
    """Whether a request is a script's, that shows its own token; no page of another website can make one."""
    return bool(_token(request))


def _token(request: HTTPConnection) -> str:
    """The token of ours that a request shows, "" for none; a proxy may send one of its own in the same header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip().startswith(tokens.PREFIX) else ""


def _who(headers: Headers, cookies: Mapping[str, str]) -> Person | None:
    found = way()
    if found == "none":
        return ALONE
    if found == "accounts":
        secret = cookies.get(account_cookie(), "")
        if not secret:
            return None
        with served.workspace().read() as connection:
            return sign_ins.person_of(connection, secret)
    if found == "proxy":
        name, mark = name_of(_said_by_proxy(headers), by_proxy=True), ""
    else:
        user, mark = _said_by_cookie(cookies)
        name = name_of(user)
    if not name:
        return None
    with served.workspace().read() as connection:
        return None if mark and sign_ins.has_ended(connection, mark) else users.person_of(connection, name)


def name_of(user: Mapping[str, Any], *, by_proxy: bool = False) -> str:
    """The name under which a signed-in user decides, "" for one who is not signed in or has none.

    It is the e-mail address, unless the provider says that nobody has checked it; else the name with the id, so that
    none can call himself another's address. What a proxy says is believed.
    """
    if user.get("is_logged_in") is not True and not by_proxy:
        return ""

    def text(claim: str) -> str:
        value = user.get(claim)
        return value.strip() if isinstance(value, str) else ""

    if text("email") and str(user.get("email_verified", True)).lower() != "false":
        return text("email")
    name = text("preferred_username") or text("name")
    if by_proxy:
        return name
    return f"{name} ({text('sub')})".strip() if text("sub") else ""


def account_cookie() -> str:
    """The cookie that keeps a sign-in with a password; of each workspace its own, as one machine may serve several."""
    return f"earmark_{hashlib.sha256(served.workspace_path().encode()).hexdigest()[:10]}"


def end(cookies: Mapping[str, str]) -> None:
    """End the sign-in that a browser with these cookies keeps, at once and for whoever has a copy of them."""
    found = way()
    if found == "accounts" and (secret := cookies.get(account_cookie(), "")):
        with served.workspace().write() as connection:
            sign_ins.end(connection, secret)
    if found == "provider":
        user, mark = _said_by_cookie(cookies)
        if mark:
            with served.workspace().write() as connection:
                sign_ins.end(connection, mark, name_of(user) or "unknown")


def _said_by_proxy(headers: Headers) -> dict[str, Any]:
    """What a proxy's headers say of the user; one that comes twice says nothing, as somebody else may have sent it."""
    said = {claim: headers.getlist(header) for header, claim in proxies.headers().items()}
    return {claim: values[0] for claim, values in said.items() if len(values) == 1}


def _said_by_cookie(cookies: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """What Streamlit's signed cookie says of the user, and what marks this sign-in off from others of theirs; nothing
    where there is none, or none of this server."""
    from streamlit.auth_util import get_cookie_with_chunks, get_origin_from_redirect_uri
    from streamlit.web.server.server_util import get_cookie_secret
    from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

    secret, signed = get_cookie_secret(), []

    def one(name: str) -> bytes | None:
        value = cookies.get(name)
        try:
            said = None if value is None or not secret else decode_signed_value(secret, name, value.encode("latin-1"))
        except UnicodeEncodeError:
            return None
        if said is not None and value is not None:
            signed.append(value.rpartition(".")[0])  # without the signature, which can be spelled in several ways
        return said

    raw = get_cookie_with_chunks(one, USER_COOKIE_NAME)
    try:
        user = json.loads(raw or b"{}")
    except ValueError:
        return {}, ""
    if not isinstance(user, dict) or user.get("origin") != get_origin_from_redirect_uri():
        return {}, ""
    return user, " ".join(signed)
