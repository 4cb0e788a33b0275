"""Passwords: kept as Argon2id makes them, and asked for with patience that ends."""

from __future__ import annotations

import ipaddress
import threading
from datetime import UTC, datetime, timedelta
from functools import cache

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.engine import Connection

from labeling.errors import DataError, NotAllowed
from labeling.people import sign_ins
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace

LEAST_SIGNS, MOST_SIGNS = 8, 1000
WINDOW = timedelta(minutes=15)
MOST_WRONG = 5
"""Wrong passwords for one name from one place within `WINDOW`; then one has to wait."""
MOST_FROM_A_PLACE = 20
MOST_FOR_A_NAME = 50  # from wherever: so many that none locks another out by chance
AT_ONCE = 2  # each takes 64 MiB for some 50 ms
_hasher = PasswordHasher()  # RFC 9106's second choice: 64 MiB, 3 passes
_turn = threading.Semaphore(AT_ONCE)


class WrongPassword(NotAllowed):
    """The name, the password or both are wrong."""


class TooManyTries(NotAllowed):
    """Too many wrong passwords; right ones are not looked at for a while either."""


def hashed(password: str) -> str:
    """A password as it is kept; raises DataError for one that is too short or too long."""
    if not LEAST_SIGNS <= len(password) <= MOST_SIGNS:
        raise DataError(f"the password has {len(password):,} signs; give {LEAST_SIGNS} to {MOST_SIGNS:,}")
    with _turn:
        return _hasher.hash(password)


def sign_in(workspace: Workspace, name: str, password: str, address: str) -> str:
    """Sign somebody in; returns what the browser keeps (`sign_ins.begin`).

    ``address`` is where they ask from. A try is counted before it is looked at, so that none are made side by side.

    Raises
    ------
    WrongPassword
        In the same words and the same time whether there is such a user or not.
    TooManyTries
        After `MOST_WRONG` wrong ones within `WINDOW`.
    """
    name, place = name.strip()[:200], _place(address)
    if "\0" in name:
        raise WrongPassword("this name and password do not belong together")
    users, tries = tables.users, tables.wrong_passwords
    with workspace.write() as connection:
        _refuse_many(connection, name, place)
        connection.execute(sa.insert(tries).values(name=name, address=place, at=db.now()))
        kept = connection.scalar(sa.select(users.c.password).where(users.c.name == name))
    if not _is_right(kept or _nobodys(), password[: MOST_SIGNS + 1]) or not kept:
        raise WrongPassword("this name and password do not belong together")
    with workspace.write() as connection:
        connection.execute(sa.delete(tries).where(tries.c.name == name))
        if _hasher.check_needs_rehash(kept):
            here = sa.and_(users.c.name == name, users.c.password == kept)
            connection.execute(sa.update(users).where(here).values(password=hashed(password)))
        return sign_ins.begin(connection, name)


def _refuse_many(connection: Connection, name: str, place: str) -> None:
    table = tables.wrong_passwords
    since = (datetime.now(UTC) - WINDOW).isoformat(timespec="microseconds")
    connection.execute(sa.delete(table).where(table.c.at < since))
    by_name, by_place = table.c.name == name, table.c.address == place
    for most, which in (
        (MOST_WRONG, sa.and_(by_name, by_place)),
        (MOST_FROM_A_PLACE, by_place),
        (MOST_FOR_A_NAME, by_name),
    ):
        wrong = connection.scalar(sa.select(sa.func.count()).select_from(table).where(which)) or 0
        if wrong >= most:
            minutes = int(WINDOW.total_seconds() // 60)
            raise TooManyTries(f"{wrong} wrong passwords within {minutes} minutes; try again in {minutes} minutes")


def _is_right(kept: str, password: str) -> bool:
    with _turn:
        try:
            return _hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False


@cache
def _nobodys() -> str:
    """A password that nobody has, so that an unknown name takes as long as a known one."""
    return _hasher.hash("of nobody")


def _place(address: str) -> str:
    """Where somebody asks from; of an IPv6 address the network, as one who has one has a host of them."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)
