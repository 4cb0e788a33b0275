"""labeling/people/users.py: who is known, as what, and what becomes of one who leaves."""

from __future__ import annotations

import pytest

from labeling.errors import DataError
from labeling.people import sign_ins, tokens, users
from labeling.people.roles import Person
from labeling.workspace import Workspace


def test_people_come_change_their_role_and_go_with_all_that_let_them_in(any_workspace: Workspace) -> None:
    with any_workspace.write() as connection:
        assert not users.has_accounts(connection)
        users.add_user(connection, "  ann ", "owner", "$argon2")
        users.add_user(connection, "bob@example.org", "viewer")
        assert users.all_users(connection) == [
            users.User("ann", "owner", True),
            users.User("bob@example.org", "viewer", False),
        ]
        assert users.has_accounts(connection)
        secret, token = sign_ins.begin(connection, "ann"), tokens.make(connection, "ann")
    with any_workspace.write() as connection:
        users.set_role(connection, "ann", "viewer")
        assert sign_ins.person_of(connection, secret) == tokens.person_of(connection, token) == Person("ann", "viewer")
        users.remove_user(connection, "ann")
        assert sign_ins.person_of(connection, secret) is None
        assert tokens.person_of(connection, token) is None
        users.add_user(connection, "ann", "owner", "$argon2")  # another of that name has none of it
        assert sign_ins.person_of(connection, secret) is None


def test_everybody_else_is_what_an_owner_says(any_workspace: Workspace) -> None:
    with any_workspace.write() as connection:
        users.add_user(connection, "ann@example.org", "owner")
        assert users.role_of(connection, "ann@example.org") == "owner"
        assert users.role_of(connection, "eve@example.org") == "reviewer"
        users.set_role_of_others(connection, "nobody")
        users.set_role_of_others(connection, "viewer")
        assert users.role_of(connection, "eve@example.org") == "viewer"
        assert [user.name for user in users.all_users(connection)] == ["ann@example.org"]


@pytest.mark.parametrize(
    ("name", "role", "said"),
    [
        ("Ann", "owner", "already; choose another"),
        ("bob", "boss", "no role is called 'boss'; give one of nobody, viewer"),
        (" ", "owner", "no reviewer's name"),
        ("*", "owner", "users others"),
        ("auto:x", "owner", "only the names of machines do"),
    ],
)
def test_what_cannot_be_a_user_says_why(workspace: Workspace, name: str, role: str, said: str) -> None:
    with workspace.write() as connection:
        users.add_user(connection, "ann", "owner")
        with pytest.raises(DataError, match=said):
            users.add_user(connection, name, role)
        with pytest.raises(DataError, match="no user is called 'eve'; known are 'ann'"):
            users.set_role(connection, "eve", "owner")
