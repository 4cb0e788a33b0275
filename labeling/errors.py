"""Every error that Earmark raises on purpose.

::

    EarmarkError
    ├── DataError              what the user gave cannot be used
    │   ├── FormatError          a table lacks a column, or no format fits it
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
    └── StaleDecision          the cell changed since the reviewer saw it

A message names the value, the bound and the remedy; pages and the command line show it as it is.
"""

from __future__ import annotations


class EarmarkError(Exception):
    """Root of the tree: catch this to catch all that Earmark raises on purpose."""


class DataError(EarmarkError):
    """What the user gave cannot be used."""


class FormatError(DataError):
    """A table lacks a column, or no format fits it."""


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


class ArtefactError(EarmarkError):
    """A run folder or its predictions are incomplete, or do not fit this workspace."""


class StaleDecision(EarmarkError):
    """The cell changed since the reviewer saw it."""


class Stopped(Exception):
    """The caller asked to stop; what was finished is kept, and the run can be resumed."""
