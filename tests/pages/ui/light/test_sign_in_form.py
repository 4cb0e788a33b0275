"""pages/ui/light/sign_in_form.py: where the form leads, and what the browser then keeps."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling.people import passwords, users
from labeling.workspace import Workspace
from pages.ui import served, signin
from pages.ui.light.sign_in_form import sign_in_routes
from tests.support.app.client import client_of

RIGHT = {"name": "ann", "password": "correct horse"}


@pytest.fixture
def client(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setenv(served.WORKSPACE, str(workspace.root))
    with workspace.write() as connection:
        users.add_user(connection, "ann", "owner", passwords.hashed("correct horse"))
    return client_of(Starlette(routes=sign_in_routes()), base_url="https://birds.example", follow_redirects=False)


@pytest.mark.parametrize(
    ("wanted", "leads"),
    [
        ("/review?p=0.01", "/review?p=0.01"),
        ("", "/"), ("review", "/"), ("//evil.example/", "/"), ("/\\evil.example", "/"), ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"), ("/a\r\nset-cookie: x=y", "/"), ("//[", "/"), ("/\t/evil.example", "/"),
    ],
)  # fmt: skip
def test_it_leads_on_to_a_page_of_this_app_alone(client: TestClient, wanted: str, leads: str) -> None:
    answer = client.post("/signin", data={**RIGHT, "next": wanted})
    assert (answer.status_code, answer.headers["location"]) == (303, leads)
    assert client.get("/signin", params={"next": wanted}).headers["location"] == leads, "who is in need not sign in"


def test_the_browser_keeps_what_no_script_reads_until_one_signs_out(client: TestClient) -> None:
    kept = client.post("/signin", data=RIGHT).headers["set-cookie"]
    assert kept.startswith(f"{signin.account_cookie()}=")
    for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=2592000"):
        assert word in kept
    secret = client.cookies[signin.account_cookie()]
    assert client.get("/signin").status_code == 303
    assert client.post("/signout").status_code == 303
    client.cookies.set(signin.account_cookie(), secret)
    assert client.get("/signin").status_code == 200


def test_a_wrong_password_is_told_and_then_waited_for(client: TestClient) -> None:
    for number in range(passwords.MOST_WRONG + 1):
        answer = client.post("/signin", data={"name": 'ann"><b>', "password": "no", "next": '/"><b>'})
        assert answer.status_code == (429 if number == passwords.MOST_WRONG else 403)
        assert "<b>" not in answer.text
        assert "set-cookie" not in answer.headers
    assert "try again in 15 minutes" in answer.text
    assert client.post("/signin", data={"name": "x" * 30_000}).status_code == 413
    assert client.post("/signin", content=b"\xff%00=&name").status_code == 403


def test_without_accounts_there_is_no_form(client: TestClient, workspace: Workspace) -> None:
    with workspace.write() as connection:
        users.remove_user(connection, "ann")
    for answer in (client.get("/signin"), client.post("/signin", data=RIGHT)):
        assert (answer.status_code, "Nobody signs in with a password here." in answer.text) == (404, True)
