"""What a database's driver says, as an error of Earmark with a remedy."""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa

from labeling.errors import (
    DataError,
    EarmarkError,
    WorkspaceCorrupt,
    WorkspaceError,
    WorkspaceFull,
    WorkspaceLocked,
    WorkspaceReadOnly,
    WorkspaceUnreachable,
)

# primary result codes, https://sqlite.org/rescode.html, and SQLSTATE, PostgreSQL's manual, appendix A
_SQLITE_ERRORS = {
    sqlite3.SQLITE_BUSY: WorkspaceLocked,
    sqlite3.SQLITE_LOCKED: WorkspaceLocked,
    sqlite3.SQLITE_READONLY: WorkspaceReadOnly,
    sqlite3.SQLITE_CANTOPEN: WorkspaceReadOnly,
    sqlite3.SQLITE_PERM: WorkspaceReadOnly,
    sqlite3.SQLITE_AUTH: WorkspaceReadOnly,
    sqlite3.SQLITE_FULL: WorkspaceFull,
    sqlite3.SQLITE_IOERR: WorkspaceFull,
    sqlite3.SQLITE_NOTADB: WorkspaceCorrupt,
    sqlite3.SQLITE_CORRUPT: WorkspaceCorrupt,
}
_POSTGRESQL_ERRORS = {
    "08": WorkspaceUnreachable,  # connection exception
    "57P": WorkspaceUnreachable,  # shut down, crashed, still starting
    "53": WorkspaceUnreachable,  # too many connections, out of memory
    "55P03": WorkspaceLocked,  # lock not available
    "40001": WorkspaceLocked,  # serialization failure
    "57014": WorkspaceLocked,  # took longer than the server allows
    "40P01": WorkspaceLocked,  # deadlock
    "25006": WorkspaceReadOnly,  # read-only transaction
    "42501": WorkspaceReadOnly,  # no privilege
    "53100": WorkspaceFull,  # disk full
    "XX001": WorkspaceCorrupt,
    "XX002": WorkspaceCorrupt,
}
_MEANING: dict[type[WorkspaceError], tuple[str, str]] = {
    WorkspaceUnreachable: ("the database's server cannot be reached", "try again; nothing is stored twice"),
    WorkspaceLocked: ("the database is locked by another program", "close it and try again"),
    WorkspaceReadOnly: ("the database cannot be opened for writing", "check the folder's permissions"),
    WorkspaceFull: ("the disk is full or failing", "free some space and try again"),
    WorkspaceCorrupt: ("the database is damaged", "restore earmark.db from a copy"),
}


def translate(problem: sa.exc.DBAPIError) -> EarmarkError:
    """What a driver's error means for the user: by its code, as its text may quote a label or a file name."""
    text = str(problem.orig).strip()
    code = getattr(problem.orig, "sqlite_errorcode", None)
    if code is not None:
        kind = _SQLITE_ERRORS.get(code & 0xFF)
    elif isinstance(problem.orig, sqlite3.OperationalError):  # Python's own, of a text that is not UTF-8
        kind = WorkspaceCorrupt
    elif isinstance(problem, sa.exc.DataError):
        return DataError(f"the database cannot hold this: {text}; nothing was stored")
    else:
        kind = _postgresql_error(problem)
    if kind is None:
        return WorkspaceError(f"the database refused: {text}")
    what, remedy = _MEANING[kind]
    return kind(f"{what} ({text}); {remedy}")


def _postgresql_error(problem: sa.exc.DBAPIError) -> type[WorkspaceError] | None:
    state = getattr(problem.orig, "sqlstate", None) or ""
    for length in (5, 3, 2):  # one code, a group of them, their class
        if kind := _POSTGRESQL_ERRORS.get(state[:length]):
            return kind
    lost = problem.connection_invalidated or isinstance(problem, sa.exc.OperationalError | sa.exc.InterfaceError)
    return WorkspaceUnreachable if lost and not state else None


def damaged(how: str) -> WorkspaceCorrupt:
    """The error for a database that holds what nobody wrote."""
    what, remedy = _MEANING[WorkspaceCorrupt]
    return WorkspaceCorrupt(f"{what} ({how}); {remedy}")


def explain(context: sa.engine.ExceptionContext) -> None:
    """What a driver raises that is no database's error: of text and numbers that it cannot turn into its own."""
    problem = context.original_exception
    if isinstance(problem, UnicodeEncodeError):
        raise DataError(f"{problem.object!r} is not valid Unicode; rename it and try again") from problem
    if isinstance(problem, UnicodeDecodeError):
        raise damaged("a text in it is not UTF-8") from problem
    if isinstance(problem, OverflowError):
        raise DataError("a number is larger than the database can hold; give a smaller one") from problem
