"""pages/ui/signin.py: whether anybody must sign in, and under which name they then decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from starlette.requests import HTTPConnection
from streamlit import config

from pages.ui import signin, signing

SECRETS = '[auth]\nredirect_uri = "http://127.0.0.1:8501/oauth2callback"\ncookie_secret = "of this app"\n'


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Write the secrets that Streamlit reads."""
    before = {name: config.get_option(name) for name in ("secrets.files", "server.trustedUserHeaders")}
    path = tmp_path / "secrets.toml"
    config.set_option("secrets.files", [str(path)])

    def write(text: str) -> None:
        path.write_text(text, encoding="utf-8")
        st.secrets._reset()

    st.secrets._reset()
    yield write
    for name, value in before.items():
        config.set_option(name, value)
    st.secrets._reset()


def asked(**headers: str) -> HTTPConnection:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "headers": raw})


def test_sign_in_is_asked_for_where_it_is_set_up_and_where_that_cannot_be_told(secrets: Any) -> None:
    assert not signin.is_required()
    assert signin.of_request(asked()) == ""
    secrets('[database]\nurl = "x"\n')
    assert not signin.is_required()
    for text in (SECRETS, "[auth]\n", "[auth\nclient_id = ", "[auth]\nname = 'caf\xe9'"):
        secrets(text)
        assert signin.is_required(), text
        assert signin.of_request(asked()) is None, text


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ({"is_logged_in": True, "email": "ann@example.org", "name": "Ann", "sub": "1"}, "ann@example.org"),
        ({"is_logged_in": True, "email": "ann@example.org", "email_verified": True}, "ann@example.org"),
        ({"is_logged_in": True, "email": "ann@a.org", "email_verified": False, "name": "Eve", "sub": "2"}, "Eve (2)"),
        ({"is_logged_in": True, "email": "ann@example.org", "email_verified": "false", "sub": "2"}, "(2)"),
        ({"is_logged_in": True, "name": "ann@example.org", "sub": "2"}, "ann@example.org (2)"),
        ({"is_logged_in": True, "name": "ann@example.org"}, ""),
        ({"is_logged_in": False, "email": "ann@example.org"}, ""),
        ({"is_logged_in": "yes", "email": "ann@example.org"}, ""),
        ({"email": "ann@example.org"}, ""),
        ({}, ""),
    ],
)
def test_nobody_can_call_himself_another(secrets: Any, user: dict[str, Any], name: str) -> None:
    secrets(SECRETS)
    assert signin.person(user) == name


def test_a_cookie_counts_only_where_this_server_signed_it_for_this_address(secrets: Any) -> None:
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    secrets(SECRETS)

    def of(secret: str, origin: str, name: str = "_streamlit_user") -> str | None:
        user = f'{{"origin": "{origin}", "is_logged_in": true, "email": "ann@example.org"}}'
        return signin.of_request(asked(cookie=f"_streamlit_user={create_signed_value(secret, name, user).decode()}"))

    assert of("of this app", "http://127.0.0.1:8501") == "ann@example.org"
    assert of("of this app", "http://other.example") is None
    assert of("of another", "http://127.0.0.1:8501") is None
    assert of("of this app", "http://127.0.0.1:8501", "_streamlit_user_tokens") is None
    for cookie in ("_streamlit_user=x", "_streamlit_user=\xfc", "_streamlit_user=", "x"):
        assert signin.of_request(asked(cookie=cookie)) is None


def test_a_proxy_that_signs_people_in_names_them(secrets: Any) -> None:
    config.set_option("server.trustedUserHeaders", {"x-user-email": "email"})
    assert signin.is_required()
    assert signin.of_request(asked(x_user_email="ann@example.org")) == "ann@example.org"
    assert signin.of_request(asked()) is None


def test_each_person_has_a_key_of_their_own() -> None:
    secret = b"s" * 32
    ann, bob = signing.key_of(secret, "ann"), signing.key_of(secret, "bob")
    assert len({secret, ann, bob}) == 3
    assert signing.key_of(secret, "") == secret
    assert signing.reviewer_of(bob, signing.api_token(ann, "ann")) is None
