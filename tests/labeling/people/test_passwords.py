"""labeling/people/passwords.py: who knows the password comes in, and who tries many waits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from labeling.errors import DataError
from labeling.people import passwords, sign_ins, users
from labeling.people.roles import Person
from labeling.storage import tables
from labeling.workspace import Workspace

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def ann(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace with an account whose password is "correct horse"."""
    monkeypatch.setattr(passwords, "_hasher", CHEAP)
    passwords._nobodys.cache_clear()
    with workspace.write() as connection:
        users.add_user(connection, "ann", "owner", passwords.hashed("correct horse"))
    yield workspace
    passwords._nobodys.cache_clear()


def wrong(workspace: Workspace, name: str = "ann", address: str = "10.0.0.9") -> None:
    with pytest.raises(passwords.WrongPassword, match="this name and password do not belong together"):
        passwords.sign_in(workspace, name, "correct hors", address)


def test_it_is_kept_as_argon2id_with_the_costs_of_rfc_9106(workspace: Workspace) -> None:
    kept = passwords.hashed("correct horse")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert "horse" not in kept
    for text in ("seven..", "x" * 1001):
        with pytest.raises(DataError, match="give 8 to 1,000"):
            passwords.hashed(text)


def test_the_right_one_lets_in_and_no_other(ann: Workspace) -> None:
    wrong(ann)
    for name in ("eve", "", "ann\0", "*"):
        wrong(ann, name)
    secret = passwords.sign_in(ann, " ann ", "correct horse", "10.0.0.9")
    with ann.read() as connection:
        assert sign_ins.person_of(connection, secret) == Person("ann", "owner")
        kept = connection.execute(sa.select(tables.sign_ins)).all()
    assert secret not in str(kept), "what the browser keeps is not found in the database"


def test_after_some_wrong_ones_the_right_one_waits_too(ann: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(passwords.MOST_WRONG):
        wrong(ann)
    with pytest.raises(passwords.TooManyTries, match="5 wrong passwords within 15 minutes; try again in 15 minutes"):
        passwords.sign_in(ann, "ann", "correct horse", "10.0.0.9")
    passwords.sign_in(ann, "ann", "correct horse", "10.0.0.8")  # whom another keeps out, from elsewhere
    for _ in range(passwords.MOST_WRONG):
        wrong(ann)
    with ann.write() as connection:  # a quarter of an hour later
        connection.execute(sa.update(tables.wrong_passwords).values(at="2026-01-01T00:00:00.000000+00:00"))
    passwords.sign_in(ann, "ann", "correct horse", "10.0.0.9")


def test_names_are_not_tried_through_from_one_place(ann: Workspace) -> None:
    for number in range(passwords.MOST_FROM_A_PLACE):
        wrong(ann, f"user {number}", f"2001:db8::{number}")
    with pytest.raises(passwords.TooManyTries):
        passwords.sign_in(ann, "ann", "correct horse", "2001:db8::ffff")
    for number in range(passwords.MOST_FOR_A_NAME):
        wrong(ann, "ann", f"10.0.1.{number}")
    with pytest.raises(passwords.TooManyTries):
        passwords.sign_in(ann, "ann", "correct horse", "10.9.9.9")


def test_another_password_ends_what_was_signed_in_with_the_old(ann: Workspace) -> None:
    secret = passwords.sign_in(ann, "ann", "correct horse", "10.0.0.9")
    with ann.write() as connection:
        users.set_password_hash(connection, "ann", passwords.hashed("battery staple"))
    with ann.read() as connection:
        assert sign_ins.person_of(connection, secret) is None
    wrong(ann)
    passwords.sign_in(ann, "ann", "battery staple", "10.0.0.9")


def test_one_that_was_kept_at_another_cost_is_kept_anew(ann: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    passwords.sign_in(ann, "ann", "correct horse", "10.0.0.9")
    with ann.read() as connection:
        assert ",t=2," in str(connection.scalar(sa.select(tables.users.c.password)))
