"""labeling/people/sign_ins.py: how long a sign-in counts."""

from __future__ import annotations

import sqlalchemy as sa

from labeling.people import sign_ins, users
from labeling.people.roles import Person
from labeling.storage import tables
from labeling.workspace import Workspace


def test_each_ends_alone_and_all_run_out(any_workspace: Workspace) -> None:
    with any_workspace.write() as connection:
        users.add_user(connection, "ann", "viewer", "$argon2")
        first, second = sign_ins.begin(connection, "ann"), sign_ins.begin(connection, "ann")
        sign_ins.end(connection, first)
        assert sign_ins.person_of(connection, first) is None
        assert sign_ins.person_of(connection, second) == Person("ann", "viewer")
        connection.execute(sa.update(tables.sign_ins).values(expires_at="2026-01-01T00:00:00"))
        assert sign_ins.person_of(connection, second) is None
        sign_ins.begin(connection, "ann")  # what has run out is not kept
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.sign_ins)) == 1


def test_of_one_made_elsewhere_it_is_known_that_it_ended(any_workspace: Workspace) -> None:
    with any_workspace.write() as connection:
        assert not sign_ins.has_ended(connection, "cookie")
        sign_ins.end(connection, "cookie")  # of an account that is none
        assert not sign_ins.has_ended(connection, "cookie")
        sign_ins.end(connection, "cookie", "ann@example.org")
        sign_ins.end(connection, "cookie", "ann@example.org")
        assert sign_ins.has_ended(connection, "cookie")
        assert sign_ins.person_of(connection, "cookie") is None
        users.add_user(connection, "ann@example.org", "viewer")
        users.remove_user(connection, "ann@example.org")
        assert sign_ins.has_ended(connection, "cookie"), "whoever has a copy of it does not come in again"
