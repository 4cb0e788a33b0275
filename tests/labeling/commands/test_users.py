"""labeling/commands/users.py"""

from __future__ import annotations

import io
import sys
from contextlib import closing
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from labeling.__main__ import main
from labeling.people import passwords, tokens
from labeling.people.roles import Person
from labeling.workspace import open_workspace


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def test_people_are_added_listed_given_a_token_and_taken_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ["--workspace", str(tmp_path / "w")]

    def said(*words: str, code: int = 0, stdin: str = "") -> str:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        assert main(["users", *words, *where]) == code
        return capsys.readouterr()[code]

    assert said("add", "ann", "--role", "owner", stdin="correct horse\r\n").startswith("ann is an owner now, who")
    assert "has 0 signs; give 8 to 1,000" in said("add", "bob", "--role", "viewer", code=1)
    assert "already; choose another name" in said("add", "ANN", "--role", "viewer", code=1, stdin="correct horse\n")
    said("add", "bob@example.org", "--role", "viewer", "--no-password")
    token = said("token", "bob@example.org", "--for", "the nightly export").strip()
    listed = said("list").splitlines()
    assert listed[0].split() == ["ann", "owner"]
    assert listed[1].split() == ["bob@example.org", "viewer", "signs", "in", "elsewhere"]
    assert listed[2].startswith("  token 1 for the nightly export, made 20")
    assert token not in "\n".join(listed)
    assert "is an adjudicator now" in said("role", "bob@example.org", "adjudicator")
    assert "others" not in said("others", "nobody")
    with closing(open_workspace(tmp_path / "w")) as workspace:
        with workspace.read() as connection:
            assert tokens.person_of(connection, token) == Person("bob@example.org", "adjudicator")
        passwords.sign_in(workspace, "ann", "correct horse", "10.0.0.9")
        said("password", "ann", stdin="battery staple\n")
        passwords.sign_in(workspace, "ann", "battery staple", "10.0.0.9")
    assert said("revoke", "1") == "token 1 of bob@example.org has ended\n"
    said("role", "bob@example.org", "nobody")
    assert said("remove", "bob@example.org").startswith("bob@example.org is out; sign-ins and tokens have ended")
    assert "nobody has a password any more" in said("remove", "ann")
    assert said("list").startswith("no users: ")
