"""Who runs a command, and whether they may.

Whoever owns the folder of a workspace, or may write to it, could change its files by hand; a command asks no more of
them. One who only shares its database says who they are with a token of theirs, in EARMARK_TOKEN.
"""

from __future__ import annotations

import os
from pathlib import Path

from labeling.errors import NotAllowed
from labeling.people import tokens, users
from labeling.people.roles import ALONE, NEEDS, Person, check
from labeling.workspace import Workspace, is_workspace, open_workspace

TOKEN = "EARMARK_TOKEN"


def check_command(root: str, command: str) -> str:
    """Raise NotAllowed where who runs ``earmark COMMAND`` on a workspace may not; returns the name of their token's
    user, "" where none is given. A workspace that is still to be made is for everybody."""
    if NEEDS.get(f"earmark {command}") == "nobody" or not is_workspace(root):
        return ""
    workspace = open_workspace(root)
    try:
        person = _who(workspace)
    finally:
        workspace.close()
    check(person, f"earmark {command}")
    return person.name if person is not ALONE else ""


def _who(workspace: Workspace) -> Person:
    token = os.environ.get(TOKEN, "").strip()
    with workspace.read() as connection:
        if token:
            person = tokens.person_of(connection, token)
            if person is None:
                raise NotAllowed(f"{TOKEN} holds no token of this workspace, or one that was taken back; ask an owner")
            return person
        known = users.all_users(connection)
    if known and not _is_ours(workspace.root):
        raise NotAllowed(
            f"this workspace has users, and its folder {workspace.root} belongs to somebody else; say who you are with "
            f"a token of yours in {TOKEN} (`earmark users token NAME`)"
        )
    return ALONE


def _is_ours(root: Path) -> bool:
    """Whether a folder belongs to who runs this program. Where files have no owner's number, it does."""
    me = getattr(os, "geteuid", lambda: 0)()
    return me in (0, root.stat().st_uid)
