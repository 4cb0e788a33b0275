"""All rows of a workspace's database, from one database to another, and a digest by which the two are compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.errors import WorkspaceError
from labeling.storage.tables import metadata

MANY, FEW = 2000, 4
"""Rows that are read at once: of a table of numbers and texts, and of one whose rows are megabytes."""


def copy_rows(source: Connection, target: Connection) -> dict[str, int]:
    """Copy every row of every table.

    Parameters
    ----------
    source, target : Connection
        Two databases of this version's schema; the second one is empty.

    Returns
    -------
    dict of str to int
        How many rows each table has.

    Raises
    ------
    WorkspaceError
        The target holds rows already.
    """
    for table in metadata.sorted_tables:
        if target.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
            raise WorkspaceError(
                f"the database to fill is not empty: its table {table.name} has rows; name an empty database"
            )
    copied = {}
    for table in metadata.sorted_tables:
        copied[table.name] = 0
        for part in _parts(source, table):
            target.execute(sa.insert(table), part)
            copied[table.name] += len(part)
        _set_sequence(target, table)
    return copied


def digests(connection: Connection, tables: Sequence[sa.Table] = ()) -> dict[str, str]:
    """A digest of each table's rows (all tables' by default), the same on every database that holds the same rows.

    The digest is the sum of the rows' SHA-256, so that it does not hang on an order, which databases sort texts by
    differently. The journal's order is part of its rows (``position``).
    """
    found = {}
    for table in tables or metadata.sorted_tables:
        total = 0
        for part in _parts(connection, table):
            for row in part:
                total += int.from_bytes(hashlib.sha256(_as_text(row).encode()).digest(), "big")
        found[table.name] = f"{total % 2**256:064x}"
    return found


def _parts(connection: Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    """A table's rows in the order of their keys, some at a time."""
    large = any(isinstance(column.type, sa.LargeBinary) for column in table.columns)
    query = sa.select(table).order_by(*table.primary_key.columns)
    rows = connection.execute(query, execution_options={"yield_per": FEW if large else MANY})
    for part in rows.mappings().partitions():
        yield [dict(row) for row in part]


def _as_text(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, default=lambda value: hashlib.sha256(value).hexdigest())


def _set_sequence(target: Connection, table: sa.Table) -> None:
    """PostgreSQL numbers the next row from a sequence of its own, which copied rows do not move."""
    keys = list(table.primary_key.columns)
    if target.dialect.name != "postgresql" or len(keys) != 1 or not isinstance(keys[0].type, sa.Integer):
        return
    sequence = target.scalar(sa.func.pg_get_serial_sequence(table.name, keys[0].name))
    last = target.scalar(sa.select(sa.func.max(keys[0])))
    if sequence and last:
        target.scalar(sa.select(sa.func.setval(sa.cast(sequence, sa.Text), last)))
