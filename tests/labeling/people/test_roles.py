"""labeling/people/roles.py: each role may do what those before it may, and what no table names nobody may."""

from __future__ import annotations

from itertools import pairwise

import pytest

from labeling.errors import NotAllowed
from labeling.people import roles
from labeling.people.roles import ALONE, MEANING, NEEDS, ROLES, Person


def test_each_role_may_more_than_the_one_before() -> None:
    able = [{what for what in NEEDS if roles.may(Person("ann", role), what)} for role in ROLES]
    assert all(less < more for less, more in pairwise(able))
    assert able[-1] == set(NEEDS)
    assert set(MEANING) == set(ROLES)


def test_a_refusal_says_who_may_and_what_to_do() -> None:
    with pytest.raises(NotAllowed, match=r"^this needs the role owner, and vera is a viewer; ask an owner$"):
        roles.check(Person("vera", "viewer"), "page retrain")
    with pytest.raises(NotAllowed, match=r"^eve has no role in this workspace; ask an owner for one$"):
        roles.check(Person("eve", "nobody"), "page overview")
    with pytest.raises(NotAllowed, match="'POST /api/new' has no entry in the table of roles"):
        roles.check(ALONE, "POST /api/new")
    roles.check(ALONE, "page retrain")
