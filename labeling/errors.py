"""Every error that Earmark raises on purpose.

::

    EarmarkError
    ├── DataError              what the user gave cannot be used
    │   ├── FormatError          a table lacks a column, or no format fits it
    │   │   └── SeveralTables      a folder holds several that could be the one
    │   ├── AudioError           a file cannot be read as sound
    │   └── ConfigError          a recipe or a setting contradicts itself
    ├── UnknownName            a name is not in its registry
    ├── WorkspaceError         the folder or its database cannot be used
    │   ├── WorkspaceLocked      another program holds the database
    │   ├── WorkspaceUnreachable  the database's server does not answer, or broke off
    │   ├── WorkspaceReadOnly    no right to write
    │   ├── WorkspaceFull        no space left on the device
    │   ├── WorkspaceTooNew      written by a later version of Earmark
    │   └── WorkspaceCorrupt     not a database, or a damaged one
    ├── ArtefactError          a run folder or its predictions are incomplete or do not fit
    ├── RemoteError            a file on another server cannot be had
    ├── ClusterError           a cluster of machines cannot be reached, or a machine of it cannot be used
    ├── NotAllowed             who asks has not the role that it needs
    └── StaleDecision          the cell changed since the reviewer saw it

A message names the value, the bound and the remedy; pages and the command line show it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal


class EarmarkError(Exception):
    """Root of the tree: catch this to catch all that Earmark raises on purpose."""


class DataError(EarmarkError):
    """What the user gave cannot be used."""


class FormatError(DataError):
    """A table lacks a column, or no format fits it."""


class SeveralTables(FormatError):
    """A folder holds several tables that could be the one; ``tables`` are their paths."""

    def __init__(self, folder: object, tables: Sequence[Path]) -> None:
        shown = ", ".join(table.name for table in tables[:8])
        super().__init__(f"{folder} holds {len(tables)} tables that could be the one ({shown}); give its full path")
        self.tables = tuple(map(str, tables))


class AudioError(DataError):
    """A file cannot be read as sound. ``status`` is the short word kept with the clip."""

    def __init__(self, message: str, status: str = "unreadable") -> None:
        super().__init__(message)
        self.status = status


class ConfigError(DataError):
    """A recipe or a setting contradicts itself."""


class UnknownName(DataError):
    """A name is not in its registry."""


class WorkspaceError(EarmarkError):
    """The folder or its database cannot be used."""


class WorkspaceLocked(WorkspaceError):
    """Another program holds the database."""


class WorkspaceUnreachable(WorkspaceError):
    """The database's server does not answer, or broke off: what was asked for last may be stored or not."""


class WorkspaceReadOnly(WorkspaceError):
    """No right to write to the workspace."""


class WorkspaceFull(WorkspaceError):
    """No space left on the device."""


class WorkspaceTooNew(WorkspaceError):
    """Written by a later version of Earmark."""


class WorkspaceCorrupt(WorkspaceError):
    """Not a database, or a damaged one."""


PASSING = (WorkspaceLocked, WorkspaceUnreachable, WorkspaceReadOnly, WorkspaceFull, WorkspaceCorrupt)
"""What somebody mends while the app waits. What was to be stored may be or not: the same ids are sent again."""


class ArtefactError(EarmarkError):
    """A run folder or its predictions are incomplete, or do not fit this workspace."""


class RemoteError(EarmarkError):
    """A file on another server cannot be had. ``kind`` is why: missing, denied, changed or unreachable."""

    def __init__(self, message: str, kind: Literal["missing", "denied", "changed", "unreachable"]) -> None:
        super().__init__(message)
        self.kind = kind


class ClusterError(EarmarkError):
    """A cluster of machines cannot be reached, or a machine of it cannot be used."""


class NotAllowed(EarmarkError):
    """Who asks has not the role that it needs, or has not said who they are."""


class StaleDecision(EarmarkError):
    """The cell changed since the reviewer saw it."""


class Stopped(Exception):
    """The caller asked to stop; what was finished is kept, and the run can be resumed."""
