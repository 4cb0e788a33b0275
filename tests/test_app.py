"""app.py: which workspace it opens, that its routes are there, and who may ask them for what."""

import ast
import re
import sys
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from labeling.people import tokens, users
from labeling.people.roles import NEEDS, ROLES
from labeling.workspace import open_workspace
from pages.ui import served
from pages.ui.routes.gate import Gate
from tests.support import ROOT
from tests.support.app.client import client_of
from tests.support.app.pages import listen_here
from tests.support.workspaces.making import copy_workspace

listen_here()


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr(sys, "argv", ["app.py"])
    monkeypatch.chdir(tmp_path)
    import app

    return app


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["app.py", "--workspace", "birds"], ["birds"]),
        (["app.py", "-w", "birds"], ["birds"]),
        (["app.py", "--workspace=birds=2"], ["birds=2"]),
        (["app.py", "--workspace"], []),
        (["app.py", "--allow=birds"], []),
        (["app.py"], []),
    ],
)
def test_the_workspace_is_named_after_the_two_dashes(app: ModuleType, words: list[str], found: list[str]) -> None:
    assert app._values(words, "--workspace", "-w") == found
    assert app._values(["app.py", "--allow", "/a", "--allow=/b"], "--allow") == ["/a", "/b"]


def test_each_route_is_for_those_whose_role_the_table_says(
    app: ModuleType, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(served.WORKSPACE, str(copy_workspace(trained, tmp_path / "w")))
    routes = app.every_route()
    table = {f"{method} {one.path}" for one in routes for method in one.methods - {"HEAD"}}
    assert table == {what for what in NEEDS if what.startswith(("GET ", "POST "))}
    with closing(open_workspace(tmp_path / "w")) as workspace, workspace.write() as connection:
        users.add_user(connection, "somebody", "owner", "$argon2id$of-nothing")
        made = {role: tokens.make(connection, users.add_user(connection, role, role).name) for role in ROLES}
    client = client_of(Starlette(routes=routes, middleware=[Middleware(Gate)]), base_url="http://127.0.0.1")
    for what in sorted(table):
        method, _, path = what.partition(" ")
        path = re.sub(r"{\w+:path}", "x", re.sub(r"{\w+(:id)?}", "1", path))
        for role, token in made.items():
            answer = client.request(
                method, path, headers={"authorization": f"Bearer {token}"}, json={}, follow_redirects=False
            )
            may = ROLES.index(role) >= ROLES.index(NEEDS[what])
            refused = answer.status_code == 403 and "ask an owner" in answer.text
            assert refused != may, (what, role, answer.status_code, answer.text[:300])
        for headers in ({}, {"authorization": "Bearer em_guessed"}):
            answer = client.request(method, path, headers=headers, json={}, follow_redirects=False)
            if NEEDS[what] != "nobody":
                assert answer.status_code in (303, 403), what


def test_what_pages_ask_of_the_table_is_in_it_and_nothing_else(app: ModuleType) -> None:
    asked = set()
    for source in (ROOT / "pages").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr in ("may", "may_here", "check") and node.args:
                asked |= {one.value for one in node.args if isinstance(one, ast.Constant)}
    pages = {f"page {path.stem}" for path in (ROOT / "pages").glob("*.py")} - {"page __init__", "page navigation"}
    parts = {what for what in NEEDS if not what.startswith(("GET ", "POST ", "earmark "))}
    assert parts == pages | {what for what in asked if not what.startswith("page ")}
