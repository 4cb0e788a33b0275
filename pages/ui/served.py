"""The workspace that this server shows."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from labeling.errors import WorkspaceError
from labeling.workspace import DATABASE, Workspace, open_workspace

WORKSPACE = "EARMARK_WORKSPACE"
BUSY_TIMEOUT_S = 10.0


@lru_cache(maxsize=4)
def _opened(path: str) -> Workspace:
    new = not (Path(path) / DATABASE).exists()  # a database that is there is opened, never begun anew
    return open_workspace(path, create=new, busy_timeout_s=BUSY_TIMEOUT_S)


def is_given() -> bool:
    """Whether the server was started on a workspace; without one there is nothing to see."""
    return bool(os.environ.get(WORKSPACE))


def workspace_path() -> str:
    """The folder that the server was started on; raises WorkspaceError where it was given none."""
    path = os.environ.get(WORKSPACE, "")
    if not path:
        raise WorkspaceError(
            f"no workspace given; start with `streamlit run app.py -- --workspace W`, or set {WORKSPACE}"
        )
    return path


def workspace() -> Workspace:
    """The workspace of this server; every thread shares its pool of connections."""
    return _opened(workspace_path())
