"""Tokens by which a script comes in as a user: shown once, kept as a hash, taken back at will."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.errors import DataError
from labeling.people.roles import Person, as_role
from labeling.people.sign_ins import fingerprint
from labeling.people.users import get_user
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.text import checked

PREFIX = "em_"
"""How each begins, so that one that lies about is known for what it is."""


@dataclass(frozen=True)
class Token:
    """What is known of a token once it was shown."""

    id: int
    user_name: str
    purpose: str
    created_at: str


def make(connection: Connection, name: str, purpose: str = "") -> str:
    """A new token of a user; raises DataError where there is none of that name."""
    user = get_user(connection, name)
    token = PREFIX + secrets.token_urlsafe(32)
    values = {
        "fingerprint": fingerprint(token),
        "user_name": user.name,
        "purpose": checked(purpose, "what the token is for", 200),
        "created_at": db.now(),
    }
    db.insert_one(connection, tables.api_tokens, values)
    return token


def person_of(connection: Connection, token: str) -> Person | None:
    """Whose token this is, with the role that they have now; None for one that is none, or was taken back."""
    table, users = tables.api_tokens, tables.users
    found = connection.execute(
        sa.select(users.c.name, users.c.role)
        .join(table, table.c.user_name == users.c.name)
        .where(table.c.fingerprint == fingerprint(token))
    ).first()
    return None if found is None else Person(found.name, as_role(found.role))


def all_tokens(connection: Connection) -> list[Token]:
    """Every token, by its user and its number."""
    table = tables.api_tokens
    query = sa.select(table.c.id, table.c.user_name, table.c.purpose, table.c.created_at)
    return [Token(*row) for row in db.fetch(connection, query.order_by(table.c.user_name, table.c.id))]


def revoke(connection: Connection, number: int) -> Token:
    """Take one back, by its number; raises DataError where there is none of that number."""
    found = [token for token in all_tokens(connection) if token.id == number]
    if not found:
        raise DataError(f"no token has the number {number}; see `earmark users list`")
    connection.execute(sa.delete(tables.api_tokens).where(tables.api_tokens.c.id == number))
    return found[0]
