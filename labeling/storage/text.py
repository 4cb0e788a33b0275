"""What people type, checked before it is stored: of a bounded length, and of signs that every database takes."""

from __future__ import annotations

import getpass

from labeling.errors import DataError
from labeling.records import MACHINE, is_machine


def checked(text: str, what: str, most: int, *, least: int = 0) -> str:
    """``text`` without blanks around it; raises DataError where it has fewer or more signs than it may.

    ``what`` names it in the message. A NUL or half a surrogate pair is refused: PostgreSQL stores neither.
    """
    text = text.strip()
    if not least <= len(text) <= most:
        raise DataError(f"{what} has {len(text):,} signs ({text[:40]!r}); give {least} to {most:,}")
    try:
        text.encode()
    except UnicodeEncodeError as problem:
        raise DataError(f"{what} is not valid Unicode at sign {problem.start + 1}; type it again") from problem
    if "\0" in text:
        raise DataError(f"{what} holds a NUL at sign {text.index(chr(0)) + 1}; leave it out")
    return text


def reviewer_name(name: str) -> str:
    """A reviewer's name as it is stored; raises DataError for an empty one, and for one that machines bear."""
    if not name.strip():
        raise DataError("no reviewer's name given; sign in first")
    if is_machine(name):
        raise DataError(not_a_persons(name))
    return checked(name, "the reviewer's name", 200, least=1)


def not_a_persons(name: str) -> str:
    """Why nobody may sign in under a machine's name, in words."""
    return (
        f"the name {name.strip()[:40]!r} begins with {MACHINE!r}, as only the names of machines do; "
        "sign in under another"
    )


def printable(text: str) -> str:
    """A line with names from a table, without the control characters that could rewrite a terminal."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)


def user_name() -> str:
    """Who is at this machine, "" where the system has no name for the user (a container's bare number)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
