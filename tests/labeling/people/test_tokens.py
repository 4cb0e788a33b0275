"""labeling/people/tokens.py: shown once, known by their hash, taken back."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from labeling.errors import DataError
from labeling.people import tokens, users
from labeling.people.roles import Person
from labeling.storage import tables
from labeling.workspace import Workspace


def test_a_token_is_its_users_until_it_is_taken_back(any_workspace: Workspace) -> None:
    with any_workspace.write() as connection:
        users.add_user(connection, "ann", "reviewer")
        first, second = tokens.make(connection, "ann", "nightly"), tokens.make(connection, "ann")
        assert first.startswith(tokens.PREFIX)
        assert tokens.person_of(connection, first) == Person("ann", "reviewer")
        assert first not in str(connection.execute(sa.select(tables.api_tokens)).all())
        (listed, _) = tokens.all_tokens(connection)
        assert (listed.user_name, listed.purpose) == ("ann", "nightly")
        tokens.revoke(connection, listed.id)
        assert tokens.person_of(connection, first) is None
        assert tokens.person_of(connection, second) == Person("ann", "reviewer")
        with pytest.raises(DataError, match=f"no token has the number {listed.id}; see `earmark users list`"):
            tokens.revoke(connection, listed.id)
        with pytest.raises(DataError, match="no user is called 'eve'"):
            tokens.make(connection, "eve")
