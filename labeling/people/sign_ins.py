"""Who is signed in: what a browser keeps, and until when it counts. Kept here as hashes alone."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.people.roles import Person, as_role
from labeling.storage import database as db
from labeling.storage import tables

LIFE = timedelta(days=30)


def fingerprint(secret: str) -> str:
    """The hash under which something secret is known here; it is long and random, so that a plain one will do."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def begin(connection: Connection, name: str) -> str:
    """Let somebody be signed in for `LIFE`; returns the secret that their browser keeps."""
    secret = secrets.token_urlsafe(32)
    _forget_old(connection)
    _add(connection, fingerprint(secret), name, ended=False)
    return secret


def person_of(connection: Connection, secret: str) -> Person | None:
    """Who signed in with a password and keeps this secret; None where it has ended, run out, or never was."""
    table, users = tables.sign_ins, tables.users
    found = connection.execute(
        sa.select(users.c.name, users.c.role)
        .join(table, table.c.user_name == users.c.name)
        .where(table.c.fingerprint == fingerprint(secret), ~table.c.ended, table.c.expires_at > db.now())
    ).first()
    return None if found is None else Person(found.name, as_role(found.role))


def end(connection: Connection, secret: str, name: str = "") -> None:
    """End one sign-in, at once and for good. One that a provider made is only known here once it has ended: ``name`` is
    whose it was."""
    table = tables.sign_ins
    here = table.c.fingerprint == fingerprint(secret)
    if not connection.execute(sa.update(table).where(here).values(ended=True)).rowcount and name:
        _forget_old(connection)
        _add(connection, fingerprint(secret), name, ended=True)


def end_all(connection: Connection, name: str) -> None:
    """End every sign-in that somebody made with a password."""
    connection.execute(sa.update(tables.sign_ins).where(tables.sign_ins.c.user_name == name).values(ended=True))


def has_ended(connection: Connection, secret: str) -> bool:
    """Whether a sign-in that was made elsewhere has been ended here."""
    table = tables.sign_ins
    query = sa.select(table.c.ended).where(table.c.fingerprint == fingerprint(secret), table.c.ended)
    return connection.scalar(query) is not None


def _add(connection: Connection, mark: str, name: str, *, ended: bool) -> None:
    expires = (datetime.now(UTC) + LIFE + timedelta(days=1)).isoformat(timespec="microseconds")
    values = {"fingerprint": mark, "user_name": name, "expires_at": expires, "ended": ended}
    connection.execute(sa.insert(tables.sign_ins).values(**values))


def _forget_old(connection: Connection) -> None:
    connection.execute(sa.delete(tables.sign_ins).where(tables.sign_ins.c.expires_at <= db.now()))
