"""Who is called in a note: a name after an @, as ``@ann`` or ``@ann.lee@example.org``.

A name may hold spaces, and one may begin as another does: the longest that is known and stands there counts. Names are
found as a note is read, so that whoever joins later finds the notes that were left for them.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.people.users import OTHERS
from labeling.records import MACHINE
from labeling.storage import tables

MOST_NAMES = 500


def known_names(connection: Connection) -> list[str]:
    """Everybody who can be called: users, and who has decided or left a mark here; by name, at most MOST_NAMES."""
    users, decisions, left = tables.users.c, tables.decisions.c, tables.marks.c
    by_people = sa.func.substr(decisions.reviewer, 1, len(MACHINE)) != MACHINE
    names = sa.union(
        sa.select(users.name.label("name")).where(users.name != OTHERS, users.role != "nobody"),
        sa.select(decisions.reviewer).where(by_people),
        sa.select(left.reviewer),
    ).subquery()
    return sorted(connection.scalars(sa.select(names.c.name).limit(MOST_NAMES)), key=str.casefold)


def names_in(connection: Connection, texts: Iterable[str], reader: str) -> list[str]:
    """Who may be called in some texts, with who reads them; [] where none of them calls anybody."""
    return [*known_names(connection), reader.strip()] if any("@" in text for text in texts) else []


def mentioned(text: str, names: Iterable[str]) -> list[tuple[int, int, str]]:
    """The places in a text at which somebody is called: where the @ stands, where the name ends, and whose it is.

    Examples
    --------
    >>> from labeling.reviewer.mentions import mentioned
    >>> mentioned("@Ann Lee, is this a crow? cc @bob; mail to a@bob.org", ["ann", "ann lee", "bob", "bo"])
    [(0, 8, 'ann lee'), (29, 33, 'bob')]
    """
    folded = {name.casefold(): name for name in names if name}
    longest_first = sorted(folded, key=len, reverse=True)
    lower, places, at = text.casefold(), [], 0
    if len(lower) != len(text):  # letters that fold to two: places would be others
        lower = text.lower()
    if len(lower) != len(text):
        lower = text
    while (at := lower.find("@", at)) >= 0:
        after = at + 1
        if at == 0 or not lower[at - 1].isalnum():
            for name in longest_first:
                end = after + len(name)
                if lower.startswith(name, after) and not _goes_on(lower, end):
                    places.append((at, end, folded[name]))
                    after = end
                    break
        at = after
    return places


def _goes_on(text: str, end: int) -> bool:
    """Whether a word goes on after a name: ``@ann`` is not in ``@anna``, nor in ``@ann@example.org``."""
    if end >= len(text):
        return False
    follows = text[end]
    return follows.isalnum() or follows == "_" or (follows in ".-@" and text[end + 1 : end + 2].isalnum())
