"""The people whom a workspace knows: a name, a role, and a password where they sign in with one."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.errors import DataError
from labeling.people import sign_ins
from labeling.people.roles import Person, Role, as_role
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.text import reviewer_name

OTHERS = "*"
"""In place of a name: everybody else whom a provider or a proxy lets in."""
ROLE_OF_OTHERS: Role = "reviewer"
"""Theirs, until an owner says otherwise."""


@dataclass(frozen=True)
class User:
    """One of the people. ``has_password`` is false for one who signs in elsewhere."""

    name: str
    role: Role
    has_password: bool


def all_users(connection: Connection) -> list[User]:
    """Everybody who is known by name, in the order of their names."""
    table = tables.users
    query = sa.select(table.c.name, table.c.role, table.c.password != "").where(table.c.name != OTHERS)
    return [User(*row) for row in db.fetch(connection, query.order_by(table.c.name))]


def has_accounts(connection: Connection) -> bool:
    """Whether anybody signs in here with a password."""
    return connection.scalar(sa.select(tables.users.c.name).where(tables.users.c.password != "").limit(1)) is not None


def get_user(connection: Connection, name: str) -> User:
    """One user; raises DataError where nobody is known by that name."""
    users = {user.name: user for user in all_users(connection)}
    if name.strip() not in users:
        known = ", ".join(map(repr, list(users)[:20])) or "nobody"
        raise DataError(f"no user is called {name!r}; known are {known}")
    return users[name.strip()]


def role_of(connection: Connection, name: str) -> Role:
    """The role of one whom a provider or a proxy let in under that name."""
    table = tables.users
    query = sa.select(table.c.name, table.c.role).where(table.c.name.in_([name, OTHERS]))
    found = {row.name: as_role(row.role) for row in db.fetch(connection, query)}
    return found.get(name, found.get(OTHERS, ROLE_OF_OTHERS))


def person_of(connection: Connection, name: str) -> Person:
    """Who that name is, with their role."""
    return Person(name, role_of(connection, name))


def check_new(connection: Connection, name: str) -> str:
    """A name for somebody new as it is stored; raises DataError where it is taken, no name at all, or a machine's."""
    name = reviewer_name(name)
    if name == OTHERS:
        raise DataError(f"{OTHERS!r} is nobody's name; `earmark users others ROLE` says what everybody else may do")
    like = [user.name for user in all_users(connection) if user.name.casefold() == name.casefold()]
    if like:
        raise DataError(f"there is a user {like[0]!r} already; choose another name")
    return name


def add_user(connection: Connection, name: str, role: str, password_hash: str = "") -> User:
    """Add one. Raises DataError for a role that there is not, and as `check_new` does."""
    name = check_new(connection, name)
    user = User(name, as_role(role), bool(password_hash))
    values = {"name": name, "role": user.role, "password": password_hash, "created_at": db.now()}
    connection.execute(sa.insert(tables.users).values(**values))
    return user


def remove_user(connection: Connection, name: str) -> User:
    """Take one away, with their sign-ins and tokens; what they decided stays."""
    user = get_user(connection, name)
    connection.execute(sa.delete(tables.api_tokens).where(tables.api_tokens.c.user_name == user.name))
    sign_ins.end_all(connection, user.name)
    connection.execute(sa.delete(tables.users).where(tables.users.c.name == user.name))
    return user


def set_role(connection: Connection, name: str, role: str) -> User:
    """Give one another role; it holds from their next request on."""
    user = get_user(connection, name)
    connection.execute(sa.update(tables.users).where(tables.users.c.name == user.name).values(role=as_role(role)))
    return get_user(connection, name)


def set_role_of_others(connection: Connection, role: str) -> None:
    """Say what everybody may do who is not known by name."""
    values = {"role": as_role(role), "password": "", "created_at": db.now()}
    db.put_one(connection, tables.users, {"name": OTHERS}, values)


def set_password_hash(connection: Connection, name: str, password_hash: str) -> User:
    """Give one another password; every sign-in of theirs ends."""
    user = get_user(connection, name)
    here = tables.users.c.name == user.name
    connection.execute(sa.update(tables.users).where(here).values(password=password_hash))
    sign_ins.end_all(connection, user.name)
    return get_user(connection, name)
