"""Engine and transactions: SQLite by default, PostgreSQL by URL.

Where the two differ, the difference is in this file: how a write begins, how the journal is locked, how a
table refuses changes, and what their errors mean.
"""

from __future__ import annotations

import errno
import json
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.util import LRUCache

from labeling.errors import (
    DataError,
    WorkspaceCorrupt,
    WorkspaceError,
    WorkspaceFull,
    WorkspaceLocked,
    WorkspaceTooNew,
    WorkspaceUnreachable,
)
from labeling.storage.driver_errors import damaged, explain, translate
from labeling.storage.tables import decisions, metadata
from labeling.storage.turns import TurnTimeout, turn

BUSY_TIMEOUT_S = 30.0


def now() -> str:
    """The time as stored: UTC, ISO 8601, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def connect(url: str, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """An engine for ``url`` (``sqlite:///…`` or ``postgresql+psycopg://…``); opens no connection yet."""
    shown = url.split("@")[-1]  # never the password
    try:
        parsed = sa.make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            opened: dict[str, Any] = {}
            if parsed.database:
                opened["creator"] = partial(_open_file, parsed.database, busy_timeout_s)
            dialect, compiled = _sqlite()
            engine = sa.create_engine(
                parsed,
                execution_options={"earmark_patience_s": busy_timeout_s, "compiled_cache": compiled},
                **opened,
            )
            engine.dialect = dialect
            event.listen(engine, "connect", _set_up_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            event.listen(engine, "before_cursor_execute", _refuse_nul)
            event.listen(engine, "handle_error", explain)
            return engine
        if parsed.get_backend_name() == "postgresql":
            engine = sa.create_engine(parsed, pool_pre_ping=True, json_serializer=_json, json_deserializer=_from_json)
            event.listen(engine, "handle_error", explain)
            return engine
    except (sa.exc.ArgumentError, ImportError, ValueError) as problem:
        raise WorkspaceError(f"database URL {shown!r} cannot be used: {problem}; change it") from problem
    raise WorkspaceError(f"database URL {shown!r} is neither sqlite nor postgresql+psycopg; change it")


@cache
def _sqlite() -> tuple[sa.Dialect, LRUCache[Any, Any]]:
    """What all SQLite engines of this process share: a dialect, and the statements compiled for it.

    To compile a statement anew for each workspace takes longer than to run it.
    """
    engine = sa.create_engine("sqlite://", json_serializer=_json, json_deserializer=_from_json)
    engine.connect().close()  # asks SQLite's version of it
    return engine.dialect, LRUCache(500)


def _json(value: Any) -> str:
    """JSON that every database takes: a loss that is NaN is stored as null."""
    return json.dumps(_finite(value), allow_nan=False, ensure_ascii=False)  # SQLite finds no key that is escaped


def _open_file(file: str, busy_timeout_s: float) -> sqlite3.Connection:
    """A connection to a file that is there: SQLite alone would leave an empty one where a workspace was moved away."""
    if not os.path.exists(file):
        raise WorkspaceUnreachable(f"there is no database at {file}; move it back, or open it where it lies")
    uri = f"file:{quote(file)}?mode=rw"
    return sqlite3.connect(uri, timeout=busy_timeout_s, check_same_thread=False, uri=True)


def _from_json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise damaged(f"a value is no JSON: {text[:40]!r}") from problem


def _refuse_nul(_connection: Any, _cursor: Any, _statement: str, parameters: Any, _context: Any, many: bool) -> None:
    """PostgreSQL stores no NUL, so that SQLite stores none either."""
    for row in parameters if many else (parameters,):
        for value in row.values() if isinstance(row, dict) else row:
            if isinstance(value, str) and "\0" in value:
                raise DataError(f"{value[:40]!r} holds a NUL at sign {value.index(chr(0)) + 1}; leave it out")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return _finite(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _set_up_sqlite(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None  # we say BEGIN ourselves, so that writes lock from their start
    cursor = dbapi_connection.cursor()
    # FULL: an acknowledged decision is on the disk, not only in the kernel's cache
    for pragma in ("foreign_keys=ON", "synchronous=FULL", "cache_size=-16384", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("earmark_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def transaction(engine: Engine, *, writes: bool) -> Iterator[Connection]:
    """A connection inside one transaction; database errors come out as WorkspaceError with a remedy.

    One that only reads sees one state of the database, whatever others commit meanwhile.
    """
    options: dict[str, Any] = {"earmark_writes": writes}
    if engine.dialect.name == "postgresql" and not writes:
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    try:
        with _turn(engine, writes) as begun, engine.connect() as connection:
            connection = connection.execution_options(**options)
            with connection.begin():
                begun()
                yield connection
    except sa.exc.DBAPIError as problem:
        raise translate(problem) from problem
    except TurnTimeout as problem:
        raise WorkspaceLocked(f"the database is locked ({problem}); try again in a moment") from problem
    except sa.exc.TimeoutError as problem:  # every connection of this program waits for the database
        raise WorkspaceLocked(f"the database is busy ({problem}); try again in a moment") from problem
    except UnicodeDecodeError as problem:  # of the schema, read before any statement of ours
        raise damaged("a text in it is not UTF-8") from problem
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise WorkspaceFull(f"no space left on the device: {problem}; free some and try again") from problem
        raise


def _turn(engine: Engine, writes: bool) -> AbstractContextManager[Callable[[], None]]:
    """In SQLite writers come in the order in which they asked; PostgreSQL sees to that itself."""
    if writes and engine.dialect.name == "sqlite" and engine.url.database:
        return turn(engine.url.database, engine.get_execution_options().get("earmark_patience_s", BUSY_TIMEOUT_S))
    return nullcontext(lambda: None)


def fetch(connection: Connection, query: sa.Select[Any], given: Mapping[str, Any] | None = None) -> list[Any]:
    """All rows of a query, as named tuples; ``given`` for what it leaves open (`sa.bindparam`)."""
    return list(connection.execute(query, given))


def insert_one(connection: Connection, table: sa.Table, values: dict[str, Any]) -> int:
    """Insert one row and return the integer key that the database gave it."""
    key = connection.execute(sa.insert(table).values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def put_one(connection: Connection, table: sa.Table, key: dict[str, Any], values: dict[str, Any]) -> None:
    """Set the one row that has this primary key, whether it was there or not."""
    lock_table(connection, table)
    here = sa.and_(*(table.c[name] == value for name, value in key.items()))
    if not connection.execute(sa.update(table).where(here).values(**values)).rowcount:
        connection.execute(sa.insert(table).values(**key, **values))


def lock_journal(connection: Connection) -> None:
    """Hold the journal until the transaction ends.

    PostgreSQL gives ids before commit: without the lock a version frozen at position p could gain rows later.
    """
    lock_table(connection, decisions)


def lock_table(connection: Connection, table: sa.Table) -> None:
    """Be the only writer to ``table`` until the transaction ends, so that ids are committed in their order.

    SQLite needs nothing: BEGIN IMMEDIATE admits one writer.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN EXCLUSIVE MODE")


MIGRATIONS = Path(__file__).parent / "migrations"
_migrating = threading.Lock()  # Alembic's context belongs to the process, not to a thread


def migrate(engine: Engine, *, create: bool = True) -> None:
    """Bring the schema to this version's.

    Raises WorkspaceTooNew where a later version wrote it, WorkspaceCorrupt where there are no tables at all and
    ``create`` is false.
    """
    head, known = _versions()
    if create and engine.dialect.name == "sqlite":
        with suppress(OSError):  # of a folder that cannot be written; SQLite says which
            Path(engine.url.database or "").touch()
    current = _revision(engine)
    if current == head:
        _check_tables(engine)
        return
    if current is None and not create:
        raise WorkspaceCorrupt(
            f"the database {engine.url.database!r} holds no workspace; restore it from a copy, or import into a new one"
        )
    if current is not None and current not in known:
        raise WorkspaceTooNew(f"the database is at version {current!r}, later than {head!r}; update Earmark to open it")
    from alembic import command
    from alembic.config import Config

    if engine.dialect.name == "sqlite":
        _use_wal(engine)
    with _migrating, transaction(engine, writes=True) as connection:
        if connection.dialect.name == "postgresql":  # two that open a new workspace at once: one makes the tables
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7236911)")
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _check_tables(engine: Engine) -> None:
    """Raise WorkspaceCorrupt where a SQLite file's tables are not those of this version: damage that SQLite bears."""
    if engine.dialect.name != "sqlite":
        return
    columns = (
        "SELECT t.name, c.name, c.type FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'"
    )
    with transaction(engine, writes=False) as connection:
        there = {tuple(row) for row in connection.exec_driver_sql(columns)}
    names = metadata.tables.keys()
    if odd := sorted(_sqlite_columns() ^ {column for column in there if column[0] in names}, key=repr):
        raise damaged(f"column {odd[0][1]!r} of table {odd[0][0]!r} is not as Earmark makes it")


@cache
def _sqlite_columns() -> frozenset[tuple[str, str, str]]:
    """Table, name and type of each column that a SQLite file of this version has."""
    dialect = sqlite.dialect()
    return frozenset(
        (table.name, column.name, column.type.compile(dialect))
        for table in metadata.sorted_tables
        for column in table.columns
    )


@cache
def _versions() -> tuple[str | None, frozenset[str]]:
    """The schema's version here, and all that this Earmark knows. Read once: to open a workspace is to ask for it."""
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(MIGRATIONS))
    return script.get_current_head(), frozenset(revision.revision for revision in script.walk_revisions())


def _use_wal(engine: Engine) -> None:
    """Turn on write-ahead logging: a property of the file, that cannot be changed inside a transaction."""
    give_up = time.monotonic() + 10.0
    while True:
        try:
            with engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                assert raw is not None
                raw.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.Error as problem:  # SQLite does not wait its busy timeout for this one
            busy = problem.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > give_up:
                raise translate(sa.exc.DBAPIError("PRAGMA journal_mode", None, problem)) from problem
            time.sleep(0.05)


def is_made(engine: Engine) -> bool:
    """Whether the database holds a workspace's tables, of whichever version."""
    return _revision(engine) is not None


def is_current(engine: Engine) -> bool:
    """Whether the database is of this version of Earmark, neither earlier nor later."""
    return _revision(engine) == _versions()[0]


def _revision(engine: Engine) -> str | None:
    with transaction(engine, writes=False) as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        revision = connection.scalar(sa.text("select version_num from alembic_version"))
        return None if revision is None else str(revision)


def refuse_changes(connection: Connection, table: str) -> None:
    """Make ``table`` insert-only: the database itself refuses UPDATE and DELETE."""
    if connection.dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is insert-only'); END"
            )
    else:
        connection.exec_driver_sql(
            f"CREATE FUNCTION {table}_insert_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{table} is insert-only'; END $$"
        )
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_insert_only()"
        )


def refuse_everything(connection: Connection, tables: Sequence[str], why: str) -> None:
    """Make ``tables`` refuse every change from now on, with ``why``: what they hold has moved to another place."""
    said = why.replace("'", "''")
    if connection.dialect.name == "sqlite":
        for table in tables:
            for verb in ("INSERT", "UPDATE", "DELETE"):
                connection.exec_driver_sql(
                    f"CREATE TRIGGER {table}_moved_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
                )
        return
    connection.exec_driver_sql(
        "CREATE FUNCTION has_moved() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION USING MESSAGE = '{said}'; END $$"
    )
    for table in tables:
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_moved BEFORE INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION has_moved()"
        )
