"""Tables, engine and transactions: SQLite by default, PostgreSQL by URL.

Where the two differ, the difference is in this file: how a write begins, how the journal is locked, how a
table refuses changes, and what their errors mean.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from labeling.errors import (
    WorkspaceCorrupt,
    WorkspaceError,
    WorkspaceFull,
    WorkspaceLocked,
    WorkspaceReadOnly,
    WorkspaceTooNew,
)

BUSY_TIMEOUT_S = 30.0

metadata = sa.MetaData()

imports = sa.Table(
    "imports",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("audio_root", sa.Text, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("table_bytes", sa.LargeBinary, nullable=False),  # zlib: the export starts from what came in
    sa.Column("report", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
)

classes = sa.Table(
    "classes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("code", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
)

clips = sa.Table(
    "clips",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("import_id", sa.ForeignKey("imports.id"), nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("filename", sa.Text, nullable=False, unique=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("group_name", sa.Text, nullable=False),
    sa.Column("fold_name", sa.Text, nullable=False),
    sa.Column("duration_s", sa.Float, nullable=False),
    sa.Column("sample_rate", sa.Integer, nullable=False),
    sa.Column("channels", sa.Integer, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("rating", sa.Float),  # lifted out of the metadata: every queue filters by it
    sa.Column("metadata", sa.JSON, nullable=False),
)

imported_labels = sa.Table(
    "imported_labels",
    metadata,
    sa.Column("clip_id", sa.ForeignKey("clips.id"), primary_key=True),
    sa.Column("class_id", sa.ForeignKey("classes.id"), primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),  # order in which the row lists them
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("event_id", sa.Text, nullable=False, unique=True),
    sa.Column("batch_id", sa.Text, nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("clip_id", sa.ForeignKey("clips.id"), nullable=False),
    sa.Column("class_id", sa.ForeignKey("classes.id"), nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("onset_s", sa.Float),
    sa.Column("offset_s", sa.Float),
    sa.Column("low_hz", sa.Float),
    sa.Column("high_hz", sa.Float),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("shown", sa.JSON, nullable=False),
    sa.Column("seen_position", sa.Integer),
    sa.Column("undoes", sa.Integer),
    sa.CheckConstraint("verdict in ('present', 'absent', 'unsure', 'undo')", name="decisions_verdict"),
    sa.CheckConstraint("(verdict = 'undo') = (undoes is not null)", name="decisions_undo"),
    sa.Index("decisions_cell", "clip_id", "class_id"),
    sa.Index("decisions_reviewer", "reviewer", "position"),
    sqlite_autoincrement=True,
)

# what the journal makes of each decided cell at its end; derived, so that the queue need not fold
cells = sa.Table(
    "cells",
    metadata,
    sa.Column("clip_id", sa.ForeignKey("clips.id"), primary_key=True),
    sa.Column("class_id", sa.ForeignKey("classes.id"), primary_key=True),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
)

label_versions = sa.Table(
    "label_versions",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("import_id", sa.Integer, nullable=False),  # clips imported later are not in this version
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("recipe", sa.Text, nullable=False),
    sa.Column("label_version", sa.ForeignKey("label_versions.number"), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("folds", sa.Integer),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("started_at", sa.Text, nullable=False),
    sa.Column("ended_at", sa.Text, nullable=False),
    sa.Column("heartbeat_at", sa.Text, nullable=False),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("stop_requested", sa.Boolean, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("progress", sa.JSON, nullable=False),
    sa.Column("metrics", sa.JSON, nullable=False),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("heartbeat_at", sa.Text, nullable=False),
)

suspects = sa.Table(
    "suspects",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("scorer", sa.Text, primary_key=True),
    sa.Column("rank", sa.Integer, primary_key=True),
    sa.Column("clip_id", sa.ForeignKey("clips.id"), nullable=False),
    sa.Column("class_id", sa.ForeignKey("classes.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("partner_id", sa.ForeignKey("classes.id")),
    sa.Column("label_quality", sa.Float, nullable=False),
    sa.Column("p_wrong", sa.Float, nullable=False),
    sa.Column("clipwise", sa.Float, nullable=False),
    sa.Column("framewise_max", sa.Float, nullable=False),
    sa.Column("onset_s", sa.Float, nullable=False),
    sa.Column("offset_s", sa.Float, nullable=False),
    sa.Column("fold", sa.Integer, nullable=False),
    sa.Index("suspects_clip", "run_id", "scorer", "clip_id"),
    sa.Index("suspects_class", "run_id", "scorer", "class_id", "rank"),
    sa.Index("suspects_kind", "run_id", "scorer", "kind", "rank"),
)

INSERT_ONLY = ("decisions", "label_versions", "imported_labels")


def now() -> str:
    """The time as stored: UTC, ISO 8601, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def connect(url: str, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """An engine for ``url`` (``sqlite:///…`` or ``postgresql+psycopg://…``); opens no connection yet."""
    if url.startswith("sqlite"):
        engine = sa.create_engine(url, connect_args={"timeout": busy_timeout_s, "check_same_thread": False})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if url.startswith("postgresql"):
        return sa.create_engine(url, pool_pre_ping=True)
    raise WorkspaceError(f"database URL {url.split('@')[-1]!r} is neither sqlite nor postgresql+psycopg; change it")


def _set_up_sqlite(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None  # we say BEGIN ourselves, so that writes lock from their start
    cursor = dbapi_connection.cursor()
    # FULL: an acknowledged decision is on the disk, not only in the kernel's cache
    for pragma in ("foreign_keys=ON", "synchronous=FULL", "cache_size=-65536", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("earmark_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def transaction(engine: Engine, *, writes: bool) -> Iterator[Connection]:
    """A connection inside one transaction; database errors come out as WorkspaceError with a remedy."""
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(earmark_writes=writes)
            with connection.begin():
                yield connection
    except sa.exc.DBAPIError as problem:
        raise translate(problem) from problem
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise WorkspaceFull(f"no space left on the device: {problem}; free some and try again") from problem
        raise


def fetch(connection: Connection, query: sa.Select[Any]) -> list[Any]:
    """All rows of a query, as named tuples."""
    return list(connection.execute(query))


def insert_one(connection: Connection, table: sa.Table, values: dict[str, Any]) -> int:
    """Insert one row and return the integer key that the database gave it."""
    key = connection.execute(sa.insert(table).values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def lock_journal(connection: Connection) -> None:
    """Hold the journal until the transaction ends.

    PostgreSQL gives ids before commit: without the lock a version frozen at position p could gain rows later.
    SQLite needs nothing: BEGIN IMMEDIATE admits one writer.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE decisions IN EXCLUSIVE MODE")


def translate(problem: sa.exc.DBAPIError) -> WorkspaceError:
    """What a driver's error means for the user."""
    text = str(problem.orig).strip()
    low = text.lower()
    if "locked" in low or "busy" in low:
        return WorkspaceLocked(f"the database is locked by another program ({text}); close it and try again")
    if "readonly" in low or "read-only" in low or "unable to open" in low or "permission denied" in low:
        return WorkspaceReadOnly(f"the database cannot be written ({text}); check the folder's permissions")
    if "full" in low or "no space" in low or "disk i/o" in low:
        return WorkspaceFull(f"the disk is full or failing ({text}); free some space and try again")
    if "not a database" in low or "malformed" in low or "corrupt" in low:
        return WorkspaceCorrupt(f"the database is damaged ({text}); restore earmark.db from a copy")
    return WorkspaceError(f"the database refused: {text}")


def migrate(engine: Engine) -> None:
    """Bring the schema to this version's; raises WorkspaceTooNew where a later version wrote it."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    current = _revision(engine)
    if current == head:
        return
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise WorkspaceTooNew(f"the database is at version {current!r}, later than {head!r}; update Earmark to open it")
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:  # WAL is a property of the file, and cannot change inside a transaction
            raw = connection.connection.dbapi_connection
            assert raw is not None
            raw.execute("PRAGMA journal_mode=WAL")
    with transaction(engine, writes=True) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(engine: Engine) -> str | None:
    with transaction(engine, writes=False) as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found = connection.scalar(sa.text("select version_num from alembic_version"))
        return None if found is None else str(found)


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
