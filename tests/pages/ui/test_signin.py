"""pages/ui/signin.py: whether anybody must sign in, and under which name they then decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from starlette.requests import HTTPConnection
from streamlit import config

from labeling.people import sign_ins, tokens, users
from labeling.people.roles import ALONE, Person
from labeling.workspace import Workspace
from pages.ui import served, signin, signing

ANN = Person("ann@example.org", "reviewer")
SECRETS = '[auth]\nredirect_uri = "http://127.0.0.1:8501/oauth2callback"\ncookie_secret = "of this app"\n'


@pytest.fixture(autouse=True)
def workspace_served(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty workspace, that the server shows."""
    monkeypatch.setenv(served.WORKSPACE, str(workspace.root))
    return workspace


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
    assert signin.of_request(asked()) == ALONE
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
    assert signin.name_of(user) == name


def test_a_cookie_counts_only_where_this_server_signed_it_for_this_address(secrets: Any) -> None:
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    secrets(SECRETS)

    def of(secret: str, origin: str, name: str = "_streamlit_user") -> Person | None:
        user = f'{{"origin": "{origin}", "is_logged_in": true, "email": "ann@example.org"}}'
        return signin.of_request(asked(cookie=f"_streamlit_user={create_signed_value(secret, name, user).decode()}"))

    assert of("of this app", "http://127.0.0.1:8501") == ANN
    assert of("of this app", "http://other.example") is None
    assert of("of another", "http://127.0.0.1:8501") is None
    assert of("of this app", "http://127.0.0.1:8501", "_streamlit_user_tokens") is None
    for cookie in ("_streamlit_user=x", "_streamlit_user=\xfc", "_streamlit_user=", "x"):
        assert signin.of_request(asked(cookie=cookie)) is None


def test_a_proxy_that_signs_people_in_names_them(secrets: Any) -> None:
    config.set_option("server.trustedUserHeaders", {"x-user-email": "email"})
    assert signin.is_required()
    assert signin.of_request(asked(x_user_email="ann@example.org")) == ANN
    assert signin.of_request(asked()) is None
    twice = [(b"x-user-email", b"eve@example.org"), (b"x-user-email", b"ann@example.org")]
    assert signin.of_request(HTTPConnection({"type": "http", "headers": twice})) is None


def test_a_sign_in_of_a_provider_that_was_ended_counts_for_nobody_however_its_cookie_is_spelled(secrets: Any) -> None:
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    secrets(SECRETS)
    user = '{"origin": "http://127.0.0.1:8501", "is_logged_in": true, "email": "ann@example.org"}'
    value = create_signed_value("of this app", "_streamlit_user", user).decode()
    other = create_signed_value("of this app", "_streamlit_user", user.replace("{", '{"provider": "", ', 1)).decode()
    signin.end({"_streamlit_user": value})
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    alike = value[:-1] + signs[signs.index(value[-1]) | 1]  # the last sign of base64 has bits that say nothing
    for ended in (value, alike, f"{value}; _streamlit_user_1=x"):
        assert signin.of_request(asked(cookie=f"_streamlit_user={ended}")) is None
    assert signin.of_request(asked(cookie=f"_streamlit_user={other}")) == ANN, (
        "in another browser she is still signed in"
    )


def test_an_account_is_let_in_by_its_cookie_until_it_ends(workspace: Workspace) -> None:
    with workspace.write() as connection:
        users.add_user(connection, "ann", "owner", "$argon2id$of-nothing")
        secret = sign_ins.begin(connection, "ann")
    cookie = f"{signin.account_cookie()}={secret}"
    assert signin.way() == "accounts"
    assert signin.of_request(asked(cookie=cookie)) == Person("ann", "owner")
    assert signin.of_request(asked()) is None
    with workspace.write() as connection:
        users.set_role(connection, "ann", "viewer")
    assert signin.of_request(asked(cookie=cookie)) == Person("ann", "viewer")
    signin.end({signin.account_cookie(): secret})
    assert signin.of_request(asked(cookie=cookie)) is None


def test_a_token_lets_its_user_in_whichever_way_people_sign_in(secrets: Any, workspace: Workspace) -> None:
    with workspace.write() as connection:
        users.add_user(connection, "ann@example.org", "reviewer")
        token = tokens.make(connection, "ann@example.org", "the night's job")
    for text in ("", SECRETS):
        secrets(text)
        assert signin.of_request(asked(authorization=f"Bearer {token}")) == ANN
        assert signin.of_request(asked(authorization="Bearer em_x")) is None
    secrets("")
    assert signin.of_request(asked(authorization="Bearer eyJ.of.a.proxy")) == ALONE, "no token of ours is shown"
    with workspace.write() as connection:
        tokens.revoke(connection, 1)
    assert signin.of_request(asked(authorization=f"Bearer {token}")) is None


def test_where_others_reach_the_app_nobody_is_let_in_without_an_account(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = config.get_option("server.address")
    try:
        for address in ("0.0.0.0", "::", "birds.example.org", None):
            config.set_option("server.address", address)
            assert signin.of_request(asked()) is None, address
        for address in ("127.0.0.1", "::1", "localhost", "127.0.0.9"):
            config.set_option("server.address", address)
            assert signin.of_request(asked()) == ALONE, address
    finally:
        config.set_option("server.address", before)


def test_each_person_has_a_key_of_their_own() -> None:
    secret = b"s" * 32
    ann, bob = signing.key_of(secret, "ann"), signing.key_of(secret, "bob")
    assert len({secret, ann, bob}) == 3
    assert signing.key_of(secret, "") == secret
    assert signing.reviewer_of(bob, signing.api_token(ann, "ann")) is None
